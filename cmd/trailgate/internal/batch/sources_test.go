package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"trailgate/analyzer/detect"
	"trailgate/analyzer/policy"
	"trailgate/ingest"
	"trailgate/ingest/signin"
	"trailgate/report/lake"
	"trailgate/report/row"
)

// queueSource is a source that only this test knows. Its objects are in queues, and
// its checkpoint is the number of objects that were dealt with in each queue. The key of
// an object begins with the Unix time of its delivery.
type queueSource struct {
	name   string
	queues map[string][]queueObject
	reads  map[string]int // how often each object was read whole
}

// queueObject is one object. The sign-ins of a broken one cannot be read.
type queueObject struct {
	key     string
	signIns []signin.Event
	broken  bool
}

var _ ingest.Resumable = (*queueSource)(nil)

func (s *queueSource) Name() string { return s.name }

func (s *queueSource) CheckpointName() (string, error) { return s.name, nil }

func (s *queueSource) DeliveredAt(key string) time.Time {
	var seconds int64
	if _, err := fmt.Sscanf(key, "%d-", &seconds); err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

func (s *queueSource) Open(ctx context.Context, w ingest.Window) ingest.Stream {
	return s.Resume(ctx, w, ingest.ResumePoint{})
}

func (s *queueSource) Resume(_ context.Context, _ ingest.Window, from ingest.ResumePoint) ingest.ResumedStream {
	return &queueStream{source: s, from: from, next: ingest.Checkpoint{}}
}

// queueStream is one reading of the queues.
type queueStream struct {
	source *queueSource
	from   ingest.ResumePoint
	next   ingest.Checkpoint
	out    ingest.Outcome
	counts ingest.Coverage
	err    error
}

func (s *queueStream) Events() iter.Seq2[signin.Event, error] {
	return func(yield func(signin.Event, error) bool) {
		for name, objects := range s.source.queues {
			dealt := 0
			if entry, ok := s.from.Checkpoint[name]; ok {
				if s.err = json.Unmarshal(entry, &dealt); s.err != nil {
					yield(signin.Event{}, s.err)
					return
				}
			}
			for i, o := range objects {
				owed := slices.Contains(s.from.Backlog, o.key)
				if i < dealt && !owed {
					continue
				}
				if !s.read(o, owed, yield) {
					return
				}
			}
			s.next[name] = json.RawMessage(fmt.Sprint(len(objects)))
		}
	}
}

// read yields one object and counts it.
func (s *queueStream) read(o queueObject, owed bool, yield func(signin.Event, error) bool) bool {
	s.counts.Listed++
	switch {
	case s.from.WrittenOff[o.key]:
		s.counts.Excluded = map[string]int{ingest.ReasonWrittenOff: s.counts.Excluded[ingest.ReasonWrittenOff] + 1}
		return true
	case o.broken:
		skip := &ingest.SkipError{Origin: o.key, Cause: ingest.CauseCorrupt, Err: errors.New("broken")}
		s.out.Failed = append(s.out.Failed, ingest.FailedObject{Key: o.key, Cause: skip.Cause, Reason: "broken"})
		return yield(signin.Event{}, skip)
	case owed:
		s.out.Recovered = append(s.out.Recovered, o.key)
	}
	s.counts.Read++
	s.source.reads[o.key]++
	if at := s.source.DeliveredAt(o.key); at.After(s.out.Newest) {
		s.out.Newest = at
	}
	for _, e := range o.signIns {
		if !yield(e, nil) {
			return false
		}
	}
	return true
}

func (s *queueStream) Coverage() ingest.Coverage { return s.counts }

func (s *queueStream) Outcome() ingest.Outcome {
	s.out.Checkpoint = s.next
	return s.out
}

// silentObserver ignores what a run tells.
type silentObserver struct{}

func (silentObserver) Skipped(*ingest.Coverage) {}
func (silentObserver) Problems(policy.Problems) {}
func (silentObserver) SourceFailed(error)       {}

// queueOptions are the options of a run over one source at a moment.
func queueOptions(root string, now time.Time, sources ...ingest.Source) Options {
	return Options{
		Location: Location{Lake: lake.Disk{Root: root}, LakeName: root, State: lake.Disk{Root: root + "/_trailgate/state"}, StateName: root + "/_trailgate/state",
			LockWait: time.Second, Lease: time.Minute, Now: func() time.Time { return now }},
		Sources: sources, Window: ingest.Window{Since: now.AddDate(0, -6, 0)}, Detector: &detect.Detector{}, Tally: &policy.Tally{},
		PartitionBy: []string{"event_date"}, Settle: 24 * time.Hour, LookBack: time.Hour, Version: "test", Observer: silentObserver{},
	}
}

// TestUnknownSourceIsExportedOnce exports a source that the package does not know, 50
// times. Between two runs new objects arrive. One object in six cannot be read at first,
// and can be read a few runs later. Each sign-in must be in the lake exactly once, and
// each object must be read exactly once, although the package has only the interface.
func TestUnknownSourceIsExportedOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(50, 1))
	root := t.TempDir()
	source := &queueSource{name: "queues://hall", queues: map[string][]queueObject{}, reads: map[string]int{}}
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	want := map[string]bool{}
	for run := range 50 {
		now := begin.Add(time.Duration(run) * 3 * time.Hour)
		for range 1 + r.IntN(3) {
			queue := []string{"left", "middle/top", "right"}[r.IntN(3)]
			o := queueObject{key: fmt.Sprintf("%d-%s-%d", now.Add(-time.Minute).Unix(), queue, len(want)), broken: run < 40 && r.IntN(6) == 0}
			for range 1 + r.IntN(4) {
				id := fmt.Sprintf("event-%04d", len(want))
				want[id] = true
				o.signIns = append(o.signIns, signin.Event{ID: id, Time: now.Add(-time.Duration(1+r.IntN(100)) * time.Minute), Account: "111122223333",
					Region: "eu-west-1", Origin: o.key, Outcome: signin.Success, Identity: signin.Identity{Type: signin.TypeIAMUser, UserName: "alice", Account: "111122223333"}})
			}
			source.queues[queue] = append(source.queues[queue], o)
		}
		if run%5 == 4 || run >= 45 {
			for _, objects := range source.queues {
				for i := range objects {
					objects[i].broken = false
				}
			}
		}
		s, err := Run(t.Context(), queueOptions(root, now, source))
		if err != nil {
			t.Fatalf("run %d: %v", run, err)
		}
		if wrong := s.Check(); len(wrong) > 0 {
			t.Fatalf("run %d: %s", run, strings.Join(wrong, "; "))
		}
	}
	got := map[string]int{}
	table := &lake.Table{Store: lake.Disk{Root: root}, Name: string(row.SignIns)}
	files, err := table.Files(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := forEachID(t.Context(), table, f, func(id string) { got[id]++ }); err != nil {
			t.Fatal(err)
		}
	}
	for id := range want {
		if got[id] != 1 {
			t.Errorf("sign-in %s is %d times in the lake, want once", id, got[id])
		}
	}
	if len(got) != len(want) {
		t.Errorf("the lake has %d sign-ins, want %d", len(got), len(want))
	}
	for key, n := range source.reads {
		if n != 1 {
			t.Errorf("object %s was read %d times, want once", key, n)
		}
	}
}

