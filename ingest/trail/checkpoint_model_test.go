package trail_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"trailgate/ingest"
	"trailgate/ingest/trail"
	"trailgate/ingest/trail/store"
)

// testStore is a Store with functions that change its objects.
type testStore struct {
	store  trail.Store
	put    func(key string, body []byte)
	remove func(key string)
	fail   func(prefix string, after int) // listings of the prefix end in a skip after so many entries; nil: not to be had
}

// flaky is a memory whose listings fail.
type flaky struct {
	*memory
	after map[string]int // by prefix
}

func (f *flaky) List(ctx context.Context, r trail.ListRequest) iter.Seq2[trail.Entry, error] {
	return func(yield func(trail.Entry, error) bool) {
		left, fails := f.after[r.Prefix]
		for e, err := range f.memory.List(ctx, r) {
			if fails && left == 0 {
				break
			}
			if left--; !yield(e, err) {
				return
			}
		}
		if fails {
			yield(trail.Entry{}, &ingest.SkipError{Cause: ingest.CauseListing, Origin: f.Origin(r.Prefix), Err: errors.New("cut")})
		}
	}
}

func newTestStore() testStore {
	f := &flaky{memory: &memory{objects: map[string][]byte{}}, after: map[string]int{}}
	return testStore{
		store:  f,
		put:    func(key string, body []byte) { f.objects[key] = body },
		remove: func(key string) { delete(f.objects, key) },
		fail: func(prefix string, after int) {
			if clear(f.after); prefix != "" {
				f.after[prefix] = after
			}
		},
	}
}

// modelTrail is a trail that grows, and a model of it. The model alone says which
// objects each run must give.
type modelTrail struct {
	testStore
	t        *testing.T
	rnd      *rand.Rand
	lookBack time.Duration
	now      time.Time
	made     int

	objects map[string]bool      // all that are there; false: unreadable
	stamp   map[string]time.Time // of all that ever were
	newest  map[string]time.Time // by folder, among objects that exist
	given   map[string]int
	backlog []string

	checkpoint ingest.Checkpoint
	seen       map[string]map[string]bool // by folder: objects of its last complete listing
	mark       map[string]time.Time       // by folder: the newest of these ever
}

func newModelTrail(t *testing.T, s testStore, seed uint64) *modelTrail {
	w := &modelTrail{testStore: s, t: t, rnd: rand.New(rand.NewPCG(seed, 7)), now: noon(0), lookBack: 24 * time.Hour,
		objects: map[string]bool{}, stamp: map[string]time.Time{}, newest: map[string]time.Time{}, given: map[string]int{},
		seen: map[string]map[string]bool{}, mark: map[string]time.Time{}}
	for _, f := range w.folders() {
		w.seen[f] = map[string]bool{}
		w.deliver(f, w.now)
	}
	return w
}

func (w *modelTrail) folders() []string {
	var out []string
	for _, region := range []string{"eu-north-1", "us-east-1"} {
		for _, account := range []string{accountA, accountB} {
			out = append(out, "AWSLogs/"+account+"/CloudTrail/"+region+"/")
		}
	}
	return out
}

func folderOf(key string) string { return strings.Join(strings.Split(key, "/")[:4], "/") + "/" }

func (w *modelTrail) deliver(folder string, at time.Time) {
	part := strings.Split(folder, "/")
	w.made++
	key := logKey("AWSLogs/", part[1], part[3], at, w.rnd.IntN(1e6)*1000+w.made%1000)
	sound := w.rnd.IntN(25) > 0
	w.objects[key], w.stamp[key] = sound, at.Truncate(time.Minute)
	if at := w.stamp[key]; at.After(w.newest[folder]) && !at.After(w.now) {
		w.newest[folder] = at
	}
	w.put(key, w.body(key))
}

func (w *modelTrail) body(key string) []byte {
	if w.objects[key] {
		return []byte(`{"Records":[` + signIn(key) + `]}`)
	}
	return []byte("\x1f\x8b")
}

