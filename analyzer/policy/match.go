package policy

import (
	"slices"
	"strings"

	"trailgate/analyzer"
	"trailgate/analyzer/endpoint"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/signin"
)

// ternary is an answer that may be unknown, because the record has too little
// data. The order matters: the least of several answers is the answer for all of
// them together.
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

// MatchKey is a key under match in a policy file.
type MatchKey uint8

// The keys under match, in the order of the policy file format.
const (
	KeyAccount MatchKey = iota
	KeyIdentity
	KeyUser
	KeyRole
	KeySession
	KeyOutcome
	matchKeyCount // the number of keys
)

// String returns the key as the policy file writes it.
func (t MatchKey) String() string {
	return [...]string{"account", "identity", "user", "role", "session", "outcome"}[t]
}

// matcher says which people a rule is about. All keys must match. A key without
// patterns matches everybody, and so does the zero matcher.
type matcher [matchKeyCount][]pattern

// pattern is one glob of a matcher.
type pattern struct {
	glob
	by    comparison // the part of the record that the glob is compared with
	at    position   // in the policy file
	text  string     // as written
	plain bool       // without quotes
	id    int        // index among all patterns of the policy
}

// comparison is the part of the record that a pattern is compared with.
type comparison uint8

const (
	compareName comparison = iota
	comparePath            // path and name, with a slash in front
	compareARN
	compareWord // a word, in any letter case
)

// Subject is the person of a sign-in, with the fields that matchers compare.
type Subject struct {
	event   *signin.Event
	User    string // name of an IAM or federated user; empty for others and if it is not known
	Role    string
	Session string
	Nobody  bool // the record has no role, and the name is hidden or absent
}

// NewSubject returns the person of a sign-in. It keeps a pointer to the event.
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

// matchesSubject tells whether all keys match the person. The answer is maybe if a
// pattern needs an ARN that the record lacks, and no key rules the person out.
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
		return ternaryOf(p.matchesText(s.event.Account))
	case KeyIdentity:
		return ternaryOf(p.matchesFold(s.event.Identity.Type))
	case KeyOutcome:
		return ternaryOf(p.matchesFold(s.event.Outcome.String()))
	case KeyUser:
		return p.matchesNamed(s.User, s.event.Identity.ARN, ":user/")
	case KeyRole:
		return p.matchesNamed(s.Role, s.event.Identity.IssuerARN, ":role/")
	case KeySession:
		return ternaryOf(s.Session != "" && p.matchesText(s.Session))
	}
	return no
}

// matchesNamed compares a pattern with a user or role. name is its name, and arn the
// ARN of the record, in which kind (":user/" or ":role/") comes before the path. If the
// pattern needs the ARN and the record lacks it, the answer is maybe, or no if the name
// already differs.
func (p *pattern) matchesNamed(name, arn, kind string) ternary {
	_, path, ok := strings.Cut(arn, kind)
	switch {
	case name == "":
		return no
	case p.by == compareName:
		return ternaryOf(p.matchesText(name))
	case arn == "" || !ok && kind == ":role/":
		// Without a star, the last part of the glob must match the name itself.
		tail := p.glob[strings.LastIndexByte(string(p.glob), '/')+1:]
		if !strings.Contains(string(tail), "*") && !tail.matchesText(name) {
			return no
		}
		return maybe
	case p.by == compareARN:
		return ternaryOf(p.matchesText(arn))
	}
	return ternaryOf(ok && p.matchesText("/"+path))
}

// coversPattern tells whether p matches everything that other matches. Both must
// belong to the same key. It returns true only if that is certain.
func (p *pattern) coversPattern(other *pattern) bool {
	switch {
	case p.by == compareWord:
		return glob(strings.ToLower(string(p.glob))).coversGlob(glob(strings.ToLower(string(other.glob))))
	case p.by == other.by:
		return p.glob.coversGlob(other.glob)
	}
	return p.by == compareName && strings.Trim(string(p.glob), "*") == ""
}

// allowance is what a rule or an exception allows. The zero allowance was not
// given and allows nothing.
type allowance struct {
	given           bool
	strict          bool // for IAM users too, the proxied Regions (endpoint.Proxied) do not count as the global endpoint
	namesProxyClass bool // it names the global endpoint or one of the proxied Regions
	home            bool // Identity Center roles in the home Region of Identity Center: the word idc-home
	names           []string
	globs           []glob
	replicas        []string // further Regions of Identity Center roles
	written         []string // shown to people; idc-home, if present, is the last
}

// ProxyClass tells whether an endpoint counts as the global one for an IAM user of the
// commercial partition: the global endpoint and the three proxied Regions. From these
// the console may serve such a user who asked for the global endpoint.
func ProxyClass(name string) bool { return name == analyzer.Global || endpoint.Proxied(name) }

// allowsName tells whether the endpoint is allowed by name or glob.
func (a *allowance) allowsName(name string) bool {
	if slices.Contains(a.names, name) {
		return true
	}
	for _, g := range a.globs {
		if g.matchesText(name) {
			return true
		}
	}
	return false
}

// permitsEndpoint tells whether the endpoint of v, which must be known, is allowed for
// s. With strict, the proxied Regions do not count as the global endpoint. The answer
// is maybe if the home Region of Identity Center decides and the record does not show
// it.
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

// describeExpected returns the allowed endpoints as the policy writes them. The
// home Region replaces idc-home if the record shows it.
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
