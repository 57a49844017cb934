package detect

import (
	"fmt"
	"slices"
	"time"

	"trailgate/analyzer/rule"
	"trailgate/analyzer/text"
	"trailgate/ingest/signin"
)

// mfaAbsent matches an IAM user who signed in without a second factor. Federated
// principals never match, because AWS cannot see their second factor.
func (d *Detector) mfaAbsent(s *observation, spec rule.Spec) (match, bool) {
	if s.event.Identity.Type != signin.TypeIAMUser || !s.named || !s.withoutMFA() {
		return match{}, false
	}
	reason := "an IAM user signed in without a second factor"
	key := ""
	if s.history != nil && s.history.MFA != 0 && (!s.late || s.history.MFA < s.unix) {
		reason += fmt.Sprintf(", having used one %s before", formatDuration(time.Duration(s.unix-s.history.MFA)*time.Second))
		key = "dropped"
		if d.Policy.Detection(spec.ID).Severity == 0 {
			spec.Severity++
		}
	}
	return match{Spec: spec, reason: reason, observed: "no second factor", expected: []string{"second factor"}, key: key}, true
}

// authBruteforce matches many failures of one principal, and a success after
// them.
func (d *Detector) authBruteforce(s *observation, spec rule.Spec) (match, bool) {
	if !s.named || s.late || s.event.ErrorCode != "" {
		return match{}, false
	}
	n := 0
	if s.history != nil {
		n = countSince(s.history.Failures, s.unix-int64(spec.Window/time.Second))
	}
	if s.event.Outcome == signin.Failure {
		n++
	}
	if n < spec.Count {
		return match{}, false
	}
	var reason string
	switch {
	case s.event.Outcome == signin.Failure:
		reason = fmt.Sprintf("%s within %s", text.Count(n, "failure"), formatDuration(spec.Window))
	case s.succeeded():
		reason = fmt.Sprintf("a success after %s within %s, from %q", text.Count(n, "failure"), formatDuration(spec.Window), s.event.SourceIP)
		if d.Policy.Detection(spec.ID).Severity == 0 {
			spec.Severity++
		}
	default:
		return match{}, false
	}
	return match{Spec: spec, reason: reason, observed: text.Count(n, "failure"),
		expected: []string{fmt.Sprintf("fewer than %d", spec.Count)}}, true
}

// authSpray matches failures of many principals from one address, if the address
// is new for all of them. It also matches a success of one of them from there.
func (d *Detector) authSpray(s *observation, spec rule.Spec) (match, bool) {
	if s.event.SourceIP == "" || s.late || s.event.ErrorCode != "" || s.named && s.history.knowsAddress(s.event.SourceIP) {
		return match{}, false
	}
	oldest := s.unix - int64(spec.Window/time.Second)
	src := d.Baseline.sources[s.event.SourceIP]
	failed := src.failedPrincipals(oldest)
	if s.event.Outcome == signin.Failure && s.named && !slices.Contains(failed, s.principal) {
		failed = append(failed, s.principal)
	}
	n := len(failed)
	if n < spec.Count {
		return match{}, false
	}
	var reason string
	switch {
	case s.event.Outcome == signin.Failure && s.named:
		reason = fmt.Sprintf("%s failed from %q within %s; the baseline does not know any of them at this address", text.Count(n, "principal"), s.event.SourceIP, formatDuration(spec.Window))
	case s.succeeded():
		reason = fmt.Sprintf("a success from %q, where %s failed within %s", s.event.SourceIP, text.Count(n, "principal"), formatDuration(spec.Window))
		if d.Policy.Detection(spec.ID).Severity == 0 {
			spec.Severity++
		}
	default:
		return match{}, false
	}
	if src != nil {
		if hidden := countSince(src.Hidden, oldest); hidden > 0 {
			reason += fmt.Sprintf("; %s with names that do not exist", text.Count(hidden, "attempt"))
		}
	}
	return match{Spec: spec, reason: reason, observed: text.Count(n, "principal"),
		expected: []string{fmt.Sprintf("fewer than %d", spec.Count)}, key: s.event.SourceIP}, true
}

// authUnknownUser matches many names that do not exist, tried from one address in
// one account. The names belong to nobody, so the finding is about the address.
func (d *Detector) authUnknownUser(s *observation, spec rule.Spec) (match, bool) {
	if s.named || s.late || s.event.Outcome != signin.Failure || s.event.ErrorCode != "" || s.event.SourceIP == "" {
		return match{}, false
	}
	n := countSince(d.Baseline.hidden[s.event.Account+" "+s.event.SourceIP], s.unix-int64(spec.Window/time.Second)) + 1
	if n < spec.Count {
		return match{}, false
	}
	return match{Spec: spec, reason: fmt.Sprintf("%s with names that account %s does not have, from %q within %s", text.Count(n, "failure"), s.event.Account, s.event.SourceIP, formatDuration(spec.Window)),
		observed: text.Count(n, "hidden name"), expected: []string{fmt.Sprintf("fewer than %d", spec.Count)}, key: s.event.SourceIP}, true
}

// authDeniedByPolicy matches a sign-in that a sign-in policy or a resource
// control policy denied (AWS Sign-In User Guide: errorCode AccessDenied, since
// 2026).
func (d *Detector) authDeniedByPolicy(s *observation, spec rule.Spec) (match, bool) {
	if s.event.Outcome != signin.Failure || s.event.ErrorCode != "AccessDenied" {
		return match{}, false
	}
	key := ""
	if !s.named {
		key = s.event.SourceIP
	}
	return match{Spec: spec, observed: s.event.ErrorCode, key: key,
		reason: fmt.Sprintf("AWS denied the sign-in by policy, from %q: %q", s.event.SourceIP, clipText(s.event.ErrorMessage))}, true
}

// clipText cuts a text of the record to a length that fits into a reason.
func clipText(text string) string {
	const most = 200
	r := []rune(text)
	if len(r) <= most {
		return text
	}
	return string(r[:most]) + "…"
}
