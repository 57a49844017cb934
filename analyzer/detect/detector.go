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

// Detector finds sign-ins that came through an unexpected endpoint or broke
// another rule.
//
// The caller adds sign-ins in the order of time, then event id. Each is compared
// with what came before it, and a success is then learned. So the order of files
// and the size of batches do not change a finding. One run may end with its
// Baseline saved and another begin with it loaded. The two runs find together
// what one run over all sign-ins finds. If two findings have the same id, the
// later one is valid.
//
// The zero Detector has no policy and its own empty baseline, and is ready to
// use. It is for one goroutine. The caller must not change its fields after the
// first Add.
type Detector struct {
	Policy     *policy.Policy // nil: no policy is applied, and rules have their defaults
	Baseline   *Baseline      // what earlier runs learned; this run adds to it; nil: a new one
	LearnUntil time.Time      // sign-ins before it are only learned; zero: not set

	rules        []ruleTest
	closedBursts []*burst
	lateBursts   map[string]*burst // bursts of sign-ins that the baseline already knows
	judged       int
	unjudged     int
	late         int
	nextSweep    time.Time // when expired bursts are removed next
}

// prepareRun fills the fields of a zero Detector before the first sign-in.
func (j *Detector) prepareRun() {
	if j.rules != nil {
		return
	}
	if j.Baseline == nil {
		j.Baseline = &Baseline{}
	}
	j.Baseline.prepareMaps()
	for _, b := range j.Baseline.bursts {
		b.changedThisRun = false // an earlier Detector has reported that change
	}
	j.lateBursts = map[string]*burst{}
	j.rules = []ruleTest{}
	for _, r := range ruleTests() {
		if tuned, enabled := j.tuneRule(r.Spec); enabled {
			r.Spec = tuned
			j.rules = append(j.rules, r)
		}
	}
}

