// Package ingest turns places that hold CloudTrail records into a stream of
// console sign-ins, each once. It also says what was left out and what could
// not be read. The input is one or more sources, which the packages trail,
// lookup and local implement. The output is events and their Coverage. The
// package does no I/O of its own, judges nothing and prints nothing.
package ingest

import (
	"slices"
	"time"

	"trailgate/ingest/signin"
)

// DefaultLateness is the longest expected time between an event and the
// delivery of its log file. CloudTrail delivers after about five minutes on
// average, and guarantees no bound (CloudTrail User Guide, "How CloudTrail
// works").
const DefaultLateness = 24 * time.Hour

// Window says which sign-ins are wanted. The zero Window wants all.
type Window struct {
	Since    time.Time     // event time at or after; zero: no bound
	Until    time.Time     // event time before; zero: no bound
	Accounts []string      // only these account ids; none: all
	Regions  []string      // only these recorded Regions; none: all
	Lateness time.Duration // how long after its events a file may be delivered; zero: DefaultLateness, negative: none

	BoundAt time.Time // when a Bounded source fixed the window; zero: no source did
	Cut     string    // what that source cut off, in words
}

// WindowMatch says whether a Window wants an event.
type WindowMatch uint8

// The values of WindowMatch.
const (
	Inside   WindowMatch = iota // wanted
	Outside                     // before Since, or at or after Until
	Filtered                    // of an account or Region that was not asked for
)

// Match says whether the event is wanted, and if not, why.
func (w Window) Match(e *signin.Event) WindowMatch {
	switch {
	case !w.Since.IsZero() && e.Time.Before(w.Since), !w.Until.IsZero() && !e.Time.Before(w.Until):
		return Outside
	case len(w.Accounts) > 0 && !slices.Contains(w.Accounts, e.Account),
		len(w.Regions) > 0 && !slices.Contains(w.Regions, e.Region):
		return Filtered
	}
	return Inside
}

// LastDelivery is the time of delivery after which a file cannot hold a wanted
// event. It is zero if such a time is not known.
func (w Window) LastDelivery() time.Time {
	switch {
	case w.Until.IsZero():
		return time.Time{}
	case w.Lateness == 0:
		return w.Until.Add(DefaultLateness)
	case w.Lateness < 0:
		return w.Until
	}
	return w.Until.Add(w.Lateness)
}

// Progress says how far a stream has come.
type Progress struct {
	Listed  int    // objects found so far
	Done    int    // of these, objects read or skipped
	Bytes   int64  // packed bytes read so far
	Packed  int64  // packed bytes of the objects found so far
	SignIns int    // sign-ins found so far, with duplicates
	Final   bool   // Listed and Packed will not grow any more
	Text    string // a line about it in the source's own words; empty: the counts say it all
}
