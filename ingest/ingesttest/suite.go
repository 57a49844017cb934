// Package ingesttest is the test suite that every ingest.Source must pass. The
// input is a function that makes a source with given documents. The output is
// test failures. The package is for tests only, and must not be linked into the
// command.
package ingesttest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"trailgate/ingest"
	"trailgate/ingest/signin"
)

// Suite describes the source under test. Open is required.
type Suite struct {
	// Open makes a source that holds the documents and nothing else. It may use
	// t to clean up, and fails t if the source cannot be made.
	Open func(t *testing.T, docs []Doc) ingest.Source
	// Faultless means that the source cannot hold broken documents.
	Faultless bool
}

// Run runs the suite as subtests of t. A source that is an ingest.Resumable is
// also resumed.
func (s Suite) Run(t *testing.T) {
	t.Run("every sign-in is seen and every count adds up", s.testComplete)
	t.Run("a window loses no wanted sign-in", s.testWindow)
	t.Run("it can be read twice", s.testTwice)
	t.Run("a stream can be read once", s.testOnce)
	t.Run("two streams at once", s.testAtOnce)
	t.Run("it can be left early", s.testLeftEarly)
	t.Run("cancellation ends it", s.testCancelled)
	t.Run("a cancelled context reads nothing", s.testDeadContext)
	if !s.Faultless {
		t.Run("faults cost one skip each", s.testFaults)
	}
	if _, ok := s.Open(t, nil).(ingest.Resumable); ok {
		t.Run("resume", s.testResume)
		t.Run("resume after an end too early", s.testResumeLeftEarly)
		if !s.Faultless {
			t.Run("backlog", s.testBacklog)
		}
	}
}

// outcome is the result of one iteration.
type outcome struct {
	ids   []string // sorted
	skips map[ingest.Cause]int
	lost  map[ingest.Cause]int // single records
	err   error                // the one that ended it
	after int                  // number of items after that error
	cov   ingest.Coverage
}

// readSource opens a source and iterates to the end, or until stop says so.
func readSource(ctx context.Context, src ingest.Source, w ingest.Window, stop func(n int) bool) outcome {
	return readStream(src.Open(ctx, w), stop)
}

// readStream iterates to the end, or until stop says so.
func readStream(stream ingest.Stream, stop func(n int) bool) outcome {
	out := outcome{skips: map[ingest.Cause]int{}, lost: map[ingest.Cause]int{}}
	for e, err := range stream.Events() {
		if out.err != nil {
			out.after++
		}
		var skip *ingest.SkipError
		switch {
		case errors.As(err, &skip) && skip.Record:
			out.lost[skip.Cause]++
		case skip != nil:
			out.skips[skip.Cause]++
		case err != nil:
			out.err = err
		default:
			out.ids = append(out.ids, e.ID)
		}
		if stop != nil && stop(len(out.ids)) {
			break
		}
	}
	slices.Sort(out.ids)
	out.cov = stream.Coverage()
	return out
}

func (s Suite) testComplete(t *testing.T) {
	all := soundDocs(5)
	got := readSource(t.Context(), s.Open(t, all), ingest.Window{}, nil)
	sameIDs(t, eventIDs(all), got.ids)
	if got.err != nil || len(got.skips)+len(got.lost) > 0 {
		t.Errorf("ended with %v, skips %v, lost records %v; want none", got.err, got.skips, got.lost)
	}
	checkSums(t, got)
	switch c := got.cov; {
	case c.Partial:
		t.Error("a complete run is called partial")
	case c.Read == 0 || c.Listed == 0:
		t.Errorf("listed %d, read %d; want more than nothing", c.Listed, c.Read)
	case len(c.Sources) == 0:
		t.Error("the coverage names no source")
	}
}

func (s Suite) testWindow(t *testing.T) {
	all := soundDocs(30)
	w := ingest.Window{Since: startTime().Add(3 * time.Hour), Until: startTime().Add(20 * time.Hour), Lateness: time.Hour}
	var want []string
	for _, d := range all {
		for i := range d.IDs {
			var n int
			if _, err := fmt.Sscanf(d.Name[len(d.Name)-len("0000000000.json.gz"):], "%d", &n); err != nil {
				t.Fatal(err)
			}
			at := startTime().Add(time.Duration(n)*time.Hour + time.Duration(i)*time.Minute)
			if w.Match(&signin.Event{Time: at}) == ingest.Inside {
				want = append(want, d.IDs[i])
			}
		}
	}
	slices.Sort(want)
	got := readSource(t.Context(), s.Open(t, all), w, nil)
	for _, id := range want {
		if _, found := slices.BinarySearch(got.ids, id); !found {
			t.Errorf("wanted sign-in %s is missing", id)
		}
	}
	checkSums(t, got)
}

func (s Suite) testTwice(t *testing.T) {
	src := s.Open(t, soundDocs(3))
	first := readSource(t.Context(), src, ingest.Window{}, nil)
	second := readSource(t.Context(), src, ingest.Window{}, nil)
	sameIDs(t, first.ids, second.ids)
	if first.ids, second.ids = nil, nil; !reflect.DeepEqual(first, second) {
		t.Errorf("the second reading differs:\n%+v\n%+v", first, second)
	}
}

