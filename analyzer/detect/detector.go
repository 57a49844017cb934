package detect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"trailgate/analyzer"
	"trailgate/analyzer/policy"
	"trailgate/analyzer/rule"
	"trailgate/analyzer/text"
	"trailgate/ingest/signin"
)

// Detector says which sign-ins came through an endpoint that was not expected,
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
type Detector struct {
	Policy     *policy.Policy // nil: nobody is judged by policy, and rules are at their defaults
	Baseline   *Baseline      // what is known, and what is learned into; nil: a new one
	LearnUntil time.Time      // nothing before it is flagged; zero: no such time

	rules        []ruleTest
	closedBursts []*burst
	lateBursts   map[string]*burst // of sign-ins that the baseline has already seen
	judged       int
	unjudged     int
	late         int
	nextSweep    time.Time // of the next sweep
}

// prepare makes the zero Judge work.
func (j *Detector) prepare() {
	if j.rules != nil {
		return
	}
	if j.Baseline == nil {
		j.Baseline = &Baseline{}
	}
	j.Baseline.prepareMaps()
	for _, b := range j.Baseline.bursts {
		b.changedThisRun = false // what grew under another Judge, that one has told
	}
	j.lateBursts = map[string]*burst{}
	j.rules = []ruleTest{}
	for _, r := range ruleTests() {
		if tuned, enabled := j.tune(r.Spec); enabled {
			r.Spec = tuned
			j.rules = append(j.rules, r)
		}
	}
}

// tune puts the policy's settings into a rule. It reports whether the rule is on.
func (j *Detector) tune(d rule.Spec) (rule.Spec, bool) {
	c := j.Policy.Detection(d.ID)
	if c.Enabled == signin.No {
		return d, false
	}
	if c.Severity != 0 {
		d.Severity = c.Severity
	}
	if c.Threshold > 0 {
		d.Threshold = c.Threshold
	}
	if c.Count > 0 {
		d.Count = c.Count
	}
	switch {
	case c.Window > 0 && d.Window > 0:
		d.Window = c.Window
		d.Fold = max(d.Fold, d.Window)
	case c.Window > 0:
		d.Fold = c.Window
	}
	return d, true
}

// Add judges one sign-in, on which v is the verdict, and learns from it. A
// sign-in that does not come after the last one that the baseline has taken in
// is judged by the rules that need no history, and not learned again.
func (j *Detector) Add(e *signin.Event, v analyzer.Verdict) {
	j.prepare()
	if e.Time.After(j.nextSweep) {
		if !j.nextSweep.IsZero() {
			j.sweepExpired(e.Time)
		}
		j.nextSweep = e.Time.Add(24 * time.Hour)
	}
	s := j.observe(e, v)
	if j.LearnUntil.IsZero() || !e.Time.Before(j.LearnUntil) {
		j.judged++
		if !s.named || !s.known {
			j.unjudged++
		}
		j.raiseFindings(&s, j.matchRules(&s))
	}
	if s.late {
		j.late++
		return
	}
	if e.Outcome == signin.Failure {
		j.Baseline.recordFailure(&s)
	}
	j.Baseline.learnSignIn(&s)
}

// Judged is how many sign-ins were judged: those before LearnUntil were not.
func (j *Detector) Judged() int { return j.judged }

// NotJudged is how many of the judged sign-ins no expectation could speak of,
// because their endpoint is not known or nobody can be named for them. Rules
// that expect nothing of a person were applied to them all the same.
func (j *Detector) NotJudged() int { return j.unjudged }

// Late is how many sign-ins the baseline had already passed when they came:
// expectations from history and counts of failures did not speak of them.
func (j *Detector) Late() int { return j.late }

// matchRules are the rules that a sign-in breaks, in the order of the list.
func (j *Detector) matchRules(s *observation) []match {
	var all []match
	for _, r := range j.rules {
		if m, ok := r.test(j, s, r.Spec); ok {
			all = append(all, m)
		}
	}
	return all
}

