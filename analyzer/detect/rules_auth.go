package detect

import (
	"fmt"
	"slices"
	"time"

	"trailgate/analyzer/rule"
	"trailgate/analyzer/text"
	"trailgate/ingest/signin"
)

// mfaAbsent finds a successful sign-in of an IAM user without a second factor. It is
// more severe if the user had one before. Federated principals are left out,
// because AWS cannot see their second factor.
func (d *Detector) mfaAbsent(obs *observation, spec rule.Spec) (match, bool) {
	if obs.event.Identity.Type != signin.TypeIAMUser || !obs.named || !obs.withoutMFA() {
		return match{}, false
	}
	reason := "an IAM user signed in without a second factor"
	key := ""
	if obs.history != nil && obs.history.MFA != 0 && (!obs.late || obs.history.MFA < obs.unix) {
		reason += fmt.Sprintf(", having used one %s before", formatDuration(time.Duration(obs.unix-obs.history.MFA)*time.Second))
		key = "dropped"
		if d.Policy.Detection(spec.ID).Severity == 0 {
			spec.Severity++
		}
	}
	return match{Spec: spec, reason: reason, observed: "no second factor", expected: []string{"second factor"}, key: key}, true
}

// authBruteforce finds many failures of one principal within the window. It is more
// severe if a success follows.
func (d *Detector) authBruteforce(obs *observation, spec rule.Spec) (match, bool) {
	if !obs.named || obs.late || obs.event.ErrorCode != "" {
		return match{}, false
	}
	n := 0
	if obs.history != nil {
		n = countSince(obs.history.Failures, obs.unix-int64(spec.Window/time.Second))
	}
	if obs.event.Outcome == signin.Failure {
		n++
	}
	if n < spec.Count {
		return match{}, false
	}
	var reason string
	switch {
	case obs.event.Outcome == signin.Failure:
		reason = fmt.Sprintf("%s within %s", text.Count(n, "failure"), formatDuration(spec.Window))
	case obs.succeeded():
		reason = fmt.Sprintf("a success after %s within %s, from %q", text.Count(n, "failure"), formatDuration(spec.Window), obs.event.SourceIP)
		if d.Policy.Detection(spec.ID).Severity == 0 {
			spec.Severity++
		}
	default:
		return match{}, false
	}
	return match{Spec: spec, reason: reason, observed: text.Count(n, "failure"),
		expected: []string{fmt.Sprintf("fewer than %d", spec.Count)}}, true
}

// authSpray finds failures of many principals from one address within the window.
// None of them has signed in from the address before. It is more severe if one of
// them succeeds there.
func (d *Detector) authSpray(obs *observation, spec rule.Spec) (match, bool) {
	if obs.event.SourceIP == "" || obs.late || obs.event.ErrorCode != "" || obs.named && obs.history.knowsAddress(obs.event.SourceIP) {
		return match{}, false
	}
	oldest := obs.unix - int64(spec.Window/time.Second)
	src := d.Baseline.sources[obs.event.SourceIP]
	failed := src.failedPrincipals(oldest)
	if obs.event.Outcome == signin.Failure && obs.named && !slices.Contains(failed, obs.principal) {
		failed = append(failed, obs.principal)
	}
	n := len(failed)
	if n < spec.Count {
		return match{}, false
	}
	var reason string
	switch {
	case obs.event.Outcome == signin.Failure && obs.named:
		reason = fmt.Sprintf("%s failed from %q within %s; the baseline does not know any of them at this address", text.Count(n, "principal"), obs.event.SourceIP, formatDuration(spec.Window))
	case obs.succeeded():
		reason = fmt.Sprintf("a success from %q, where %s failed within %s", obs.event.SourceIP, text.Count(n, "principal"), formatDuration(spec.Window))
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
		expected: []string{fmt.Sprintf("fewer than %d", spec.Count)}, key: obs.event.SourceIP}, true
}

// authUnknownUser finds many failures with user names that do not exist, from one
// address in one account. CloudTrail hides such names, so the finding is about the
// address.
func (d *Detector) authUnknownUser(obs *observation, spec rule.Spec) (match, bool) {
	if obs.named || obs.late || obs.event.Outcome != signin.Failure || obs.event.ErrorCode != "" || obs.event.SourceIP == "" {
		return match{}, false
	}
	n := countSince(d.Baseline.hidden[obs.event.Account+" "+obs.event.SourceIP], obs.unix-int64(spec.Window/time.Second)) + 1
	if n < spec.Count {
		return match{}, false
	}
	return match{Spec: spec, reason: fmt.Sprintf("%s with names that account %s does not have, from %q within %s", text.Count(n, "failure"), obs.event.Account, obs.event.SourceIP, formatDuration(spec.Window)),
		observed: text.Count(n, "hidden name"), expected: []string{fmt.Sprintf("fewer than %d", spec.Count)}, key: obs.event.SourceIP}, true
}

// authDeniedByPolicy finds a sign-in that AWS denied because of a sign-in policy or
// a resource control policy (AWS Sign-In User Guide: errorCode AccessDenied, since
// 2026).
func (d *Detector) authDeniedByPolicy(obs *observation, spec rule.Spec) (match, bool) {
	if obs.event.Outcome != signin.Failure || obs.event.ErrorCode != "AccessDenied" {
		return match{}, false
	}
	key := ""
	if !obs.named {
		key = obs.event.SourceIP
	}
	return match{Spec: spec, observed: obs.event.ErrorCode, key: key,
		reason: fmt.Sprintf("AWS denied the sign-in by policy, from %q: %q", obs.event.SourceIP, clipText(obs.event.ErrorMessage))}, true
}

// clipText cuts a text of the record to 200 characters and adds an ellipsis, so that it
// fits into a reason. It returns a shorter text unchanged.
func clipText(text string) string {
	const most = 200
	r := []rune(text)
	if len(r) <= most {
		return text
	}
	return string(r[:most]) + "…"
}