// passTime lets time pass, in which objects come, go and are mended.
func (w *modelTrail) passTime() {
	for range 5 + w.rnd.IntN(40) {
		folder := w.folders()[w.rnd.IntN(4)]
		w.now = w.now.Add(time.Duration(w.rnd.IntN(25)) * time.Minute)
		switch w.rnd.IntN(40) {
		case 0: // late, as far as the look-back allows
			late := time.Duration(w.rnd.Int64N(int64(w.lookBack)))
			w.deliver(folder, w.newest[folder].Add(-late))
		case 1:
			w.deliver(folder, w.now.AddDate(70, 0, 0))
		case 2:
			w.deliver(folder, w.now.Add(time.Duration(w.rnd.IntN(120))*time.Minute))
		default: // out of order within minutes
			w.deliver(folder, w.now.Add(-time.Duration(w.rnd.IntN(9))*time.Minute))
		}
	}
	for _, key := range slices.Sorted(keysOf(w.objects)) {
		switch {
		case w.rnd.IntN(400) == 0 && w.given[key] > 0:
			delete(w.objects, key)
			w.remove(key)
		case !w.objects[key] && w.rnd.IntN(3) == 0:
			w.objects[key] = true
			w.put(key, w.body(key))
		}
	}
}

func keysOf(m map[string]bool) iter.Seq[string] {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

// dueObjects are the objects of a folder that a run must give, besides the backlog.
func (w *modelTrail) dueObjects(folder string) []string {
	behind := w.mark[folder].Add(-time.Hour)
	from := ingest.DayOf(w.mark[folder].Add(-w.lookBack))
	known := w.seen[folder]
	changed := map[ingest.Day]bool{}
	had := map[ingest.Day]bool{}
	for key := range w.stamp {
		if at := w.stamp[key]; folderOf(key) == folder && !at.After(behind) {
			_, there := w.objects[key]
			had[ingest.DayOf(at)] = had[ingest.DayOf(at)] || known[key]
			if there != known[key] {
				changed[ingest.DayOf(at)] = true
			}
		}
	}
	var out []string
	for key := range w.objects {
		at := w.stamp[key]
		day := ingest.DayOf(at)
		if folderOf(key) == folder && (w.mark[folder].IsZero() || day >= from) &&
			(!known[key] || !at.After(behind) && changed[day] && had[day]) {
			out = append(out, key)
		}
	}
	return out
}

// reading is the result of one run.
type reading struct {
	given   map[string]int // objects by key
	backlog []string       // of these, the unreadable ones
	failed  int            // folders
	skipped int            // objects and folders
	left    bool
	err     error
}

// readUntil reads until it has got stop objects, or all if stop is negative. It
// compares each object with the model.
func (w *modelTrail) readUntil(stream ingest.Stream, stop int) reading {
	w.t.Helper()
	out := reading{given: map[string]int{}}
	for r, err := range trail.Readings(stream) {
		if out.err, out.left = err, stop == 0; err != nil || out.left {
			break
		}
		stop--
		if r.Skip != nil {
			out.skipped++
		}
		key := r.Object.Key
		if key == "" {
			out.failed++
			continue
		}
		out.given[key]++
		switch sound, there := w.objects[key]; {
		case !there && r.Skip != nil && r.Skip.Cause == ingest.CauseVanished && slices.Contains(w.backlog, key):
		case there && !sound && r.Skip != nil:
			out.backlog = append(out.backlog, key)
		case there && sound && r.Skip == nil && len(r.Events) == 1 && r.Events[0].ID == key:
		default:
			w.t.Fatalf("%s, there %t, sound %t: skip %v, %d events", key, there, sound, r.Skip, len(r.Events))
		}
	}
	return out
}

// runOnce reads once and compares the objects with those that are due. broken is a
// folder whose listing fails, or empty.
func (w *modelTrail) runOnce(broken string, stop int) {
	w.t.Helper()
	stream := w.resumeTrail()
	before := entriesOf(w.checkpoint)
	got := w.readUntil(stream, stop)
	if diff := cmp.Diff(before, entriesOf(w.checkpoint)); diff != "" {
		w.t.Fatalf("the checkpoint that was given has changed:\n%s", diff)
	}
	c, out := stream.Coverage(), stream.Outcome()
	if got.left {
		if diff := cmp.Diff(before, entriesOf(out.Checkpoint)); diff != "" || !c.Partial {
			w.t.Fatalf("a run that was left has changed the checkpoint:\n%s", diff)
		}
		return
	}
	if got.err != nil || c.Listed != c.Read+got.skipped+ingest.Total(c.Excluded) || (got.failed > 0) != (broken != "") {
		w.t.Fatalf("error %v, listed %d, read %d, skipped %d, excluded %v, %d folders failed",
			got.err, c.Listed, c.Read, got.skipped, c.Excluded, got.failed)
	}
	for key := range got.given {
		w.given[key]++
	}
	if diff := cmp.Diff(w.wantedObjects(broken), got.given, cmpopts.IgnoreMapEntries(func(key string, n int) bool {
		// A broken folder may give any of its objects.
		return folderOf(key) == broken && n == 1 && !slices.Contains(w.backlog, key)
	})); diff != "" {
		w.t.Fatalf("at %s, broken %q: objects given (-want +got):\n%s", w.now, broken, diff)
	}
	w.takeOver(out.Checkpoint, got.backlog, broken)
}

// resumeTrail opens the trail at the checkpoint.
func (w *modelTrail) resumeTrail() ingest.ResumedStream {
	src := &trail.Source{Store: w.store}
	return src.Resume(w.t.Context(), ingest.Window{Since: noon(-1)},
		ingest.ResumePoint{Checkpoint: w.checkpoint, LookBack: w.lookBack, Now: w.now, Backlog: w.backlog})
}

// wantedObjects are the objects that a run must give, each once.
func (w *modelTrail) wantedObjects(broken string) map[string]int {
	out := map[string]int{}
	for _, f := range w.folders() {
		if f == broken {
			continue
		}
		for _, key := range w.dueObjects(f) {
			out[key] = 1
		}
	}
	for _, key := range w.backlog {
		out[key] = 1
	}
	return out
}

// takeOver takes over the results of a run that ended well, as a caller does.
func (w *modelTrail) takeOver(c ingest.Checkpoint, backlog []string, broken string) {
	w.checkpoint, w.backlog = c, backlog
	for _, f := range w.folders() {
		if f == broken {
			continue
		}
		clear(w.seen[f])
		for key := range w.objects {
			if at := w.stamp[key]; folderOf(key) == f {
				w.seen[f][key] = true
				if at.After(w.mark[f]) && !at.After(w.now) {
					w.mark[f] = at
				}
			}
		}
		p := folderCheckpoint(w.t, c, f)
		if !p.Watermark.Equal(w.mark[f]) {
			w.t.Fatalf("mark of %s is %s, want %s", f, p.Watermark, w.mark[f])
		}
		form, err := p.MarshalJSON()
		if err != nil {
			w.t.Fatal(err)
		}
		back, err := trail.ParseFolderCheckpoint(form)
		if diff := cmp.Diff(p, back); diff != "" || err != nil {
			w.t.Fatalf("page read back: %v (-want +got):\n%s", err, diff)
		}
	}
}

func entriesOf(c ingest.Checkpoint) map[string]string {
	out := map[string]string{}
	for key, p := range c {
		out[key] = string(p)
	}
	return out
}

// TestCheckpointOverTime lets many things happen to a trail within the look-back.
// Every object must be given, and only objects of a changed day again.
func TestCheckpointOverTime(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newModelTrail(t, newTestStore(), seed)
			for range 50 {
				w.passTime()
				broken, stop := "", -1
				switch w.rnd.IntN(6) {
				case 0:
					broken = w.folders()[w.rnd.IntN(4)]
					w.fail(broken, w.rnd.IntN(30))
				case 1:
					stop = w.rnd.IntN(10)
				}
				w.runOnce(broken, stop)
				w.fail("", 0)
			}
			w.finishRuns()
		})
	}
}

