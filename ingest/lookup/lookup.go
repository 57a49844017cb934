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
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"trailgate/ingest"
	"trailgate/ingest/aws/region"
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

// horizonMargin is kept from the far end of the Event history, so that it is not
// crossed while the first request is on its way.
const horizonMargin = 30 * time.Second

// Account is one account to look up.
type Account struct {
	// Config has the credentials. Its Region is where STS and Account
	// Management are asked.
	Config aws.Config
	// Role is the ARN of the role that Config's credentials assume; empty for
	// the caller's own account, which STS is then asked to name.
	Role string
}

// Source is the Event history of accounts. Accounts and Now are required. Set the
// fields before the first call and leave them alone. Two streams at once would ask
// at twice the quota, and cannot share a resume file.
type Source struct {
	Accounts      []Account
	Regions       []string              // only these; none: those that each account has enabled
	Label         string                // as the user named it; empty: lookup:// and the Regions
	Now           func() time.Time      // the clock, from which the window and the pace are taken
	Clamp         bool                  // cut a window that reaches past MaxAge, rather than refuse it
	RegionTimeout time.Duration         // without a page that has anything new; zero: DefaultRegionTimeout
	Rate          float64               // requests a second in one account and Region at the most; zero: Quota
	Workers       int                   // Regions asked at once; zero: DefaultWorkers
	Table         region.Table          // the Regions to ask where an account may not list its own
	ResumeFile    string                // a file to go on from, with its pages beside it; empty: none is kept
	Asked         string                // the window in the asker's words, such as "90d": a resume file is bound to them; empty: to its times
	Progress      func(ingest.Progress) // called between events, from the goroutine that iterates; may be nil
}

// fixedWindow is a window as it will be asked for.
type fixedWindow struct {
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
		return fmt.Sprintf("window from %s to %s: %v", formatTime(e.Since), formatTime(e.Until), e.Err)
	case !e.Since.IsZero() && e.Since.Before(e.Oldest):
		return fmt.Sprintf("window from %s: LookupEvents reaches back 90 days, to %s", formatTime(e.Since), formatTime(e.Oldest))
	case !e.Until.IsZero() && e.Until.Before(e.Oldest):
		return fmt.Sprintf("window until %s: LookupEvents reaches back 90 days, to %s", formatTime(e.Until), formatTime(e.Oldest))
	}
	return fmt.Sprintf("window from %s: it lies in the future", formatTime(e.Since))
}

// Unwrap gives what AWS said.
func (e *WindowError) Unwrap() error { return e.Err }

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Name is the Event history as the user named it.
func (s *Source) Name() string {
	if s.Label != "" {
		return s.Label
	}
	return "lookup://" + strings.Join(s.Regions, ",")
}

// Bound gives the window that Open will ask for. If it has no beginning, that is
// the last 90 days. If it begins earlier, with Clamp, it is what is left of it.
// If there is a resume file, it is the window of the first run. The errors are
// *WindowError, *ResumeError, and those of reading the resume file. A caller that
// judges events by a window takes this one, or sign-ins at its far end may not
// match.
func (s *Source) Bound(w ingest.Window) (ingest.Window, error) {
	at := s.Now().UTC()
	p, err := s.fixWindow(w, at)
	if err != nil {
		return w, err
	}
	out := p.window
	out.BoundAt, out.Cut = at, p.cut
	return out, nil
}

// fixWindow fixes the window that is asked for at a moment.
func (s *Source) fixWindow(w ingest.Window, at time.Time) (fixedWindow, error) {
	if s.ResumeFile != "" {
		h, err := readHeader(s.ResumeFile)
		if err != nil {
			return fixedWindow{}, err
		}
		if h != nil {
			if err := h.checkMatches(s.newHeader(s.windowWords(w))); err != nil {
				return fixedWindow{}, &ResumeError{s.ResumeFile, err.Error()}
			}
		}
		if err := checkPages(s.ResumeFile, h); err != nil {
			return fixedWindow{}, err
		}
		if h != nil {
			w.Since, w.Until = h.Since, h.Until
			return fixedWindow{window: w, start: h.Start, end: h.End, cut: h.Cut, asked: h.Asked}, nil
		}
	}
	if !w.BoundAt.IsZero() {
		at = w.BoundAt
	}
	p, err := fixAt(w, at, s.Clamp)
	if w.Cut != "" {
		p.cut = w.Cut
	}
	p.asked = s.windowWords(w)
	return p, err
}

// fixAt settles a window once and for all: paging needs its two ends to stay the
// same.
func fixAt(w ingest.Window, now time.Time, clamp bool) (fixedWindow, error) {
	oldest := now.Add(-MaxAge)
	fault := &WindowError{Since: w.Since, Until: w.Until, Oldest: oldest}
	p := fixedWindow{window: w}
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
		p.cut = fmt.Sprintf("the window was cut: asked from %s, but LookupEvents has nothing older than %s", formatTime(w.Since), formatTime(oldest))
	}
	p.start = p.window.Since.Truncate(time.Second)
	if first := oldest.Add(horizonMargin).Truncate(time.Second); p.start.Before(first) {
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

// Open makes a stream that asks all Regions at once, each at its own pace; see
// ingest.Source. The objects of its coverage are Regions, one for each account. An
// account that could not be opened is one object. The remarks say which Regions
// were asked, and for what. A Region that refuses, or that brings nothing new for
// RegionTimeout, is a *ingest.SkipError, as is an account that cannot be opened.
// The stream ends with a *WindowError for a window that cannot be asked for, a
// *ResumeError for a resume file that is not for this question, a *RefusedError if
// nothing at all could be read, an error of writing the resume file, or the
// context's.
func (s *Source) Open(ctx context.Context, w ingest.Window) ingest.Stream {
	return s.newRun(ctx, w)
}

func (s *Source) newRun(ctx context.Context, w ingest.Window) *lookupRun {
	return &lookupRun{source: s, ctx: ctx, window: w}
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

// windowWords is the window as it was asked for.
func (s *Source) windowWords(w ingest.Window) string {
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

// newHeader is what a resume file for this question says, but for the window.
func (s *Source) newHeader(asked string) resumeHeader {
	return resumeHeader{Version: journalVersion, Asked: asked, Filter: Filter, Clamp: s.Clamp, Regions: slices.Sorted(slices.Values(s.Regions))}
}
