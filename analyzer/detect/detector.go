// Package detect finds sign-ins that break a rule. In come sign-ins in order of
// time, their verdicts, a policy and a baseline. Out come findings, and the
// baseline with the new sign-ins in it. The package does no I/O and reads no
// clock: the time of a sign-in is the only time that counts.
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

// Detector tests sign-ins against the rules and returns findings. Add the
// sign-ins in order of time, then id. Each one is judged only by what came before
// it. After that the baseline learns it, if it succeeded.
//
// So neither the order of files nor the borders of batches change a finding. A
// run may save its Baseline and another run may load it. Together they find what
// one run over all sign-ins finds. If both report a finding with the same id, the
// later one is right.
//
// The zero Detector is ready. It has no policy, and it makes an empty Baseline
// of its own. A Detector is for one goroutine. Do not change its fields after the
// first Add.
type Detector struct {
	Policy     *policy.Policy // nil: no sign-in is judged by policy, and every rule has its default settings
	Baseline   *Baseline      // what was learned before; Add changes it; nil: a new one
	LearnUntil time.Time      // sign-ins before this time are learned, not judged; zero: all are judged

	rules        []ruleTest // the enabled rules, with the policy's settings; nil before the first use
	closedBursts []*burst
	lateBursts   map[string]*burst // bursts of late sign-ins (see Add); not saved with the Baseline
	judged       int
	unjudged     int
	late         int
	nextSweep    time.Time // when expired bursts and failures are dropped next
}

// prepareRun makes the zero Detector ready. Only the first call does anything.
func (d *Detector) prepareRun() {
	if d.rules == nil {
		d.prepareWith(ruleTests())
	}
}

// prepareWith makes the Detector ready to test these rules. It leaves out rules
// that the policy disables.
func (d *Detector) prepareWith(all []ruleTest) {
	if d.Baseline == nil {
		d.Baseline = &Baseline{}
	}
	d.Baseline.prepareMaps()
	for _, b := range d.Baseline.bursts {
		b.changedThisRun = false // an earlier Detector has reported the change
	}
	d.lateBursts = map[string]*burst{}
	d.rules = []ruleTest{}
	for _, r := range all {
		if tuned, enabled := d.tuneRule(r.Spec); enabled {
			r.Spec = tuned
			d.rules = append(d.rules, r)
		}
	}
}

// tuneRule puts the policy's settings into a rule. It reports whether the rule is
// enabled.
func (d *Detector) tuneRule(spec rule.Spec) (rule.Spec, bool) {
	c := d.Policy.Detection(spec.ID)
	if c.Enabled == signin.No {
		return spec, false
	}
	if c.Severity != 0 {
		spec.Severity = c.Severity
	}
	if c.Threshold > 0 {
		spec.Threshold = c.Threshold
	}
	if c.Count > 0 {
		spec.Count = c.Count
	}
	switch {
	case c.Window > 0 && spec.Window > 0:
		spec.Window = c.Window
		spec.Fold = max(spec.Fold, spec.Window)
	case c.Window > 0:
		spec.Fold = c.Window
	}
	return spec, true
}

// Add judges one sign-in and then learns from it. v is the verdict on the
// sign-in. A sign-in is late if the baseline has already learned it or one that
// came after it. Late sign-ins are judged only by rules that need no history, and
// they are not learned again.
func (d *Detector) Add(e *signin.Event, v analyzer.Verdict) {
	d.prepareRun()
	if e.Time.After(d.nextSweep) {
		if !d.nextSweep.IsZero() {
			d.sweepExpired(e.Time)
		}
		d.nextSweep = e.Time.Add(24 * time.Hour)
	}
	obs := d.observeSignIn(e, v)
	if d.LearnUntil.IsZero() || !e.Time.Before(d.LearnUntil) {
		d.judged++
		if !obs.named || !obs.known {
			d.unjudged++
		}
		d.raiseFindings(&obs, d.matchRules(&obs))
	}
	if obs.late {
		d.late++
		return
	}
	if e.Outcome == signin.Failure {
		d.Baseline.recordFailure(&obs)
	}
	d.Baseline.learnSignIn(&obs)
}

// Judged returns the number of sign-ins that were judged. Those before LearnUntil
// were not.
func (d *Detector) Judged() int { return d.judged }

// NotJudged returns how many of the judged sign-ins could not be compared with
// what is expected of a person. Their endpoint or their principal is not known.
// Rules that expect nothing of a person were tested all the same.
func (d *Detector) NotJudged() int { return d.unjudged }

