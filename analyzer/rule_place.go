package analyzer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"trailgate/ingest/signin"
)

// byPolicy: the policy does not allow the endpoint.
func (j *Judge) byPolicy(s *sight, d detector) (hit, bool) {
	c := s.decision
	if !c.Judged || c.Allowed || !s.named {
		return hit{}, false
	}
	if j.Policy.Detection(d.id).Severity == 0 {
		d.severity = max(c.Severity, SeverityLow)
	}
	reason := fmt.Sprintf("came through %s; policy rule %q (line %d) allows %s", s.v.Endpoint, c.Rule, c.Line,
		orNothing(c.Expected))
	if c.Expired != "" {
		reason += fmt.Sprintf("; exception %q has expired", c.Expired)
	}
	return hit{detector: d, reason: reason, observed: s.v.Endpoint, expected: c.Expected}, true
}

// byHost: the browser asked for a host that is no AWS sign-in host, as a
// reverse proxy between the user and AWS would make it do.
func (j *Judge) byHost(s *sight, d detector) (hit, bool) {
	if !s.v.Has(ForeignHost) {
		return hit{}, false
	}
	return hit{detector: d, observed: s.e.Host, key: s.e.Host,
		reason: fmt.Sprintf("the browser asked for the host %q, which is no AWS sign-in host", s.e.Host)}, true
}

// byMismatch: host and recorded Region disagree.
func (j *Judge) byMismatch(s *sight, d detector) (hit, bool) {
	if !s.v.Has(RegionMismatch) {
		return hit{}, false
	}
	return hit{detector: d, observed: s.v.Endpoint,
		reason: fmt.Sprintf("the host %q and the recorded Region %q disagree", s.e.Host, s.e.Region)}, true
}

// byRoot: the root user signed in, or tried to.
func (j *Judge) byRoot(s *sight, d detector) (hit, bool) {
	if s.e.Identity.Type != signin.TypeRoot {
		return hit{}, false
	}
	what := "came to sign in, with an unknown outcome,"
	switch s.e.Outcome {
	case signin.Success:
		what = "signed in"
	case signin.Failure:
		what = "failed to sign in"
	}
	reason := fmt.Sprintf("the root user of account %s %s from %q, second factor: %s", s.e.Account, what, s.e.SourceIP, s.e.MFA)
	return hit{detector: d, reason: reason, observed: orUnknown(s.v.Endpoint), key: s.e.SourceIP}, true
}

// byRootRegion: the root user came through a Region's endpoint.
func (j *Judge) byRootRegion(s *sight, d detector) (hit, bool) {
	if s.e.Identity.Type != signin.TypeRoot || s.v.Scope != ScopeRegional {
		return hit{}, false
	}
	reason := fmt.Sprintf("the root user of account %s came through %s from %q; root is %s to use the global endpoint",
		s.e.Account, s.v.Endpoint, s.e.SourceIP, documented(s.v.Partition))
	return hit{detector: d, reason: reason, observed: s.v.Endpoint, expected: []string{Global}, key: s.e.SourceIP}, true
}

// byHome: an Identity Center role away from its home Region. Where several
// people do so it is an additional Region of the instance, and ordinary; where
// the policy names the endpoint, or makes an exception, it is meant so.
func (j *Judge) byHome(s *sight, d detector) (hit, bool) {
	if s.home == "" || !s.known || s.v.Endpoint == s.home || j.Policy.means(s.decision, s.e, s.v) {
		return hit{}, false
	}
	others := len(j.Baseline.homes[s.home+" "+s.v.Endpoint])
	if others >= d.count {
		return hit{}, false
	}
	reason := fmt.Sprintf("Identity Center lives in %s, this sign-in came through %s; %s came that way before", s.home, s.v.Endpoint,
		people(others))
	return hit{detector: d, reason: reason, observed: s.v.Endpoint, expected: []string{s.home}}, true
}

