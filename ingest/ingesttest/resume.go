package ingesttest

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"trailgate/ingest"
)

// checkpointRuns is a caller that resumes a source again and again.
type checkpointRuns struct {
	checkpoint ingest.Checkpoint
	seen       map[string]bool // event ids
}

// resumeOnce resumes the source at the checkpoint and reads it. It passes the next
// checkpoint through JSON, as a state file does.
func (r *checkpointRuns) resumeOnce(t *testing.T, src ingest.Source, from ingest.ResumePoint, stop func(n int) bool) (outcome, ingest.Outcome) {
	t.Helper()
	resumable, ok := src.(ingest.Resumable)
	if !ok {
		t.Fatalf("%T is not resumable every time", src)
	}
	if name, err := resumable.CheckpointName(); name == "" || err != nil {
		t.Errorf("the name of its checkpoint is %q, %v", name, err)
	}
	from.Checkpoint, from.LookBack = r.checkpoint, time.Hour
	if from.Now.IsZero() {
		from.Now = startTime().Add(24 * time.Hour)
	}
	before := maps.Clone(from.Checkpoint)
	stream := resumable.Resume(t.Context(), ingest.Window{Since: startTime().Add(-time.Hour)}, from)
	got := readStream(stream, stop)
	checkSums(t, got)
	if !maps.EqualFunc(before, from.Checkpoint, sameJSON) {
		t.Error("the checkpoint that was given has changed")
	}
	out := stream.Outcome()
	form, err := json.Marshal(out.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	var next ingest.Checkpoint
	if err := json.Unmarshal(form, &next); err != nil {
		t.Fatal(err)
	}
	if got.err == nil && stop == nil {
		r.checkpoint = next
	} else if !maps.EqualFunc(before, next, sameJSON) {
		t.Errorf("a run that was left early, or ended with %v, has changed the checkpoint", got.err)
	}
	for _, id := range got.ids {
		r.seen[id] = true
	}
	return got, out
}

func sameJSON(a, b json.RawMessage) bool { return string(a) == string(b) }

// wantSeen wants these ids, and no others, to have been seen so far.
func (r *checkpointRuns) wantSeen(t *testing.T, ids []string) {
	t.Helper()
	sameIDs(t, ids, slices.Collect(maps.Keys(r.seen)))
}

// testResume reads a source that grows. No sign-in may be lost; copies are allowed.
func (s Suite) testResume(t *testing.T) {
	r := checkpointRuns{seen: map[string]bool{}}
	for _, files := range []int{1, 1, 4, 4, 30, 30} {
		all := soundDocs(files)
		from := ingest.ResumePoint{Now: startTime().Add(time.Duration(files) * time.Hour)}
		got, out := r.resumeOnce(t, s.Open(t, all), from, nil)
		if got.err != nil || len(got.skips)+len(out.Failed)+len(out.Recovered) > 0 {
			t.Fatalf("ended with %v, skips %v, failed %v, recovered %v", got.err, got.skips, out.Failed, out.Recovered)
		}
		r.wantSeen(t, eventIDs(all))
		if len(r.checkpoint) == 0 {
			t.Fatal("no checkpoint was made")
		}
		if again, _ := r.resumeOnce(t, s.Open(t, all), from, nil); files > 1 && len(again.ids) == len(eventIDs(all)) {
			t.Errorf("with nothing new, all %d sign-ins came again", len(again.ids))
		}
	}
}

// testResumeLeftEarly leaves early. The next run must begin where that run began.
func (s Suite) testResumeLeftEarly(t *testing.T) {
	all := soundDocs(5)
	r := checkpointRuns{seen: map[string]bool{}}
	for _, n := range [...]int{1, 7} {
		r.resumeOnce(t, s.Open(t, all), ingest.ResumePoint{}, func(have int) bool { return have == n })
	}
	got, _ := r.resumeOnce(t, s.Open(t, all), ingest.ResumePoint{}, nil)
	sameIDs(t, eventIDs(all), got.ids)
}

// testBacklog reads faulty documents, and reads them again when they are mended or
// written off.
func (s Suite) testBacklog(t *testing.T) {
	bad := faultyDocs()
	all := append(soundDocs(2), bad...)
	r := checkpointRuns{seen: map[string]bool{}}
	got, out := r.resumeOnce(t, s.Open(t, all), ingest.ResumePoint{}, nil)
	r.wantSeen(t, eventIDs(all))
	var keys []string
	for _, f := range out.Failed {
		keys = append(keys, f.Key)
		if f.Cause == "" || f.Reason == "" || got.skips[f.Cause] == 0 {
			t.Errorf("%q failed for the cause %q, %q; the skips were %v", f.Key, f.Cause, f.Reason, got.skips)
		}
	}
	if len(keys) != ingest.Total(got.skips) || !slices.IsSorted(keys) {
		t.Errorf("failed %q, skips %v", keys, got.skips)
	}
	off := checkpointRuns{checkpoint: r.checkpoint, seen: map[string]bool{}}
	written := map[string]bool{keys[0]: true}
	if got, out := off.resumeOnce(t, s.Open(t, all), ingest.ResumePoint{Backlog: keys[1:], WrittenOff: written}, nil); len(out.Failed) != len(keys)-1 || ingest.Total(got.skips) != len(keys)-1 {
		t.Errorf("one of %q was written off: failed %v, skips %v", keys, out.Failed, got.skips)
	}
	fresh := checkpointRuns{seen: map[string]bool{}}
	if got, out := fresh.resumeOnce(t, s.Open(t, all), ingest.ResumePoint{WrittenOff: written}, nil); len(out.Failed) != len(keys)-1 || got.cov.Excluded[ingest.ReasonWrittenOff] != 1 {
		t.Errorf("%q was written off: failed %v, excluded %v", keys[0], out.Failed, got.cov.Excluded)
	}
	mended := soundDocs(2)
	for i := range bad {
		mended = append(mended, soundDoc("111122223333", "us-west-2", i))
	}
	_, out = r.resumeOnce(t, s.Open(t, mended), ingest.ResumePoint{Backlog: keys}, nil)
	if len(out.Failed) > 0 || !slices.Equal(keys, out.Recovered) {
		t.Errorf("failed %v, recovered %q; want all of %q", out.Failed, out.Recovered, keys)
	}
	mended = slices.DeleteFunc(mended, func(d Doc) bool { return !slices.Contains(keys, d.Name) })
	for _, id := range eventIDs(mended) {
		if !r.seen[id] {
			t.Errorf("sign-in %q of a mended document never came", id)
		}
	}
}
