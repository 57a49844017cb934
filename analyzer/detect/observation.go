package detect

import (
	"fmt"
	"strconv"
	"time"

	"trailgate/analyzer"
	"trailgate/analyzer/endpoint"
	"trailgate/analyzer/policy"
	"trailgate/analyzer/rule"
	"trailgate/analyzer/text"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/signin"
)

// observation is one sign-in and what is known of it at the moment it is judged.
type observation struct {
	event       *signin.Event
	verdict     analyzer.Verdict
	unix        int64
	principal   string
	named       bool              // the principal is somebody
	known       bool              // the endpoint is
	foldProxied bool              // an IAM user: the proxied Regions stand for the global endpoint
	class       string            // the endpoint, folded
	role        string            // key of the role, of role sessions
	home        string            // home Region of an Identity Center role, if known
	history     *principalHistory // nil: a principal never seen before
	late        bool              // the baseline already knows later sign-ins
	decision    policy.Decision
	expected    expectation // only if named and known
}

// observe gathers what is known of a sign-in.
func (j *Detector) observe(e *signin.Event, v analyzer.Verdict) observation {
	s := observation{event: e, verdict: v, unix: e.Time.Unix(), principal: e.Principal(), named: e.Named(), known: v.Scope != analyzer.ScopeUnknown, class: v.Endpoint}
	s.late = !j.Baseline.at.isBefore(e)
	s.foldProxied = e.Identity.Type == signin.TypeIAMUser && v.Partition == region.AWS
	if s.foldProxied && endpoint.Proxied(v.Endpoint) {
		s.class = analyzer.Global
	}
	if e.Identity.Type == signin.TypeAssumedRole {
		s.role = e.Account + "/" + e.Identity.RoleName()
		if v.Has(analyzer.IdentityCenter) {
			s.home = e.Identity.HomeRegion(v.Partition)
		}
	}
	s.history = j.Baseline.people[s.principal]
	s.decision = j.Policy.Decide(e, v)
	if s.named && s.known {
		s.expected = j.Baseline.expectationFor(&s)
	}
	return s
}

// sameEndpoint tells whether an endpoint is the one of the sign-in, as far as the
// principal can choose.
func (s *observation) sameEndpoint(name string) bool {
	return name == s.class || s.foldProxied && s.class == analyzer.Global && endpoint.Proxied(name)
}

// succeeded tells whether the person got in.
func (s *observation) succeeded() bool { return s.event.Outcome == signin.Success }

// fromNewAddress tells whether the principal, known from several sign-ins, surely was
// never seen at the address. Of who uses more addresses than are remembered it
// cannot be told.
func (s *observation) fromNewAddress() bool {
	return s.named && s.event.SourceIP != "" && s.expected.own >= 3 && len(s.history.Addresses) < maxAddresses && !s.history.knowsAddress(s.event.SourceIP)
}

// withoutMFA tells whether somebody got in with a password alone.
func (s *observation) withoutMFA() bool {
	return s.succeeded() && s.event.MFA == signin.MFANo && !s.event.Identity.Federated()
}

// usualEndpoints is what the baseline expects: the principal's own endpoints, or their
// account's.
func (s *observation) usualEndpoints(b *Baseline) []string {
	if s.history != nil && s.history.Places.Seen > 0 {
		return s.history.Places.usualEndpoints()
	}
	return b.accounts[s.event.Account].usualEndpoints()
}

// match is one rule that a sign-in broke.
type match struct {
	rule.Spec
	reason   string
	observed string
	expected []string
	surprise *float64
	key      string // what a burst of it has in common
}

// formatPercent writes a share as people do.
func formatPercent(share float64) string {
	switch {
	case share <= 0:
		return "none"
	case share < 0.001:
		return "under 0.1 %"
	case share < 0.1:
		return strconv.FormatFloat(100*share, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(100*share, 'f', 0, 64) + " %"
}

// formatDuration writes a duration as people do: in the largest unit of which there
// are two, and the next smaller one for what is left, which is rounded up.
func formatDuration(d time.Duration) string {
	units := [...]struct {
		of          time.Duration
		long, short string
	}{{24 * time.Hour, "days", "d"}, {time.Hour, "hours", "h"}, {time.Minute, "minutes", "min"}, {time.Second, "seconds", "s"}}
	i := 0
	for i < len(units)-1 && d < 2*units[i].of {
		i++
	}
	if i == len(units)-1 {
		return text.Count(int((d+time.Second-1)/time.Second), "second")
	}
	big, small := units[i], units[i+1]
	n, rest := d/big.of, (d%big.of+small.of-1)/small.of
	if rest*small.of == big.of {
		n, rest = n+1, 0
	}
	if rest == 0 {
		return fmt.Sprintf("%d %s", n, big.long)
	}
	return fmt.Sprintf("%d %s %d %s", n, big.short, rest, small.short)
}
