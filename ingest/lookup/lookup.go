// Package lookup reads console sign-ins from the Event history of accounts, by
// CloudTrail's LookupEvents API: for those who have no access to the bucket of
// a trail. In come accounts, as configurations of the AWS SDK, and a window;
// out come sign-ins and an account of which Regions were asked, which refused
// and how far back the answer goes. It never asks faster than the quota of an
// account and Region allows, writes nothing but the file that its caller names
// for resuming, and must not judge a sign-in, print, or take credentials or the
// time from anywhere but its fields.
package lookup

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"trailgate/analyzer/endpoint"
	"trailgate/ingest"
)

// What LookupEvents is documented to hold to (CloudTrail API Reference,
// "LookupEvents"; CloudTrail User Guide, "Viewing events with CloudTrail Event
// history").
const (
	MaxAge   = 90 * 24 * time.Hour // how far back the Event history goes
	PageSize = 50                  // events on a page at the most
	Quota    = 2.0                 // requests a second in one account and Region
)

// Filter is the one attribute that is asked for. Sign-ins are all that has it.
const (
	filterKey   = "EventName"
	filterValue = "ConsoleLogin"
	Filter      = filterKey + "=" + filterValue
)

// DefaultRegionTimeout is how long a Region may go without a page that brings it
// on.
const DefaultRegionTimeout = 5 * time.Minute

// DefaultWorkers is how many Regions are asked at once, all accounts together.
const DefaultWorkers = 256

// edge is kept from the far end of the Event history, so that it is not
// crossed while the first request is on its way.
const edge = 30 * time.Second

// Account is one account to look up.
type Account struct {
	// Config has the credentials. Its Region is where STS and Account
	// Management are asked.
	Config aws.Config
	// Role is the ARN of the role that Config's credentials assume; empty for
	// the caller's own account, which STS is then asked to name.
	Role string
}

// Source is the Event history of accounts. Accounts and Now are required. Set
// the fields before the first call and leave them alone. It may be read several
// times. Streams that are read at the same time draw on the same quota, and
// must not share a resume file.
type Source struct {
	Accounts      []Account
	Regions       []string         // only these; none: those that each account has enabled
	Label         string           // the source as the user named it; empty: lookup:// and the Regions
	Now           func() time.Time // the clock, from which the window and the pace are taken
	Clamp         bool             // cut a window that reaches past MaxAge, rather than refuse it
	RegionTimeout time.Duration    // without a page that has anything new; zero: DefaultRegionTimeout
	Rate          float64          // requests a second in one account and Region at the most; zero: Quota
	Workers       int              // Regions asked at once; zero: DefaultWorkers
	Table         endpoint.Table   // the Regions to ask where an account may not list its own
	ResumeFile    string           // a file to go on from, with its pages beside it; empty: none is kept
	Asked         string           // the window in the asker's words, such as "90d": a resume file is bound to them; empty: to its times
	Progress      func(Progress)   // called between events, from the goroutine that iterates; may be nil
}

// plan is a window as it will be asked for.
type plan struct {
	window     ingest.Window // as the caller gets it back
	start, end time.Time     // first and last second, as they are sent
	cut        string        // what was cut off, in words
	asked      string        // the window as it was asked for, in words
}

// WindowError is a window that the Event history cannot hold.
type WindowError struct {
	Since, Until time.Time // as asked for
	Oldest       time.Time // the far end of the Event history
	Err          error     // what AWS said; nil: it was not asked
}

// Error says how far the Event history reaches.
func (e *WindowError) Error() string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("window from %s to %s: %v", stamp(e.Since), stamp(e.Until), e.Err)
	case !e.Since.IsZero() && e.Since.Before(e.Oldest):
		return fmt.Sprintf("window from %s: LookupEvents reaches back 90 days, to %s", stamp(e.Since), stamp(e.Oldest))
	case !e.Until.IsZero() && e.Until.Before(e.Oldest):
		return fmt.Sprintf("window until %s: LookupEvents reaches back 90 days, to %s", stamp(e.Until), stamp(e.Oldest))
	}
	return fmt.Sprintf("window from %s: it lies in the future", stamp(e.Since))
}

// Unwrap gives what AWS said.
func (e *WindowError) Unwrap() error { return e.Err }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Name is the source as the user named it.
func (s *Source) Name() string {
	if s.Label != "" {
		return s.Label
	}
	return "lookup://" + strings.Join(s.Regions, ",")
}

