package trail

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"sync"

	"trailgate/ingest"
	"trailgate/ingest/signin"
)

// Stream is one reading of a Source. Call one of Objects, Readings, Events and
// Survey, once. Coverage and Checkpoint are for afterwards. A Stream is for one
// goroutine.
type Stream struct {
	source *Source
	ctx    context.Context // of the whole stream, as Source.Open has it
	window ingest.Window
	from   From

	coverage ingest.Coverage
	next     *Checkpoint
}

// Coverage says what was read or listed, once the iteration has ended. Skips are
// only in Listed: the caller has them as errors and counts them. Objects that were
// listed and not dealt with when the run ended early are excluded as
// ingest.ExcludedInterrupted.
func (st *Stream) Coverage() ingest.Coverage { return st.coverage }

// Checkpoint is the next checkpoint, once the iteration has ended. It has a new
// entry for each folder that was listed to its end and had news. Every object
// listed there counts as dealt with, even if its reading was skipped: the caller
// keeps those for From.Backlog. Folders that were not listed to their end keep
// their entry. So do all folders after a run that was left early or ended with an
// error. Without From.Checkpoint it is nil.
func (st *Stream) Checkpoint() *Checkpoint { return st.next }

// Objects lists the log files that may hold wanted sign-ins, in no particular
// order. A *ingest.SkipError is a folder that could not be listed, and the listing
// goes on. Any other error is the last thing yielded: a *NoTrailError, a start that
// cannot be listed, or the context's. The caller may leave early.
func (st *Stream) Objects() iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		run := st.startListing(st.ctx, nil)
		left := false
		for it := range run.items {
			if st.ctx.Err() != nil {
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
		if st.ctx.Err() != nil {
			err = st.ctx.Err()
		}
		st.coverage = st.listingCoverage(run.lister)
		st.coverage.Partial = left || st.ctx.Err() != nil
		st.saveCheckpoint(run.lister, err)
		if err != nil && !left {
			yield(Object{}, err)
		}
	}
}

// Survey lists without reading; see Source.Survey.
func (st *Stream) Survey() (ingest.Coverage, error) {
	var skips ingest.Coverage
	var failed error
	for _, err := range st.Objects() {
		var skip *ingest.SkipError
		if errors.As(err, &skip) {
			skips.Skip(skip)
		} else if err != nil {
			failed = err
		}
	}
	out := st.Coverage()
	out.Add(skips)
	out.Exclude(ingest.ExcludedListedOnly, out.Listed-ingest.Total(out.Skipped)-ingest.Total(out.Excluded))
	return out, failed
}

// Readings lists, downloads and scans at the same time and yields each object as it
// comes, in no particular order. Every object that was listed and not left out is
// one Reading, with Skip set if it was not read to its end. A folder that could not
// be listed is a Reading with an empty Object.Key and Skip set. Any other error is
// the last thing yielded; see Objects. A Reading is the caller's own. The caller may
// leave early, which ends everything that was started.
func (st *Stream) Readings() iter.Seq2[Reading, error] {
	return func(yield func(Reading, error) bool) { st.readAll(yield) }
}

// Events is Readings by event; see ingest.Stream. The skip of an object comes
// before its events, so that a caller who leaves at an event knows of it.
func (st *Stream) Events() iter.Seq2[signin.Event, error] {
	return func(yield func(signin.Event, error) bool) {
		for r, err := range st.Readings() {
			if err != nil {
				yield(signin.Event{}, err)
				return
			}
			if !r.yieldAll(yield) {
				return
			}
		}
	}
}

// yieldAll yields what a reading holds.
func (r *Reading) yieldAll(yield func(signin.Event, error) bool) bool {
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

// streamRun is Readings at work: a listing, workers that read what it finds, and
// the iterating goroutine, which alone counts.
type streamRun struct {
	stream  *Stream
	run     *listing
	results chan Reading
	// inflateTokens bounds how many objects are inflated at once. More than there
	// are cores would not be faster, and an inflated object is the largest thing in
	// memory.
	inflateTokens chan *scanBuffers

	read, skipped    int // objects
	packed, inflated int64
	unlistedBytes    int64 // packed bytes whose size the listing did not tell
	signIns          int
}

// readAll starts everything, yields what comes, and waits until all has ended.
func (st *Stream) readAll(yield func(Reading, error) bool) {
	inner, cancel := context.WithCancel(st.ctx)
	run := &streamRun{stream: st, run: st.startListing(inner, nil), inflateTokens: make(chan *scanBuffers, runtime.GOMAXPROCS(0))}
	for range cap(run.inflateTokens) {
		run.inflateTokens <- &scanBuffers{}
	}
	workers := st.source.workerCount()
	run.results = make(chan Reading, 2*workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() { run.readObjects(inner) })
	}
	go func() {
		wg.Wait()
		close(run.results)
	}()
	left := false
	for r := range run.results {
		if st.ctx.Err() != nil {
			break
		}
		run.countReading(&r)
		if left = !yield(r, nil); left {
			break
		}
	}
	cancel()
	for range run.results {
		continue
	}
	err := run.run.stopListing()
	if st.ctx.Err() != nil {
		err = st.ctx.Err()
	}
	st.coverage = run.finalCoverage()
	st.coverage.Partial = left || st.ctx.Err() != nil
	st.saveCheckpoint(run.run.lister, err)
	switch {
	case left:
	case err != nil:
		yield(Reading{}, err)
	default:
		run.showProgress()
	}
}

// readObjects reads objects until there are no more.
func (st *streamRun) readObjects(ctx context.Context) {
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
			if r, packed, err = st.stream.source.fetchObject(ctx, it.object, packed); err != nil {
				return
			}
			if r.Skip == nil && !st.scanWithToken(ctx, &r, packed) {
				return
			}
			packed = reuseUpTo(packed, keepPacked)
		}
		select {
		case st.results <- r:
		case <-ctx.Done():
			return
		}
	}
}

// scanWithToken waits for a token and scans with it.
func (st *streamRun) scanWithToken(ctx context.Context, r *Reading, packed []byte) bool {
	select {
	case sc := <-st.inflateTokens:
		st.stream.source.scanObject(r, packed, sc)
		st.inflateTokens <- sc
		return true
	case <-ctx.Done():
		return false
	}
}

// countReading counts one reading.
func (st *streamRun) countReading(r *Reading) {
	if r.Skip != nil {
		st.skipped++
	} else {
		st.read++
	}
	st.packed += r.Packed
	st.inflated += r.Inflated
	if r.Object.Size < 0 {
		st.unlistedBytes += r.Packed
	}
	st.signIns += len(r.Events)
	st.showProgress()
}

func (st *streamRun) showProgress() {
	if st.stream.source.Progress == nil {
		return
	}
	// Read first: what is counted after the end is all there is.
	final := st.run.ended.Load()
	l := st.run.lister
	st.stream.source.Progress(ingest.Progress{
		Listed:  int(l.listed.Load()),
		Done:    st.read + st.skipped,
		Bytes:   st.packed,
		Packed:  l.packed.Load() + st.unlistedBytes,
		SignIns: st.signIns,
		Final:   final,
	})
}

// finalCoverage adds what was read to the account of the listing, once all has
// ended.
func (st *streamRun) finalCoverage() ingest.Coverage {
	c := st.stream.listingCoverage(st.run.lister)
	c.Read, c.Packed, c.Inflated = st.read, st.packed, st.inflated
	c.Exclude(ingest.ExcludedInterrupted, c.Listed-st.read-st.skipped-ingest.Total(c.Excluded))
	return c
}