func (s Suite) testOnce(t *testing.T) {
	stream := s.Open(t, soundDocs(1)).Open(t.Context(), ingest.Window{})
	first := readStream(stream, nil)
	sameIDs(t, eventIDs(soundDocs(1)), first.ids)
	again := readStream(stream, nil)
	if !errors.Is(again.err, ingest.ErrReadTwice) || len(again.ids)+len(again.skips)+again.after > 0 {
		t.Errorf("read again, it gave %d events, %v and %v; want ErrReadTwice alone", len(again.ids), again.skips, again.err)
	}
	if !reflect.DeepEqual(first.cov, again.cov) {
		t.Error("reading it again changed its coverage")
	}
}

func (s Suite) testAtOnce(t *testing.T) {
	all := soundDocs(5)
	src := s.Open(t, all)
	var got [2]outcome
	var group sync.WaitGroup
	for i := range got {
		group.Go(func() { got[i] = readSource(t.Context(), src, ingest.Window{}, nil) })
	}
	group.Wait()
	for i := range got {
		sameIDs(t, eventIDs(all), got[i].ids)
		checkSums(t, got[i])
	}
	if got[0].ids, got[1].ids = nil, nil; !reflect.DeepEqual(got[0], got[1]) {
		t.Errorf("two streams at once differ:\n%+v\n%+v", got[0], got[1])
	}
}

func (s Suite) testLeftEarly(t *testing.T) {
	all := soundDocs(5)
	src := s.Open(t, all)
	for _, n := range [...]int{1, 7} {
		got := readSource(t.Context(), src, ingest.Window{}, func(have int) bool { return have == n })
		if len(got.ids) != n || got.err != nil {
			t.Errorf("left after %d events: got %d and %v", n, len(got.ids), got.err)
		}
		checkSums(t, got)
		if !got.cov.Partial {
			t.Errorf("left after %d of %d events, and not called partial", n, len(eventIDs(all)))
		}
	}
	if got := readSource(t.Context(), src, ingest.Window{}, nil); len(got.ids) != len(eventIDs(all)) {
		t.Errorf("a full reading after those gave %d of %d events", len(got.ids), len(eventIDs(all)))
	}
}

func (s Suite) testCancelled(t *testing.T) {
	src := s.Open(t, soundDocs(20))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := readSource(ctx, src, ingest.Window{}, func(have int) bool {
		if have == 2 {
			cancel()
		}
		return false
	})
	if !errors.Is(got.err, context.Canceled) || got.after > 0 {
		t.Errorf("ended with %v and %d more; want context.Canceled as the last", got.err, got.after)
	}
	checkSums(t, got)
	if !got.cov.Partial {
		t.Error("a cancelled run is not called partial")
	}
}

func (s Suite) testDeadContext(t *testing.T) {
	src := s.Open(t, soundDocs(2))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := readSource(ctx, src, ingest.Window{}, nil)
	if !errors.Is(got.err, context.Canceled) || len(got.ids) > 0 {
		t.Errorf("got %d events and %v; want none and context.Canceled", len(got.ids), got.err)
	}
	checkSums(t, got)
}

func (s Suite) testFaults(t *testing.T) {
	all := append(soundDocs(2), faultyDocs()...)
	got := readSource(t.Context(), s.Open(t, all), ingest.Window{}, nil)
	sameIDs(t, eventIDs(all), got.ids)
	want, lost := map[ingest.Cause]int{}, map[ingest.Cause]int{}
	for _, d := range all {
		if d.Fault != "" {
			want[d.Fault]++
		}
		if d.Lost > 0 {
			lost[ingest.CauseNoID] += d.Lost
		}
	}
	if !maps.Equal(want, got.skips) {
		t.Errorf("skips by cause: got %v, want %v", got.skips, want)
	}
	if !maps.Equal(lost, got.lost) {
		t.Errorf("skipped records by cause: got %v, want %v", got.lost, lost)
	}
	if got.err != nil {
		t.Errorf("ended with %v; faults must not end the stream", got.err)
	}
	checkSums(t, got)
}

// checkSums compares the counts of a run with the events and skips that came.
func checkSums(t *testing.T, got outcome) {
	t.Helper()
	c := got.cov
	skipped := ingest.Total(got.skips)
	if sum := c.Read + skipped + ingest.Total(c.Excluded); c.Listed != sum {
		t.Errorf("listed %d, but read %d + skipped %d + excluded %v = %d", c.Listed, c.Read, skipped, c.Excluded, sum)
	}
}

// sameIDs wants each event id as often in got as in want.
func sameIDs(t *testing.T, want, got []string) {
	t.Helper()
	count := map[string]int{}
	for _, id := range want {
		count[id]--
	}
	for _, id := range got {
		count[id]++
	}
	for _, id := range slices.Sorted(maps.Keys(count)) {
		if n := count[id]; n != 0 {
			t.Errorf("sign-in %q came %+d times too often", id, n)
		}
	}
}

// eventIDs are the readable event ids of documents, sorted.
func eventIDs(docs []Doc) []string {
	var out []string
	for _, d := range docs {
		out = append(out, d.IDs...)
	}
	slices.Sort(out)
	return out
}