// Bound gives the window that a stream would ask for now. If w has no
// beginning, it begins 90 days ago. If w reaches further back, it is what is
// left of w with Clamp, and an error without. If there is a resume file, it is
// the window that was first asked for. The errors are *WindowError,
// *ResumeError, and those of reading the resume file.
func (s *Source) Bound(w ingest.Window) (ingest.Window, error) {
	p, err := s.plan(w)
	if err != nil {
		return w, err
	}
	return p.window, nil
}

func (s *Source) plan(w ingest.Window) (plan, error) {
	if s.ResumeFile != "" {
		h, err := readHeader(s.ResumeFile)
		if err != nil {
			return plan{}, err
		}
		if h != nil {
			if err := h.matches(s.header(s.words(w))); err != nil {
				return plan{}, &ResumeError{s.ResumeFile, err.Error()}
			}
		}
		if err := checkPages(s.ResumeFile, h); err != nil {
			return plan{}, err
		}
		if h != nil {
			w.Since, w.Until = h.Since, h.Until
			return plan{window: w, start: h.Start, end: h.End, cut: h.Cut, asked: h.Asked}, nil
		}
	}
	p, err := pin(w, s.Now().UTC(), s.Clamp)
	p.asked = s.words(w)
	return p, err
}

// pin settles a window once and for all: paging needs its two ends to stay the
// same.
func pin(w ingest.Window, now time.Time, clamp bool) (plan, error) {
	oldest := now.Add(-MaxAge)
	fault := &WindowError{Since: w.Since, Until: w.Until, Oldest: oldest}
	p := plan{window: w}
	switch {
	case !w.Until.IsZero() && w.Until.Before(oldest):
		return p, fault
	case w.Since.IsZero():
		p.window.Since = oldest.Truncate(time.Second)
	case w.Since.Before(oldest.Add(-time.Minute)): // a minute for the time since the caller read the clock
		if !clamp {
			return p, fault
		}
		p.window.Since = oldest.Truncate(time.Second)
		p.cut = fmt.Sprintf("the window was cut: asked from %s, but LookupEvents has nothing older than %s", stamp(w.Since), stamp(oldest))
	}
	p.start = p.window.Since.Truncate(time.Second)
	if first := oldest.Add(edge).Truncate(time.Second); p.start.Before(first) {
		p.start = first
	}
	p.end = now.Truncate(time.Second)
	if !w.Until.IsZero() && w.Until.Before(now) {
		p.end = w.Until.Add(-time.Nanosecond).Truncate(time.Second)
	}
	if p.end.Before(p.start) {
		return p, fault
	}
	return p, nil
}

// RefusedError says that nothing could be read at all.
type RefusedError struct {
	Refused int   // Regions and accounts
	Err     error // of the first of them
}

// Error says why the first Region could not be read.
func (e *RefusedError) Error() string {
	if e.Refused == 1 {
		return e.Err.Error()
	}
	return fmt.Sprintf("none of %d Regions and accounts could be read, the first: %v", e.Refused, e.Err)
}

// Unwrap gives the error of the first of them.
func (e *RefusedError) Unwrap() error { return e.Err }

func (s *Source) regionTimeout() time.Duration {
	if s.RegionTimeout > 0 {
		return s.RegionTimeout
	}
	return DefaultRegionTimeout
}

func (s *Source) rate() float64 {
	if s.Rate > 0 {
		return s.Rate
	}
	return Quota
}

func (s *Source) workers() int {
	if s.Workers > 0 {
		return s.Workers
	}
	return DefaultWorkers
}

// words is the window as it was asked for.
func (s *Source) words(w ingest.Window) string {
	if s.Asked != "" {
		return s.Asked
	}
	var ends [2]string
	for i, t := range [...]time.Time{w.Since, w.Until} {
		if !t.IsZero() {
			ends[i] = t.UTC().Format(time.RFC3339Nano)
		}
	}
	return fmt.Sprintf("since %q until %q", ends[0], ends[1])
}

// header is what a resume file for this question says, but for the window.
func (s *Source) header(asked string) header {
	return header{Version: journalVersion, Asked: asked, Filter: Filter, Clamp: s.Clamp, Regions: slices.Sorted(slices.Values(s.Regions))}
}