// raiseFindings makes findings of the hits of one sign-in, one for each family, or
// folds them into bursts that go on.
func (j *Detector) raiseFindings(s *observation, hits []match) {
	bursts := j.Baseline.bursts
	if s.late {
		bursts = j.lateBursts
	}
	for f := range rule.Families {
		lead, ok := leadingMatch(s, hits, f)
		if !ok || f == rule.PlaceFamily && coveredByAuthFinding(s, hits) {
			continue
		}
		key := lead.burstKey(s)
		if open := j.Baseline.bursts[key]; s.late && open != nil && open.includesEvent(s) {
			open.changedThisRun = true // it is in there already, and told again
			continue
		}
		b := bursts[key]
		if b != nil && s.unix <= b.Until {
			b.addSignIn(s, lead.Severity, lead.reason, lead.foldFor(s))
			continue
		}
		if b != nil {
			j.closeBurst(b)
		}
		bursts[key] = &burst{
			Finding: Finding{ID: findingID(lead.ID, s.event.ID), Rule: lead.ID, Severity: lead.Severity, Reason: lead.reason,
				Observed: lead.observed, Expected: lead.expected, Surprise: lead.surprise, Count: 1, Event: *s.event, Verdict: s.verdict},
			Last: s.unix, Until: s.unix + int64(lead.foldFor(s)/time.Second), changedThisRun: true,
		}
	}
}

