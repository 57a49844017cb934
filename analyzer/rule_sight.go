package analyzer

import (
	"fmt"
	"strconv"
	"time"

	"trailgate/analyzer/endpoint"
	"trailgate/ingest/signin"
)

// sight is one sign-in and what is known of it at the moment it is judged.
type sight struct {
	e         *signin.Event
	v         Verdict
	unix      int64
	principal string
	named     bool   // the principal is somebody
	known     bool   // the endpoint is
	fold      bool   // an IAM user: the proxied Regions stand for the global endpoint
	class     string // the endpoint, folded
	role      string // key of the role, of role sessions
	home      string // home Region of an Identity Center role, if known
	habit     *habit // nil: a principal never seen before
	late      bool   // the baseline already knows later sign-ins
	decision  Decision
	outlook   outlook // only if named and known
}

// see gathers what is known of a sign-in.
func (j *Judge) see(e *signin.Event, v Verdict) sight {
	s := sight{e: e, v: v, unix: e.Time.Unix(), principal: e.Principal(), named: e.Named(), known: v.Scope != ScopeUnknown, class: v.Endpoint}
	s.late = !j.Baseline.at.before(e)
	s.fold = e.Identity.Type == signin.TypeIAMUser && v.Partition == endpoint.AWS
	if s.fold && endpoint.Proxied(v.Endpoint) {
		s.class = Global
	}
	if e.Identity.Type == signin.TypeAssumedRole {
		s.role = e.Account + "/" + e.Identity.RoleName()
		if v.Has(IdentityCenter) {
			s.home = identityCenterHome(&e.Identity, v.Partition)
		}
	}
	s.habit = j.Baseline.people[s.principal]
	s.decision = j.Policy.Judge(e, v)
	if s.named && s.known {
		s.outlook = j.Baseline.expect(&s)
	}
	return s
}

// stands tells whether an endpoint is the one of the sign-in, as far as the
// principal can choose.
func (s *sight) stands(name string) bool {
	return name == s.class || s.fold && s.class == Global && endpoint.Proxied(name)
}

// success tells whether the person got in.
func (s *sight) success() bool { return s.e.Outcome == signin.Success }

// strange tells whether the principal, known from several sign-ins, surely was
// never seen at the address. Of who uses more addresses than are remembered it
// cannot be told.
func (s *sight) strange() bool {
	return s.named && s.e.SourceIP != "" && s.outlook.own >= 3 && len(s.habit.Addresses) < maxAddresses && !s.habit.familiar(s.e.SourceIP)
}

// single tells whether somebody got in with a password alone.
func (s *sight) single() bool {
	return s.success() && s.e.MFA == signin.MFANo && !s.e.Identity.Federated()
}

// usual is what the baseline expects: the principal's own endpoints, or their
// account's.
func (s *sight) usual(b *Baseline) []string {
	if s.habit != nil && s.habit.Places.Seen > 0 {
		return s.habit.Places.usual()
	}
	return b.accounts[s.e.Account].usual()
}

// hit is one rule that a sign-in broke.
type hit struct {
	detector
	reason   string
	observed string
	expected []string
	surprise *float64
	key      string // what a burst of it has in common
}

// percent writes a share as people do.
func percent(share float64) string {
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

// lasting writes a duration as people do: in the largest unit of which there
// are two, and the next smaller one for what is left, which is rounded up.
func lasting(d time.Duration) string {
	units := [...]struct {
		of          time.Duration
		long, short string
	}{{day, "days", "d"}, {time.Hour, "hours", "h"}, {time.Minute, "minutes", "min"}, {time.Second, "seconds", "s"}}
	i := 0
	for i < len(units)-1 && d < 2*units[i].of {
		i++
	}
	if i == len(units)-1 {
		return plural(int((d+time.Second-1)/time.Second), "second")
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
