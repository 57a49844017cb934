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

// observation is one sign-in and what is known of it when it is tested.
type observation struct {
	event       *signin.Event
	verdict     analyzer.Verdict
	unix        int64
	principal   string
	named       bool              // the record names a person
	known       bool              // the endpoint is known
	foldProxied bool              // an IAM user: the proxied Regions stand for the global endpoint
	class       string            // the endpoint; proxied Regions are replaced by the global one
	role        string            // key of the role, of role sessions
	home        string            // home Region of an Identity Center role, if known
	history     *principalHistory // nil: the principal is new
	late        bool              // the baseline already knows later sign-ins
	decision    policy.Decision
	expected    expectation // only if named and known
}

// observeSignIn gathers what is known of a sign-in.
func (j *Detector) observeSignIn(e *signin.Event, v analyzer.Verdict) observation {
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

// sameEndpoint tells whether an endpoint is that of the sign-in. For an IAM user
// the proxied Regions equal the global endpoint, because the user cannot choose
// between them.
func (s *observation) sameEndpoint(name string) bool {
	return name == s.class || s.foldProxied && s.class == analyzer.Global && endpoint.Proxied(name)
}

// succeeded tells whether the person got in.
func (s *observation) succeeded() bool { return s.event.Outcome == signin.Success }

// fromNewAddress tells whether a principal with at least three sign-ins has never
// used this address. It is false if the address list is full, because an older
// address may have been dropped.
func (s *observation) fromNewAddress() bool {
	return s.named && s.event.SourceIP != "" && s.expected.own >= 3 && len(s.history.Addresses) < maxAddresses && !s.history.knowsAddress(s.event.SourceIP)
}

// withoutMFA tells whether the person signed in with a password only.
func (s *observation) withoutMFA() bool {
	return s.succeeded() && s.event.MFA == signin.MFANo && !s.event.Identity.Federated()
}

// usualEndpoints lists the endpoints that the baseline expects. They are the
// principal's own, or those of the account if the principal is new.
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
	key      string // what all sign-ins of a burst share
}

// formatPercent writes a share as a percentage: "none", "under 0.1 %", "7.7 %",
// "47 %".
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

// formatDuration writes a duration for people: "60 minutes", "2 h 30 min", "3
// hours". It uses the largest unit that fits at least twice, and the next smaller
// unit for the rest, which is rounded up.
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