// leadingMatch is the hit of a family that speaks for all of them: the gravest, of
// equals the first. Its severity and reason take account of what else meets
// in the sign-in.
func leadingMatch(s *observation, hits []match, f rule.Family) (match, bool) {
	at := -1
	for i, h := range hits {
		if h.Family == f && (at < 0 || h.gradedSeverity(s) > hits[at].gradedSeverity(s)) {
			at = i
		}
	}
	if at < 0 {
		return match{}, false
	}
	lead := hits[at]
	lead.Severity = lead.gradedSeverity(s)
	var with []string
	rise := rule.Severity(0)
	for i, h := range hits {
		if i == at || h.ID == rule.MFAAbsent {
			continue
		}
		with = append(with, h.ID)
		if f != rule.MFAFamily && !relatedRules(lead.ID, h.ID) {
			rise = 1
		}
	}
	strange, single := s.fromNewAddress() && f != rule.MFAFamily, s.withoutMFA() && f != rule.MFAFamily
	if strange {
		with = append(with, fmt.Sprintf("address %q is new for this principal", s.event.SourceIP))
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
	if top := min(lead.Severity+rise, rule.Critical); top > lead.Severity {
		lead.reason += fmt.Sprintf(", hence %s instead of %s", top, lead.Severity)
		lead.Severity = top
	}
	return lead, true
}

// coveredByAuthFinding tells whether a sign-in is one of many failed guesses: then the
// finding about those says where it came through as well.
func coveredByAuthFinding(s *observation, hits []match) bool {
	return s.event.Outcome == signin.Failure && slices.ContainsFunc(hits, func(h match) bool { return h.Family == rule.BruteForceFamily || h.Family == rule.SprayFamily })
}

// gradedSeverity is the severity of a hit by itself: who did not get in weighs less.
func (h *match) gradedSeverity(s *observation) rule.Severity {
	if h.Family == rule.PlaceFamily && s.event.Outcome == signin.Failure && h.Severity > rule.Low {
		return h.Severity - 1
	}
	return h.Severity
}

// relatedRules tells whether one of two rules goes along with the other by its
// nature, so that meeting proves nothing more.
func relatedRules(a, b string) bool {
	if a == rule.AuthSpray && b == rule.AuthBruteforce || a == rule.AuthBruteforce && b == rule.AuthSpray {
		return false
	}
	root := func(id string) bool { return id == rule.RootSignin || id == rule.RootRegional }
	place := func(id string) bool {
		return id == rule.EndpointNew || id == rule.EndpointFirstInAccount || id == rule.EndpointIDCHome
	}
	return root(a) && root(b) || place(a) && place(b)
}

// burstKey is what the sign-ins of a burst have in common.
func (h *match) burstKey(s *observation) string {
	who := s.principal
	if h.Family == rule.SprayFamily {
		who = ""
	}
	parts := []string{fmt.Sprint(int(h.Family)), who, h.key}
	if h.Family == rule.PlaceFamily {
		parts = append(parts, s.class)
	}
	return strings.Join(parts, "\x1f")
}

// foldFor is how long the burst goes on after the sign-in. Who failed is soon
// forgotten, so that a success some days later stands for itself.
func (h *match) foldFor(s *observation) time.Duration {
	if h.Family == rule.PlaceFamily && !s.succeeded() {
		return min(h.Fold, 24*time.Hour)
	}
	return h.Fold
}

func (j *Detector) closeBurst(b *burst) {
	if b.changedThisRun {
		j.closedBursts = append(j.closedBursts, b)
	}
}

// sweepExpired lets go of what is over.
func (j *Detector) sweepExpired(now time.Time) {
	j.Baseline.forgetFailures(now.Unix())
	for key, b := range j.Baseline.bursts {
		if b.Until < now.Unix() {
			j.closeBurst(b)
			delete(j.Baseline.bursts, key)
		}
	}
}

// Findings are what was found by this Judge, bursts that began before it and
// went on included, in order of time, event id and rule. More sign-ins may be
// added afterwards; the findings of bursts that go on are then outdated.
func (j *Detector) Findings() []Finding {
	j.prepare()
	all := make([]Finding, 0, len(j.closedBursts))
	for _, b := range j.closedBursts {
		all = append(all, b.finding())
	}
	for _, open := range [...]map[string]*burst{j.Baseline.bursts, j.lateBursts} {
		for _, b := range open {
			if b.changedThisRun {
				all = append(all, b.finding())
			}
		}
	}
	slices.SortFunc(all, compareFindings)
	return all
}

// Explain says in words what policy and baseline make of a sign-in, and which
// rules it breaks, the one that leads first. It learns nothing.
func (j *Detector) Explain(e *signin.Event, v analyzer.Verdict) []string {
	j.prepare()
	s := j.observe(e, v)
	var out []string
	switch c := s.decision; {
	case j.Policy == nil:
	case !c.Judged:
		out = append(out, "The policy does not decide: "+c.Why+".")
	case c.Exception != "":
		out = append(out, fmt.Sprintf("The policy allows it by exception %q; rule %q (line %d) does not.", c.Exception, c.Rule, c.Line))
	case c.Allowed:
		out = append(out, fmt.Sprintf("The policy allows it: rule %q (line %d) allows %s.", c.Rule, c.Line, listOrNothing(c.Expected)))
	default:
		out = append(out, fmt.Sprintf("The policy does not allow it: rule %q (line %d) allows %s.", c.Rule, c.Line, listOrNothing(c.Expected)))
	}
	if o := s.expected; s.named && s.known && o.account+o.own > 0 {
		out = append(out, fmt.Sprintf("The baseline knows %s of this principal%s, %d of them at this endpoint. It knows %d of the account, %s of them at this endpoint: %.1f bits of surprise.",
			text.Count(o.own, "sign-in"), o.knownOnly(), o.here, o.account, formatPercent(o.common), o.surprise))
	}
	if s.late {
		out = append(out, "The baseline already knows this sign-in or later ones, so the rules that compare with earlier sign-ins do not apply.")
	}
	hits := j.matchRules(&s)
	for f := range rule.Families {
		if lead, ok := leadingMatch(&s, hits, f); ok {
			out = append(out, fmt.Sprintf("Rule %s (%s): %s.", lead.ID, lead.Severity, lead.reason))
		}
	}
	if len(hits) == 0 {
		out = append(out, "No rule is broken.")
	}
	return out
}
