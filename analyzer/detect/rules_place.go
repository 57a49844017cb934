package detect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"trailgate/analyzer"
	"trailgate/analyzer/rule"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/signin"
)

// endpointPolicy finds a sign-in through an endpoint that the policy does not
// allow. The policy's rule sets the severity, unless the policy tunes this rule of
// findings.
func (d *Detector) endpointPolicy(obs *observation, spec rule.Spec) (match, bool) {
	c := obs.decision
	if !c.Judged || c.Allowed || !obs.named {
		return match{}, false
	}
	if d.Policy.Detection(spec.ID).Severity == 0 {
		spec.Severity = max(c.Severity, rule.Low)
	}
	reason := fmt.Sprintf("came through %s; policy rule %q (line %d) allows %s", obs.verdict.Endpoint, c.Rule, c.Line,
		listOrNothing(c.Expected))
	if c.Expired != "" {
		reason += fmt.Sprintf("; exception %q has expired", c.Expired)
	}
	return match{Spec: spec, reason: reason, observed: obs.verdict.Endpoint, expected: c.Expected}, true
}

// endpointForeignHost finds a sign-in whose host is not an AWS sign-in host. A
// reverse proxy between the user and AWS looks like this.
func (d *Detector) endpointForeignHost(obs *observation, spec rule.Spec) (match, bool) {
	if !obs.verdict.Has(analyzer.ForeignHost) {
		return match{}, false
	}
	return match{Spec: spec, observed: obs.event.Host, key: obs.event.Host,
		reason: fmt.Sprintf("the browser asked for the host %q, which is not an AWS sign-in host", obs.event.Host)}, true
}

// endpointRegionMismatch finds a sign-in whose host and recorded Region disagree. A
// global host agrees with the default Region of its partition and with the text
// "global" in awsRegion.
func (d *Detector) endpointRegionMismatch(obs *observation, spec rule.Spec) (match, bool) {
	if !obs.verdict.Has(analyzer.RegionMismatch) {
		return match{}, false
	}
	return match{Spec: spec, observed: obs.verdict.Endpoint,
		reason: fmt.Sprintf("the host %q and the recorded Region %q disagree", obs.event.Host, obs.event.Region)}, true
}

// rootSignin finds a sign-in of the root user, whether or not it succeeded.
func (d *Detector) rootSignin(obs *observation, spec rule.Spec) (match, bool) {
	if obs.event.Identity.Type != signin.TypeRoot {
		return match{}, false
	}
	what := "tried to sign in with an unknown outcome"
	switch obs.event.Outcome {
	case signin.Success:
		what = "signed in"
	case signin.Failure:
		what = "failed to sign in"
	}
	reason := fmt.Sprintf("the root user of account %s %s from %q, second factor: %s", obs.event.Account, what, obs.event.SourceIP, obs.event.MFA)
	return match{Spec: spec, reason: reason, observed: nameOrUnknown(obs.verdict.Endpoint), key: obs.event.SourceIP}, true
}

// rootRegional finds a sign-in of the root user through a regional endpoint. AWS
// documents that root uses the global endpoint, in the commercial partition only
// (CloudTrail User Guide, "AWS Management Console sign-in events").
func (d *Detector) rootRegional(obs *observation, spec rule.Spec) (match, bool) {
	if obs.event.Identity.Type != signin.TypeRoot || obs.verdict.Scope != analyzer.ScopeRegional {
		return match{}, false
	}
	basis := "expected"
	if obs.verdict.Partition == region.AWS {
		basis = "documented"
	}
	reason := fmt.Sprintf("the root user of account %s came through %s from %q; root is %s to use the global endpoint",
		obs.event.Account, obs.verdict.Endpoint, obs.event.SourceIP, basis)
	return match{Spec: spec, reason: reason, observed: obs.verdict.Endpoint, expected: []string{analyzer.Global}, key: obs.event.SourceIP}, true
}

// endpointIdcHome finds a sign-in of an Identity Center role outside its home
// Region. It finds nothing if several people use the same endpoint, because that is
// taken for an additional Region of the instance. It finds nothing either if the
// policy names the endpoint or makes an exception.
func (d *Detector) endpointIdcHome(obs *observation, spec rule.Spec) (match, bool) {
	if obs.home == "" || !obs.known || obs.verdict.Endpoint == obs.home || d.Policy.AllowsByName(obs.decision, obs.event, obs.verdict) {
		return match{}, false
	}
	others := len(d.Baseline.homes[obs.home+" "+obs.verdict.Endpoint])
	if others >= spec.Count {
		return match{}, false
	}
	reason := fmt.Sprintf("the home Region of Identity Center is %s, but this sign-in came through %s; %s used this endpoint before", obs.home, obs.verdict.Endpoint,
		countPeople(others))
	return match{Spec: spec, reason: reason, observed: obs.verdict.Endpoint, expected: []string{obs.home}}, true
}

