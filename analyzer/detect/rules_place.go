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

// endpointPolicy matches a sign-in whose endpoint the policy does not allow.
func (j *Detector) endpointPolicy(s *observation, d rule.Spec) (match, bool) {
	c := s.decision
	if !c.Judged || c.Allowed || !s.named {
		return match{}, false
	}
	if j.Policy.Detection(d.ID).Severity == 0 {
		d.Severity = max(c.Severity, rule.Low)
	}
	reason := fmt.Sprintf("came through %s; policy rule %q (line %d) allows %s", s.verdict.Endpoint, c.Rule, c.Line,
		listOrNothing(c.Expected))
	if c.Expired != "" {
		reason += fmt.Sprintf("; exception %q has expired", c.Expired)
	}
	return match{Spec: d, reason: reason, observed: s.verdict.Endpoint, expected: c.Expected}, true
}

// endpointForeignHost matches a host that is not an AWS sign-in host. A reverse
// proxy between the user and AWS causes this.
func (j *Detector) endpointForeignHost(s *observation, d rule.Spec) (match, bool) {
	if !s.verdict.Has(analyzer.ForeignHost) {
		return match{}, false
	}
	return match{Spec: d, observed: s.event.Host, key: s.event.Host,
		reason: fmt.Sprintf("the browser asked for the host %q, which is not an AWS sign-in host", s.event.Host)}, true
}

// endpointRegionMismatch matches a record whose host and Region disagree.
func (j *Detector) endpointRegionMismatch(s *observation, d rule.Spec) (match, bool) {
	if !s.verdict.Has(analyzer.RegionMismatch) {
		return match{}, false
	}
	return match{Spec: d, observed: s.verdict.Endpoint,
		reason: fmt.Sprintf("the host %q and the recorded Region %q disagree", s.event.Host, s.event.Region)}, true
}

// rootSignin matches every sign-in of the root user, failed ones included.
func (j *Detector) rootSignin(s *observation, d rule.Spec) (match, bool) {
	if s.event.Identity.Type != signin.TypeRoot {
		return match{}, false
	}
	what := "came to sign in, with an unknown outcome,"
	switch s.event.Outcome {
	case signin.Success:
		what = "signed in"
	case signin.Failure:
		what = "failed to sign in"
	}
	reason := fmt.Sprintf("the root user of account %s %s from %q, second factor: %s", s.event.Account, what, s.event.SourceIP, s.event.MFA)
	return match{Spec: d, reason: reason, observed: nameOrUnknown(s.verdict.Endpoint), key: s.event.SourceIP}, true
}

// rootRegional matches a root sign-in at a regional endpoint.
func (j *Detector) rootRegional(s *observation, d rule.Spec) (match, bool) {
	if s.event.Identity.Type != signin.TypeRoot || s.verdict.Scope != analyzer.ScopeRegional {
		return match{}, false
	}
	known := "expected"
	if s.verdict.Partition == region.AWS {
		known = "documented" // for the commercial partition only
	}
	reason := fmt.Sprintf("the root user of account %s came through %s from %q; root is %s to use the global endpoint",
		s.event.Account, s.verdict.Endpoint, s.event.SourceIP, known)
	return match{Spec: d, reason: reason, observed: s.verdict.Endpoint, expected: []string{analyzer.Global}, key: s.event.SourceIP}, true
}

// endpointIdcHome matches an Identity Center role that does not use its home
// Region. If several people do so, the endpoint is an additional Region of the
// instance and does not match. It does not match either if the policy names the
// endpoint or has an exception.
func (j *Detector) endpointIdcHome(s *observation, d rule.Spec) (match, bool) {
	if s.home == "" || !s.known || s.verdict.Endpoint == s.home || j.Policy.AllowsByName(s.decision, s.event, s.verdict) {
		return match{}, false
	}
	others := len(j.Baseline.homes[s.home+" "+s.verdict.Endpoint])
	if others >= d.Count {
		return match{}, false
	}
	reason := fmt.Sprintf("the home Region of Identity Center is %s, but this sign-in came through %s; %s used this endpoint before", s.home, s.verdict.Endpoint,
		countPeople(others))
	return match{Spec: d, reason: reason, observed: s.verdict.Endpoint, expected: []string{s.home}}, true
}

