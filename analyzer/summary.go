package analyzer

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"trailgate/ingest/signin"
)

// Summary counts sign-ins by endpoint and by principal. The zero Summary is ready
// to use. It is for one goroutine. The result does not depend on the order in
// which sign-ins are added.
type Summary struct {
	SignIns  int
	Failures int
	Scopes   [3]int // by Scope; adds up to SignIns
	Named    int    // distinct principals that can be named
	Hidden   int    // sign-ins whose principal cannot be named
	First    time.Time
	Last     time.Time

	accounts   map[string]bool
	endpoints  map[endpointKey]*EndpointCount
	principals map[string]*PrincipalCount
}

// endpointKey is one row of the endpoints table.
type endpointKey struct {
	scope    Scope
	endpoint string
}

// EndpointCount counts the sign-ins at one endpoint.
type EndpointCount struct {
	Scope      Scope
	Endpoint   string // as in Verdict
	SignIns    int
	Failures   int
	Principals int // distinct; sign-ins without a named principal do not count
	First      time.Time
	Last       time.Time
}

// PrincipalCount counts the sign-ins of one principal.
type PrincipalCount struct {
	Principal    string
	IdentityType string
	SignIns      int
	Failures     int
	First        time.Time
	Last         time.Time

	visits []visits
}

// visits counts one principal's sign-ins at one endpoint.
type visits struct {
	endpointKey
	count int
}

// Add counts one sign-in and its verdict.
func (s *Summary) Add(e *signin.Event, v Verdict) {
	if s.principals == nil {
		s.accounts, s.endpoints, s.principals = map[string]bool{}, map[endpointKey]*EndpointCount{}, map[string]*PrincipalCount{}
	}
	if e.Account != "" {
		s.accounts[e.Account] = true
	}
	failed := 0
	if e.Outcome == signin.Failure {
		failed = 1
	}
	s.SignIns++
	s.Failures += failed
	s.Scopes[v.Scope]++
	WidenPeriod(&s.First, &s.Last, e.Time)

	key, named := e.Principal(), e.Named()
	if !named {
		s.Hidden++
	}
	p := s.principals[key]
	if p == nil {
		p = &PrincipalCount{Principal: key, IdentityType: e.Identity.Type}
		s.principals[key] = p
		if named {
			s.Named++
		}
	}
	p.IdentityType = min(p.IdentityType, e.Identity.Type)
	p.SignIns++
	p.Failures += failed
	WidenPeriod(&p.First, &p.Last, e.Time)

	at := endpointKey{v.Scope, v.Endpoint}
	c := s.endpoints[at]
	if c == nil {
		c = &EndpointCount{Scope: v.Scope, Endpoint: v.Endpoint}
		s.endpoints[at] = c
	}
	c.SignIns++
	c.Failures += failed
	WidenPeriod(&c.First, &c.Last, e.Time)
	if p.recordVisit(at) && named {
		c.Principals++
	}
}

// recordVisit counts one sign-in of the principal at an endpoint. It returns true if it
// is the first one there.
func (p *PrincipalCount) recordVisit(at endpointKey) bool {
	for i := range p.visits {
		if p.visits[i].endpointKey == at {
			p.visits[i].count++
			return false
		}
	}
	p.visits = append(p.visits, visits{at, 1})
	return true
}

// WidenPeriod moves the ends of a period so that it includes a moment. A zero first
// stands for an empty period.
func WidenPeriod(first, last *time.Time, t time.Time) {
	if first.IsZero() || t.Before(*first) {
		*first = t
	}
	if t.After(*last) {
		*last = t
	}
}

// Accounts lists the accounts whose logs hold the sign-ins, sorted.
func (s *Summary) Accounts() []string { return slices.Sorted(maps.Keys(s.accounts)) }

// Endpoints lists the endpoints. The most used comes first; equals are sorted by
// name.
func (s *Summary) Endpoints() []EndpointCount {
	out := make([]EndpointCount, 0, len(s.endpoints))
	for _, c := range s.endpoints {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b EndpointCount) int {
		return cmp.Or(cmp.Compare(b.SignIns, a.SignIns), strings.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Scope, b.Scope))
	})
	return out
}

// Principals lists the principals. The most active comes first; equals are sorted
// by key.
func (s *Summary) Principals() []PrincipalCount {
	out := make([]PrincipalCount, 0, len(s.principals))
	for _, p := range s.principals {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b PrincipalCount) int {
		return cmp.Or(cmp.Compare(b.SignIns, a.SignIns), strings.Compare(a.Principal, b.Principal))
	})
	return out
}

// Endpoints returns how many distinct endpoints the principal came through.
// Unknown endpoints do not count.
func (p PrincipalCount) Endpoints() int {
	n := 0
	for _, v := range p.visits {
		if v.scope != ScopeUnknown {
			n++
		}
	}
	return n
}

// Usual returns the endpoint that the principal came through most often. Of
// equals it returns the one that sorts first. It returns "" if no endpoint is
// known.
func (p PrincipalCount) Usual() string {
	best := visits{}
	for _, v := range p.visits {
		if v.scope == ScopeUnknown {
			continue
		}
		if v.count > best.count || v.count == best.count && v.endpoint < best.endpoint {
			best = v
		}
	}
	return best.endpoint
}