// habitApplies reports whether the sign-in may be compared with what the principal
// did before. The principal and the endpoint must be known, the sign-in must not be
// late, and the policy must not make an exception for it. Root at the global
// endpoint is left out, because AWS documents it as the usual case.
func (obs *observation) habitApplies() bool {
	if obs.event.Identity.Type == signin.TypeRoot && obs.verdict.Scope == analyzer.ScopeGlobal {
		return false
	}
	return obs.named && obs.known && !obs.late && obs.decision.Exception == ""
}

// endpointFirstInAccount finds a sign-in at an endpoint at which the account never had
// a successful one. The account must have had spec.Count sign-ins. It finds nothing if
// the endpoint has a tenth of the principal's sign-ins, which were in other accounts.
func (d *Detector) endpointFirstInAccount(obs *observation, spec rule.Spec) (match, bool) {
	o := obs.expected
	if !obs.habitApplies() || o.used || o.account < spec.Count || o.share >= 0.1 {
		return match{}, false
	}
	reason := fmt.Sprintf("first sign-in at %s in account %s, after %d at other endpoints", obs.verdict.Endpoint, obs.event.Account, o.account)
	return match{Spec: spec, reason: reason, observed: obs.verdict.Endpoint, expected: obs.usualEndpoints(d.Baseline), surprise: &o.surprise}, true
}

// matureAccount is the number of sign-ins from which an account's history is used
// for principals that have a short one.
const matureAccount = 100

// endpointNew finds a sign-in at an endpoint that the baseline did not expect: its
// surprise reaches the threshold. The principal must have had spec.Count sign-ins, or
// the account matureAccount of them.
func (d *Detector) endpointNew(obs *observation, spec rule.Spec) (match, bool) {
	o := obs.expected
	if !obs.habitApplies() || o.surprise < spec.Threshold || o.own < spec.Count && o.account < matureAccount {
		return match{}, false
	}
	var reason string
	switch {
	case o.own == 0 && o.blind > 0:
		reason = fmt.Sprintf("first sign-in of this principal whose endpoint is known came through %s", obs.verdict.Endpoint)
	case o.own == 0:
		reason = fmt.Sprintf("first sign-in of this principal came through %s", obs.verdict.Endpoint)
	case o.here == 0:
		reason = fmt.Sprintf("first sign-in at %s in %d", obs.verdict.Endpoint, o.own+1) + o.knownOnly()
	default:
		reason = fmt.Sprintf("sign-in at %s, which had %d of the %d before", obs.verdict.Endpoint, o.here, o.own) + o.knownOnly()
	}
	reason += fmt.Sprintf("; %s of account %s's sign-ins used it; %.1f bits of surprise (threshold %g)", formatPercent(o.common), obs.event.Account, o.surprise, spec.Threshold)
	return match{Spec: spec, reason: reason, observed: obs.verdict.Endpoint, expected: obs.usualEndpoints(d.Baseline), surprise: &o.surprise}, true
}

// knownOnly returns a phrase for a number of sign-ins that leaves some out, because
// their endpoint is not known. It is empty if none is left out.
func (o *expectation) knownOnly() string {
	if o.blind == 0 {
		return ""
	}
	return " whose endpoint is known"
}

// endpointHop finds a sign-in that came soon after one at another endpoint from
// another address. One person is unlikely to have made both.
func (d *Detector) endpointHop(obs *observation, spec rule.Spec) (match, bool) {
	h := obs.history
	if !obs.habitApplies() || !obs.succeeded() || h == nil || h.Last == 0 || h.LastPlace == obs.class {
		return match{}, false
	}
	apart := time.Duration(obs.unix-h.Last) * time.Second
	if apart < 0 || apart > spec.Window || h.LastFrom == obs.event.SourceIP || h.LastFrom == "" || obs.event.SourceIP == "" {
		return match{}, false
	}
	// Somebody who often uses both endpoints may have two workplaces or two networks.
	if obs.expected.own >= 10 && obs.expected.share >= 0.1 {
		return match{}, false
	}
	reason := fmt.Sprintf("signed in at %s from %q only %s after %s from %q", obs.verdict.Endpoint, obs.event.SourceIP, formatDuration(apart), h.LastPlace, h.LastFrom)
	return match{Spec: spec, reason: reason, observed: obs.verdict.Endpoint, expected: []string{h.LastPlace}, surprise: &obs.expected.surprise}, true
}

// listOrNothing joins names with commas. It returns "nothing" for an empty list.
func listOrNothing(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(slices.Clone(names), ", ")
}

// nameOrUnknown returns the name, or the word of the scope column for an unknown
// endpoint.
func nameOrUnknown(name string) string {
	if name == "" {
		return analyzer.ScopeUnknown.String()
	}
	return name
}

// countPeople returns a number of people in words, as the subject of a sentence.
func countPeople(n int) string {
	switch n {
	case 0:
		return "nobody"
	case 1:
		return "one person"
	}
	return fmt.Sprintf("%d people", n)
}
