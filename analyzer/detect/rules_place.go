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

// byPolicy: the policy does not allow the endpoint.
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

// byHost: the browser asked for a host that is no AWS sign-in host, as a
// reverse proxy between the user and AWS would make it do.
func (j *Detector) endpointForeignHost(s *observation, d rule.Spec) (match, bool) {
	if !s.verdict.Has(analyzer.ForeignHost) {
		return match{}, false
	}
	return match{Spec: d, observed: s.event.Host, key: s.event.Host,
		reason: fmt.Sprintf("the browser asked for the host %q, which is no AWS sign-in host", s.event.Host)}, true
}

// byMismatch: host and recorded Region disagree.
func (j *Detector) endpointRegionMismatch(s *observation, d rule.Spec) (match, bool) {
	if !s.verdict.Has(analyzer.RegionMismatch) {
		return match{}, false
	}
	return match{Spec: d, observed: s.verdict.Endpoint,
		reason: fmt.Sprintf("the host %q and the recorded Region %q disagree", s.event.Host, s.event.Region)}, true
}

// byRoot: the root user signed in, or tried to.
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

// byRootRegion: the root user came through a Region's endpoint.
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

// byHome: an Identity Center role away from its home Region. Where several
// people do so it is an additional Region of the instance, and ordinary; where
// the policy names the endpoint, or makes an exception, it is meant so.
func (j *Detector) endpointIdcHome(s *observation, d rule.Spec) (match, bool) {
	if s.home == "" || !s.known || s.verdict.Endpoint == s.home || j.Policy.AllowsByName(s.decision, s.event, s.verdict) {
		return match{}, false
	}
	others := len(j.Baseline.homes[s.home+" "+s.verdict.Endpoint])
	if others >= d.Count {
		return match{}, false
	}
	reason := fmt.Sprintf("Identity Center lives in %s, this sign-in came through %s; %s came that way before", s.home, s.verdict.Endpoint,
		countPeople(others))
	return match{Spec: d, reason: reason, observed: s.verdict.Endpoint, expected: []string{s.home}}, true
}

// habitApplies tells whether habit may speak of the sign-in. It need not tell that
// the root user came through the global endpoint, as documented.
func (s *observation) habitApplies() bool {
	if s.event.Identity.Type == signin.TypeRoot && s.verdict.Scope == analyzer.ScopeGlobal {
		return false
	}
	return s.named && s.known && !s.late && s.decision.Exception == ""
}

// byFirst: nobody in the account ever used the endpoint, nor does this
// principal elsewhere.
func (j *Detector) endpointFirstInAccount(s *observation, d rule.Spec) (match, bool) {
	o := s.expected
	if !s.habitApplies() || o.used || o.account < d.Count || o.share >= 0.1 {
		return match{}, false
	}
	reason := fmt.Sprintf("first sign-in at %s in account %s, after %d at other endpoints", s.verdict.Endpoint, s.event.Account, o.account)
	return match{Spec: d, reason: reason, observed: s.verdict.Endpoint, expected: s.usualEndpoints(j.Baseline), surprise: &o.surprise}, true
}

// matureAccount is how many sign-ins an account must have had to speak for
// people who have no history.
const matureAccount = 100

// byHabit: the endpoint is a surprise.
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

// knownOnly says that the principal's own sign-ins are not all counted, where they
// are not.
func (o *expectation) knownOnly() string {
	if o.blind == 0 {
		return ""
	}
	return " whose endpoint is known"
}

// byHop: two endpoints from two addresses in so short a time that one person
// is unlikely to be behind both.
func (j *Detector) endpointHop(s *observation, d rule.Spec) (match, bool) {
	h := s.history
	if !s.habitApplies() || !s.succeeded() || h == nil || h.Last == 0 || h.LastPlace == s.class {
		return match{}, false
	}
	apart := time.Duration(s.unix-h.Last) * time.Second
	if apart < 0 || apart > d.Window || h.LastFrom == s.event.SourceIP || h.LastFrom == "" || s.event.SourceIP == "" {
		return match{}, false
	}
	// Who is used to both endpoints may well have two desks, or two ways out.
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
