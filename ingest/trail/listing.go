package trail

import (
	"context"
	"sync/atomic"
	"time"

	"trailgate/ingest"
)

// listing is a lister at work.
type listing struct {
	lister *lister
	items  chan item
	cancel context.CancelFunc
	ended  atomic.Bool
	err    error // of the run; for reading once items is closed
}

// startListing starts to list in a goroutine. onLayout is for the lister.
func (st *Stream) startListing(ctx context.Context, onLayout func()) *listing {
	s := st.source
	inner, cancel := context.WithCancel(ctx)
	run := &listing{items: make(chan item, 1024), cancel: cancel}
	parallel := listWorkers
	if store, ok := s.Store.(parallelStore); ok {
		parallel, _ = store.parallelism()
	}
	run.lister = newLister(inner, s.Store, st.window, parallel, run.items)
	run.lister.onLayout = onLayout
	run.lister.checkpoint, run.lister.lookBack, run.lister.now = st.from.Checkpoint, st.from.lookBack(), st.from.Now
	go func() {
		run.err = run.lister.run(inner, s.Prefix, st.from.Backlog)
		run.ended.Store(true)
		close(run.items)
	}()
	return run
}

// stopListing ends the listing, waits for it, and gives its error.
func (r *listing) stopListing() error {
	r.cancel()
	for range r.items {
		continue
	}
	return r.err
}

// listingCoverage gives the coverage of the listing alone.
func (st *Stream) listingCoverage(l *lister) ingest.Coverage {
	c := l.coverage()
	c.Sources = []string{st.source.Name()}
	return c
}

// saveCheckpoint makes the next checkpoint after a run that ended with err.
func (st *Stream) saveCheckpoint(l *lister, err error) {
	switch {
	case st.from.Checkpoint == nil:
	case err != nil || st.coverage.Partial:
		st.next = st.from.Checkpoint.withFolders(nil)
	default:
		st.next = st.from.Checkpoint.withFolders(l.nextFolders)
	}
}

func (f From) lookBack() time.Duration {
	switch {
	case f.LookBack > 0:
		return f.LookBack
	case f.LookBack == 0:
		return DefaultLookBack
	}
	return 0
}