// TestHistoryWaitsForBacklogOfAbsentSource exports two sources, one of which has an
// object that cannot be read. A later run has only the other source. History must not
// pass the unread object then either, because its sign-ins would be judged out of order.
func TestHistoryWaitsForBacklogOfAbsentSource(t *testing.T) {
	root := t.TempDir()
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	object := func(at time.Time, id string, broken bool) queueObject {
		return queueObject{key: fmt.Sprintf("%d-%s", at.Unix(), id), broken: broken, signIns: []signin.Event{{ID: id, Time: at.Add(-time.Minute), Account: "111122223333",
			Region: "eu-west-1", Origin: id, Outcome: signin.Success, Identity: signin.Identity{Type: signin.TypeIAMUser, UserName: "alice", Account: "111122223333"}}}}
	}
	whole := &queueSource{name: "queues://whole", queues: map[string][]queueObject{"a": {object(begin, "one", false)}}, reads: map[string]int{}}
	broken := &queueSource{name: "queues://broken", queues: map[string][]queueObject{"a": {object(begin, "two", true)}}, reads: map[string]int{}}
	if _, err := Run(t.Context(), queueOptions(root, begin.Add(time.Hour), whole, broken)); err != nil {
		t.Fatal(err)
	}
	later := begin.Add(72 * time.Hour)
	whole.queues["a"] = append(whole.queues["a"], object(later, "three", false))
	s, err := Run(t.Context(), queueOptions(root, later.Add(time.Hour), whole))
	if err != nil {
		t.Fatal(err)
	}
	if want := begin.Add(-24 * time.Hour); !s.Settled.Equal(want) {
		t.Errorf("history is settled up to %s, want %s", s.Settled, want)
	}
}
