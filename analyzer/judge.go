package analyzer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"trailgate/ingest/signin"
)

// Judge says which sign-ins came through an endpoint that was not expected,
// or broke another rule. Sign-ins are handed to it in order of time, then id;
// each is judged by what came before it only, and a success is then learned.
// So neither the order of files nor the borders of batches change a finding:
// a run that ends with its Baseline saved and one that begins with it loaded
// find together what one run over both finds, where of findings with the same
// id the later stands.
//
// The zero Judge has no policy and an empty baseline of its own, and is ready.
// It is for one goroutine. Its fields are not to be changed after the first
// Add.
type Judge struct {
	Policy     *Policy   // nil: nobody is judged by policy, and rules are at their defaults
	Baseline   *Baseline // what is known, and what is learned into; nil: a new one
	LearnUntil time.Time // nothing before it is flagged; zero: no such time

	detectors []detector
	closed    []*burst
	behind    map[string]*burst // of sign-ins that the baseline has already seen
	judged    int
	unjudged  int
	late      int
	next      time.Time // of the next sweep
}

// ready makes the zero Judge work.
func (j *Judge) ready() {
	if j.detectors != nil {
		return
	}
	if j.Baseline == nil {
		j.Baseline = &Baseline{}
	}
	j.Baseline.open()
	for _, b := range j.Baseline.bursts {
		b.grown = false // what grew under another Judge, that one has told
	}
	j.behind = map[string]*burst{}
	j.detectors = []detector{}
	for _, d := range ruleList() {
		c := j.Policy.Detection(d.id)
		if c.Enabled == signin.No {
			continue
		}
		if c.Severity != 0 {
			d.severity = c.Severity
		}
		if c.Threshold > 0 {
			d.threshold = c.Threshold
		}
		if c.Count > 0 {
			d.count = c.Count
		}
		switch {
		case c.Window > 0 && d.window > 0:
			d.window = c.Window
			d.fold = max(d.fold, d.window)
		case c.Window > 0:
			d.fold = c.Window
		}
		j.detectors = append(j.detectors, d)
	}
}

// Add judges one sign-in, on which v is the verdict, and learns from it. A
// sign-in that does not come after the last one that the baseline has taken in
// is judged by the rules that need no history, and not learned again.
func (j *Judge) Add(e *signin.Event, v Verdict) {
	j.ready()
	if e.Time.After(j.next) {
		if !j.next.IsZero() {
			j.sweep(e.Time)
		}
		j.next = e.Time.Add(day)
	}
	s := j.see(e, v)
	if j.LearnUntil.IsZero() || !e.Time.Before(j.LearnUntil) {
		j.judged++
		if !s.named || !s.known {
			j.unjudged++
		}
		j.raise(&s, j.hits(&s))
	}
	if s.late {
		j.late++
		return
	}
	if e.Outcome == signin.Failure {
		j.Baseline.fail(&s)
	}
	j.Baseline.learn(&s)
}

// Judged is how many sign-ins were judged: those before LearnUntil were not.
func (j *Judge) Judged() int { return j.judged }

// NotJudged is how many of the judged sign-ins no expectation could speak of,
// because their endpoint is not known or nobody can be named for them. Rules
// that expect nothing of a person were applied to them all the same.
func (j *Judge) NotJudged() int { return j.unjudged }

// Late is how many sign-ins the baseline had already passed when they came:
// expectations from history and counts of failures did not speak of them.
func (j *Judge) Late() int { return j.late }

// hits are the rules that a sign-in breaks, in the order of the list.
func (j *Judge) hits(s *sight) []hit {
	var all []hit
	for _, d := range j.detectors {
		if h, ok := j.test(s, d); ok {
			all = append(all, h)
		}
	}
	return all
}

