package analyzer

import (
	"slices"
	"strings"

	"trailgate/analyzer/endpoint"
	"trailgate/ingest/signin"
)

// fit is an answer that a record may be too poor to give. The order matters:
// the least of several answers is that of all together.
type fit uint8

const (
	no fit = iota
	maybe
	yes
)

func fitIf(b bool) fit {
	if b {
		return yes
	}
	return no
}

// trait is what a matcher looks at.
type trait uint8

const (
	traitAccount trait = iota
	traitIdentity
	traitUser
	traitRole
	traitSession
	traitOutcome
	traits // how many there are
)

// String gives the key in the policy file.
func (t trait) String() string {
	return [...]string{"account", "identity", "user", "role", "session", "outcome"}[t]
}

// matcher says whom a rule is about. All traits must fit; one without patterns
// fits everybody, so the zero matcher does.
type matcher [traits][]pattern

// pattern is one glob of a matcher.
type pattern struct {
	glob
	by    way
	at    position
	text  string // as written
	plain bool   // without quotes
	id    int    // among all patterns of the policy
}

// way is what a pattern is held against.
type way uint8

const (
	byName way = iota
	byPath     // path and name, with a slash in front
	byARN
	byWord // a name whose letter case does not matter
)

// subject is the person of a sign-in, as the matchers see them.
type subject struct {
	e       *signin.Event
	user    string // of an IAM or federated user; empty: it is none, or is not named
	role    string
	session string
	nobody  bool // a hidden or absent name, and no role either
}

func newSubject(e *signin.Event) subject {
	s := subject{e: e, role: e.Identity.RoleName(), session: e.Identity.SessionName()}
	s.nobody = s.role == "" && !e.Named()
	_, person, _ := strings.Cut(e.Principal(), "/")
	kind, name, _ := strings.Cut(person, "/")
	if kind == "user" || kind == "federated" {
		s.user = name
	}
	return s
}

func (m *matcher) fits(s *subject) fit {
	all := yes
	for t := range m {
		if len(m[t]) == 0 {
			continue
		}
		best := no
		for i := range m[t] {
			if best = max(best, m[t][i].fits(trait(t), s)); best == yes {
				break
			}
		}
		if all = min(all, best); all == no {
			return no
		}
	}
	return all
}

func (p *pattern) fits(t trait, s *subject) fit {
	switch t {
	case traitAccount:
		return fitIf(p.match(s.e.Account))
	case traitIdentity:
		return fitIf(p.fold(s.e.Identity.Type))
	case traitOutcome:
		return fitIf(p.fold(s.e.Outcome.String()))
	case traitUser:
		return p.named(s.user, s.e.Identity.ARN, ":user/")
	case traitRole:
		return p.named(s.role, s.e.Identity.IssuerARN, ":role/")
	case traitSession:
		return fitIf(s.session != "" && p.match(s.session))
	}
	return no
}

// named holds a pattern against a user or role, whose ARN the record may lack.
func (p *pattern) named(name, arn, kind string) fit {
	_, path, ok := strings.Cut(arn, kind)
	switch {
	case name == "":
		return no
	case p.by == byName:
		return fitIf(p.match(name))
	case arn == "" || !ok && kind == ":role/":
		// A tail without a star can only stand for the name itself.
		tail := p.glob[strings.LastIndexByte(string(p.glob), '/')+1:]
		if !strings.Contains(string(tail), "*") && !tail.match(name) {
			return no
		}
		return maybe
	case p.by == byARN:
		return fitIf(p.match(arn))
	}
	return fitIf(ok && p.match("/"+path))
}

// covers tells whether all that other fits, p fits too, given the same trait.
func (p *pattern) covers(other *pattern) bool {
	switch {
	case p.by == byWord:
		return glob(strings.ToLower(string(p.glob))).covers(glob(strings.ToLower(string(other.glob))))
	case p.by == other.by:
		return p.glob.covers(other.glob)
	}
	return p.by == byName && strings.Trim(string(p.glob), "*") == ""
}

// allowance is what a rule or an exception allows. The zero allowance allows
// nothing and is not given either.
type allowance struct {
	given    bool
	strict   bool // the proxied Regions are Regions like any other
	class    bool // it names the global endpoint or one of the proxied Regions
	home     bool // Identity Center roles at their home
	names    []string
	globs    []glob
	replicas []string // further Regions of Identity Center roles
	written  []string // for people; idc-home, if there, is the last
}

// proxyClass tells whether an endpoint is one of those that are as good as the
// global one for an IAM user of the commercial partition.
func proxyClass(name string) bool { return name == Global || endpoint.Proxied(name) }

// has tells whether the endpoint is allowed by name or glob.
func (a *allowance) has(name string) bool {
	if slices.Contains(a.names, name) {
		return true
	}
	for _, g := range a.globs {
		if g.match(name) {
			return true
		}
	}
	return false
}

// permits wants a verdict whose endpoint is known.
func (a *allowance) permits(s *subject, v Verdict, strict bool) fit {
	if a.has(v.Endpoint) {
		return yes
	}
	if a.class && !strict && s.e.Identity.Type == signin.TypeIAMUser && v.Partition == endpoint.AWS && proxyClass(v.Endpoint) {
		return yes
	}
	if !a.home || v.Scope != ScopeRegional || !s.e.Identity.IdentityCenter() {
		return no
	}
	if slices.Contains(a.replicas, v.Endpoint) {
		return yes
	}
	home := identityCenterHome(&s.e.Identity, v.Partition)
	if home == "" {
		return maybe
	}
	return fitIf(home == v.Endpoint)
}

// expect is what is allowed, in words of the policy, with the home Region in
// the place of idc-home where it is known.
func (a *allowance) expect(s *subject, v Verdict) []string {
	if !a.home {
		return a.written
	}
	home := ""
	if s.e.Identity.IdentityCenter() {
		home = identityCenterHome(&s.e.Identity, v.Partition)
	}
	if home == "" {
		return a.written
	}
	out := append([]string(nil), a.written[:len(a.written)-1]...)
	for _, r := range append([]string{home}, a.replicas...) {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// identityCenterHome is the home Region of an Identity Center role, or empty
// where the record does not tell it. A path without a Region means us-east-1
// (IAM Identity Center User Guide, "Referencing permission sets in resource
// policies"); that is documented for the commercial partition only.
func identityCenterHome(id *signin.Identity, partition string) string {
	if home := id.IdentityCenterHome(); home != "" {
		return home
	}
	if id.IssuerARN == "" || partition != endpoint.AWS {
		return ""
	}
	return "us-east-1"
}