// Late returns the number of late sign-ins. See Add.
func (d *Detector) Late() int { return d.late }

// matchRules returns the enabled rules that a sign-in breaks, in the order of rule.All.
func (d *Detector) matchRules(obs *observation) []match {
	var all []match
	for _, r := range d.rules {
		if m, ok := r.test(d, obs, r.Spec); ok {
			all = append(all, m)
		}
	}
	return all
}

// raiseFindings turns the matches of one sign-in into findings, at most one for each
// family. A burst is a finding together with the sign-ins that repeat it. A match that
// belongs to an open burst is added to it instead of making a new finding.
func (d *Detector) raiseFindings(obs *observation, matches []match) {
	bursts := d.Baseline.bursts
	if obs.late {
		bursts = d.lateBursts
	}
	for f := range rule.Families {
		lead, ok := leadingMatch(obs, matches, f)
		if !ok || f == rule.PlaceFamily && coveredByAuthFinding(obs, matches) {
			continue
		}
		key := lead.burstKey(obs)
		if open := d.Baseline.bursts[key]; obs.late && open != nil && open.includesEvent(obs) {
			open.changedThisRun = true // the burst counts this sign-in already: report it again as it is
			continue
		}
		b := bursts[key]
		if b != nil && obs.unix <= b.Until {
			b.addSignIn(obs, lead.Severity, lead.reason, lead.foldFor(obs))
			continue
		}
		if b != nil {
			d.closeBurst(b)
		}
		bursts[key] = &burst{
			Finding: Finding{ID: findingID(lead.ID, obs.event.ID), Rule: lead.ID, Severity: lead.Severity, Reason: lead.reason,
				Observed: lead.observed, Expected: lead.expected, Surprise: lead.surprise, Count: 1, Event: *obs.event, Verdict: obs.verdict},
			Last: obs.unix, Until: obs.unix + int64(lead.foldFor(obs)/time.Second), changedThisRun: true,
		}
	}
}

// leadingMatch returns the match that stands for all matches of a family. It is
// the one with the highest severity, and among equals the first. Its severity rises if
// independent signs come together: a match of an unrelated rule, or a new address
// without a second factor. Its reason names all these signs. It returns false if the
// family has no match.
func leadingMatch(obs *observation, matches []match, f rule.Family) (match, bool) {
	at := -1
	for i, m := range matches {
		if m.Family == f && (at < 0 || m.gradedSeverity(obs) > matches[at].gradedSeverity(obs)) {
			at = i
		}
	}
	if at < 0 {
		return match{}, false
	}
	lead := matches[at]
	lead.Severity = lead.gradedSeverity(obs)
	var together []string
	rise := rule.Severity(0)
	for i, m := range matches {
		if i == at || m.ID == rule.MFAAbsent {
			continue
		}
		together = append(together, m.ID)
		if f != rule.MFAFamily && !relatedRules(lead.ID, m.ID) {
			rise = 1
		}
	}
	newAddress, withoutMFA := obs.fromNewAddress() && f != rule.MFAFamily, obs.withoutMFA() && f != rule.MFAFamily
	if newAddress {
		together = append(together, fmt.Sprintf("address %q is new for this principal", obs.event.SourceIP))
	}
	if withoutMFA {
		together = append(together, "no second factor")
	}
	if newAddress && withoutMFA {
		rise++
	}
	if len(together) > 0 {
		lead.reason += "; together with " + strings.Join(together, ", ")
	}
	if top := min(lead.Severity+rise, rule.Critical); top > lead.Severity {
		lead.reason += fmt.Sprintf(", hence %s instead of %s", top, lead.Severity)
		lead.Severity = top
	}
	return lead, true
}

// coveredByAuthFinding reports whether a failed sign-in also matches a brute force
// or spray rule. The finding of that rule names the endpoint too, so a second
// finding would only repeat it.
func coveredByAuthFinding(obs *observation, matches []match) bool {
	return obs.event.Outcome == signin.Failure && slices.ContainsFunc(matches, func(m match) bool { return m.Family == rule.BruteForceFamily || m.Family == rule.SprayFamily })
}

// gradedSeverity returns the severity of a match taken alone. A failed sign-in is
// one step less severe at an endpoint than a successful one.
func (m *match) gradedSeverity(obs *observation) rule.Severity {
	if m.Family == rule.PlaceFamily && obs.event.Outcome == signin.Failure && m.Severity > rule.Low {
		return m.Severity - 1
	}
	return m.Severity
}