// test applies one rule.
func (j *Judge) test(s *sight, d detector) (hit, bool) {
	switch d.id {
	case RulePolicy:
		return j.byPolicy(s, d)
	case RuleForeignHost:
		return j.byHost(s, d)
	case RuleRootRegional:
		return j.byRootRegion(s, d)
	case RuleIDCHome:
		return j.byHome(s, d)
	case RuleFirst:
		return j.byFirst(s, d)
	case RuleNew:
		return j.byHabit(s, d)
	case RuleHop:
		return j.byHop(s, d)
	case RuleMismatch:
		return j.byMismatch(s, d)
	case RuleRoot:
		return j.byRoot(s, d)
	case RuleMFA:
		return j.byFactor(s, d)
	case RuleBruteForce:
		return j.byForce(s, d)
	case RuleSpray:
		return j.bySpray(s, d)
	case RuleUnknownUser:
		return j.byName(s, d)
	case RuleDenied:
		return j.byDenial(s, d)
	}
	return hit{}, false
}

// raise makes findings of the hits of one sign-in, one for each family, or
// folds them into bursts that go on.
func (j *Judge) raise(s *sight, hits []hit) {
	bursts := j.Baseline.bursts
	if s.late {
		bursts = j.behind
	}
	for f := range families {
		lead, ok := leader(s, hits, f)
		if !ok || f == placeFamily && absorbed(s, hits) {
			continue
		}
		key := lead.burstKey(s)
		if open := j.Baseline.bursts[key]; s.late && open != nil && open.spans(s) {
			open.grown = true // it is in there already, and told again
			continue
		}
		b := bursts[key]
		if b != nil && s.unix <= b.Until {
			b.take(s, lead.severity, lead.reason, lead.foldFor(s))
			continue
		}
		if b != nil {
			j.close(b)
		}
		bursts[key] = &burst{
			Finding: Finding{ID: findingID(lead.id, s.e.ID), Rule: lead.id, Severity: lead.severity, Reason: lead.reason,
				Observed: lead.observed, Expected: lead.expected, Surprise: lead.surprise, Count: 1, Event: *s.e, Verdict: s.v},
			Last: s.unix, Until: s.unix + int64(lead.foldFor(s)/time.Second), grown: true,
		}
	}
}

// leader is the hit of a family that speaks for all of them: the gravest, of
// equals the first. Its severity and reason take account of what else meets
// in the sign-in.
func leader(s *sight, hits []hit, f family) (hit, bool) {
	at := -1
	for i, h := range hits {
		if h.family == f && (at < 0 || h.graded(s) > hits[at].graded(s)) {
			at = i
		}
	}
	if at < 0 {
		return hit{}, false
	}
	lead := hits[at]
	lead.severity = lead.graded(s)
	var with []string
	rise := Severity(0)
	for i, h := range hits {
		if i == at || h.id == RuleMFA {
			continue
		}
		with = append(with, h.id)
		if f != mfaFamily && !related(lead.id, h.id) {
			rise = 1
		}
	}
	strange, single := s.strange() && f != mfaFamily, s.single() && f != mfaFamily
	if strange {
		with = append(with, fmt.Sprintf("address %q is new for this principal", s.e.SourceIP))
	}
	if single {
		with = append(with, "no second factor")
	}
	if strange && single {
		rise++
	}
	if len(with) > 0 {
		lead.reason += "; together with " + strings.Join(with, ", ")
	}
	if top := min(lead.severity+rise, SeverityCritical); top > lead.severity {
		lead.reason += fmt.Sprintf(", hence %s instead of %s", top, lead.severity)
		lead.severity = top
	}
	return lead, true
}

// absorbed tells whether a sign-in is one of many failed guesses: then the
// finding about those says where it came through as well.
func absorbed(s *sight, hits []hit) bool {
	return s.e.Outcome == signin.Failure && slices.ContainsFunc(hits, func(h hit) bool { return h.family == forceFamily || h.family == sprayFamily })
}

// graded is the severity of a hit by itself: who did not get in weighs less.
func (h *hit) graded(s *sight) Severity {
	if h.family == placeFamily && s.e.Outcome == signin.Failure && h.severity > SeverityLow {
		return h.severity - 1
	}
	return h.severity
}

