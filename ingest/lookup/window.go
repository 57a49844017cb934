package lookup

import (
	"fmt"
	"time"

	"trailgate/ingest"
)

// fixedWindow is a window whose two ends are fixed.
type fixedWindow struct {
	window     ingest.Window // for the caller
	start, end time.Time     // first and last second, as they are sent
	cut        string        // what was cut off, in words
	asked      string        // the window as it was asked for, in words
}

// WindowError is a window that the Event history does not cover.
type WindowError struct {
	Since, Until time.Time // as asked for
	Oldest       time.Time // the beginning of the Event history
	Err          error     // the answer of AWS; nil: AWS was not asked
}

// Error says how far back the Event history reaches.
func (e *WindowError) Error() string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("window from %s to %s: %v", formatTime(e.Since), formatTime(e.Until), e.Err)
	case !e.Since.IsZero() && e.Since.Before(e.Oldest):
		return fmt.Sprintf("window from %s: LookupEvents reaches back 90 days, to %s", formatTime(e.Since), formatTime(e.Oldest))
	case !e.Until.IsZero() && e.Until.Before(e.Oldest):
		return fmt.Sprintf("window until %s: LookupEvents reaches back 90 days, to %s", formatTime(e.Until), formatTime(e.Oldest))
	}
	return fmt.Sprintf("window from %s: it is in the future", formatTime(e.Since))
}

// Unwrap returns the answer of AWS.
func (e *WindowError) Unwrap() error { return e.Err }

// formatTime writes a time in UTC.
func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Bound returns the window that Open will ask for. A window without a beginning becomes
// the last 90 days. A window that begins earlier is cut if Clamp is set. With a resume
// file, the result is the window of the first run. The errors are *WindowError,
// *ResumeError, and those of reading the resume file. A caller that selects events by a
// window must use this one, or it may drop sign-ins at the beginning.
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

// fixWindow fixes the ends of a window that is asked for at the time at. If there
// is a resume file, it checks that the file is for the same question, and returns
// the window of the first run. Otherwise w.BoundAt replaces at, if it is set.
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

// fixAt fixes the ends of a window as whole seconds. They must stay the same for
// all pages. A missing beginning becomes MaxAge before now. An earlier beginning is
// cut if clamp is set, and else is a *WindowError. So is a window without any
// second that can be asked for.
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

// windowWords is the window in the words of the user, or else its times.
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
