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

// observation is one sign-in with all that the rules need to know about it: its
// verdict, the policy's decision, and what the baseline says.
type observation struct {
	event       *signin.Event
	verdict     analyzer.Verdict
	unix        int64 // the sign-in's time in seconds
	principal   string
	named       bool              // the principal is known
	known       bool              // the endpoint is known
	foldProxied bool              // the proxied Regions (endpoint.Proxied) count as the global endpoint: an IAM user in the commercial partition
	class       string            // the endpoint, or "global" for a proxied Region if foldProxied
	role        string            // account and role name; empty unless it is a role session
	home        string            // home Region of an Identity Center role; empty if it is not one or not known
	history     *principalHistory // nil: the principal has no history
	late        bool              // the baseline already holds this sign-in or a later one
	decision    policy.Decision
	expected    expectation // zero unless named and known
}

// observeSignIn gathers what the rules need to know about a sign-in. v is the verdict
// on it. It does not change the Detector.
func (d *Detector) observeSignIn(e *signin.Event, v analyzer.Verdict) observation {
	obs := observation{event: e, verdict: v, unix: e.Time.Unix(), principal: e.Principal(), named: e.Named(), known: v.Scope != analyzer.ScopeUnknown, class: v.Endpoint}
	obs.late = !d.Baseline.at.isBefore(e)
	obs.foldProxied = e.Identity.Type == signin.TypeIAMUser && v.Partition == region.AWS
	if obs.foldProxied && endpoint.Proxied(v.Endpoint) {
		obs.class = analyzer.Global
	}
	if e.Identity.Type == signin.TypeAssumedRole {
		obs.role = e.Account + "/" + e.Identity.RoleName()
		if v.Has(analyzer.IdentityCenter) {
			obs.home = e.Identity.HomeRegion(v.Partition)
		}
	}
	obs.history = d.Baseline.people[obs.principal]
	obs.decision = d.Policy.Decide(e, v)
	if obs.named && obs.known {
		obs.expected = d.Baseline.expectationFor(&obs)
	}
	return obs
}

// sameEndpoint reports whether an endpoint counts as that of the sign-in. For an
// IAM user in the commercial partition, the proxied Regions count as the global
// endpoint, because AWS and not the user chooses among them.
func (obs *observation) sameEndpoint(name string) bool {
	return name == obs.class || obs.foldProxied && obs.class == analyzer.Global && endpoint.Proxied(name)
}

// succeeded reports whether the sign-in was successful.
func (obs *observation) succeeded() bool { return obs.event.Outcome == signin.Success }

// fromNewAddress reports whether a principal with at least three learned sign-ins has
// never signed in from this address. It is false when the address list is full, because
// an older address may have been dropped. It is also false for an unknown principal,
// endpoint or address.
func (obs *observation) fromNewAddress() bool {
	return obs.named && obs.event.SourceIP != "" && obs.expected.own >= 3 && len(obs.history.Addresses) < maxAddresses && !obs.history.knowsAddress(obs.event.SourceIP)
}

// withoutMFA reports whether the sign-in succeeded with a password alone. It is
// false for federated principals, because AWS cannot see their second factor.
func (obs *observation) withoutMFA() bool {
	return obs.succeeded() && obs.event.MFA == signin.MFANo && !obs.event.Identity.Federated()
}

// usualEndpoints returns the endpoints with a tenth or more of the decayed sign-ins of
// the principal. If the principal has no sign-in at a known endpoint, it takes those
// of the account.
func (obs *observation) usualEndpoints(b *Baseline) []string {
	if obs.history != nil && obs.history.Places.Seen > 0 {
		return obs.history.Places.usualEndpoints()
	}
	return b.accounts[obs.event.Account].usualEndpoints()
}

// match is one rule that a sign-in breaks.
type match struct {
	rule.Spec
	reason   string
	observed string
	expected []string
	surprise *float64
	key      string // what sign-ins of one burst share besides family and principal
}

// formatPercent writes a share from 0 to 1 in percent, with a decimal only where
// it matters.
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

// formatDuration writes a duration in one or two units, such as "90 seconds" or
// "2 h 30 min". The first unit is the largest that fits at least twice. The rest
// is rounded up to the next smaller unit.
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