// related tells whether one of two rules goes along with the other by its
// nature, so that meeting proves nothing more.
func related(a, b string) bool {
	if a == RuleSpray && b == RuleBruteForce || a == RuleBruteForce && b == RuleSpray {
		return false
	}
	root := func(id string) bool { return id == RuleRoot || id == RuleRootRegional }
	place := func(id string) bool { return id == RuleNew || id == RuleFirst || id == RuleIDCHome }
	return root(a) && root(b) || place(a) && place(b)
}

// burstKey is what the sign-ins of a burst have in common.
func (h *hit) burstKey(s *sight) string {
	who := s.principal
	if h.family == sprayFamily {
		who = ""
	}
	parts := []string{fmt.Sprint(int(h.family)), who, h.key}
	if h.family == placeFamily {
		parts = append(parts, s.class)
	}
	return strings.Join(parts, "\x1f")
}

// foldFor is how long the burst goes on after the sign-in. Who failed is soon
// forgotten, so that a success some days later stands for itself.
func (h *hit) foldFor(s *sight) time.Duration {
	if h.family == placeFamily && !s.success() {
		return min(h.fold, day)
	}
	return h.fold
}

func (j *Judge) close(b *burst) {
	if b.grown {
		j.closed = append(j.closed, b)
	}
}

// sweep lets go of what is over.
func (j *Judge) sweep(now time.Time) {
	j.Baseline.forget(now.Unix())
	for key, b := range j.Baseline.bursts {
		if b.Until < now.Unix() {
			j.close(b)
			delete(j.Baseline.bursts, key)
		}
	}
}

// Findings are what was found by this Judge, bursts that began before it and
// went on included, in order of time, event id and rule. More sign-ins may be
// added afterwards; the findings of bursts that go on are then outdated.
func (j *Judge) Findings() []Finding {
	j.ready()
	all := make([]Finding, 0, len(j.closed))
	for _, b := range j.closed {
		all = append(all, b.told())
	}
	for _, open := range [...]map[string]*burst{j.Baseline.bursts, j.behind} {
		for _, b := range open {
			if b.grown {
				all = append(all, b.told())
			}
		}
	}
	slices.SortFunc(all, byEvent)
	return all
}

// Explain says in words what policy and baseline make of a sign-in, and which
// rules it breaks, the one that leads first. It learns nothing.
func (j *Judge) Explain(e *signin.Event, v Verdict) []string {
	j.ready()
	s := j.see(e, v)
	var out []string
	switch c := s.decision; {
	case j.Policy == nil:
	case !c.Judged:
		out = append(out, "The policy does not speak of it: "+c.Why+".")
	case c.Exception != "":
		out = append(out, fmt.Sprintf("The policy allows it by exception %q; rule %q (line %d) does not.", c.Exception, c.Rule, c.Line))
	case c.Allowed:
		out = append(out, fmt.Sprintf("The policy allows it: rule %q (line %d) allows %s.", c.Rule, c.Line, orNothing(c.Expected)))
	default:
		out = append(out, fmt.Sprintf("The policy does not allow it: rule %q (line %d) allows %s.", c.Rule, c.Line, orNothing(c.Expected)))
	}
	if o := s.outlook; s.named && s.known && o.account+o.own > 0 {
		out = append(out, fmt.Sprintf("The baseline knows %s of this principal%s, %d of them at this endpoint, and %d of the account, %s of them here: %.1f bits of surprise.",
			plural(o.own, "sign-in"), o.ofKnown(), o.here, o.account, percent(o.common), o.surprise))
	}
	if s.late {
		out = append(out, "The baseline already knows this sign-in or later ones, so the rules of habit do not speak of it.")
	}
	hits := j.hits(&s)
	for f := range families {
		if lead, ok := leader(&s, hits, f); ok {
			out = append(out, fmt.Sprintf("Rule %s (%s): %s.", lead.id, lead.severity, lead.reason))
		}
	}
	if len(hits) == 0 {
		out = append(out, "No rule is broken.")
	}
	return out
}
