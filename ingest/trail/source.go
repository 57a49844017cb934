// Package trail reads trail buckets: CloudTrail's log files under their keys,
// in S3 or in a copy on disk. In come a Store and a Window; out go log files
// (Objects), the sign-ins of one of them (Read), or both halves together as an
// ingest.Source, each with an account of what was left out and what could not
// be read, and Books by which the next run leaves out what was read. It must
// not judge a sign-in, decide its Region by a key, print, or take credentials
// and clients from anywhere but its fields.
package trail

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"trailgate/ingest"
)

// DefaultWorkers is how many downloads from a bucket are in flight. Each
// waits about 50 ms for its first byte.
const DefaultWorkers = 32

// listWorkers is how many listings of a bucket are in flight.
const listWorkers = 64

// Source is one trail bucket, or a part of it. Only Store is required. The
// fields are not to be changed while it is read. A Source can be read several
// times, one after the other; Read alone is safe for concurrent use.
type Source struct {
	Store       Store
	Prefix      string                // where to look; empty: everywhere. A folder at, above or below AWSLogs, or the key of one log file
	Name        string                // as the user named it; empty: Store.Origin(Prefix)
	Workers     int                   // objects read at once; zero: DefaultWorkers, but GOMAXPROCS for a Disk
	MaxInflated int64                 // bytes of one object, packed or inflated; zero: DefaultMaxInflated
	Progress    func(ingest.Progress) // called between readings, from the goroutine that iterates; may be nil

	// Books is what earlier runs dealt with; nil: everything is new, and no
	// books are kept. A folder that they know is listed from the day of its
	// newest delivery minus LookBack on, or from the window's Since if that is
	// later; what they know of is left out and counted as excluded, "known".
	// An earlier Since than that of the run before reaches only folders that
	// they do not know. They are not changed: see Booked.
	Books *Books
	// LookBack is how much later than the newest file of its folder a file may
	// still appear; zero: DefaultLookBack. It is rounded up to whole UTC days
	// of delivery. A file that appears later than this in the folder of an
	// earlier day is never seen.
	LookBack time.Duration
	// Now keeps stamps from the future out of the reckoning: one after Now
	// does not count as the newest delivery, so that it cannot hide what comes
	// before it. Zero: no bound.
	Now time.Time
	// Owed are keys that are read in any case, each once, wherever they lie
	// and whatever the books say. They count as listed. One that is gone is a
	// skip of ingest.CauseVanished.
	Owed []string

	cov    ingest.Coverage
	booked *Books
	desks  sync.Pool
}

// Coverage is the account of the last Readings, Events or Objects, once that has ended.
// Skips stand in it only as objects listed: whoever iterates has them as
// errors and counts them. Objects that were listed and not dealt with when
// the run ended early are excluded as "interrupted".
func (s *Source) Coverage() ingest.Coverage { return s.cov }

// Objects lists the log files that may hold wanted sign-ins, in no particular
// order. A *ingest.SkipError is a folder that could not be listed, and the
// listing goes on; any other error is the last thing yielded: a *NoTrailError,
// a start that cannot be listed, or the context's. The iterator is for one
// goroutine and may be left early.
func (s *Source) Objects(ctx context.Context, w ingest.Window) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		run := s.list(ctx, w, nil)
		left := false
		for it := range run.items {
			if ctx.Err() != nil {
				break
			}
			var err error
			if it.skip != nil {
				err = it.skip
			}
			if left = !yield(it.object, err); left {
				break
			}
		}
		err := run.stop()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		s.cov = s.account(run.lister)
		s.cov.Partial = left || ctx.Err() != nil
		s.bookKeep(run.lister, err)
		if err != nil && !left {
			yield(Object{}, err)
		}
	}
}

