package learn

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// fewSignIns is a number of sign-ins. A person with fewer gets the habit of the
// group, if the person's own habit is a part of it.
const fewSignIns = 5

// draft is one learned rule.
type draft struct {
	personGroup
	name     string
	accounts []string
	roles    []string
	people   []string // by name; empty: the whole group
	allow    []string
	members  map[string]bool // the people with this habit, in all accounts
	whole    map[string]bool // accounts and roles that the rule covers completely
	seen     evidence
}

// draftRules makes rules of the habits. Rules about people by name come first,
// because these people differ from their group. Rules about whole groups follow.
func (l *Learner) draftRules() []*draft {
	groups := l.collectPeople()
	var out []*draft
	for _, g := range slices.SortedFunc(maps.Keys(groups), personGroup.compareGroup) {
		members := slices.SortedFunc(maps.Values(groups[g]), func(a, b *person) int { return strings.Compare(a.name, b.name) })
		members = slices.DeleteFunc(members, func(p *person) bool { return len(p.habit) == 0 })
		out = append(out, l.splitGroup(g, members)...)
	}
	out = mergeDrafts(out, func(d *draft) string {
		return fmt.Sprintf("%q", [...]any{d.identities, d.kind, d.accounts, d.allow, len(d.people) > 0, d.people, d.role})
	}, true)
	out = mergeDrafts(out, func(d *draft) string {
		return fmt.Sprintf("%q", [...]any{d.identities, d.kind, d.roles, d.people, d.allow})
	}, false)
	out = blendDrafts(out, groups)
	slices.SortStableFunc(out, func(a, b *draft) int {
		if named := len(a.people) > 0; named != (len(b.people) > 0) {
			return map[bool]int{true: -1, false: 1}[named]
		}
		return cmp.Or(cmp.Compare(a.identities, b.identities), cmp.Compare(b.seen.signins, a.seen.signins),
			strings.Compare(strings.Join(a.accounts, ","), strings.Join(b.accounts, ",")), strings.Compare(strings.Join(a.roles, ","), strings.Join(b.roles, ",")),
			slices.Compare(a.people, b.people))
	})
	for _, d := range out {
		if len(d.accounts) == len(l.accounts) {
			d.accounts = nil
		}
	}
	nameDrafts(out)
	return out
}

// splitGroup drafts the rules of one group, one for each habit. If enough people share
// the most frequent habit, its rule covers the whole group. The other rules name their
// people.
func (l *Learner) splitGroup(g personGroup, members []*person) []*draft {
	habits := map[string][]*person{}
	key := func(habit []string) string { return strings.Join(habit, " ") }
	for _, p := range members {
		habits[key(p.habit)] = append(habits[key(p.habit)], p)
	}
	order := slices.SortedFunc(maps.Keys(habits), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(habits[b]), len(habits[a])), strings.Compare(a, b))
	})
	common := ""
	if len(order) > 0 && coversWholeGroup(g, len(habits[order[0]]), len(members)) {
		common = order[0]
	}
	drafts := map[string]*draft{}
	for _, h := range order {
		for _, p := range habits[h] {
			to := h
			if common != "" && p.all.signins < fewSignIns && containsAll(p.habit, strings.Fields(common)) {
				to = common
			}
			d := drafts[to]
			if d == nil {
				d = &draft{personGroup: g, allow: strings.Fields(to), members: map[string]bool{}, whole: map[string]bool{}}
				if g.account != "" {
					d.accounts = []string{g.account}
				}
				if g.role != "" {
					d.roles = []string{g.role}
				}
				drafts[to] = d
			}
			if to != common {
				d.people = append(d.people, p.name)
			} else {
				d.whole[g.account+"/"+g.role] = true
			}
			d.members[g.account+"/"+g.role+"/"+p.name] = true
			for _, t := range p.habit {
				d.seen.addEvidence(p.words[t])
			}
		}
	}
	var out []*draft
	for _, h := range order {
		if d := drafts[h]; d != nil {
			slices.Sort(d.people)
			out = append(out, d)
		}
	}
	return out
}

