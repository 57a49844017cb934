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

// stream is one reading of a trail: a listing, workers that read what it finds,
// and the iterating goroutine, which alone keeps the counts.
type stream struct {
	source *Source
	ctx    context.Context
	window ingest.Window
	from   *ingest.ResumePoint // nil: all is new

	used    bool
	run     *listerRun
	results chan Reading
	// tokens bounds how many objects are inflated at once: there is no use in
	// more than there are cores, and an inflated object is the largest thing
	// in memory.
	tokens chan *scratch

	read, skipped    int // objects
	packed, inflated int64
	unannounced      int64 // packed bytes whose size the listing did not tell
	signIns          int

	backlog  map[string]bool // from.Backlog
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
			if !r.flatten(yield) {
				return
			}
		}
	}
}

// Coverage is complete once Events has ended.
func (st *stream) Coverage() ingest.Coverage { return st.coverage }

// Outcome is complete once Events has ended. Every object that was listed
// counts as dealt with in its Checkpoint, also one that failed: the caller
// keeps those as the next backlog.
func (st *stream) Outcome() ingest.Outcome { return st.outcome }

// flatten yields what a reading holds, its own skip first.
func (r *Reading) flatten(yield func(signin.Event, error) bool) bool {
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

// readings yields each object as it comes, in no particular order. Every object
// that was listed and not left out is one Reading, with Skip set if it was not
// read to its end. A folder that could not be listed is a Reading with an empty
// Object.Key and Skip set. Any other error is the last thing yielded.
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
	st.start(inner)
	left := false
	for r := range st.results {
		if st.ctx.Err() != nil {
			break
		}
		st.count(&r)
		if left = !yield(r, nil); left {
			break
		}
	}
	cancel()
	for range st.results {
		continue
	}
	err := st.run.stop()
	if st.ctx.Err() != nil {
		err = st.ctx.Err()
	}
	st.finish(left, err)
	switch {
	case left:
	case err != nil:
		yield(Reading{}, err)
	default:
		st.showProgress()
	}
}

// start starts the listing and the workers.
func (st *stream) start(ctx context.Context) {
	if st.from != nil {
		st.backlog = make(map[string]bool, len(st.from.Backlog))
		for _, key := range st.from.Backlog {
			st.backlog[key] = true
		}
	}
	st.run = st.source.startLister(ctx, st.window, st.from, nil)
	st.tokens = make(chan *scratch, runtime.GOMAXPROCS(0))
	for range cap(st.tokens) {
		st.tokens <- &scratch{}
	}
	workers := st.source.workers()
	st.results = make(chan Reading, 2*workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() { st.work(ctx) })
	}
	go func() {
		wg.Wait()
		close(st.results)
	}()
}

// work reads objects until there are no more.
func (st *stream) work(ctx context.Context) {
	var packed []byte
	for {
		var it item
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
			if r, packed, err = st.source.fetch(ctx, it.object, packed); err != nil {
				return
			}
			if r.Skip == nil && !st.scan(ctx, &r, packed) {
				return
			}
			packed = keep(packed, keepPacked)
		}
		select {
		case st.results <- r:
		case <-ctx.Done():
			return
		}
	}
}

// scan waits for a token and scans with it.
func (st *stream) scan(ctx context.Context, r *Reading, packed []byte) bool {
	select {
	case sc := <-st.tokens:
		st.source.scan(r, packed, sc)
		st.tokens <- sc
		return true
	case <-ctx.Done():
		return false
	}
}

// count counts one reading, and notes what the next run must know of it.
func (st *stream) count(r *Reading) {
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
		st.note(r)
	}
	st.showProgress()
}

// note adds a reading to the outcome.
func (st *stream) note(r *Reading) {
	out, key := &st.outcome, r.Object.Key
	if at := r.Object.Name.Delivered; at.After(out.Newest) {
		out.Newest = at
	}
	switch {
	case key == "":
	case r.Skip != nil:
		out.Failed = append(out.Failed, ingest.FailedObject{Key: key, Cause: r.Skip.Cause, Reason: r.Skip.Err.Error()})
	case st.backlog[key]:
		out.Recovered = append(out.Recovered, key)
	}
}

// finish makes the coverage and the outcome, once all that was started has
// ended.
func (st *stream) finish(left bool, err error) {
	c := st.run.coverage()
	c.Read, c.Packed, c.Inflated = st.read, st.packed, st.inflated
	c.Exclude(ingest.ReasonInterrupted, c.Listed-st.read-st.skipped-ingest.Total(c.Excluded))
	c.Partial = left || st.ctx.Err() != nil
	st.coverage = c
	out := &st.outcome
	out.Checkpoint = st.run.checkpoint(st.from, err == nil && !left)
	slices.SortFunc(out.Failed, func(a, b ingest.FailedObject) int { return cmp.Compare(a.Key, b.Key) })
	slices.Sort(out.Recovered)
}

func (st *stream) showProgress() {
	if st.source.Progress == nil {
		return
	}
	// Read first: what is counted after the end is all there is.
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