// Survey lists without reading: which accounts, Regions and days have log
// files. Listed counts all that was found, Read stays zero, the log files are
// excluded as "listed-only", and folders that could not be listed are counted
// and named. The error is that of the whole
// run, with the account up to there.
func (s *Source) Survey(ctx context.Context, w ingest.Window) (ingest.Coverage, error) {
	var skips ingest.Coverage
	var fatal error
	for _, err := range s.Objects(ctx, w) {
		var skip *ingest.SkipError
		if errors.As(err, &skip) {
			skips.Skip(skip)
		} else if err != nil {
			fatal = err
		}
	}
	out := s.Coverage()
	out.Add(skips)
	out.Exclude("listed-only", out.Listed-ingest.Total(out.Skipped)-ingest.Total(out.Excluded))
	return out, fatal
}

// Probe tells whether there is a trail, at the price of a few listings: nil,
// a *NoTrailError, a start that cannot be listed, or the context's error.
func (s *Source) Probe(ctx context.Context) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	run := s.list(inner, ingest.Window{}, cancel)
	var denied error
	for it := range run.items {
		if it.skip != nil && denied == nil {
			denied = fatal(it.skip)
		}
	}
	err := run.stop()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case run.lister.layout:
		return nil
	case err != nil:
		return err
	}
	return denied
}

// listing is a lister at work.
type listing struct {
	lister *lister
	items  chan item
	cancel context.CancelFunc
	ended  atomic.Bool
	err    error // of the run; for reading once items is closed
}

// list starts listing. met is for the lister.
func (s *Source) list(ctx context.Context, w ingest.Window, met func()) *listing {
	inner, cancel := context.WithCancel(ctx)
	run := &listing{items: make(chan item, 1024), cancel: cancel}
	parallel := listWorkers
	if s.onDisk() {
		parallel = runtime.GOMAXPROCS(0)
	}
	run.lister = newLister(inner, s.Store, w, parallel, run.items)
	run.lister.met = met
	run.lister.books, run.lister.lookBack, run.lister.now = s.Books, s.lookBack(), s.Now
	go func() {
		run.err = run.lister.run(inner, s.Prefix, s.Owed)
		run.ended.Store(true)
		close(run.items)
	}()
	return run
}

// stop ends the listing, waits for it, and gives its error.
func (r *listing) stop() error {
	r.cancel()
	for range r.items {
		continue
	}
	return r.err
}

func (s *Source) account(l *lister) ingest.Coverage {
	c := l.coverage()
	c.Sources = []string{s.name()}
	return c
}

// bookKeep makes the books after a run that ended with err.
func (s *Source) bookKeep(l *lister, err error) {
	switch {
	case s.Books == nil:
		s.booked = nil
	case err != nil || s.cov.Partial:
		s.booked = s.Books.with(nil)
	default:
		s.booked = s.Books.with(l.pages)
	}
}

// Booked is the books after the last Readings, Events, Objects or Survey, once
// that has ended: Books with a new page for each folder that was listed to its
// end and had news. Every object that was listed there counts as dealt with,
// also one whose reading was skipped: whoever iterates keeps those, for Owed.
// The pages of folders that were not visited or not listed to their end are as
// before, and all are after a run that was left early or ended with an error.
// Without Books it is nil.
func (s *Source) Booked() *Books { return s.booked }

func (s *Source) lookBack() time.Duration {
	switch {
	case s.LookBack > 0:
		return s.LookBack
	case s.LookBack == 0:
		return DefaultLookBack
	}
	return 0
}

func (s *Source) name() string {
	if s.Name != "" {
		return s.Name
	}
	return s.Store.Origin(s.Prefix)
}

func (s *Source) maxInflated() int64 {
	if s.MaxInflated > 0 {
		return s.MaxInflated
	}
	return DefaultMaxInflated
}

func (s *Source) workers() int {
	switch {
	case s.Workers > 0:
		return s.Workers
	case s.onDisk():
		return runtime.GOMAXPROCS(0)
	}
	return DefaultWorkers
}

func (s *Source) onDisk() bool {
	switch s.Store.(type) {
	case Disk, *Disk:
		return true
	}
	return false
}
