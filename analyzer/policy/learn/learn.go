// Package learn drafts a policy from past sign-ins. It takes sign-ins with their
// verdicts and returns a policy file, with the evidence for each rule in a comment.
// It also lists what the draft would flag in the same sign-ins. The package does no
// I/O and reads no clock.
package learn

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"trailgate/analyzer"
	"trailgate/analyzer/policy"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/signin"
)

// A habit of a person is rare if it has at most rareCount sign-ins and less than
// one in rareShare of that person's sign-ins. A draft does not allow rare habits.
const (
	rareCount = 2
	rareShare = 20
)

// Learner drafts a policy from past sign-ins. The zero Table is the embedded one. The
// draft does not depend on the order in which sign-ins are added. A Learner is for one
// goroutine.
//
// A failed sign-in does not lead to a rule, because the person who types a password may
// not be the person whose name they type. Nor does a sign-in whose endpoint is not known,
// or about whose person a rule cannot be written. All sign-ins are counted in the Tally
// of the Draft, and those that it does not allow are in its LeftOut. Set Table before Draft.
type Learner struct {
	Table region.Table

	evidenceOf map[evidenceKey]*evidence
	accounts   map[string]bool
}

// evidenceKey holds all that a drafted rule can distinguish in a sign-in.
type evidenceKey struct {
	account, kind, principal string
	arn, issuer              string
	partition, endpoint      string
	failed                   bool
}

// evidence is what was seen of one habit or one person.
type evidence struct {
	signins     int
	first, last time.Time
	sample      signin.Event // one of its sign-ins, with the fields that a policy compares
	verdict     analyzer.Verdict
}

// addEvidence adds the number of sign-ins of o, and widens the period of v by that of o.
// The sample and the verdict of v stay.
func (v *evidence) addEvidence(o *evidence) {
	v.signins += o.signins
	analyzer.WidenPeriod(&v.first, &v.last, o.first)
	analyzer.WidenPeriod(&v.first, &v.last, o.last)
}

// Add learns one sign-in. v is the verdict on it. Add keeps no pointer to the
// event.
func (l *Learner) Add(e *signin.Event, v analyzer.Verdict) {
	if l.evidenceOf == nil {
		l.evidenceOf, l.accounts = map[evidenceKey]*evidence{}, map[string]bool{}
	}
	id := &e.Identity
	key := evidenceKey{
		account: e.Account, kind: id.Type, principal: e.Principal(), arn: id.ARN, issuer: id.IssuerARN,
		partition: v.Partition, endpoint: v.Endpoint, failed: e.Outcome == signin.Failure,
	}
	c := l.evidenceOf[key]
	if c == nil {
		c = &evidence{verdict: v, sample: signin.Event{Account: e.Account, Identity: *id, Outcome: e.Outcome, Time: e.Time}}
		l.evidenceOf[key] = c
	}
	l.accounts[e.Account] = true
	c.signins++
	analyzer.WidenPeriod(&c.first, &c.last, e.Time)
}

// identityGroup is a kind of identities. Each kind gets its own kind of rule.
type identityGroup uint8

const (
	rootGroup identityGroup = iota
	userGroup
	federatedGroup
	roleGroup
	identityCenterGroup
)

// String returns the word in the names of drafted rules.
func (f identityGroup) String() string {
	return [...]string{"root", "users", "federated", "roles", "identity-center"}[f]
}

// personGroup is a group of people whose habits are compared with each other.
type personGroup struct {
	identities identityGroup
	account    string // empty for Identity Center, because its users are the same in all accounts
	role       string // of roleGroup
	kind       string // identity type
}

func (g personGroup) compareGroup(o personGroup) int {
	return cmp.Or(cmp.Compare(g.identities, o.identities), strings.Compare(g.account, o.account), strings.Compare(g.role, o.role), strings.Compare(g.kind, o.kind))
}