// tuneRule applies the settings of the policy to a rule. It returns false if the
// policy switches the rule off.
func (j *Detector) tuneRule(d rule.Spec) (rule.Spec, bool) {
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

// Add tests one sign-in against the rules and learns from it. v is the verdict on
// it. The sign-in may come before the last one that the baseline has learned.
// Then only the rules that need no history are tested, and it is not learned
// again.
func (j *Detector) Add(e *signin.Event, v analyzer.Verdict) {
	j.prepareRun()
	if e.Time.After(j.nextSweep) {
		if !j.nextSweep.IsZero() {
			j.sweepExpired(e.Time)
		}
		j.nextSweep = e.Time.Add(24 * time.Hour)
	}
	s := j.observeSignIn(e, v)
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

// Judged returns how many sign-ins were tested. Those before LearnUntil are not
// counted.
func (j *Detector) Judged() int { return j.judged }

// NotJudged returns for how many of the tested sign-ins the baseline had no
// expectation. Their endpoint is not known, or the record does not name a person.
// The other rules were tested for them.
func (j *Detector) NotJudged() int { return j.unjudged }

// Late returns how many sign-ins came after the baseline had passed them. The
// rules that need history were not tested for them.
func (j *Detector) Late() int { return j.late }

// matchRules returns the rules that a sign-in breaks, in the order of the list.
func (j *Detector) matchRules(s *observation) []match {
	var all []match
	for _, r := range j.rules {
		if m, ok := r.test(j, s, r.Spec); ok {
			all = append(all, m)
		}
	}
	return all
}

// raiseFindings makes one finding for each family of the matches of one sign-in.
// A match that belongs to an open burst is counted there instead.
func (j *Detector) raiseFindings(s *observation, matches []match) {
	bursts := j.Baseline.bursts
	if s.late {
		bursts = j.lateBursts
	}
	for f := range rule.Families {
		lead, ok := leadingMatch(s, matches, f)
		if !ok || f == rule.PlaceFamily && coveredByAuthFinding(s, matches) {
			continue
		}
		key := lead.burstKey(s)
		if open := j.Baseline.bursts[key]; s.late && open != nil && open.includesEvent(s) {
			open.changedThisRun = true // the burst counts it already; report the burst again
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

// leadingMatch returns the match that represents a family: the most severe one,
// and of equals the first. It adds the other matches of the sign-in to the
// reason, and raises the severity for them. It returns false if no match is of
// the family.
func leadingMatch(s *observation, matches []match, f rule.Family) (match, bool) {
	at := -1
	for i, h := range matches {
		if h.Family == f && (at < 0 || h.gradedSeverity(s) > matches[at].gradedSeverity(s)) {
			at = i
		}
	}
	if at < 0 {
		return match{}, false
	}
	lead := matches[at]
	lead.Severity = lead.gradedSeverity(s)
	var with []string
	rise := rule.Severity(0)
	for i, h := range matches {
		if i == at || h.ID == rule.MFAAbsent {
			continue
		}
		with = append(with, h.ID)
		if f != rule.MFAFamily && !relatedRules(lead.ID, h.ID) {
			rise = 1
		}
	}
	newAddress, noSecondFactor := s.fromNewAddress() && f != rule.MFAFamily, s.withoutMFA() && f != rule.MFAFamily
	if newAddress {
		with = append(with, fmt.Sprintf("address %q is new for this principal", s.event.SourceIP))
	}
	if noSecondFactor {
		with = append(with, "no second factor")
	}
	if newAddress && noSecondFactor {
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

// coveredByAuthFinding tells whether a sign-in is one of many failed guesses.
// Then the finding about the guesses names the endpoint too.
func coveredByAuthFinding(s *observation, matches []match) bool {
	return s.event.Outcome == signin.Failure && slices.ContainsFunc(matches, func(h match) bool { return h.Family == rule.BruteForceFamily || h.Family == rule.SprayFamily })
}

// gradedSeverity returns the severity of a match alone. A failed sign-in counts
// one step less for the rules about endpoints.
func (h *match) gradedSeverity(s *observation) rule.Severity {
	if h.Family == rule.PlaceFamily && s.event.Outcome == signin.Failure && h.Severity > rule.Low {
		return h.Severity - 1
	}
	return h.Severity
}

// relatedRules tells whether two rules usually match together. Then the second
// match is not further evidence.
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

// burstKey returns the key that all sign-ins of one burst share.
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

// foldFor returns how long the burst stays open after the sign-in. The time is
// short after a failure, so that a success some days later makes its own finding.
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

// sweepExpired closes the bursts that are over and drops failures that no longer
// count.
func (j *Detector) sweepExpired(now time.Time) {
	j.Baseline.forgetFailures(now.Unix())
	for key, b := range j.Baseline.bursts {
		if b.Until < now.Unix() {
			j.closeBurst(b)
			delete(j.Baseline.bursts, key)
		}
	}
}

// Findings lists what this Detector found, in the order of time, event id and
// rule. It includes bursts that began in an earlier run and continued in this
// one. The caller may add more sign-ins afterwards. Findings of open bursts are
// then out of date.
func (j *Detector) Findings() []Finding {
	j.prepareRun()
	all := make([]Finding, 0, len(j.closedBursts))
	for _, b := range j.closedBursts {
		all = append(all, b.currentFinding())
	}
	for _, open := range [...]map[string]*burst{j.Baseline.bursts, j.lateBursts} {
		for _, b := range open {
			if b.changedThisRun {
				all = append(all, b.currentFinding())
			}
		}
	}
	slices.SortFunc(all, compareFindings)
	return all
}

// Explain says in words how the policy and the baseline see a sign-in, and which
// rules it breaks. It learns nothing.
func (j *Detector) Explain(e *signin.Event, v analyzer.Verdict) []string {
	j.prepareRun()
	s := j.observeSignIn(e, v)
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
	matches := j.matchRules(&s)
	for f := range rule.Families {
		if lead, ok := leadingMatch(&s, matches, f); ok {
			out = append(out, fmt.Sprintf("Rule %s (%s): %s.", lead.ID, lead.Severity, lead.reason))
		}
	}
	if len(matches) == 0 {
		out = append(out, "No rule is broken.")
	}
	return out
}
