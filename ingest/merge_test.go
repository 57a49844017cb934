package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/ingest"
	"trailgate/ingest/signin"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// event is a sign-in with few fields.
func event(id string, change ...func(*signin.Event)) signin.Event {
	e := signin.Event{ID: id, Time: noon, Account: "111122223333", Region: "us-east-1", Carrier: signin.Trail, Origin: "a"}
	for _, c := range change {
		c(&e)
	}
	return e
}

func merged(m *ingest.Merger) []signin.Event { return slices.Collect(m.Events()) }

func TestMergerKeepsTheFullest(t *testing.T) {
	host := func(e *signin.Event) { e.Host = "signin.aws.amazon.com" }
	of := func(id string) func(*signin.Event) { return func(e *signin.Event) { e.OriginalID = id } }
	bridge := func(e *signin.Event) { e.Carrier, e.Region = signin.EventBridge, "global" }
	updated := func(e *signin.Event) { e.Updated = true }
	later := func(e *signin.Event) { e.Origin = "b" }
	for _, c := range []struct {
		name string
		in   []signin.Event
		want []signin.Event
	}{
		{"different", []signin.Event{event("2"), event("1")}, []signin.Event{event("1"), event("2")}},
		{"exact copies", []signin.Event{event("1", later), event("1")}, []signin.Event{event("1")}},
		{"fuller copy", []signin.Event{event("1"), event("1", host, later)}, []signin.Event{event("1", host, later)}},
		{"redelivery that says no more", []signin.Event{event("2", of("1")), event("1")}, []signin.Event{event("1")}},
		{"update that says more", []signin.Event{event("2", of("1"), host), event("1")}, []signin.Event{event("2", of("1"), host)}},
		{"update that corrects", []signin.Event{event("2", of("1"), updated), event("1")}, []signin.Event{event("2", of("1"), updated)}},
		{"two updates of a lost original", []signin.Event{event("2", of("1")), event("3", of("1"), host)}, []signin.Event{event("3", of("1"), host)}},
		{"an update that joins two", []signin.Event{event("1"), event("3", of("2")), event("2", of("1"))}, []signin.Event{event("1")}},
		{"the trail's copy before EventBridge's", []signin.Event{event("1", bridge), event("1")}, []signin.Event{event("1")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, in := range permutations(c.in) {
				var m ingest.Merger
				for _, e := range in {
					m.Add(e)
				}
				if diff := cmp.Diff(c.want, merged(&m)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				cov := m.Coverage
				if cov.Seen != len(in) || cov.SignIns != len(c.want) || cov.Seen != cov.SignIns+cov.Duplicates {
					t.Errorf("seen %d, sign-ins %d, duplicates %d", cov.Seen, cov.SignIns, cov.Duplicates)
				}
			}
		})
	}
}

func permutations(in []signin.Event) [][]signin.Event {
	if len(in) < 2 {
		return [][]signin.Event{in}
	}
	var out [][]signin.Event
	for i := range in {
		rest := slices.Delete(slices.Clone(in), i, i+1)
		for _, p := range permutations(rest) {
			out = append(out, append([]signin.Event{in[i]}, p...))
		}
	}
	return out
}

// TestMergeOrderNeverMatters adds random copies in random orders.
func TestMergeOrderNeverMatters(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var in []signin.Event
		for range 40 {
			e := event(fmt.Sprint(rnd.IntN(12)))
			e.Time = noon.Add(time.Duration(rnd.IntN(3)) * time.Hour)
			e.Origin = fmt.Sprint(rnd.IntN(4))
			if rnd.IntN(3) == 0 {
				e.OriginalID = fmt.Sprint(rnd.IntN(12))
			}
			if rnd.IntN(2) == 0 {
				e.Host = "signin.aws.amazon.com"
			}
			in = append(in, e)
		}
		var first []signin.Event
		var cov ingest.Coverage
		for round := range 5 {
			var m ingest.Merger
			for _, i := range rnd.Perm(len(in)) {
				m.Add(in[i])
			}
			got := merged(&m)
			if round == 0 {
				first, cov = got, m.Coverage
				continue
			}
			if diff := cmp.Diff(first, got); diff != "" {
				t.Fatalf("order mattered:\n%s", diff)
			}
			if diff := cmp.Diff(cov, m.Coverage); diff != "" {
				t.Fatalf("order mattered to the count:\n%s", diff)
			}
		}
		if cov.Seen != cov.SignIns+cov.Duplicates || cov.SignIns != len(first) {
			t.Fatalf("does not add up: %+v", cov)
		}
	}
}

// source yields the events and errors that it has.
type source struct {
	events []signin.Event
	errs   []error
	cov    ingest.Coverage
}

func (s source) Name() string { return "source" }

func (s source) Open(ctx context.Context, _ ingest.Window) ingest.Stream { return stream{s, ctx} }

type stream struct {
	source
	ctx context.Context
}

func (s stream) Coverage() ingest.Coverage { return s.cov }

