package policy

import (
	"fmt"
	"time"

	"trailgate/analyzer/text"
	"trailgate/ingest/signin"
)

// Tally counts the decisions of a policy over a stream of sign-ins. Set Policy
// before the first Add; the other fields are for reading. The order of the
// sign-ins does not matter. A Tally is for one goroutine.
type Tally struct {
	Policy     *Policy
	SignIns    int // always Allowed + Violations + NotJudged
	Allowed    int // includes those that an exception allowed
	Violations int
	NotJudged  int
	Last       time.Time // time of the last sign-in

	decided        map[string]int // decisions by name of the rule
	used           map[string]int // uses by label of the exception
	wouldNeed      map[string]int // sign-ins that an expired exception would have allowed
	whys           map[string]int // reasons of those that were not decided
	reached        []bool         // whether a pattern has matched, by its index
	unreachedCount int            // patterns that have matched nobody so far
}

// Add counts one sign-in. d is the decision of the policy on it.
func (t *Tally) Add(e *signin.Event, d Decision) {
	if t.decided == nil {
		t.decided, t.used, t.wouldNeed, t.whys = map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
		if t.Policy != nil {
			t.unreachedCount = t.Policy.globs
			t.reached = make([]bool, t.unreachedCount)
		}
	}
	t.SignIns++
	if e.Time.After(t.Last) {
		t.Last = e.Time
	}
	switch {
	case !d.Judged:
		t.NotJudged++
		t.whys[d.Why]++
	case d.Allowed:
		t.Allowed++
	default:
		t.Violations++
	}
	if d.Rule != "" {
		t.decided[d.Rule]++
	}
	if d.Exception != "" {
		t.used[d.Exception]++
	}
	if d.Expired != "" {
		t.wouldNeed[d.Expired]++
	}
	if t.unreachedCount > 0 {
		t.markReached(e)
	}
}

// markReached marks the patterns that match the person of the sign-in, or may match, and
// did not do so before.
func (t *Tally) markReached(e *signin.Event) {
	s := NewSubject(e)
	look := func(m *matcher) {
		for kind := range m {
			for i := range m[kind] {
				p := &m[kind][i]
				if !t.reached[p.id] && p.matchesKey(MatchKey(kind), &s) != no {
					t.reached[p.id] = true
					t.unreachedCount--
				}
			}
		}
	}
	for i := range t.Policy.rules {
		look(&t.Policy.rules[i].match)
	}
	for i := range t.Policy.exceptions {
		look(&t.Policy.exceptions[i].match)
	}
}

// Whys returns the number of sign-ins that were not decided, for each reason. The map is
// the caller's own.
func (t *Tally) Whys() map[string]int {
	out := make(map[string]int, len(t.whys))
	for why, n := range t.whys {
		out[why] = n
	}
	return out
}

// Exceptions warns about exceptions that had expired at the time of the last
// sign-in, and about those that were never used. The order is that of the file.
// It returns nil before the first sign-in and without a policy.
func (t *Tally) Exceptions() Problems {
	if t.Policy == nil || t.SignIns == 0 {
		return nil
	}
	var out Problems
	for i := range t.Policy.exceptions {
		x := &t.Policy.exceptions[i]
		switch late := t.wouldNeed[x.label]; {
		case !t.Last.Before(x.until) && late > 0:
			out = append(out, t.Policy.newWarning(x.at, "exception %q expired %s; %s since then would have needed it", x.label, x.endText(), text.Count(late, "sign-in")))
		case !t.Last.Before(x.until):
			out = append(out, t.Policy.newWarning(x.at, "exception %q expired %s", x.label, x.endText()))
		case t.used[x.label] == 0:
			out = append(out, t.Policy.newWarning(x.at, "exception %q was never used: no sign-in needed it", x.label))
		}
	}
	return out.sortedByPlace()
}

// endText says when an exception ended: at the end of a day, or at a moment.
func (x *exception) endText() string {
	if x.until.Equal(x.until.Truncate(24 * time.Hour)) {
		return "at the end of " + x.until.Add(-1).Format(time.DateOnly)
	}
	return "at " + x.until.Format(time.RFC3339)
}

// Unreached warns about globs that matched nobody. It also warns about rules that
// decided nothing although each of their globs matched somebody. The order is
// that of the file. A short trail proves little, because people who did not sign
// in cannot match.
func (t *Tally) Unreached() Problems {
	if t.Policy == nil || t.SignIns == 0 {
		return nil
	}
	var out Problems
	idle := func(m *matcher) bool {
		before := len(out)
		for kind := range m {
			for _, p := range m[kind] {
				if !t.reached[p.id] {
					out = append(out, t.Policy.newWarning(p.at, "%s %.100q matches nobody among %s", MatchKey(kind), p.text, text.Count(t.SignIns, "sign-in")))
				}
			}
		}
		return len(out) > before
	}
	for i := range t.Policy.rules {
		r := &t.Policy.rules[i]
		if !idle(&r.match) && t.decided[r.name] == 0 {
			out = append(out, t.Policy.newWarning(r.at, "rule %q decided none of %s: earlier rules did, or its globs never matched together", r.name, text.Count(t.SignIns, "sign-in")))
		}
	}
	for i := range t.Policy.exceptions {
		idle(&t.Policy.exceptions[i].match)
	}
	return out.sortedByPlace()
}

// String returns the counts in words.
func (t *Tally) String() string {
	return fmt.Sprintf("%s: %d allowed, %d not allowed, %d not judged", text.Count(t.SignIns, "sign-in"), t.Allowed, t.Violations, t.NotJudged)
}
