package detect

import (
	"slices"
	"strings"
	"time"

	"trailgate/analyzer"
	"trailgate/analyzer/endpoint"
	"trailgate/analyzer/rule"
	"trailgate/ingest/signin"
)

// HalfLife is the time in which a sign-in loses half of its weight in a Baseline.
// It is half a year. Somebody who signs in a few times a year still has a history,
// and a Region that is not used any more loses its weight.
const HalfLife = 180 * 24 * time.Hour

// Baseline is what was learned from sign-ins. For every principal, role and
// account, and for the whole organization, it holds how often each endpoint was
// used. It also holds what a Detector needs from one run to the next: recent
// failures, addresses, and open bursts. The zero Baseline is empty and ready.
//
// The probability of an endpoint comes from a hierarchical Dirichlet-multinomial
// model. Let n(e) be the decayed number of sign-ins at endpoint e, N their sum
// over all endpoints, and k a weight. Each level is the posterior mean under a
// Dirichlet prior that is centred on the level above:
//
//	P(e | level) = (n(e) + k * P(e | level above)) / (N + k)
//
// The levels are the principal, the role (for role sessions only), the account and
// the organization. Above them all endpoints have the same probability. So the
// account decides for somebody with a short history, and a long history decides
// for itself. Surprise is -log2 P, in bits.
//
// Sources: Gelman, Carlin, Stern, Dunson, Vehtari, Rubin: Bayesian Data Analysis,
// 3rd edition, sections 3.4 and 5.2, for the model and its levels. MacKay and
// Peto: A Hierarchical Dirichlet Language Model, 1995, for a prior that is the
// distribution of the level above.
//
// A sign-in of age t has the weight 2^(-t/HalfLife). Only successful sign-ins are
// learned. For IAM users in the commercial partition, the global endpoint and the
// three proxied Regions (endpoint.Proxied) count as one endpoint. AWS may serve a
// sign-in at the global endpoint from one of these Regions.
//
// A Baseline is for one Detector at a time and for one goroutine. Sums are made in
// a fixed order and the saved form is exact. So neither batches nor restarts change
// a result.
type Baseline struct {
	at       streamPosition // of the last sign-in that was learned
	org      endpointCounts
	accounts map[string]*endpointCounts
	roles    map[string]*endpointCounts
	people   map[string]*principalHistory
	homes    map[string][]string         // Identity Center home and endpoint -> the first people seen there
	sources  map[string]*addressFailures // address -> failures from it
	hidden   map[string][]int64          // account and address -> times of failures with hidden names
	bursts   map[string]*burst           // match.burstKey -> open burst
}

// streamPosition is the position of a sign-in in the order of time, then id.
type streamPosition struct {
	Time time.Time `json:"time"`
	ID   string    `json:"id"`
}

// isBefore reports whether the position comes before the sign-in.
func (p streamPosition) isBefore(e *signin.Event) bool {
	c := p.Time.Compare(e.Time)
	return c < 0 || c == 0 && p.ID < e.ID
}

// principalHistory is what the baseline knows about one principal. Times are Unix
// seconds. The JSON keys are those of saved files, so they do not change.
type principalHistory struct {
	Places    endpointCounts `json:"places"`
	Blind     int            `json:"blind,omitempty"`      // successes whose endpoint is not known
	Addresses []string       `json:"addresses,omitempty"`  // of successes, the latest first
	Failures  []int64        `json:"failures,omitempty"`   // since the last success, the latest last
	MFA       int64          `json:"mfa,omitempty"`        // last success with a second factor
	Last      int64          `json:"last,omitempty"`       // last success at a known endpoint
	LastPlace string         `json:"last_place,omitempty"` // the endpoint of that success
	LastFrom  string         `json:"last_from,omitempty"`  // the address of that success
}

// maxAddresses is how many addresses of a principal are remembered.
const maxAddresses = 16

// The weights of the levels. A level with this many sign-ins of its own counts as
// much as the level above it. The weight of a principal is small, because most
// people never change their endpoint: one or two sign-ins already show which one
// it is. The other weights are large enough to keep the first days of a trail
// without findings.
const (
	weightPrincipal = 0.125
	weightRole      = 5
	weightAccount   = 20
	weightOrg       = 20
)

// endpoints is how many endpoints have the same probability above all levels: the
// Regions of the commercial partition and the global endpoint.
const endpoints = 35

// LearnedUntil returns the time of the last sign-in that was learned. It is zero if
// nothing was learned.
func (b *Baseline) LearnedUntil() time.Time { return b.at.Time }

// Principals returns the number of principals that the baseline knows.
func (b *Baseline) Principals() int { return len(b.people) }

// Ongoing returns the findings of open bursts as they are now, in order of time,
// event id and rule. An earlier Detector may have reported some of them already.
func (b *Baseline) Ongoing() []Finding {
	all := make([]Finding, 0, len(b.bursts))
	for _, burst := range b.bursts {
		all = append(all, burst.currentFinding())
	}
	slices.SortFunc(all, compareFindings)
	return all
}

// prepareMaps makes the maps of a zero Baseline.
func (b *Baseline) prepareMaps() {
	if b.people != nil {
		return
	}
	b.accounts, b.roles, b.people = map[string]*endpointCounts{}, map[string]*endpointCounts{}, map[string]*principalHistory{}
	b.homes, b.sources, b.hidden, b.bursts = map[string][]string{}, map[string]*addressFailures{}, map[string][]int64{}, map[string]*burst{}
}

