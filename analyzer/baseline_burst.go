package analyzer

import (
	"fmt"
	"math"
	"time"
)

// burst is a finding that may go on: what it has folded in since it was
// raised.
type burst struct {
	Finding Finding `json:"finding"`
	Last    int64   `json:"last"`  // Unix seconds of the latest sign-in in it
	Until   int64   `json:"until"` // a sign-in after this is none of it
	Place   string  `json:"place,omitempty"`
	Worse   string  `json:"worse,omitempty"` // what raised the severity later on

	grown bool // in the run of this Judge, or seen again by it
}

// told is the finding with what became of its burst in the reason.
func (b *burst) told() Finding {
	f := b.Finding
	if f.Count > 1 {
		f.Reason += fmt.Sprintf("; %d sign-ins in this burst, the last at %s", f.Count, time.Unix(b.Last, 0).UTC().Format(time.RFC3339))
	}
	if b.Worse != "" {
		f.Reason += "; " + b.Worse
	}
	return f
}

// spans tells whether a sign-in lies between the first of the burst and the
// latest, both included, so that it was counted when it was new.
func (b *burst) spans(s *sight) bool {
	first := moment{b.Finding.Event.Time, b.Finding.Event.ID}
	return s.unix <= b.Last && (first.before(s.e) || first.ID == s.e.ID)
}

// take folds one more sign-in in.
func (b *burst) take(s *sight, severity Severity, reason string, fold time.Duration) {
	f := &b.Finding
	f.Count++
	if severity > f.Severity {
		f.Severity = severity
		b.Worse = fmt.Sprintf("%s since the one at %s: %s", severity, s.e.Time.Format(time.RFC3339), reason)
	}
	b.Last = s.unix
	b.Until = max(b.Until, s.unix+int64(fold/time.Second))
	b.grown = true
}

// source is one address from which people failed who are not known there.
type source struct {
	Fails  []attempt `json:"fails,omitempty"`  // each principal once, the latest last
	Hidden []int64   `json:"hidden,omitempty"` // failures with a name that does not exist
}

type attempt struct {
	Who string `json:"who"`
	At  int64  `json:"at"`
}

// failed names the principals that failed at or after oldest. A nil source has
// none.
func (src *source) failed(oldest int64) []string {
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

// The limits of what is remembered, and so of what a policy may ask of the rules
// that rest on it.
const (
	maxFailures   = 1000
	maxWindow     = 7 * day
	maxHomePeople = 100
)

// fail takes in a failure from the address.
func (b *Baseline) fail(s *sight) {
	address := s.e.SourceIP
	if address == "" || s.e.ErrorCode != "" {
		return
	}
	if s.named && s.habit.familiar(address) {
		return
	}
	src := b.sources[address]
	if src == nil {
		src = &source{}
		b.sources[address] = src
	}
	oldest := s.unix - int64(maxWindow/time.Second)
	if !s.named {
		src.Hidden = append(recent(src.Hidden, oldest), s.unix)
		src.Hidden = src.Hidden[max(0, len(src.Hidden)-maxFailures):]
		key := s.e.Account + " " + address
		b.hidden[key] = append(recent(b.hidden[key], oldest), s.unix)
		b.hidden[key] = b.hidden[key][max(0, len(b.hidden[key])-maxFailures):]
		return
	}
	kept := src.Fails[:0]
	for _, a := range src.Fails {
		if a.At >= oldest && a.Who != s.principal {
			kept = append(kept, a)
		}
	}
	src.Fails = append(kept, attempt{s.principal, s.unix})
	src.Fails = src.Fails[max(0, len(src.Fails)-maxFailures):]
}

// recent drops the moments before oldest.
func recent(times []int64, oldest int64) []int64 {
	i := 0
	for i < len(times) && times[i] < oldest {
		i++
	}
	return append(times[:0], times[i:]...)
}

// since counts the moments at or after oldest.
func since(times []int64, oldest int64) int {
	n := 0
	for i := len(times) - 1; i >= 0 && times[i] >= oldest; i-- {
		n++
	}
	return n
}

// forget drops the failures that are too old to matter to any sign-in from now
// on, so that it changes no result.
func (b *Baseline) forget(now int64) {
	oldest := now - int64(maxWindow/time.Second)
	for key, times := range b.hidden {
		if times[len(times)-1] < oldest {
			delete(b.hidden, key)
		}
	}
	for key, src := range b.sources {
		if src.latest() < oldest {
			delete(b.sources, key)
		}
	}
}

// latest is when the address was last failed from.
func (src *source) latest() int64 {
	at := int64(math.MinInt64)
	if n := len(src.Fails); n > 0 {
		at = src.Fails[n-1].At
	}
	if n := len(src.Hidden); n > 0 {
		at = max(at, src.Hidden[n-1])
	}
	return at
}