// coversWholeGroup tells whether a rule may cover a whole group if some of its
// people have the habit. New people of the group will then match the rule.
func coversWholeGroup(g personGroup, some, all int) bool {
	switch g.identities {
	case rootGroup:
		return true
	case roleGroup, identityCenterGroup:
		return 2*some >= all
	}
	return 2*some >= all && some >= 3
}

func containsAll(part, all []string) bool {
	return !slices.ContainsFunc(part, func(s string) bool { return !slices.Contains(all, s) })
}

// mergeDrafts joins the rules with the same key. It joins their roles if they
// cover whole roles of an account, and their accounts otherwise. Rules with the
// same key do not differ in anything else. So nobody gets a rule that differs
// from their own.
func mergeDrafts(in []*draft, key func(*draft) string, roles bool) []*draft {
	var out []*draft
	first := map[string]*draft{}
	for _, d := range in {
		k := key(d)
		if roles && d.identities == roleGroup && len(d.people) == 0 {
			k = fmt.Sprintf("%q", [...]any{"roles", d.accounts, d.allow})
		}
		to := first[k]
		if to == nil {
			first[k] = d
			out = append(out, d)
			continue
		}
		to.accounts = unionOf(to.accounts, d.accounts)
		to.roles = unionOf(to.roles, d.roles)
		maps.Copy(to.members, d.members)
		maps.Copy(to.whole, d.whole)
		to.seen.addEvidence(&d.seen)
	}
	return out
}

// blendDrafts joins rules for the same habit in several accounts. A joined rule
// covers each of its people, or roles, in each of its accounts. So two rules are
// joined only if the result does not cover anybody with another habit.
func blendDrafts(in []*draft, groups map[personGroup]map[string]*person) []*draft {
	var out []*draft
next:
	for _, d := range in {
		for _, to := range out {
			if to.canBlend(d, groups) {
				to.accounts, to.people = unionOf(to.accounts, d.accounts), unionOf(to.people, d.people)
				to.roles = unionOf(to.roles, d.roles)
				maps.Copy(to.members, d.members)
				maps.Copy(to.whole, d.whole)
				to.seen.addEvidence(&d.seen)
				continue next
			}
		}
		out = append(out, d)
	}
	return out
}

// canBlend tells whether one rule can replace d and o without covering anybody with
// another habit. groups holds all people with their habits.
func (d *draft) canBlend(o *draft, groups map[personGroup]map[string]*person) bool {
	named := len(d.people) > 0
	switch {
	case d.identities != o.identities, d.kind != o.kind, named != (len(o.people) > 0), !slices.Equal(d.allow, o.allow):
		return false
	case named && d.role != o.role, !named && d.identities != roleGroup:
		return false
	}
	for _, account := range unionOf(d.accounts, o.accounts) {
		for _, role := range unionOf(d.roles, o.roles) {
			g := personGroup{identities: d.identities, account: account, role: role, kind: d.kind}
			if !named && len(groups[g]) > 0 && !d.whole[account+"/"+role] && !o.whole[account+"/"+role] {
				return false
			}
		}
		g := d.personGroup
		g.account = account
		for _, name := range unionOf(d.people, o.people) {
			if p := groups[g][name]; p != nil && !slices.Equal(p.habit, d.allow) {
				return false
			}
		}
	}
	return true
}

func unionOf(a, b []string) []string {
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

// nameDrafts gives each rule a unique name, from the kind of identities and the allowed
// endpoints.
func nameDrafts(all []*draft) {
	taken := map[string]int{}
	for _, d := range all {
		n := d.identities.String()
		if d.identities != rootGroup {
			n += "-" + strings.Join(d.allow, "-")
		}
		if len(d.allow) > 3 {
			n = fmt.Sprintf("%s-%d-endpoints", d.identities, len(d.allow))
		}
		if taken[n]++; taken[n] > 1 {
			n = fmt.Sprintf("%s-%d", n, taken[n])
		}
		d.name = n
	}
}
