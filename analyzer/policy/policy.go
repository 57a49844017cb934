// Package policy decides which sign-in endpoints a person may use. It reads a policy
// file and returns a Policy, or every mistake in the file with its line and column.
// A Policy takes a sign-in with its verdict and returns a Decision. The package does
// no I/O and reads no clock. It does not import package detect, because rules of
// findings use policies and not the other way round.
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

// Policy says who may come through which endpoint, as a policy file says. Parse
// makes one. A Policy does not change and may be shared between goroutines. A nil
// Policy decides about nobody and leaves all rules of findings at their defaults.
type Policy struct {
	file       string
	source     []string     // the file's lines
	rules      []policyRule // in the file's order
	fallback   policyRule   // the defaults; they are a rule only if they name endpoints
	exceptions []exception
	detections []tuning
	globs      int // number of globs in all matchers
	warnings   Problems
}

// position is a place in the file. Line and column start at 1.
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
	label  string // shown to people: the name or the reason, and the line
	at     position
	match  matcher
	allow  allowance
	until  time.Time // the first moment after its end
	reason string
}

// tuning is one entry of detections.
type tuning struct {
	id string
	Detection
}

// defaultsName is the rule name in a Decision that the defaults made.
const defaultsName = "defaults"

// Decision is what a policy says about one sign-in. The caller must not write to
// its slice, which belongs to the policy.
type Decision struct {
	Rule      string        // the rule that matches this person, "defaults" for the policy's defaults; empty if no rule matches
	Line      int           // of that rule in the policy file
	Judged    bool          // false: the policy does not decide, for the reason in Why
	Allowed   bool          // true only if Judged is true
	Expected  []string      // what the rule allows: endpoints, globs, and idc-home if the home is not known
	Severity  rule.Severity // the severity of the rule; not zero if Judged
	Exception string        // the exception that allowed it; may be empty
	Expired   string        // an expired exception that would have allowed it; may be empty
	Why       string        // a phrase: why the policy does not decide; empty if Judged
}

// Detection holds the settings that a policy gives one rule of findings. A zero
// field keeps the default of the rule.
type Detection struct {
	Enabled   signin.Flag
	Severity  rule.Severity
	Threshold float64 // bits of surprise
	Count     int
	Window    time.Duration
}

// Detection returns the settings that the policy gives the rule of findings with
// this id.
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

// Decide says whether the policy allows the endpoint of a sign-in. v is the
// verdict on it. The first rule that matches decides. The defaults decide if no
// rule matches. An exception may allow what the rule does not, if the sign-in is
// before the end of the exception. Decide is pure: it compares the time of the
// sign-in, not the present time.
//
// Decide does not guess. In these cases Judged is false: the endpoint is not
// known; the record does not name a person; the home Region of Identity Center
// would decide and the record does not show it; an earlier rule with another
// answer may match. The last case is common for failed sign-ins of IAM users,
// because their records have no ARN to compare a path with.
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

// AllowsByName tells whether an exception allowed the sign-in, or a rule that
// names its endpoint. A glob and idc-home do not count as a name.
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

// applyRule returns the decision of one rule, and of the exceptions if the rule does not
// allow the endpoint. r is nil if no rule matches. Then Judged is false.
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

// applyExceptions tells whether an exception allows the sign-in. It stores in d the
// exception that does, or else the first expired one that would have. The answer is
// maybe if the record does not show whether one applies. r is the rule that did not
// allow the sign-in.
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

// Warnings lists what looks wrong in the policy but does not prevent its use, in
// the order of the file. The slice is the caller's own. A rule is reported as
// dead only if no record can reach it. A glob is reported if it is probably a
// mistake.
func (p *Policy) Warnings() Problems {
	if p == nil {
		return nil
	}
	return append(Problems(nil), p.warnings...)
}

// String returns a short summary: the numbers of rules, exceptions and
// detections.
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
