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
// Half a year is long enough to remember somebody who signs in a few times a
// year. It is short enough to forget a Region that somebody has left.
const HalfLife = 180 * 24 * time.Hour

// Baseline is what was learned from sign-ins: how often each endpoint was used by
// every principal, role and account, and by the whole organization. It also holds
// what a Detector must remember between runs: recent failures, addresses and open
// bursts. The zero Baseline knows nothing and is ready to use.
//
// The probability of an endpoint comes from a hierarchical Dirichlet-multinomial
// model. Let n(e) be the decayed number of sign-ins at endpoint e, N their sum
// over all endpoints, and k a weight. Each level is the posterior mean under a
// Dirichlet prior that is centred on the level above:
//
//	P(e | level) = (n(e) + k * P(e | level above)) / (N + k)
//
// The levels are the principal, the role (for role sessions), the account and the
// organization. Above them all endpoints are equally likely. (Gelman, Carlin,
// Stern, Dunson, Vehtari, Rubin: Bayesian Data Analysis, 3rd edition, sections
// 3.4 and 5.2, for the model and for the hierarchy; MacKay and Peto: A
// Hierarchical Dirichlet Language Model, 1995, for a prior that is the
// distribution one level up.) A principal with little history is compared with
// the account, and one with much history with itself. Surprise is -log2 P, in
// bits.
//
// A sign-in of age t weighs 2^(-t/HalfLife). Only successes are learned. For IAM
// users the global endpoint and the three proxied Regions count as one endpoint.
//
// A Baseline is for one Detector at a time and for one goroutine. Sums are made
// in a fixed order and the saved form is exact. So neither batches nor restarts
// change a result.
type Baseline struct {
	at       streamPosition // the last sign-in that was learned
	org      endpointCounts
	accounts map[string]*endpointCounts
	roles    map[string]*endpointCounts
	people   map[string]*principalHistory
	homes    map[string][]string         // Identity Center home and endpoint -> the first people seen
	sources  map[string]*addressFailures // address -> who failed from there
	hidden   map[string][]int64          // account and address -> when sign-ins with hidden names failed
	bursts   map[string]*burst
}

// streamPosition is the position of a sign-in in the order of time and id.
type streamPosition struct {
	Time time.Time `json:"time"`
	ID   string    `json:"id"`
}

// isBefore tells whether the sign-in comes after the position.
func (m streamPosition) isBefore(e *signin.Event) bool {
	c := m.Time.Compare(e.Time)
	return c < 0 || c == 0 && m.ID < e.ID
}

// principalHistory is what was learned of one principal.
type principalHistory struct {
	Places    endpointCounts `json:"places"`
	Blind     int            `json:"blind,omitempty"`     // successes whose endpoint is not known
	Addresses []string       `json:"addresses,omitempty"` // of successes, the latest first
	Failures  []int64        `json:"failures,omitempty"`  // Unix seconds, the latest last
	MFA       int64          `json:"mfa,omitempty"`       // last use of a second factor
	Last      int64          `json:"last,omitempty"`      // last success at a known endpoint
	LastPlace string         `json:"last_place,omitempty"`
	LastFrom  string         `json:"last_from,omitempty"`
}

// maxAddresses is how many addresses are kept for a principal.
const maxAddresses = 16

// The weights of the levels. A weight is the number of own sign-ins that a level
// needs to count as much as the level above. It is small for a principal, because
// most people never change their endpoint, and one or two sign-ins show it. It is
// large for the other levels, so that the first days of a trail raise few
// findings.
const (
	weightPrincipal = 0.125
	weightRole      = 5
	weightAccount   = 20
	weightOrg       = 20
)

// endpoints is the number of endpoints above all levels: the Regions of the
// commercial partition and the global endpoint.
const endpoints = 35

// LearnedUntil returns the time of the last sign-in that was learned. It is zero
// if nothing was learned.
func (b *Baseline) LearnedUntil() time.Time { return b.at.Time }

// Principals returns how many principals the baseline knows.
func (b *Baseline) Principals() int { return len(b.people) }

// Ongoing lists the findings of open bursts in their present state, in the order
// of time, event id and rule. An earlier Detector may have reported some of them.
func (b *Baseline) Ongoing() []Finding {
	all := make([]Finding, 0, len(b.bursts))
	for _, burst := range b.bursts {
		all = append(all, burst.currentFinding())
	}
	slices.SortFunc(all, compareFindings)
	return all
}