// person is one of a group.
type person struct {
	name  string               // user or session; empty for root
	words map[string]*evidence // by the word of a policy that allows the endpoint (habitWord)
	all   evidence
	habit []string // the words that are not rare, sorted; set by finishHabit
}

// collectPeople returns the people of each group, by name, with their evidence and
// habits. It leaves out failed sign-ins, and those about which no rule can be written.
func (l *Learner) collectPeople() map[personGroup]map[string]*person {
	groups := map[personGroup]map[string]*person{}
	for key, c := range l.evidenceOf {
		g, name, ok := groupOf(key, &c.sample)
		word := habitWord(key, c)
		if !ok || key.failed || word == "" {
			continue
		}
		if groups[g] == nil {
			groups[g] = map[string]*person{}
		}
		p := groups[g][name]
		if p == nil {
			p = &person{name: name, words: map[string]*evidence{}}
			groups[g][name] = p
		}
		if p.words[word] == nil {
			p.words[word] = &evidence{}
		}
		p.words[word].addEvidence(c)
		p.all.addEvidence(c)
	}
	for _, members := range groups {
		for _, p := range members {
			p.finishHabit()
		}
	}
	return groups
}

// finishHabit sets the habit from the evidence of each word. A rare word (rareCount,
// rareShare) is left out.
func (p *person) finishHabit() {
	for word, seen := range p.words {
		if seen.signins > rareCount || seen.signins*rareShare >= p.all.signins {
			p.habit = append(p.habit, word)
		}
	}
	slices.SortFunc(p.habit, compareWords)
}

// compareWords puts idc-home and global before Regions.
func compareWords(a, b string) int {
	rank := func(s string) int {
		switch s {
		case policy.HomeWord:
			return 0
		case analyzer.Global:
			return 1
		}
		return 2
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
}

// groupOf returns the group of the person of a sign-in, and the name in the
// group. It returns false if no rule can be written about the person.
func groupOf(key evidenceKey, e *signin.Event) (personGroup, string, bool) {
	s := policy.NewSubject(e)
	if e.Identity.IdentityCenter() {
		return personGroup{identities: identityCenterGroup, kind: key.kind}, s.Session, isNameable(s.Session)
	}
	if len(key.account) != 12 || strings.Trim(key.account, "0123456789") != "" || !slices.Contains(policy.IdentityTypes(), key.kind) {
		return personGroup{}, "", false
	}
	g := personGroup{account: key.account, kind: key.kind}
	switch {
	case key.kind == signin.TypeRoot:
		return g, "", true
	case s.Role != "":
		g.identities, g.role = roleGroup, s.Role
		return g, s.Session, isNameable(s.Role) && isNameable(s.Session)
	case key.kind == signin.TypeIAMUser:
		g.identities = userGroup
	default:
		g.identities = federatedGroup
	}
	return g, s.User, isNameable(s.User)
}

// isNameable tells whether a policy can name this person and no other.
func isNameable(name string) bool {
	return name != "" && len(name) <= 256 && utf8.ValidString(name) && strings.TrimSpace(name) == name &&
		!strings.ContainsAny(name, "*?/") && !strings.HasPrefix(name, "arn:") &&
		!strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) })
}

// habitWord returns the word of a policy that allows the endpoint. It returns ""
// if the policy would not decide about the sign-in.
func habitWord(key evidenceKey, c *evidence) string {
	switch {
	case c.verdict.Scope == analyzer.ScopeUnknown:
		return ""
	case key.kind == signin.TypeIAMUser && key.partition == region.AWS && policy.ProxyClass(key.endpoint):
		return analyzer.Global
	case c.verdict.Scope == analyzer.ScopeRegional && c.sample.Identity.IdentityCenter():
		// If the home is not known, a policy with idc-home does not decide about
		// the sign-in.
		if home := c.sample.Identity.HomeRegion(key.partition); home == key.endpoint || home == "" {
			return policy.HomeWord
		}
	}
	return key.endpoint
}
