package trail

import (
	"cmp"
	"context"
	"iter"
	"runtime"
	"slices"
	"sync"

	"trailgate/ingest"
	"trailgate/ingest/signin"
)

// stream is one reading of a trail. A lister finds objects, workers read them,
// and the goroutine that iterates counts them.
type stream struct {
	source *Source
	ctx    context.Context
	window ingest.Window
	from   *ingest.ResumePoint // nil: everything is new

	used    bool
	run     *listerRun
	results chan Reading
	// buffers bounds the number of objects that are inflated at once to the
	// number of cores. More would not be faster, and would take much memory.
	buffers chan *scanBuffers

	read, skipped    int // objects
	packed, inflated int64
	unannounced      int64 // packed bytes of objects whose size the listing did not tell
	signIns          int

	backlog  map[string]bool // keys of from.Backlog
	coverage ingest.Coverage
	outcome  ingest.Outcome
}

// Events yields the events of each object as it comes; see ingest.Stream.
func (st *stream) Events() iter.Seq2[signin.Event, error] {
	return func(yield func(signin.Event, error) bool) {
		for r, err := range st.readings() {
			if err != nil {
				yield(signin.Event{}, err)
				return
			}
			if !r.yieldEvents(yield) {
				return
			}
		}
	}
}

// Coverage is complete once Events has ended.
func (st *stream) Coverage() ingest.Coverage { return st.coverage }

// Outcome is complete once Events has ended. In its Checkpoint, every object
// that was listed counts as dealt with, even one that failed. The caller keeps
// those as the next backlog.
func (st *stream) Outcome() ingest.Outcome { return st.outcome }

// yieldEvents yields the skip of the object, then its events, then the skips of
// single records. It returns false if the consumer wants no more.
func (r *Reading) yieldEvents(yield func(signin.Event, error) bool) bool {
	if r.Skip != nil && !yield(signin.Event{}, r.Skip) {
		return false
	}
	for i := range r.Events {
		if !yield(r.Events[i], nil) {
			return false
		}
	}
	for _, skip := range r.Records {
		if !yield(signin.Event{}, skip) {
			return false
		}
	}
	return true
}

// readings yields a Reading for every object that was listed and not left out,
// in no particular order. A folder that could not be listed is a Reading with
// an empty Object.Key and a Skip. Any other error is the last thing yielded.
func (st *stream) readings() iter.Seq2[Reading, error] {
	return func(yield func(Reading, error) bool) {
		if st.used {
			yield(Reading{}, ingest.ErrReadTwice)
			return
		}
		st.used = true
		st.readAll(yield)
	}
}

func (st *stream) readAll(yield func(Reading, error) bool) {
	inner, cancel := context.WithCancel(st.ctx)
	st.startWorkers(inner)
	left := false
	for r := range st.results {
		if st.ctx.Err() != nil {
			break
		}
		st.countReading(&r)
		if left = !yield(r, nil); left {
			break
		}
	}
	cancel()
	for range st.results {
		continue
	}
	err := st.run.stopListing()
	if st.ctx.Err() != nil {
		err = st.ctx.Err()
	}
	st.finishRun(left, err)
	switch {
	case left:
	case err != nil:
		yield(Reading{}, err)
	default:
		st.showProgress()
	}
}

// startWorkers starts the lister and the workers, which send to st.results. It also
// fills st.backlog.
func (st *stream) startWorkers(ctx context.Context) {
	if st.from != nil {
		st.backlog = make(map[string]bool, len(st.from.Backlog))
		for _, key := range st.from.Backlog {
			st.backlog[key] = true
		}
	}
	st.run = st.source.startLister(ctx, st.window, st.from, nil)
	st.buffers = make(chan *scanBuffers, runtime.GOMAXPROCS(0))
	for range cap(st.buffers) {
		st.buffers <- &scanBuffers{}
	}
	workers := st.source.workerCount()
	st.results = make(chan Reading, 2*workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() { st.readObjects(ctx) })
	}
	go func() {
		wg.Wait()
		close(st.results)
	}()
}