// finishRuns runs once more without disturbance, and wants every object that ever
// came to have been given.
func (w *modelTrail) finishRuns() {
	w.t.Helper()
	for key := range w.objects {
		if !w.objects[key] {
			w.objects[key] = true
			w.put(key, w.body(key))
		}
	}
	w.runOnce("", -1)
	twice := 0
	for key := range w.objects {
		switch n := w.given[key]; {
		case n == 0:
			w.t.Errorf("%s was never given", key)
		case n > 1:
			twice++
		}
	}
	w.t.Logf("%d objects, %d still there, %d of these given more than once", w.made, len(w.objects), twice)
	again := w.resumeTrail()
	if got := drain(again); len(got.ids) > len(w.backlog) || got.err != nil || len(got.skips) > 0 {
		w.t.Errorf("with nothing new %d objects were read, error %v, skips %v", len(got.ids), got.err, got.skips)
	}
	if diff := cmp.Diff(w.checkpoint, again.Outcome().Checkpoint); diff != "" {
		w.t.Errorf("with nothing new the checkpoint changed:\n%s", diff)
	}
}

func TestCheckpointOnDisk(t *testing.T) {
	root := t.TempDir()
	w := newModelTrail(t, testStore{
		store:  store.Disk{Root: root},
		put:    func(key string, body []byte) { put(t, root, key, body) },
		remove: func(key string) { remove(t, root, key) },
	}, 1)
	for range 15 {
		w.passTime()
		w.runOnce("", -1)
	}
	w.finishRuns()
}
