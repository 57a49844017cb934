package trail

import (
	"context"
	"iter"
	"runtime"
	"sync"

	"trailgate/ingest"
	"trailgate/ingest/signin"
)

// Readings lists, downloads and scans at the same time and yields each object
// as it comes, in no particular order: what Events flattens. Every object that
// was listed and not left out is one Reading, with Skip set if it was not read
// to its end; a folder that could not be listed is a Reading with an empty
// Object.Key and Skip set. Any other error is the last thing yielded; see
// Objects. A Reading is the caller's. The iterator is for one goroutine and may
// be left early, which ends all that was started for it.
func (s *Source) Readings(ctx context.Context, w ingest.Window) iter.Seq2[Reading, error] {
	return func(yield func(Reading, error) bool) { s.stream(ctx, w, yield) }
}

// Events is Readings by event. It fulfils ingest.Source; an object's own skip
// comes before its events, so that whoever leaves at an event has been told.
func (s *Source) Events(ctx context.Context, w ingest.Window) iter.Seq2[signin.Event, error] {
	return func(yield func(signin.Event, error) bool) {
		for r, err := range s.Readings(ctx, w) {
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

// flatten yields what a reading holds.
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

// stream is one run of Readings: a listing, workers that read what it finds, and
// the iterating goroutine, which alone keeps the account.
type stream struct {
	source  *Source
	run     *listing
	results chan Reading
	// tokens bounds how many objects are inflated at once: there is no use in
	// more than there are cores, and an inflated object is the largest thing
	// in memory.
	tokens chan *scratch

	read, skipped    int // objects
	packed, inflated int64
	unannounced      int64 // packed bytes whose size the listing did not tell
	signIns          int
}

func (s *Source) stream(ctx context.Context, w ingest.Window, yield func(Reading, error) bool) {
	inner, cancel := context.WithCancel(ctx)
	st := &stream{source: s, run: s.list(inner, w, nil), tokens: make(chan *scratch, runtime.GOMAXPROCS(0))}
	for range cap(st.tokens) {
		st.tokens <- &scratch{}
	}
	workers := s.workers()
	st.results = make(chan Reading, 2*workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() { st.work(inner) })
	}
	go func() {
		wg.Wait()
		close(st.results)
	}()
	gone := false
	for r := range st.results {
		if ctx.Err() != nil {
			break
		}
		st.take(&r)
		if gone = !yield(r, nil); gone {
			break
		}
	}
	cancel()
	for range st.results {
		continue
	}
	err := st.run.stop()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	s.cov = st.account()
	s.cov.Partial = gone || ctx.Err() != nil
	s.bookKeep(st.run.lister, err)
	switch {
	case gone:
	case err != nil:
		yield(Reading{}, err)
	default:
		st.progress()
	}
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

// take counts one reading.
func (st *stream) take(r *Reading) {
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
	st.progress()
}

func (st *stream) progress() {
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

// account adds what was read to the account of the listing, once all has
// ended.
func (st *stream) account() ingest.Coverage {
	c := st.source.account(st.run.lister)
	c.Read, c.Packed, c.Inflated = st.read, st.packed, st.inflated
	c.Exclude(interrupted, c.Listed-st.read-st.skipped-ingest.Total(c.Excluded))
	return c
}