func (s stream) Events() iter.Seq2[signin.Event, error] {
	return func(yield func(signin.Event, error) bool) {
		for _, err := range s.errs {
			if !yield(signin.Event{}, err) {
				return
			}
		}
		for _, e := range s.events {
			if s.ctx.Err() != nil {
				yield(signin.Event{}, s.ctx.Err())
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func TestMergeAccountsForEverything(t *testing.T) {
	skip := &ingest.SkipError{Cause: ingest.CauseCorrupt, Origin: "x", Err: errors.New("bad")}
	bare := &ingest.SkipError{Cause: ingest.CauseNoID, Origin: "y", Record: true, Err: errors.New("no id")}
	one := source{
		events: []signin.Event{event("1"), event("2", func(e *signin.Event) { e.Time = noon.Add(-time.Hour) }), event("3", func(e *signin.Event) { e.Account = "444455556666" })},
		errs:   []error{skip, bare},
		cov:    ingest.Coverage{Sources: []string{"one"}, Listed: 3, Read: 2, Packed: 10, Shards: []ingest.Shard{{Account: "a", Region: "r", Objects: 3, Days: []ingest.Day{1, 3}}}},
	}
	two := source{events: []signin.Event{event("1")}, cov: ingest.Coverage{Sources: []string{"two"}, Listed: 1, Read: 1,
		Shards: []ingest.Shard{{Account: "a", Region: "r", Objects: 1, Days: []ingest.Day{2, 3}}}}}
	w := ingest.Window{Since: noon, Accounts: []string{"111122223333"}}
	m, err := ingest.Merge(t.Context(), w, one, two)
	if err != nil {
		t.Fatal(err)
	}
	want := ingest.Coverage{
		Sources: []string{"one", "two"}, Listed: 4, Read: 3, Skipped: map[ingest.Cause]int{ingest.CauseCorrupt: 1},
		Seen: 4, SignIns: 1, Duplicates: 1, Outside: 1, Filtered: 1, SkippedRecords: map[ingest.Cause]int{ingest.CauseNoID: 1},
		Packed: 10, Shards: []ingest.Shard{{Account: "a", Region: "r", Objects: 4, Days: []ingest.Day{1, 2, 3}}},
		Skips: []ingest.SkipError{*skip, *bare},
	}
	if diff := cmp.Diff(want, m.Coverage, cmp.Comparer(func(a, b error) bool { return a.Error() == b.Error() })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if m.Coverage.Complete() {
		t.Error("complete, with two skips")
	}
}

func TestMergeOneSourceFails(t *testing.T) {
	broken := source{errs: []error{errors.New("no such bucket")}, cov: ingest.Coverage{Sources: []string{"broken"}}}
	fine := source{events: []signin.Event{event("1")}, cov: ingest.Coverage{Sources: []string{"fine"}, Listed: 1, Read: 1}}
	m, err := ingest.Merge(t.Context(), ingest.Window{}, broken, fine)
	c := m.Coverage
	if err == nil || c.SignIns != 1 || c.Complete() || c.Skipped[ingest.CauseSource] != 1 || c.Listed != c.Read+ingest.Total(c.Skipped) {
		t.Errorf("error %v, coverage %+v", err, c)
	}
}

func TestMergeInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m, err := ingest.Merge(ctx, ingest.Window{}, source{events: []signin.Event{event("1")}})
	if !errors.Is(err, context.Canceled) || !m.Coverage.Partial {
		t.Errorf("error %v, partial %v", err, m.Coverage.Partial)
	}
}

func TestWindow(t *testing.T) {
	w := ingest.Window{Since: noon, Until: noon.Add(time.Hour), Regions: []string{"us-east-1"}}
	for _, c := range []struct {
		at     time.Duration
		region string
		want   ingest.WindowMatch
	}{
		{0, "us-east-1", ingest.Inside}, {-1, "us-east-1", ingest.Outside}, {time.Hour, "us-east-1", ingest.Outside},
		{time.Hour - 1, "us-east-1", ingest.Inside}, {0, "us-east-2", ingest.Filtered},
	} {
		e := event("1", func(e *signin.Event) { e.Time, e.Region = noon.Add(c.at), c.region })
		if got := w.Match(&e); got != c.want {
			t.Errorf("%v %s: %d, want %d", c.at, c.region, got, c.want)
		}
	}
	for _, c := range []struct {
		lateness time.Duration
		want     time.Time
	}{{0, noon.Add(25 * time.Hour)}, {time.Minute, noon.Add(61 * time.Minute)}, {-1, noon.Add(time.Hour)}} {
		w.Lateness = c.lateness
		if got := w.LastDelivery(); !got.Equal(c.want) {
			t.Errorf("lateness %v: %v, want %v", c.lateness, got, c.want)
		}
	}
}

func TestDay(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want string
	}{{noon, "2026-03-01"}, {time.Date(1969, 12, 31, 23, 0, 0, 0, time.UTC), "1969-12-31"}, {time.Unix(0, 0), "1970-01-01"}} {
		if got := ingest.DayOf(c.at).String(); got != c.want {
			t.Errorf("%v: %s, want %s", c.at, got, c.want)
		}
	}
}