// readObjects receives items from the lister and sends a Reading for each. It ends
// when the lister has ended, or with the context.
func (st *stream) readObjects(ctx context.Context) {
	var packed []byte
	for {
		var it listItem
		var ok bool
		select {
		case it, ok = <-st.run.items:
		case <-ctx.Done():
		}
		if !ok {
			return
		}
		r := Reading{Object: it.object, Skip: it.skip}
		if it.skip == nil {
			var err error
			if r, packed, err = st.source.fetchObject(ctx, it.object, packed); err != nil {
				return
			}
			if r.Skip == nil && !st.scanInTurn(ctx, &r, packed) {
				return
			}
			packed = reuseUpTo(packed, mostPacked)
		}
		select {
		case st.results <- r:
		case <-ctx.Done():
			return
		}
	}
}

// scanInTurn waits for free buffers and scans with them. It returns false if the
// context ended first.
func (st *stream) scanInTurn(ctx context.Context, r *Reading, packed []byte) bool {
	select {
	case sc := <-st.buffers:
		st.source.scanObject(r, packed, sc)
		st.buffers <- sc
		return true
	case <-ctx.Done():
		return false
	}
}

// countReading counts one reading, adds it to the outcome if the run keeps a
// checkpoint, and shows the progress.
func (st *stream) countReading(r *Reading) {
	if r.Skip != nil {
		st.skipped++
	} else {
		st.read++
	}
	st.packed += r.Packed
	st.inflated += r.Inflated
	if r.Object.Size < 0 {
		st.unannounced += r.Packed
	}
	st.signIns += len(r.Events)
	if st.from != nil {
		st.noteOutcome(r)
	}
	st.showProgress()
}

// noteOutcome adds a reading to the outcome: the newest delivery, an object that
// failed, or one of the backlog that could now be read.
func (st *stream) noteOutcome(r *Reading) {
	out, key := &st.outcome, r.Object.Key
	if at := r.Object.Name.Delivered; at.After(out.Newest) {
		out.Newest = at
	}
	switch {
	case key == "":
	case r.Skip != nil:
		out.Failed = append(out.Failed, ingest.FailedObject{Key: key, Origin: r.Skip.Origin, Cause: r.Skip.Cause, Reason: r.Skip.Err.Error()})
	case st.backlog[key]:
		out.Recovered = append(out.Recovered, key)
	}
}

// finishRun completes the coverage and the outcome, once the lister and the
// workers have ended.
func (st *stream) finishRun(left bool, err error) {
	c := st.run.listedCoverage()
	c.Read, c.Packed, c.Inflated = st.read, st.packed, st.inflated
	c.Exclude(ingest.ReasonInterrupted, c.Listed-st.read-st.skipped-ingest.Total(c.Excluded))
	c.Partial = left || st.ctx.Err() != nil
	st.coverage = c
	out := &st.outcome
	out.Checkpoint = st.run.lister.nextCheckpoint(st.from, err == nil && !left)
	slices.SortFunc(out.Failed, func(a, b ingest.FailedObject) int { return cmp.Compare(a.Key, b.Key) })
	slices.Sort(out.Recovered)
}

func (st *stream) showProgress() {
	if st.source.Progress == nil {
		return
	}
	// This is read first. If the listing has ended by now, the counts below are
	// final.
	final := st.run.ended.Load()
	l := st.run.lister
	st.source.Progress(ingest.Progress{
		Listed:  int(l.listed.Load()),
		Done:    st.read + st.skipped,
		Bytes:   st.packed,
		Packed:  l.packed.Load() + st.unannounced,
		SignIns: st.signIns,
		Final:   final,
	})
}

var _ interface {
	ingest.Resumable
	ingest.Surveyor
} = (*Source)(nil)
