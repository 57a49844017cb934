package trail

import (
	"context"
	"encoding/json"
	"iter"
	"maps"
	"runtime"
	"sync/atomic"

	"trailgate/ingest"
)

// Listing is one listing of a trail, without reading. It is for one goroutine.
type Listing struct {
	source *Source
	ctx    context.Context
	window ingest.Window
	from   *ingest.ResumePoint // nil: all is new

	used       bool
	coverage   ingest.Coverage
	checkpoint ingest.Checkpoint
}

// List prepares to list the log files that may hold wanted sign-ins. It does
// no I/O.
func (s *Source) List(ctx context.Context, w ingest.Window) *Listing {
	return &Listing{source: s, ctx: ctx, window: w}
}

// ListNew is List for what is new since from; see Resume. In contrast to
// Resume it takes the window as it is, and leaves from.Until aside.
func (s *Source) ListNew(ctx context.Context, w ingest.Window, from ingest.ResumePoint) *Listing {
	return &Listing{source: s, ctx: ctx, window: w, from: &from, checkpoint: from.Checkpoint}
}

// Objects yields the log files, in no particular order. A *ingest.SkipError is
// a folder that could not be listed, and the listing goes on. Any other error
// is the last thing yielded: a *NoTrailError, a start that cannot be listed, or
// the context's. The iterator may be left early, and iterated once.
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
		err := run.stop()
		if l.ctx.Err() != nil {
			err = l.ctx.Err()
		}
		l.coverage = run.coverage()
		l.coverage.Partial = left || l.ctx.Err() != nil
		l.checkpoint = run.checkpoint(l.from, err == nil && !left)
		if err != nil && !left {
			yield(Object{}, err)
		}
	}
}

// Coverage says what was listed and left out, once Objects has ended. Skips
// stand in it only as objects listed: the caller has them as errors and counts
// them.
func (l *Listing) Coverage() ingest.Coverage { return l.coverage }

// Checkpoint is that of the next run, once Objects has ended. Every object
// that was listed counts as dealt with, also one that is then not read: the
// caller keeps those, for ingest.ResumePoint.Backlog. The entries of folders
// that were not visited or not listed to their end are as before. All are after
// a listing that was left early or ended with an error. It is nil without a
// ResumePoint.
func (l *Listing) Checkpoint() ingest.Checkpoint { return l.checkpoint }

// listerRun is a lister at work.
type listerRun struct {
	source *Source
	lister *lister
	items  chan item
	cancel context.CancelFunc
	ended  atomic.Bool
	err    error // of the run; for reading once items is closed
}

// startLister starts listing. met is for the lister.
func (s *Source) startLister(ctx context.Context, w ingest.Window, from *ingest.ResumePoint, met func()) *listerRun {
	inner, cancel := context.WithCancel(ctx)
	run := &listerRun{source: s, items: make(chan item, 1024), cancel: cancel}
	parallel := listWorkers
	if s.onDisk() {
		parallel = runtime.GOMAXPROCS(0)
	}
	run.lister = newLister(inner, s.Store, w, parallel, run.items)
	run.lister.met, run.lister.from = met, from
	go func() {
		run.err = run.lister.run(inner, s.Prefix)
		run.ended.Store(true)
		close(run.items)
	}()
	return run
}

// stop ends the listing, waits for it, and gives its error.
func (r *listerRun) stop() error {
	r.cancel()
	for range r.items {
		continue
	}
	return r.err
}

func (r *listerRun) coverage() ingest.Coverage {
	c := r.lister.coverage()
	c.Sources = []string{r.source.Name()}
	return c
}

// checkpoint is that of the next run. Only a run that came to its end changes
// anything.
func (r *listerRun) checkpoint(from *ingest.ResumePoint, whole bool) ingest.Checkpoint {
	if from == nil {
		return nil
	}
	out := make(ingest.Checkpoint, len(from.Checkpoint)+len(r.lister.pages))
	maps.Copy(out, from.Checkpoint)
	if whole {
		maps.Copy(out, r.lister.pages)
	}
	return out
}

// pageOf reads what a checkpoint says of a folder.
func pageOf(form json.RawMessage) (Page, error) {
	if form == nil {
		return Page{}, nil
	}
	return ParsePage(form)
}