// relatedRules reports whether one rule often implies the other. Two related
// matches say no more than one of them, so they do not raise the severity.
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

// burstKey returns the key that all sign-ins of a burst share: the family, the
// principal, and what the rule adds. For the place family the endpoint belongs to it.
// For the spray family the principal does not.
func (m *match) burstKey(obs *observation) string {
	who := obs.principal
	if m.Family == rule.SprayFamily {
		who = ""
	}
	parts := []string{fmt.Sprint(int(m.Family)), who, m.key}
	if m.Family == rule.PlaceFamily {
		parts = append(parts, obs.class)
	}
	return strings.Join(parts, "\x1f")
}

// foldFor returns how long the burst stays open after the sign-in. It is at most a
// day if the sign-in failed, so that a success some days later is a finding of its
// own.
func (m *match) foldFor(obs *observation) time.Duration {
	if m.Family == rule.PlaceFamily && !obs.succeeded() {
		return min(m.Fold, 24*time.Hour)
	}
	return m.Fold
}

// closeBurst keeps a finished burst for Findings, if this run has changed it.
func (d *Detector) closeBurst(b *burst) {
	if b.changedThisRun {
		d.closedBursts = append(d.closedBursts, b)
	}
}

// sweepExpired drops failures that no rule counts any more, and closes bursts that
// ended before now. It bounds the memory of a long run. It does not change a finding.
func (d *Detector) sweepExpired(now time.Time) {
	d.Baseline.forgetFailures(now.Unix())
	for key, b := range d.Baseline.bursts {
		if b.Until < now.Unix() {
			d.closeBurst(b)
			delete(d.Baseline.bursts, key)
		}
	}
}

// Findings returns what this Detector found, in order of time, event id and rule.
// That includes bursts that began in an earlier run and grew in this one. More
// sign-ins may be added afterwards. Then findings of open bursts may be outdated,
// and Findings has to be called again.
func (d *Detector) Findings() []Finding {
	d.prepareRun()
	all := make([]Finding, 0, len(d.closedBursts))
	for _, b := range d.closedBursts {
		all = append(all, b.currentFinding())
	}
	for _, open := range [...]map[string]*burst{d.Baseline.bursts, d.lateBursts} {
		for _, b := range open {
			if b.changedThisRun {
				all = append(all, b.currentFinding())
			}
		}
	}
	slices.SortFunc(all, compareFindings)
	return all
}

// Explain says in sentences what the policy and the baseline say about a sign-in,
// and which rules it breaks. It does not learn the sign-in. There is at least one
// sentence.
func (d *Detector) Explain(e *signin.Event, v analyzer.Verdict) []string {
	d.prepareRun()
	obs := d.observeSignIn(e, v)
	var out []string
	switch c := obs.decision; {
	case d.Policy == nil:
	case !c.Judged:
		out = append(out, "The policy does not decide: "+c.Why+".")
	case c.Exception != "":
		out = append(out, fmt.Sprintf("The policy allows it by exception %q. Rule %q (line %d) does not allow it.", c.Exception, c.Rule, c.Line))
	case c.Allowed:
		out = append(out, fmt.Sprintf("The policy allows it: rule %q (line %d) allows %s.", c.Rule, c.Line, listOrNothing(c.Expected)))
	default:
		out = append(out, fmt.Sprintf("The policy does not allow it: rule %q (line %d) allows %s.", c.Rule, c.Line, listOrNothing(c.Expected)))
	}
	if o := obs.expected; obs.named && obs.known && o.account+o.own > 0 {
		out = append(out, fmt.Sprintf("The baseline knows %s of this principal%s, %d of them at this endpoint. It knows %d of the account, %s of them at this endpoint: %.1f bits of surprise.",
			text.Count(o.own, "sign-in"), o.knownOnly(), o.here, o.account, formatPercent(o.common), o.surprise))
	}
	if obs.late {
		out = append(out, "The baseline already knows this sign-in or later ones, so the rules that compare with earlier sign-ins do not apply.")
	}
	matches := d.matchRules(&obs)
	for f := range rule.Families {
		if lead, ok := leadingMatch(&obs, matches, f); ok {
			out = append(out, fmt.Sprintf("Rule %s (%s): %s.", lead.ID, lead.Severity, lead.reason))
		}
	}
	if len(matches) == 0 {
		out = append(out, "No rule is broken.")
	}
	return out
}
