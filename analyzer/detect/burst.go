package detect

import (
	"fmt"
	"math"
	"time"

	"trailgate/analyzer/rule"
)

// burst is a finding together with the later sign-ins that repeat it. While it is open,
// further sign-ins may be added. Times are Unix seconds.
// The JSON keys are those of saved files, so they do not change.
type burst struct {
	Finding Finding `json:"finding"` // as it was at the first sign-in, except for Count and Severity
	Last    int64   `json:"last"`    // time of the latest sign-in in it
	Until   int64   `json:"until"`   // a sign-in after this begins a new burst
	Place   string  `json:"place,omitempty"`
	Worse   string  `json:"worse,omitempty"` // why the severity was raised later

	changedThisRun bool // this Detector has begun it, added to it, or seen a sign-in of it again
}

// currentFinding returns the finding as it is now. Its reason says how many
// sign-ins the burst has and why its severity was raised.
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

// includesEvent reports whether the time of a sign-in is between the first and the
// latest of the burst, both included. Then the burst counted it when it was new.
func (b *burst) includesEvent(obs *observation) bool {
	first := streamPosition{b.Finding.Event.Time, b.Finding.Event.ID}
	return obs.unix <= b.Last && (first.isBefore(obs.event) || first.ID == obs.event.ID)
}

// addSignIn counts one more sign-in, and keeps the burst open for the duration fold
// after it. If its severity is higher, the burst takes that severity and the reason.
// The severity of a burst never falls.
func (b *burst) addSignIn(obs *observation, severity rule.Severity, reason string, fold time.Duration) {
	f := &b.Finding
	f.Count++
	if severity > f.Severity {
		f.Severity = severity
		b.Worse = fmt.Sprintf("%s since the sign-in at %s: %s", severity, obs.event.Time.Format(time.RFC3339), reason)
	}
	b.Last = obs.unix
	b.Until = max(b.Until, obs.unix+int64(fold/time.Second))
	b.changedThisRun = true
}

// addressFailures holds the failures from one address. A failure of a principal who
// has signed in from the address before is not one of them. Times are Unix seconds.
type addressFailures struct {
	Fails  []failedAttempt `json:"fails,omitempty"`  // each principal once, the latest last
	Hidden []int64         `json:"hidden,omitempty"` // failures with a name that does not exist
}

// failedAttempt is the latest failure of one principal from an address.
type failedAttempt struct {
	Who string `json:"who"`
	At  int64  `json:"at"`
}

// failedPrincipals returns the principals that failed at or after oldest, the
// latest last. It returns nil for a nil source.
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

// recordFailure keeps a failure under its address. It drops failures that are older
// than the longest window, and the oldest ones beyond rule.MaxFailures. It ignores
// failures without an address and those of a principal who has signed in from the
// address before. A sign-in that AWS denied by policy has an error code. It is not a
// wrong password, so it is ignored too.
func (b *Baseline) recordFailure(obs *observation) {
	address := obs.event.SourceIP
	if address == "" || obs.event.ErrorCode != "" {
		return
	}
	if obs.named && obs.history.knowsAddress(address) {
		return
	}
	src := b.sources[address]
	if src == nil {
		src = &addressFailures{}
		b.sources[address] = src
	}
	oldest := obs.unix - int64(rule.MaxWindow/time.Second)
	if !obs.named {
		src.Hidden = append(dropOlder(src.Hidden, oldest), obs.unix)
		src.Hidden = src.Hidden[max(0, len(src.Hidden)-rule.MaxFailures):]
		key := obs.event.Account + " " + address
		b.hidden[key] = append(dropOlder(b.hidden[key], oldest), obs.unix)
		b.hidden[key] = b.hidden[key][max(0, len(b.hidden[key])-rule.MaxFailures):]
		return
	}
	kept := src.Fails[:0]
	for _, a := range src.Fails {
		if a.At >= oldest && a.Who != obs.principal {
			kept = append(kept, a)
		}
	}
	src.Fails = append(kept, failedAttempt{obs.principal, obs.unix})
	src.Fails = src.Fails[max(0, len(src.Fails)-rule.MaxFailures):]
}

// dropOlder returns the times without those before oldest. The times must be in order.
// It changes the slice that it gets.
func dropOlder(times []int64, oldest int64) []int64 {
	i := 0
	for i < len(times) && times[i] < oldest {
		i++
	}
	return append(times[:0], times[i:]...)
}

// countSince counts the times at or after oldest. The times are in order.
func countSince(times []int64, oldest int64) int {
	n := 0
	for i := len(times) - 1; i >= 0 && times[i] >= oldest; i-- {
		n++
	}
	return n
}

// forgetFailures drops addresses whose last failure is older than the longest window
// before now, in Unix seconds. No later sign-in counts them, so results stay the same.
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

// lastFailure returns the time of the last failure from the address.
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
