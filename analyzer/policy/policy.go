package policy

import (
	"fmt"
	"slices"
	"time"

	"trailgate/analyzer"
	"trailgate/analyzer/rule"
	"trailgate/analyzer/text"
	"trailgate/ingest/signin"
)

// Policy says who may come through which endpoint, as a policy file has it;
// ParsePolicy makes one. It does not change once made and may be shared
// between goroutines. A nil Policy judges nobody and leaves every rule of
// findings at its default.
type Policy struct {
	file       string
	source     []string     // the file's lines
	rules      []policyRule // in the file's order
	fallback   policyRule   // the defaults, which are a rule only if they allow or forbid something
	exceptions []exception
	detections []tuning
	globs      int // how many the matchers have, over all
	warnings   Problems
}

// position is where in the file something stands, from 1.
type position struct{ line, column int }

// policyRule is one entry of rules, or the defaults.
type policyRule struct {
	name     string
	at       position
	match    matcher
	allow    allowance
	severity rule.Severity
}

// exception is one entry of exceptions.
type exception struct {
	label  string // for people: the name or the reason, and the line
	at     position
	match  matcher
	allow  allowance
	until  time.Time // the first moment at which it does not hold any more
	reason string
}

// tuning is one entry of detections.
type tuning struct {
	id string
	Detection
}

// defaultsName is what a Decision calls the defaults of a policy.
const defaultsName = "defaults"

// Decision is what a policy says of one sign-in. Its slice belongs to the
// policy and is not to be written to.
type Decision struct {
	Rule      string        // the rule about this person, "defaults" for the policy's defaults; empty: there is none
	Line      int           // of that rule in the policy file
	Judged    bool          // false: the policy says nothing, and Why tells why
	Allowed   bool          // never without Judged
	Expected  []string      // what the rule allows: endpoints, globs, and idc-home where the home is not known
	Severity  rule.Severity // the rule's; never zero if Judged
	Exception string        // the exception that allowed it, if one did
	Expired   string        // an exception that would have allowed it, had it not expired
	Why       string        // why it was not judged, a phrase; empty if Judged
}

// Detection is what a policy says of one rule of findings. Each zero field
// leaves that rule's default alone.
type Detection struct {
	Enabled   signin.Flag
	Severity  rule.Severity
	Threshold float64 // bits of surprise
	Count     int
	Window    time.Duration
}

// Detection is what the policy says of the rule of findings with this id.
func (p *Policy) Detection(id string) Detection {
	if p == nil {
		return Detection{}
	}
	for _, t := range p.detections {
		if t.id == id {
			return t.Detection
		}
	}
	return Detection{}
}

// Decide says whether a sign-in, on which v is the verdict, came through an
// endpoint that it may. The first rule that matches decides, and the defaults
// if none does; what a rule does not allow an exception may, if the sign-in
// lies before its end. It is pure: the sign-in's own time is the time that
// counts.
//
// Nobody is judged on a guess. A sign-in stays unjudged if its endpoint is not
// known, if the record does not name a person, if the home Region of Identity Center
// would decide and the record does not tell it, and if an earlier rule with
// another answer may be the one that matches: failed sign-ins of IAM users
// come without the ARN that a glob over paths wants.
func (p *Policy) Decide(e *signin.Event, v analyzer.Verdict) Decision {
	if p == nil {
		return Decision{Why: "no policy is given"}
	}
	s := NewSubject(e)
	var doubts []*policyRule
	var found *policyRule
	for i := range p.rules {
		r := &p.rules[i]
		fits := r.match.matchesSubject(&s)
		if fits == yes {
			found = r
			break
		}
		if fits == maybe {
			doubts = append(doubts, r)
		}
	}
	if found == nil && p.fallback.allow.given {
		found = &p.fallback
	}
	d := p.applyRule(found, &s, v)
	for _, r := range doubts {
		if other := p.applyRule(r, &s, v); d.Judged && (other.Judged != d.Judged || other.Allowed != d.Allowed) {
			return Decision{Rule: r.name, Line: r.at.line,
				Why: fmt.Sprintf("rule %q may apply, but the record has no ARN, so the path is not known", r.name)}
		}
	}
	return d
}

// AllowsByName tells whether the decision on the sign-in was to allow it, by an
// exception or by a rule that names its very endpoint: not by a glob, nor as
// the home.
func (p *Policy) AllowsByName(d Decision, e *signin.Event, v analyzer.Verdict) bool {
	if !d.Allowed || d.Exception != "" {
		return d.Allowed
	}
	r := &p.fallback
	if i := slices.IndexFunc(p.rules, func(r policyRule) bool { return r.name == d.Rule }); i >= 0 {
		r = &p.rules[i]
	}
	return slices.Contains(r.allow.names, v.Endpoint) || e.Identity.IdentityCenter() && slices.Contains(r.allow.replicas, v.Endpoint)
}

// applyRule applies one rule; nil is the lack of any.
func (p *Policy) applyRule(r *policyRule, s *Subject, v analyzer.Verdict) Decision {
	if r == nil {
		return Decision{Why: "no rule of the policy matches this person"}
	}
	d := Decision{Rule: r.name, Line: r.at.line, Severity: r.severity}
	switch {
	case s.Nobody:
		d.Why = "the record does not name a person"
	case v.Scope == analyzer.ScopeUnknown:
		d.Why = "the endpoint is not known"
	}
	if d.Why != "" {
		return d
	}
	d.Judged, d.Expected = true, r.allow.describeExpected(s, v)
	fits := r.allow.permitsEndpoint(s, v, r.allow.strict)
	if fits == no {
		fits = p.applyExceptions(&d, r, s, v)
	}
	switch fits {
	case yes:
		d.Allowed = true
	case maybe:
		d.Judged, d.Expected = false, nil
		d.Why = "the decision depends on the home Region of Identity Center or on the path of the user, which the record does not show"
	}
	return d
}

// applyExceptions tries the exceptions, and notes in d which of them spoke.
func (p *Policy) applyExceptions(d *Decision, r *policyRule, s *Subject, v analyzer.Verdict) ternary {
	best := no
	for i := range p.exceptions {
		x := &p.exceptions[i]
		fits := min(x.match.matchesSubject(s), x.allow.permitsEndpoint(s, v, r.allow.strict || x.allow.strict))
		switch {
		case fits == no:
		case !s.event.Time.Before(x.until):
			if fits == yes && d.Expired == "" {
				d.Expired = x.label
			}
		case fits == yes:
			d.Exception, d.Expired = x.label, ""
			return yes
		default:
			best = maybe
		}
	}
	return best
}

// Warnings are what looks wrong in the policy but does not keep it from being
// used, in the order of the file; the slice is the caller's own. A rule is
// called dead only if no record whatever can reach it; of a glob it is said
// where it is likely to be a slip.
func (p *Policy) Warnings() Problems {
	if p == nil {
		return nil
	}
	return append(Problems(nil), p.warnings...)
}

// String says in a few words what the policy holds.
func (p *Policy) String() string {
	if p == nil {
		return "no policy"
	}
	s := text.Count(len(p.rules), "rule")
	if p.fallback.allow.given {
		s += ", defaults"
	}
	return s + ", " + text.Count(len(p.exceptions), "exception") + ", " + text.Count(len(p.detections), "detection")
}
