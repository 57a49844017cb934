package analyzer

import (
	"fmt"
	"slices"
	"time"

	"trailgate/ingest/signin"
)

// byFactor: an IAM user got in without a second factor. Federated principals
// are never asked: AWS cannot see theirs.
func (j *Judge) byFactor(s *sight, d detector) (hit, bool) {
	if s.e.Identity.Type != signin.TypeIAMUser || !s.named || !s.single() {
		return hit{}, false
	}
	reason := "an IAM user signed in without a second factor"
	key := ""
	if s.habit != nil && s.habit.MFA != 0 && (!s.late || s.habit.MFA < s.unix) {
		reason += fmt.Sprintf(", having used one %s before", lasting(time.Duration(s.unix-s.habit.MFA)*time.Second))
		key = "dropped"
		if j.Policy.Detection(d.id).Severity == 0 {
			d.severity++
		}
	}
	return hit{detector: d, reason: reason, observed: "no second factor", expected: []string{"second factor"}, key: key}, true
}

// byForce: many failures of one principal, alone or with a success after them.
func (j *Judge) byForce(s *sight, d detector) (hit, bool) {
	if !s.named || s.late || s.e.ErrorCode != "" {
		return hit{}, false
	}
	n := 0
	if s.habit != nil {
		n = since(s.habit.Failures, s.unix-int64(d.window/time.Second))
	}
	if s.e.Outcome == signin.Failure {
		n++
	}
	if n < d.count {
		return hit{}, false
	}
	var reason string
	switch {
	case s.e.Outcome == signin.Failure:
		reason = fmt.Sprintf("%s within %s", plural(n, "failure"), lasting(d.window))
	case s.success():
		reason = fmt.Sprintf("a success after %s within %s, from %q", plural(n, "failure"), lasting(d.window), s.e.SourceIP)
		if j.Policy.Detection(d.id).Severity == 0 {
			d.severity++
		}
	default:
		return hit{}, false
	}
	return hit{detector: d, reason: reason, observed: plural(n, "failure"),
		expected: []string{fmt.Sprintf("fewer than %d", d.count)}}, true
}

// bySpray: many principals fail from one address that is none of theirs, or
// one of them gets in from there.
func (j *Judge) bySpray(s *sight, d detector) (hit, bool) {
	if s.e.SourceIP == "" || s.late || s.e.ErrorCode != "" || s.named && s.habit.familiar(s.e.SourceIP) {
		return hit{}, false
	}
	oldest := s.unix - int64(d.window/time.Second)
	src := j.Baseline.sources[s.e.SourceIP]
	failed := src.failed(oldest)
	if s.e.Outcome == signin.Failure && s.named && !slices.Contains(failed, s.principal) {
		failed = append(failed, s.principal)
	}
	n := len(failed)
	if n < d.count {
		return hit{}, false
	}
	var reason string
	switch {
	case s.e.Outcome == signin.Failure && s.named:
		reason = fmt.Sprintf("%s failed from %q within %s, none of whom was remembered there", plural(n, "principal"), s.e.SourceIP, lasting(d.window))
	case s.success():
		reason = fmt.Sprintf("a success from %q, where %s failed within %s", s.e.SourceIP, plural(n, "principal"), lasting(d.window))
		if j.Policy.Detection(d.id).Severity == 0 {
			d.severity++
		}
	default:
		return hit{}, false
	}
	if src != nil {
		if hidden := since(src.Hidden, oldest); hidden > 0 {
			reason += fmt.Sprintf("; %s at names that do not exist", plural(hidden, "attempt"))
		}
	}
	return hit{detector: d, reason: reason, observed: plural(n, "principal"),
		expected: []string{fmt.Sprintf("fewer than %d", d.count)}, key: s.e.SourceIP}, true
}

// byName: many names that do not exist, from one address in one account. They
// are nobody's, so it is said of the address.
func (j *Judge) byName(s *sight, d detector) (hit, bool) {
	if s.named || s.late || s.e.Outcome != signin.Failure || s.e.ErrorCode != "" || s.e.SourceIP == "" {
		return hit{}, false
	}
	n := since(j.Baseline.hidden[s.e.Account+" "+s.e.SourceIP], s.unix-int64(d.window/time.Second)) + 1
	if n < d.count {
		return hit{}, false
	}
	return hit{detector: d, reason: fmt.Sprintf("%s with names that account %s does not have, from %q within %s", plural(n, "failure"), s.e.Account, s.e.SourceIP, lasting(d.window)),
		observed: plural(n, "hidden name"), expected: []string{fmt.Sprintf("fewer than %d", d.count)}, key: s.e.SourceIP}, true
}

// byDenial: a sign-in policy or a resource control policy turned somebody away
// (AWS Sign-In User Guide: errorCode AccessDenied, since 2026).
func (j *Judge) byDenial(s *sight, d detector) (hit, bool) {
	if s.e.Outcome != signin.Failure || s.e.ErrorCode != "AccessDenied" {
		return hit{}, false
	}
	key := ""
	if !s.named {
		key = s.e.SourceIP
	}
	return hit{detector: d, observed: s.e.ErrorCode, key: key,
		reason: fmt.Sprintf("AWS turned the sign-in away by policy, from %q: %q", s.e.SourceIP, clipped(s.e.ErrorMessage))}, true
}

// clipped keeps a text of the record to a length that fits a reason.
func clipped(text string) string {
	const most = 200
	r := []rune(text)
	if len(r) <= most {
		return text
	}
	return string(r[:most]) + "…"
}