// expectation is what the baseline says about the endpoint of one sign-in, at the
// time of that sign-in.
type expectation struct {
	surprise float64 // bits
	own      int     // learned sign-ins of the principal whose endpoint is known
	here     int     // how many of them came through this endpoint
	share    float64 // of the principal's decayed sign-ins at this endpoint, from 0 to 1
	account  int     // learned sign-ins of the account
	blind    int     // learned sign-ins of the principal whose endpoint is not known
	common   float64 // of the account's sign-ins at this endpoint, not decayed, from 0 to 1
	used     bool    // somebody in the account has used this endpoint
}

// expectationFor returns what the baseline says about the endpoint of a sign-in. It
// does not learn the sign-in.
func (b *Baseline) expectationFor(obs *observation) expectation {
	var o expectation
	prior := 1.0 / endpoints
	if obs.foldProxied && obs.class == analyzer.Global {
		prior = float64(1+len(endpoint.ProxiedRegions())) / endpoints
	}
	p, _, _, _ := b.org.posteriorOf(obs, prior, weightOrg)
	account := b.accounts[obs.event.Account]
	p, _, o.used, o.account = account.posteriorOf(obs, p, weightAccount)
	if o.account > 0 {
		o.common = float64(account.timesSeen(obs)) / float64(o.account)
	}
	if obs.role != "" {
		p, _, _, _ = b.roles[obs.role].posteriorOf(obs, p, weightRole)
	}
	if obs.history != nil {
		t := &obs.history.Places
		p, o.share, _, o.own = t.posteriorOf(obs, p, weightPrincipal)
		o.here, o.blind = t.timesSeen(obs), obs.history.Blind
	} else {
		p, _, _, _ = (*endpointCounts)(nil).posteriorOf(obs, p, weightPrincipal)
	}
	o.surprise = surpriseBits(p)
	return o
}

// learnSignIn adds one sign-in to the baseline. It must come after all those learned
// before, in time and then id. Of a failure it keeps only the time, and a success
// clears the principal's failures. If the principal is not known, it moves only the
// position of the last sign-in.
func (b *Baseline) learnSignIn(obs *observation) {
	e := obs.event
	b.at = streamPosition{e.Time, e.ID}
	if !obs.named {
		return
	}
	h := obs.history
	if h == nil {
		h = &principalHistory{}
		b.people[obs.principal] = h
	}
	switch e.Outcome {
	case signin.Failure:
		if e.ErrorCode == "" {
			h.Failures = append(dropOlder(h.Failures, obs.unix-int64(rule.MaxWindow/time.Second)), obs.unix)
			h.Failures = h.Failures[max(0, len(h.Failures)-rule.MaxFailures):]
		}
		return
	case signin.Success:
	default:
		return
	}
	h.Failures = nil
	h.rememberAddress(e.SourceIP)
	if e.MFA == signin.MFAYes {
		h.MFA = obs.unix
	}
	if !obs.known {
		h.Blind++
		return
	}
	h.Last, h.LastPlace, h.LastFrom = obs.unix, obs.class, e.SourceIP
	h.Places.addSignIn(obs.verdict.Endpoint, obs.unix)
	b.org.addSignIn(obs.verdict.Endpoint, obs.unix)
	countsFor(b.accounts, e.Account).addSignIn(obs.verdict.Endpoint, obs.unix)
	if obs.role != "" {
		countsFor(b.roles, obs.role).addSignIn(obs.verdict.Endpoint, obs.unix)
	}
	if obs.home != "" {
		pair := obs.home + " " + obs.verdict.Endpoint
		if who := b.homes[pair]; len(who) < rule.MaxHomePeople && !slices.Contains(who, obs.principal) {
			b.homes[pair] = append(who, obs.principal)
		}
	}
}

// countsFor returns the counts of a key. It adds empty ones to the map for a new
// key.
func countsFor(m map[string]*endpointCounts, key string) *endpointCounts {
	t := m[key]
	if t == nil {
		t = &endpointCounts{}
		m[key] = t
	}
	return t
}

// rememberAddress moves or adds an address to the front of the principal's list. A
// full list loses its last one. An empty address is ignored.
func (h *principalHistory) rememberAddress(address string) {
	i := slices.Index(h.Addresses, address)
	switch {
	case address == "" || i == 0:
		return
	case i > 0:
		copy(h.Addresses[1:i+1], h.Addresses[:i])
	case len(h.Addresses) < maxAddresses:
		h.Addresses = slices.Insert(h.Addresses, 0, address)
	default:
		copy(h.Addresses[1:], h.Addresses)
	}
	h.Addresses[0] = address
}

// knowsAddress reports whether the address is in the principal's list. A nil
// history has an empty list.
func (h *principalHistory) knowsAddress(address string) bool {
	return h != nil && slices.Contains(h.Addresses, address)
}

// usualEndpoints returns the endpoints that have a tenth or more of the decayed
// sign-ins, the most used first, then by name. It returns nil for nil counts.
func (t *endpointCounts) usualEndpoints() []string {
	if t == nil {
		return nil
	}
	total := t.totalWeight()
	var often []endpointCount
	for _, c := range t.At {
		if c.N >= total/10 {
			often = append(often, c)
		}
	}
	slices.SortFunc(often, func(a, b endpointCount) int {
		switch {
		case a.N > b.N:
			return -1
		case a.N < b.N:
			return 1
		}
		return strings.Compare(a.Endpoint, b.Endpoint)
	})
	names := make([]string, len(often))
	for i, c := range often {
		names[i] = c.Endpoint
	}
	return names
}
