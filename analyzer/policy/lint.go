package policy

import (
	"fmt"
	"slices"
	"strings"

	"trailgate/analyzer"
	"trailgate/analyzer/endpoint"
	"trailgate/ingest/signin"
)

// maxSteps limits the search for dead rules over the whole policy. A rule is dead if
// earlier rules match all its people, so that it never decides. One step
// compares one character of a glob with one of another. The search stops at the
// limit, and later rules get no warning.
const maxSteps = 50_000_000

func (p *Policy) newWarning(at position, format string, args ...any) Problem {
	w := newProblem(p.file, p.source, at, format, args...)
	w.Warning = true
	return w
}

// findWarnings looks for rules and globs that are probably mistakes.
func (p *Policy) findWarnings() Problems {
	var out Problems
	budget := maxSteps
	for i := range p.rules {
		r := &p.rules[i]
		out = append(out, p.findTypos(&r.match)...)
		if why := r.match.findContradiction(); why != "" {
			out = append(out, p.newWarning(r.at, "rule %q can never match: %s", r.name, why))
			continue
		}
		if by := p.shadowedBy(i, &budget); by != "" {
			out = append(out, p.newWarning(r.at, "rule %q can never decide: %s matches the same people first", r.name, by))
		}
		out = append(out, p.opensGlobal(r)...)
	}
	out = append(out, p.opensGlobal(&p.fallback)...)
	for i := range p.exceptions {
		out = append(out, p.findTypos(&p.exceptions[i].match)...)
		if why := p.exceptions[i].match.findContradiction(); why != "" {
			out = append(out, p.newWarning(p.exceptions[i].at, "exception %q can never match: %s", p.exceptions[i].label, why))
		}
	}
	return out
}

// opensGlobal warns about a glob that allows IAM users the global endpoint without
// naming it. Such a glob matches a proxied Region (endpoint.Proxied), which counts as
// the global endpoint for them. It returns no warning or one.
func (p *Policy) opensGlobal(r *policyRule) Problems {
	a := &r.allow
	if a.strict || !a.namesProxyClass || !r.match.admitsValue(KeyIdentity, signin.TypeIAMUser) || len(r.match[KeyRole])+len(r.match[KeySession]) > 0 {
		return nil
	}
	if a.allowsName(analyzer.Global) || slices.ContainsFunc(a.names, endpoint.Proxied) {
		return nil
	}
	var by string
	for _, g := range a.globs {
		for _, region := range endpoint.ProxiedRegions() {
			if by == "" && g.matchesText(region) {
				by = fmt.Sprintf("%q matches %s", string(g), region)
			}
		}
	}
	return Problems{p.newWarning(r.at, "%s also allows IAM users the global endpoint: %s, which for them counts as the global endpoint; "+
		"strict: true keeps the two apart", r.displayName(), by)}
}

func (r *policyRule) displayName() string {
	if r.name == defaultsName {
		return "the policy's defaults"
	}
	return fmt.Sprintf("rule %q", r.name)
}

// admitsValue tells whether the patterns of a key could match this value.
func (m *matcher) admitsValue(t MatchKey, value string) bool {
	return len(m[t]) == 0 || slices.ContainsFunc(m[t], func(p pattern) bool { return p.matchesFold(value) })
}

// findContradiction says why a matcher cannot match anybody, or returns "". Only
// AssumedRole identities have a role and a session, and they have no user name.
func (m *matcher) findContradiction() string {
	role := len(m[KeyRole])+len(m[KeySession]) > 0
	named := func(types ...string) bool {
		return slices.ContainsFunc(types, func(t string) bool { return m.admitsValue(KeyIdentity, t) })
	}
	switch {
	case role && len(m[KeyUser]) > 0:
		return "nobody has a user name and a role at once"
	case role && !named(signin.TypeAssumedRole):
		return "only the identity " + signin.TypeAssumedRole + " has a role and a session"
	case len(m[KeyUser]) > 0 && !named(signin.TypeIAMUser, signin.TypeFederatedUser, "SAMLUser", "WebIdentityUser"):
		return "identities of this kind have no user name"
	}
	return ""
}

// shadowedBy names the earlier rules that together match everybody whom the ith rule
// matches, or returns "". It splits the rule into combinations with one pattern for
// each key. Each combination must be covered completely by one earlier rule. It
// subtracts its cost from the budget, and returns "" when the budget is spent.
func (p *Policy) shadowedBy(i int, budget *int) string {
	m := &p.rules[i].match
	count := 1
	for t := range m {
		if count *= max(1, len(m[t])); count > *budget {
			return ""
		}
	}
	var by []string
	for n := range count {
		var single [matchKeyCount]*pattern
		for t := range m {
			if k := len(m[t]); k > 0 {
				single[t] = &m[t][n%k]
				n /= k
			}
		}
		j := slices.IndexFunc(p.rules[:i], func(r policyRule) bool { return r.match.coversSingle(&single, budget) })
		if j < 0 || *budget < 0 {
			return ""
		}
		name := fmt.Sprintf("rule %q (line %d)", p.rules[j].name, p.rules[j].at.line)
		if !slices.Contains(by, name) {
			by = append(by, name)
		}
	}
	return strings.Join(by, " or ")
}

// coversSingle tells whether the matcher matches everybody that all the single
// patterns match. It subtracts its cost from the budget and returns false when
// the budget is spent.
func (m *matcher) coversSingle(single *[matchKeyCount]*pattern, budget *int) bool {
	for t := range m {
		if len(m[t]) == 0 || m.alwaysMatches(MatchKey(t), single, budget) {
			continue
		}
		covers := func(p pattern) bool {
			*budget -= p.compareCost(single[t])
			return *budget >= 0 && p.coversPattern(single[t])
		}
		if single[t] == nil || !slices.ContainsFunc(m[t], covers) {
			return false
		}
	}
	*budget--
	return *budget >= 0
}

// alwaysMatches tells whether the patterns of key t match everybody that the single
// patterns match, by what every record has. Every record has an account, an identity
// and an outcome, which may be an empty text. The identity is AssumedRole if there is
// a role or a session. It subtracts its cost from the budget.
func (m *matcher) alwaysMatches(t MatchKey, single *[matchKeyCount]*pattern, budget *int) bool {
	var words []string // the possible values; nil: any text
	switch {
	case t == KeyOutcome:
		words = outcomeWords()
	case t == KeyIdentity && (single[KeyRole] != nil || single[KeySession] != nil):
		words = []string{signin.TypeAssumedRole}
	case t != KeyAccount && t != KeyIdentity:
		return false
	}
	stars := func(p pattern) bool { return strings.Trim(string(p.glob), "*") == "" }
	lacks := func(word string) bool {
		for _, p := range m[t] {
			*budget -= p.matchCost(word)
		}
		return *budget < 0 || !m.admitsValue(t, word)
	}
	return slices.ContainsFunc(m[t], stars) || len(words) > 0 && !slices.ContainsFunc(words, lacks)
}

// matchCost estimates the cost of comparing p with a text.
func (p *pattern) matchCost(text string) int { return len(p.glob) * (1 + len(text)) }

// compareCost estimates the cost of coversPattern in steps (see maxSteps).
func (p *pattern) compareCost(other *pattern) int {
	const call = 10
	n := p.literalPrefix()
	switch {
	case n == len(p.glob), !other.hasWildcard():
		return call + len(other.glob)
	case len(other.glob) < n || p.glob[:n] != other.glob[:n]:
		return call
	}
	return call + len(p.glob)*len(other.glob)
}