// prepareMaps makes the zero Baseline writable.
func (b *Baseline) prepareMaps() {
	if b.people != nil {
		return
	}
	b.accounts, b.roles, b.people = map[string]*endpointCounts{}, map[string]*endpointCounts{}, map[string]*principalHistory{}
	b.homes, b.sources, b.hidden, b.bursts = map[string][]string{}, map[string]*addressFailures{}, map[string][]int64{}, map[string]*burst{}
}

// expectation is what the baseline expects of a principal at one moment.
type expectation struct {
	surprise float64 // bits
	own      int     // learned sign-ins of the principal
	here     int     // those of them at this endpoint
	share    float64 // share of this endpoint in the principal's decayed sign-ins
	account  int     // learned sign-ins of the account
	blind    int     // further sign-ins of the principal, at unknown endpoints
	common   float64 // share of this endpoint in the account's sign-ins, without decay
	used     bool    // whether anybody in the account has used it
}

// expectationFor says how surprising an endpoint is at a moment. It does not
// learn.
func (b *Baseline) expectationFor(s *observation) expectation {
	var o expectation
	prior := 1.0 / endpoints
	if s.foldProxied && s.class == analyzer.Global {
		prior = float64(1+len(endpoint.ProxiedRegions())) / endpoints
	}
	p, _, _, _ := b.org.posteriorOf(s, prior, weightOrg)
	account := b.accounts[s.event.Account]
	p, _, o.used, o.account = account.posteriorOf(s, p, weightAccount)
	if o.account > 0 {
		o.common = float64(account.timesSeen(s)) / float64(o.account)
	}
	if s.role != "" {
		p, _, _, _ = b.roles[s.role].posteriorOf(s, p, weightRole)
	}
	if s.history != nil {
		t := &s.history.Places
		p, o.share, _, o.own = t.posteriorOf(s, p, weightPrincipal)
		o.here, o.blind = t.timesSeen(s), s.history.Blind
	} else {
		p, _, _, _ = (*endpointCounts)(nil).posteriorOf(s, p, weightPrincipal)
	}
	o.surprise = surpriseBits(p)
	return o
}

// learnSignIn learns one sign-in. The caller passes sign-ins in order.
func (b *Baseline) learnSignIn(s *observation) {
	e := s.event
	b.at = streamPosition{e.Time, e.ID}
	if !s.named {
		return
	}
	h := s.history
	if h == nil {
		h = &principalHistory{}
		b.people[s.principal] = h
	}
	switch e.Outcome {
	case signin.Failure:
		if e.ErrorCode == "" {
			h.Failures = append(dropOlder(h.Failures, s.unix-int64(rule.MaxWindow/time.Second)), s.unix)
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
		h.MFA = s.unix
	}
	if !s.known {
		h.Blind++
		return
	}
	h.Last, h.LastPlace, h.LastFrom = s.unix, s.class, e.SourceIP
	h.Places.addSignIn(s.verdict.Endpoint, s.unix)
	b.org.addSignIn(s.verdict.Endpoint, s.unix)
	countsFor(b.accounts, e.Account).addSignIn(s.verdict.Endpoint, s.unix)
	if s.role != "" {
		countsFor(b.roles, s.role).addSignIn(s.verdict.Endpoint, s.unix)
	}
	if s.home != "" {
		pair := s.home + " " + s.verdict.Endpoint
		if who := b.homes[pair]; len(who) < rule.MaxHomePeople && !slices.Contains(who, s.principal) {
			b.homes[pair] = append(who, s.principal)
		}
	}
}

func countsFor(m map[string]*endpointCounts, key string) *endpointCounts {
	t := m[key]
	if t == nil {
		t = &endpointCounts{}
		m[key] = t
	}
	return t
}

// rememberAddress moves an address to the front of the list. The oldest one is
// dropped if the list is full.
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

// knowsAddress tells whether the list has the address. The principal has then
// signed in from it.
func (h *principalHistory) knowsAddress(address string) bool {
	return h != nil && slices.Contains(h.Addresses, address)
}

// usualEndpoints names the endpoints with a tenth or more of the weight, the most
// used first.
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