// judgeable tells whether habit may speak of the sign-in. It need not tell that
// the root user came through the global endpoint, as documented.
func (s *sight) judgeable() bool {
	if s.e.Identity.Type == signin.TypeRoot && s.v.Scope == ScopeGlobal {
		return false
	}
	return s.named && s.known && !s.late && s.decision.Exception == ""
}

// byFirst: nobody in the account ever used the endpoint, nor does this
// principal elsewhere.
func (j *Judge) byFirst(s *sight, d detector) (hit, bool) {
	o := s.outlook
	if !s.judgeable() || o.used || o.account < d.count || o.share >= 0.1 {
		return hit{}, false
	}
	reason := fmt.Sprintf("first sign-in at %s in account %s, after %d at other endpoints", s.v.Endpoint, s.e.Account, o.account)
	return hit{detector: d, reason: reason, observed: s.v.Endpoint, expected: s.usual(j.Baseline), surprise: &o.surprise}, true
}

// matureAccount is how many sign-ins an account must have had to speak for
// people who have no history.
const matureAccount = 100

// byHabit: the endpoint is a surprise.
func (j *Judge) byHabit(s *sight, d detector) (hit, bool) {
	o := s.outlook
	if !s.judgeable() || o.surprise < d.threshold || o.own < d.count && o.account < matureAccount {
		return hit{}, false
	}
	var reason string
	switch {
	case o.own == 0 && o.blind > 0:
		reason = fmt.Sprintf("first sign-in of this principal whose endpoint is known came through %s", s.v.Endpoint)
	case o.own == 0:
		reason = fmt.Sprintf("first sign-in of this principal came through %s", s.v.Endpoint)
	case o.here == 0:
		reason = fmt.Sprintf("first sign-in at %s in %d", s.v.Endpoint, o.own+1) + o.ofKnown()
	default:
		reason = fmt.Sprintf("sign-in at %s, which had %d of the %d before", s.v.Endpoint, o.here, o.own) + o.ofKnown()
	}
	reason += fmt.Sprintf("; %s of account %s's; %.1f bits of surprise (threshold %g)", percent(o.common), s.e.Account, o.surprise, d.threshold)
	return hit{detector: d, reason: reason, observed: s.v.Endpoint, expected: s.usual(j.Baseline), surprise: &o.surprise}, true
}

// ofKnown says that the principal's own sign-ins are not all counted, where they
// are not.
func (o *outlook) ofKnown() string {
	if o.blind == 0 {
		return ""
	}
	return " whose endpoint is known"
}

// byHop: two endpoints from two addresses in so short a time that one person
// is unlikely to be behind both.
func (j *Judge) byHop(s *sight, d detector) (hit, bool) {
	h := s.habit
	if !s.judgeable() || !s.success() || h == nil || h.Last == 0 || h.LastPlace == s.class {
		return hit{}, false
	}
	apart := time.Duration(s.unix-h.Last) * time.Second
	if apart < 0 || apart > d.window || h.LastFrom == s.e.SourceIP || h.LastFrom == "" || s.e.SourceIP == "" {
		return hit{}, false
	}
	// Who is used to both endpoints may well have two desks, or two ways out.
	if s.outlook.own >= 10 && s.outlook.share >= 0.1 {
		return hit{}, false
	}
	reason := fmt.Sprintf("signed in at %s from %q only %s after %s from %q", s.v.Endpoint, s.e.SourceIP, lasting(apart), h.LastPlace, h.LastFrom)
	return hit{detector: d, reason: reason, observed: s.v.Endpoint, expected: []string{h.LastPlace}, surprise: &s.outlook.surprise}, true
}

func orNothing(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(slices.Clone(names), ", ")
}

func orUnknown(name string) string {
	if name == "" {
		return ScopeUnknown.String()
	}
	return name
}

func people(n int) string {
	switch n {
	case 0:
		return "nobody"
	case 1:
		return "one person"
	}
	return fmt.Sprintf("%d people", n)
}
