package detect

import (
	"fmt"
	"math"
	"time"

	"trailgate/analyzer/rule"
)

// burst is a finding that may continue, with the sign-ins that it has counted
// since.
type burst struct {
	Finding Finding `json:"finding"`
	Last    int64   `json:"last"`  // Unix seconds of the latest sign-in in it
	Until   int64   `json:"until"` // a sign-in after this moment does not belong to it
	Place   string  `json:"place,omitempty"`
	Worse   string  `json:"worse,omitempty"` // what raised the severity later on

	changedThisRun bool // this Detector has changed it or has seen its sign-ins again
}

// currentFinding returns the finding. Its reason also says how the burst went on.
func (b *burst) currentFinding() Finding {
	f := b.Finding
	if f.Count > 1 {
		f.Reason += fmt.Sprintf("; %d sign-ins in this burst, the last at %s", f.Count, time.Unix(b.Last, 0).UTC().Format(time.RFC3339))
	}
	if b.Worse != "" {
		f.Reason += "; " + b.Worse
	}
	return f
}

// includesEvent tells whether a sign-in lies between the first and the latest of
// the burst, both included. Then the burst counted it when it was new.
func (b *burst) includesEvent(s *observation) bool {
	first := streamPosition{b.Finding.Event.Time, b.Finding.Event.ID}
	return s.unix <= b.Last && (first.isBefore(s.event) || first.ID == s.event.ID)
}

// addSignIn counts one more sign-in in the burst.
func (b *burst) addSignIn(s *observation, severity rule.Severity, reason string, fold time.Duration) {
	f := &b.Finding
	f.Count++
	if severity > f.Severity {
		f.Severity = severity
		b.Worse = fmt.Sprintf("%s since the one at %s: %s", severity, s.event.Time.Format(time.RFC3339), reason)
	}
	b.Last = s.unix
	b.Until = max(b.Until, s.unix+int64(fold/time.Second))
	b.changedThisRun = true
}

// addressFailures holds the failures from one address, without those of
// principals that are known there.
type addressFailures struct {
	Fails  []failedAttempt `json:"fails,omitempty"`  // each principal once, the latest last
	Hidden []int64         `json:"hidden,omitempty"` // failures with a name that does not exist
}

type failedAttempt struct {
	Who string `json:"who"`
	At  int64  `json:"at"`
}

// failedPrincipals names the principals that failed at or after oldest. It
// returns nil for a nil source.
func (src *addressFailures) failedPrincipals(oldest int64) []string {
	if src == nil {
		return nil
	}
	var who []string
	for _, a := range src.Fails {
		if a.At >= oldest {
			who = append(who, a.Who)
		}
	}
	return who
}

// recordFailure stores a failed sign-in under its address.
func (b *Baseline) recordFailure(s *observation) {
	address := s.event.SourceIP
	if address == "" || s.event.ErrorCode != "" {
		return
	}
	if s.named && s.history.knowsAddress(address) {
		return
	}
	src := b.sources[address]
	if src == nil {
		src = &addressFailures{}
		b.sources[address] = src
	}
	oldest := s.unix - int64(rule.MaxWindow/time.Second)
	if !s.named {
		src.Hidden = append(dropOlder(src.Hidden, oldest), s.unix)
		src.Hidden = src.Hidden[max(0, len(src.Hidden)-rule.MaxFailures):]
		key := s.event.Account + " " + address
		b.hidden[key] = append(dropOlder(b.hidden[key], oldest), s.unix)
		b.hidden[key] = b.hidden[key][max(0, len(b.hidden[key])-rule.MaxFailures):]
		return
	}
	kept := src.Fails[:0]
	for _, a := range src.Fails {
		if a.At >= oldest && a.Who != s.principal {
			kept = append(kept, a)
		}
	}
	src.Fails = append(kept, failedAttempt{s.principal, s.unix})
	src.Fails = src.Fails[max(0, len(src.Fails)-rule.MaxFailures):]
}

// dropOlder drops the moments before oldest.
func dropOlder(times []int64, oldest int64) []int64 {
	i := 0
	for i < len(times) && times[i] < oldest {
		i++
	}
	return append(times[:0], times[i:]...)
}

// countSince counts the moments at or after oldest.
func countSince(times []int64, oldest int64) int {
	n := 0
	for i := len(times) - 1; i >= 0 && times[i] >= oldest; i-- {
		n++
	}
	return n
}

// forgetFailures drops failures that are too old to count for any later sign-in.
// So it changes no result.
func (b *Baseline) forgetFailures(now int64) {
	oldest := now - int64(rule.MaxWindow/time.Second)
	for key, times := range b.hidden {
		if times[len(times)-1] < oldest {
			delete(b.hidden, key)
		}
	}
	for key, src := range b.sources {
		if src.lastFailure() < oldest {
			delete(b.sources, key)
		}
	}
}

// lastFailure returns the time of the latest failure from the address.
func (src *addressFailures) lastFailure() int64 {
	at := int64(math.MinInt64)
	if n := len(src.Fails); n > 0 {
		at = src.Fails[n-1].At
	}
	if n := len(src.Hidden); n > 0 {
		at = max(at, src.Hidden[n-1])
	}
	return at
}
