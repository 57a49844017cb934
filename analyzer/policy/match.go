package policy

import (
	"slices"
	"strings"

	"trailgate/analyzer"
	"trailgate/analyzer/endpoint"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/signin"
)

// ternary is an answer that a record may be too poor to give. The order matters:
// the least of several answers is that of all together.
type ternary uint8

const (
	no ternary = iota
	maybe
	yes
)

func ternaryOf(b bool) ternary {
	if b {
		return yes
	}
	return no
}

// MatchKey is what a matcher looks at.
type MatchKey uint8

const (
	KeyAccount MatchKey = iota
	KeyIdentity
	KeyUser
	KeyRole
	KeySession
	KeyOutcome
	matchKeyCount // how many there are
)

// String gives the key in the policy file.
func (t MatchKey) String() string {
	return [...]string{"account", "identity", "user", "role", "session", "outcome"}[t]
}

// matcher says whom a rule is about. All traits must fit; one without patterns
// fits everybody, so the zero matcher does.
type matcher [matchKeyCount][]pattern

// pattern is one glob of a matcher.
type pattern struct {
	glob
	by    comparison
	at    position
	text  string // as written
	plain bool   // without quotes
	id    int    // among all patterns of the policy
}

// comparison is what a pattern is held against.
type comparison uint8

const (
	compareName comparison = iota
	comparePath            // path and name, with a slash in front
	compareARN
	compareWord // a name whose letter case does not matter
)

// Subject is the person of a sign-in, as the matchers see them.
type Subject struct {
	event   *signin.Event
	User    string // of an IAM or federated user; empty: it is none, or is not named
	Role    string
	Session string
	Nobody  bool // a hidden or absent name, and no role either
}

func NewSubject(e *signin.Event) Subject {
	s := Subject{event: e, Role: e.Identity.RoleName(), Session: e.Identity.SessionName()}
	s.Nobody = s.Role == "" && !e.Named()
	_, person, _ := strings.Cut(e.Principal(), "/")
	kind, name, _ := strings.Cut(person, "/")
	if kind == "user" || kind == "federated" {
		s.User = name
	}
	return s
}

func (m *matcher) matchesSubject(s *Subject) ternary {
	all := yes
	for t := range m {
		if len(m[t]) == 0 {
			continue
		}
		best := no
		for i := range m[t] {
			if best = max(best, m[t][i].matchesKey(MatchKey(t), s)); best == yes {
				break
			}
		}
		if all = min(all, best); all == no {
			return no
		}
	}
	return all
}

func (p *pattern) matchesKey(t MatchKey, s *Subject) ternary {
	switch t {
	case KeyAccount:
		return ternaryOf(p.match(s.event.Account))
	case KeyIdentity:
		return ternaryOf(p.matchesFold(s.event.Identity.Type))
	case KeyOutcome:
		return ternaryOf(p.matchesFold(s.event.Outcome.String()))
	case KeyUser:
		return p.matchesNamed(s.User, s.event.Identity.ARN, ":user/")
	case KeyRole:
		return p.matchesNamed(s.Role, s.event.Identity.IssuerARN, ":role/")
	case KeySession:
		return ternaryOf(s.Session != "" && p.match(s.Session))
	}
	return no
}

// matchesNamed holds a pattern against a user or role, whose ARN the record may lack.
func (p *pattern) matchesNamed(name, arn, kind string) ternary {
	_, path, ok := strings.Cut(arn, kind)
	switch {
	case name == "":
		return no
	case p.by == compareName:
		return ternaryOf(p.match(name))
	case arn == "" || !ok && kind == ":role/":
		// A tail without a star can only stand for the name itself.
		tail := p.glob[strings.LastIndexByte(string(p.glob), '/')+1:]
		if !strings.Contains(string(tail), "*") && !tail.match(name) {
			return no
		}
		return maybe
	case p.by == compareARN:
		return ternaryOf(p.match(arn))
	}
	return ternaryOf(ok && p.match("/"+path))
}

// covers tells whether all that other fits, p fits too, given the same trait.
func (p *pattern) covers(other *pattern) bool {
	switch {
	case p.by == compareWord:
		return glob(strings.ToLower(string(p.glob))).covers(glob(strings.ToLower(string(other.glob))))
	case p.by == other.by:
		return p.glob.covers(other.glob)
	}
	return p.by == compareName && strings.Trim(string(p.glob), "*") == ""
}

// allowance is what a rule or an exception allows. The zero allowance allows
// nothing and is not given either.
type allowance struct {
	given           bool
	strict          bool // the proxied Regions are Regions like any other
	namesProxyClass bool // it names the global endpoint or one of the proxied Regions
	home            bool // Identity Center roles at their home
	names           []string
	globs           []glob
	replicas        []string // further Regions of Identity Center roles
	written         []string // for people; idc-home, if there, is the last
}

// ProxyClass tells whether an endpoint is one of those that are as good as the
// global one for an IAM user of the commercial partition.
func ProxyClass(name string) bool { return name == analyzer.Global || endpoint.Proxied(name) }

// allowsName tells whether the endpoint is allowed by name or glob.
func (a *allowance) allowsName(name string) bool {
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

// permitsEndpoint wants a verdict whose endpoint is known.
func (a *allowance) permitsEndpoint(s *Subject, v analyzer.Verdict, strict bool) ternary {
	if a.allowsName(v.Endpoint) {
		return yes
	}
	if a.namesProxyClass && !strict && s.event.Identity.Type == signin.TypeIAMUser && v.Partition == region.AWS && ProxyClass(v.Endpoint) {
		return yes
	}
	if !a.home || v.Scope != analyzer.ScopeRegional || !s.event.Identity.IdentityCenter() {
		return no
	}
	if slices.Contains(a.replicas, v.Endpoint) {
		return yes
	}
	home := s.event.Identity.HomeRegion(v.Partition)
	if home == "" {
		return maybe
	}
	return ternaryOf(home == v.Endpoint)
}

// describeExpected is what is allowed, in words of the policy, with the home Region in
// the place of idc-home where it is known.
func (a *allowance) describeExpected(s *Subject, v analyzer.Verdict) []string {
	if !a.home {
		return a.written
	}
	home := ""
	if s.event.Identity.IdentityCenter() {
		home = s.event.Identity.HomeRegion(v.Partition)
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
