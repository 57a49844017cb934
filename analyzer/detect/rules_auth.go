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
func (j *Detector) mfaAbsent(s *observation, d rule.Spec) (match, bool) {
	if s.event.Identity.Type != signin.TypeIAMUser || !s.named || !s.withoutMFA() {
		return match{}, false
	}
	reason := "an IAM user signed in without a second factor"
	key := ""
	if s.history != nil && s.history.MFA != 0 && (!s.late || s.history.MFA < s.unix) {
		reason += fmt.Sprintf(", having used one %s before", formatDuration(time.Duration(s.unix-s.history.MFA)*time.Second))
		key = "dropped"
		if j.Policy.Detection(d.ID).Severity == 0 {
			d.Severity++
		}
	}
	return match{Spec: d, reason: reason, observed: "no second factor", expected: []string{"second factor"}, key: key}, true
}

// authBruteforce matches many failures of one principal, and a success after
// them.
func (j *Detector) authBruteforce(s *observation, d rule.Spec) (match, bool) {
	if !s.named || s.late || s.event.ErrorCode != "" {
		return match{}, false
	}
	n := 0
	if s.history != nil {
		n = countSince(s.history.Failures, s.unix-int64(d.Window/time.Second))
	}
	if s.event.Outcome == signin.Failure {
		n++
	}
	if n < d.Count {
		return match{}, false
	}
	var reason string
	switch {
	case s.event.Outcome == signin.Failure:
		reason = fmt.Sprintf("%s within %s", text.Count(n, "failure"), formatDuration(d.Window))
	case s.succeeded():
		reason = fmt.Sprintf("a success after %s within %s, from %q", text.Count(n, "failure"), formatDuration(d.Window), s.event.SourceIP)
		if j.Policy.Detection(d.ID).Severity == 0 {
			d.Severity++
		}
	default:
		return match{}, false
	}
	return match{Spec: d, reason: reason, observed: text.Count(n, "failure"),
		expected: []string{fmt.Sprintf("fewer than %d", d.Count)}}, true
}

// authSpray matches many principals that fail from one address, which none of
// them is known to use. It also matches a success of one of them from there.
func (j *Detector) authSpray(s *observation, d rule.Spec) (match, bool) {
	if s.event.SourceIP == "" || s.late || s.event.ErrorCode != "" || s.named && s.history.knowsAddress(s.event.SourceIP) {
		return match{}, false
	}
	oldest := s.unix - int64(d.Window/time.Second)
	src := j.Baseline.sources[s.event.SourceIP]
	failed := src.failedPrincipals(oldest)
	if s.event.Outcome == signin.Failure && s.named && !slices.Contains(failed, s.principal) {
		failed = append(failed, s.principal)
	}
	n := len(failed)
	if n < d.Count {
		return match{}, false
	}
	var reason string
	switch {
	case s.event.Outcome == signin.Failure && s.named:
		reason = fmt.Sprintf("%s failed from %q within %s; the baseline does not know any of them at this address", text.Count(n, "principal"), s.event.SourceIP, formatDuration(d.Window))
	case s.succeeded():
		reason = fmt.Sprintf("a success from %q, where %s failed within %s", s.event.SourceIP, text.Count(n, "principal"), formatDuration(d.Window))
		if j.Policy.Detection(d.ID).Severity == 0 {
			d.Severity++
		}
	default:
		return match{}, false
	}
	if src != nil {
		if hidden := countSince(src.Hidden, oldest); hidden > 0 {
			reason += fmt.Sprintf("; %s with names that do not exist", text.Count(hidden, "attempt"))
		}
	}
	return match{Spec: d, reason: reason, observed: text.Count(n, "principal"),
		expected: []string{fmt.Sprintf("fewer than %d", d.Count)}, key: s.event.SourceIP}, true
}

// authUnknownUser matches many names that do not exist, tried from one address in
// one account. The names belong to nobody, so the finding is about the address.
func (j *Detector) authUnknownUser(s *observation, d rule.Spec) (match, bool) {
	if s.named || s.late || s.event.Outcome != signin.Failure || s.event.ErrorCode != "" || s.event.SourceIP == "" {
		return match{}, false
	}
	n := countSince(j.Baseline.hidden[s.event.Account+" "+s.event.SourceIP], s.unix-int64(d.Window/time.Second)) + 1
	if n < d.Count {
		return match{}, false
	}
	return match{Spec: d, reason: fmt.Sprintf("%s with names that account %s does not have, from %q within %s", text.Count(n, "failure"), s.event.Account, s.event.SourceIP, formatDuration(d.Window)),
		observed: text.Count(n, "hidden name"), expected: []string{fmt.Sprintf("fewer than %d", d.Count)}, key: s.event.SourceIP}, true
}

// authDeniedByPolicy matches a sign-in that a sign-in policy or a resource
// control policy denied (AWS Sign-In User Guide: errorCode AccessDenied, since
// 2026).
func (j *Detector) authDeniedByPolicy(s *observation, d rule.Spec) (match, bool) {
	if s.event.Outcome != signin.Failure || s.event.ErrorCode != "AccessDenied" {
		return match{}, false
	}
	key := ""
	if !s.named {
		key = s.event.SourceIP
	}
	return match{Spec: d, observed: s.event.ErrorCode, key: key,
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
