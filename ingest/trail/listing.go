package trail

import (
	"context"
	"encoding/json"
	"iter"
	"runtime"
	"sync/atomic"

	"trailgate/ingest"
)

// Listing is one listing of a trail, without reading. It is for one goroutine.
type Listing struct {
	source *Source
	ctx    context.Context
	window ingest.Window
	from   *ingest.ResumePoint // nil: everything is new

	used       bool
	coverage   ingest.Coverage
	checkpoint ingest.Checkpoint
}

// List prepares to list the log files that may hold wanted sign-ins. It does
// no I/O.
func (s *Source) List(ctx context.Context, w ingest.Window) *Listing {
	return &Listing{source: s, ctx: ctx, window: w}
}

// ListNew is List for the log files that are new since from. In contrast to
// Resume it uses the window as it is, and ignores from.Until.
func (s *Source) ListNew(ctx context.Context, w ingest.Window, from ingest.ResumePoint) *Listing {
	return &Listing{source: s, ctx: ctx, window: w, from: &from, checkpoint: from.Checkpoint}
}

// Objects yields the log files, in no particular order. A *ingest.SkipError is
// a folder that could not be listed, and the listing goes on. Any other error
// is the last thing yielded: a *NoTrailError, a start that cannot be listed, or
// the context's. The iterator may be left early. A second iteration yields
// ingest.ErrReadTwice.
func (l *Listing) Objects() iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		if l.used {
			yield(Object{}, ingest.ErrReadTwice)
			return
		}
		l.used = true
		run := l.source.startLister(l.ctx, l.window, l.from, nil)
		left := false
		for it := range run.items {
			if l.ctx.Err() != nil {
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
		err := run.stopListing()
		if l.ctx.Err() != nil {
			err = l.ctx.Err()
		}
		l.coverage = run.listedCoverage()
		l.coverage.Partial = left || l.ctx.Err() != nil
		l.checkpoint = run.lister.nextCheckpoint(l.from, err == nil && !left)
		if err != nil && !left {
			yield(Object{}, err)
		}
	}
}

// Coverage says what was listed and left out. It is valid once Objects has
// ended. It counts skips as listed only: the caller has got them as errors, and
// counts them.
func (l *Listing) Coverage() ingest.Coverage { return l.coverage }

// Checkpoint is the checkpoint for the next run. It is valid once Objects has
// ended. Every object that was listed counts as dealt with. The caller keeps
// those that it could not read, for ingest.ResumePoint.Backlog. Folders that
// were not visited or not listed to their end keep their old entries. So do all
// folders after a listing that was left early or ended with an error. The
// checkpoint is nil without a ResumePoint.
func (l *Listing) Checkpoint() ingest.Checkpoint { return l.checkpoint }

// listerRun is a lister at work in a goroutine of its own.
type listerRun struct {
	source *Source
	lister *lister
	items  chan listItem
	cancel context.CancelFunc
	ended  atomic.Bool
	err    error // of the run; valid once items is closed
}

// startLister starts a lister in a goroutine of its own. The caller receives its
// items, and must call stopListing at the end. onLayout is called for each folder
// of CloudTrail's layout that is met; it may be nil.
func (s *Source) startLister(ctx context.Context, w ingest.Window, from *ingest.ResumePoint, onLayout func()) *listerRun {
	inner, cancel := context.WithCancel(ctx)
	run := &listerRun{source: s, items: make(chan listItem, 1024), cancel: cancel}
	parallel := listWorkers
	if s.onDisk() {
		parallel = runtime.GOMAXPROCS(0)
	}
	run.lister = newLister(inner, s.Store, w, parallel, run.items)
	run.lister.onLayout, run.lister.from = onLayout, from
	go func() {
		run.err = run.lister.listTrail(inner, s.Prefix)
		run.ended.Store(true)
		close(run.items)
	}()
	return run
}

// stopListing ends the listing, drops the items that nobody received, waits for the
// lister, and returns its error.
func (r *listerRun) stopListing() error {
	r.cancel()
	for range r.items {
		continue
	}
	return r.err
}

func (r *listerRun) listedCoverage() ingest.Coverage {
	c := r.lister.coverageSoFar()
	c.Sources = []string{r.source.Name()}
	return c
}

// parseEntry reads the entry of a folder in a checkpoint. Without an entry it
// returns the zero FolderCheckpoint, which knows no object.
func parseEntry(entry json.RawMessage) (FolderCheckpoint, error) {
	if entry == nil {
		return FolderCheckpoint{}, nil
	}
	return ParseFolderCheckpoint(entry)
}