// habitApplies tells whether the rules about usual endpoints apply to the
// sign-in. They do not apply to root at the global endpoint, because AWS
// documents that root uses it.
func (s *observation) habitApplies() bool {
	if s.event.Identity.Type == signin.TypeRoot && s.verdict.Scope == analyzer.ScopeGlobal {
		return false
	}
	return s.named && s.known && !s.late && s.decision.Exception == ""
}

// endpointFirstInAccount matches an endpoint that nobody in the account has used.
// It does not match if the principal uses the endpoint in other accounts.
func (j *Detector) endpointFirstInAccount(s *observation, d rule.Spec) (match, bool) {
	o := s.expected
	if !s.habitApplies() || o.used || o.account < d.Count || o.share >= 0.1 {
		return match{}, false
	}
	reason := fmt.Sprintf("first sign-in at %s in account %s, after %d at other endpoints", s.verdict.Endpoint, s.event.Account, o.account)
	return match{Spec: d, reason: reason, observed: s.verdict.Endpoint, expected: s.usualEndpoints(j.Baseline), surprise: &o.surprise}, true
}

// matureAccount is how many sign-ins an account needs before it says what is
// usual for people without history.
const matureAccount = 100

// endpointNew matches an endpoint that is a surprise for the principal.
func (j *Detector) endpointNew(s *observation, d rule.Spec) (match, bool) {
	o := s.expected
	if !s.habitApplies() || o.surprise < d.Threshold || o.own < d.Count && o.account < matureAccount {
		return match{}, false
	}
	var reason string
	switch {
	case o.own == 0 && o.blind > 0:
		reason = fmt.Sprintf("first sign-in of this principal whose endpoint is known came through %s", s.verdict.Endpoint)
	case o.own == 0:
		reason = fmt.Sprintf("first sign-in of this principal came through %s", s.verdict.Endpoint)
	case o.here == 0:
		reason = fmt.Sprintf("first sign-in at %s in %d", s.verdict.Endpoint, o.own+1) + o.knownOnly()
	default:
		reason = fmt.Sprintf("sign-in at %s, which had %d of the %d before", s.verdict.Endpoint, o.here, o.own) + o.knownOnly()
	}
	reason += fmt.Sprintf("; %s of account %s's; %.1f bits of surprise (threshold %g)", formatPercent(o.common), s.event.Account, o.surprise, d.Threshold)
	return match{Spec: d, reason: reason, observed: s.verdict.Endpoint, expected: s.usualEndpoints(j.Baseline), surprise: &o.surprise}, true
}

// knownOnly adds to a count that it excludes sign-ins at unknown endpoints. It
// returns "" if there are no such sign-ins.
func (o *expectation) knownOnly() string {
	if o.blind == 0 {
		return ""
	}
	return " whose endpoint is known"
}

// endpointHop matches two endpoints from two addresses within a short time. One
// person is unlikely to cause both.
func (j *Detector) endpointHop(s *observation, d rule.Spec) (match, bool) {
	h := s.history
	if !s.habitApplies() || !s.succeeded() || h == nil || h.Last == 0 || h.LastPlace == s.class {
		return match{}, false
	}
	apart := time.Duration(s.unix-h.Last) * time.Second
	if apart < 0 || apart > d.Window || h.LastFrom == s.event.SourceIP || h.LastFrom == "" || s.event.SourceIP == "" {
		return match{}, false
	}
	// A person who often uses both endpoints may work at two places, or behind
	// two network exits.
	if s.expected.own >= 10 && s.expected.share >= 0.1 {
		return match{}, false
	}
	reason := fmt.Sprintf("signed in at %s from %q only %s after %s from %q", s.verdict.Endpoint, s.event.SourceIP, formatDuration(apart), h.LastPlace, h.LastFrom)
	return match{Spec: d, reason: reason, observed: s.verdict.Endpoint, expected: []string{h.LastPlace}, surprise: &s.expected.surprise}, true
}

func listOrNothing(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(slices.Clone(names), ", ")
}

func nameOrUnknown(name string) string {
	if name == "" {
		return analyzer.ScopeUnknown.String()
	}
	return name
}

func countPeople(n int) string {
	switch n {
	case 0:
		return "nobody"
	case 1:
		return "one person"
	}
	return fmt.Sprintf("%d people", n)
}
