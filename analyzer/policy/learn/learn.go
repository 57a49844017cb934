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

// A habit of a person is left out of a draft if it rests on no more than
// rareCount sign-ins and on less than one in rareShare of that person's.
const (
	rareCount = 2
	rareShare = 20
)

// Learner drafts a policy from history. Set Table before the first Add; the
// zero Table is the embedded one. The order in which sign-ins are added does
// not matter to the draft. It is for one goroutine.
//
// A failed sign-in teaches nothing, since whoever tries a password is not the
// person whose name they type. Nor does one whose endpoint is not known, or
// that nobody can be named for.
type Learner struct {
	Table region.Table

	cells    map[evidenceKey]*evidence
	accounts map[string]bool
}

// evidenceKey is all of a sign-in that a drafted rule can tell apart.
type evidenceKey struct {
	account, kind, principal string
	arn, issuer              string
	partition, endpoint      string
	failed                   bool
}

// evidence is what was seen of one habit.
type evidence struct {
	signins     int
	first, last time.Time
	sample      signin.Event // of a cell: any of its sign-ins, as far as a policy looks at it
	verdict     analyzer.Verdict
}

func (v *evidence) addEvidence(o *evidence) {
	v.signins += o.signins
	analyzer.WidenPeriod(&v.first, &v.last, o.first)
	analyzer.WidenPeriod(&v.first, &v.last, o.last)
}

// Add takes one sign-in and the verdict on it.
func (l *Learner) Add(e *signin.Event, v analyzer.Verdict) {
	if l.cells == nil {
		l.cells, l.accounts = map[evidenceKey]*evidence{}, map[string]bool{}
	}
	id := &e.Identity
	key := evidenceKey{
		account: e.Account, kind: id.Type, principal: e.Principal(), arn: id.ARN, issuer: id.IssuerARN,
		partition: v.Partition, endpoint: v.Endpoint, failed: e.Outcome == signin.Failure,
	}
	c := l.cells[key]
	if c == nil {
		c = &evidence{verdict: v, sample: signin.Event{Account: e.Account, Identity: *id, Outcome: e.Outcome, Time: e.Time}}
		l.cells[key] = c
	}
	l.accounts[e.Account] = true
	c.signins++
	analyzer.WidenPeriod(&c.first, &c.last, e.Time)
}

// identityGroup is the sort of people that one kind of rule is about.
type identityGroup uint8

const (
	folkRoot identityGroup = iota
	folkUser
	folkFederated
	folkRole
	folkIdentityCenter
)

// String is how rules about them are named.
func (f identityGroup) String() string {
	return [...]string{"root", "users", "federated", "roles", "identity-center"}[f]
}

// personGroup is the people among whom habits are compared.
type personGroup struct {
	folk    identityGroup
	account string // empty for Identity Center, whose users are the same in all accounts
	role    string // of folkRole
	kind    string // identity type
}

func (g personGroup) compareGroup(o personGroup) int {
	return cmp.Or(cmp.Compare(g.folk, o.folk), strings.Compare(g.account, o.account), strings.Compare(g.role, o.role), strings.Compare(g.kind, o.kind))
}

// person is one of a group.
type person struct {
	name  string // user or session; empty for root
	words map[string]*evidence
	all   evidence
	habit []string // the words that count, sorted; set once all is seen
}

// collectPeople sorts what was seen by group and person.
func (l *Learner) collectPeople() map[personGroup]map[string]*person {
	groups := map[personGroup]map[string]*person{}
	for key, c := range l.cells {
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

// finishHabit makes the habit of what was seen.
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

// groupOf says which group the person of a sign-in belongs to, and under which
// name. It is false for those whom no rule can be written about.
func groupOf(key evidenceKey, e *signin.Event) (personGroup, string, bool) {
	s := policy.NewSubject(e)
	if e.Identity.IdentityCenter() {
		return personGroup{folk: folkIdentityCenter, kind: key.kind}, s.Session, isNameable(s.Session)
	}
	if len(key.account) != 12 || strings.Trim(key.account, "0123456789") != "" || !slices.Contains(policy.IdentityTypes(), key.kind) {
		return personGroup{}, "", false
	}
	g := personGroup{account: key.account, kind: key.kind}
	switch {
	case key.kind == signin.TypeRoot:
		return g, "", true
	case s.Role != "":
		g.folk, g.role = folkRole, s.Role
		return g, s.Session, isNameable(s.Role) && isNameable(s.Session)
	case key.kind == signin.TypeIAMUser:
		g.folk = folkUser
	default:
		g.folk = folkFederated
	}
	return g, s.User, isNameable(s.User)
}

// isNameable tells whether a name can stand in a policy for itself alone.
func isNameable(name string) bool {
	return name != "" && len(name) <= 256 && utf8.ValidString(name) && strings.TrimSpace(name) == name &&
		!strings.ContainsAny(name, "*?/") && !strings.HasPrefix(name, "arn:") &&
		!strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) })
}

// habitWord is the word of a policy that allows the endpoint, or empty where none
// is needed: such a sign-in is not judged.
func habitWord(key evidenceKey, c *evidence) string {
	switch {
	case c.verdict.Scope == analyzer.ScopeUnknown:
		return ""
	case key.kind == signin.TypeIAMUser && key.partition == region.AWS && policy.ProxyClass(key.endpoint):
		return analyzer.Global
	case c.verdict.Scope == analyzer.ScopeRegional && c.sample.Identity.IdentityCenter():
		// Where the home is not known, idc-home keeps the sign-in unjudged.
		if home := c.sample.Identity.HomeRegion(key.partition); home == key.endpoint || home == "" {
			return policy.HomeWord
		}
	}
	return key.endpoint
}
