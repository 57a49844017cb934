package trail_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/ingest"
	"trailgate/ingest/trail"
	"trailgate/ingest/trail/store"
)

const euFolder = "AWSLogs/" + accountA + "/CloudTrail/eu-west-1/"

// checkpointRunner resumes a source again and again at its own checkpoint.
type checkpointRunner struct {
	*trail.Source
	m    *memory
	w    ingest.Window
	from ingest.ResumePoint
}

func newRunner(keys ...string) *checkpointRunner {
	m := &memory{objects: map[string][]byte{}}
	l := &checkpointRunner{Source: &trail.Source{Store: m}, m: m}
	l.add(keys...)
	return l
}

func (l *checkpointRunner) add(keys ...string) {
	for _, key := range keys {
		l.m.objects[key] = []byte(`{"Records":[` + signIn(key) + `]}`)
	}
}

// resume opens the source at the checkpoint. In contrast to an export it bounds
// deliveries by the lateness of the window.
func (l *checkpointRunner) resume(t *testing.T) ingest.ResumedStream {
	from := l.from
	from.Until = l.w.LastDelivery()
	return l.Resume(t.Context(), l.w, from)
}

// folder is the checkpoint of a folder.
func (l *checkpointRunner) folder(t *testing.T, folder string) trail.FolderCheckpoint {
	t.Helper()
	return folderCheckpoint(t, l.from.Checkpoint, folder)
}

func folderCheckpoint(t *testing.T, c ingest.Checkpoint, folder string) trail.FolderCheckpoint {
	t.Helper()
	if c[folder] == nil {
		return trail.FolderCheckpoint{}
	}
	p, err := trail.ParseFolderCheckpoint(c[folder])
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run gives the keys that were read, sorted, and the coverage. It passes the next
// checkpoint through JSON.
func (l *checkpointRunner) run(t *testing.T) ([]string, ingest.Coverage) {
	t.Helper()
	l.m.lists = nil
	var got []string
	skipped := 0
	stream := l.resume(t)
	for r, err := range trail.Readings(stream) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Skip != nil {
			skipped++
		}
		got = append(got, r.Object.Key)
	}
	c := stream.Coverage()
	if c.Listed != c.Read+skipped+ingest.Total(c.Excluded) {
		t.Errorf("listed %d, read %d, skipped %d, excluded %v", c.Listed, c.Read, skipped, c.Excluded)
	}
	form, err := json.Marshal(stream.Outcome().Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	l.from.Checkpoint = nil
	if err := json.Unmarshal(form, &l.from.Checkpoint); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	return got, c
}

// expect runs, and compares the keys that were read.
func (l *checkpointRunner) expect(t *testing.T, want ...string) ingest.Coverage {
	t.Helper()
	slices.Sort(want)
	got, c := l.run(t)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	return c
}

// eu is the key of a log file that was delivered so long after noon(0).
func eu(after time.Duration, n int) string {
	return logKey("AWSLogs/", accountA, "eu-west-1", noon(0).Add(after), n)
}

// in is the key of a file of any name in a day folder.
func in(day, file string) string { return euFolder + day + "/" + file }

const (
	minute = time.Minute
	hour   = time.Hour
)

func TestCheckpointLeavesOutKnown(t *testing.T) {
	var old []string
	for n := range 100 {
		old = append(old, eu(time.Duration(n)*hour, n))
	}
	l := newRunner(old...)
	l.w.Since = noon(-30)
	l.expect(t, old...)
	if c := l.expect(t); c.Excluded["known"] != 40 || c.Read != 0 {
		t.Errorf("excluded %v, read %d; want the 40 of the last two days known", c.Excluded, c.Read)
	}
	last := l.m.lists[len(l.m.lists)-1]
	if want := (trail.ListRequest{Prefix: euFolder, StartAfter: euFolder + "2024/03/07"}); last != want {
		t.Errorf("listed %+v, want %+v", last, want)
	}
	fresh := []string{eu(99*hour-5*minute, 1000), eu(99*hour+5*minute, 1001)}
	l.add(fresh...)
	if c := l.expect(t, fresh...); c.Excluded["known"] != 40 || len(c.Remarks) > 0 {
		t.Errorf("excluded %v, remarks %v", c.Excluded, c.Remarks)
	}
	p := l.folder(t, euFolder)
	if want := noon(0).Add(99*hour + 5*minute); !p.Watermark.Equal(want) || len(p.Days) != 2 || len(p.Recent) != 3 {
		t.Errorf("page %+v; want through %s, two days and three objects", p, want)
	}
}

func TestCheckpointReadsAChangedDayAgain(t *testing.T) {
	early, late := []string{eu(0, 1), eu(hour, 2), eu(2*hour, 3)}, []string{eu(20*hour, 4), eu(24*hour, 5)}
	l := newRunner(append(early, late...)...)
	l.expect(t, append(early, late...)...)
	came := eu(90*minute, 6)
	l.add(came)
	c := l.expect(t, append(early, came)...)
	want := `4 objects of 2024-03-04 in "mem://` + euFolder + `" were read again: an object that was delivered more than an hour before the newest was added or removed there`
	if diff := cmp.Diff([]string{want}, c.Remarks); diff != "" || c.Excluded["known"] != 2 {
		t.Errorf("excluded %v, remarks (-want +got):\n%s", c.Excluded, diff)
	}
	l.expect(t)
	delete(l.m.objects, early[0])
	l.expect(t, early[1], early[2], came)
	l.expect(t)
	delete(l.m.objects, early[1])
	delete(l.m.objects, early[2])
	delete(l.m.objects, came)
	if c := l.expect(t); len(c.Remarks) > 0 {
		t.Errorf("a day without objects: %v", c.Remarks)
	}
	if p := l.folder(t, euFolder); len(p.Days) != 1 {
		t.Errorf("the empty day is still there: %+v", p)
	}
}

func TestCheckpointAndLookBack(t *testing.T) {
	first := eu(240*hour, 1)
	l := newRunner(first)
	l.from.LookBack = 48 * hour
	l.expect(t, first)
	within, beyond := eu(192*hour, 2), eu(179*hour, 3) // of 2024-03-12 and 2024-03-11
	l.add(within, beyond)
	l.expect(t, within)
	l.from.LookBack = 480 * hour
	if l.expect(t); slices.ContainsFunc(l.m.lists, func(r trail.ListRequest) bool { return r.StartAfter == "" && r.Prefix == euFolder }) {
		t.Error("a longer look-back listed what no page knows")
	}
	l.w.Since = noon(11)
	l.expect(t)
	if last := l.m.lists[len(l.m.lists)-1]; last.StartAfter != euFolder+"2024/03/15" {
		t.Errorf("listed %+v; want nothing before the window", last)
	}
}

// TestCheckpointWithStrangeKeys wants keys of unexpected form to be given once and
// known from then on. They must not hide other objects.
func TestCheckpointWithStrangeKeys(t *testing.T) {
	file := func(stamp string) string { return accountA + "_CloudTrail_eu-west-1_" + stamp + "_Unique0.json.gz" }
	for _, c := range []struct{ name, key string }{
		{"delivered in the future", in("2099/01/01", file("20990101T0000Z"))},
		{"future day, stamp of the past", in("2099/01/01", file("20240303T0000Z"))},
		{"stamp of the future", in("2024/03/04", file("20990101T0000Z"))},
		{"stamp of another day", in("2024/03/04", file("20240310T0000Z"))},
		{"stamp before its day", in("2024/03/04", file("20240201T0000Z"))},
		{"stamp that is not a time", in("2024/03/04", file("20249999T9999Z"))},
		{"stamp of year one", in("2024/03/04", file("00010101T0000Z"))},
		{"year nought", in("0000/01/01", file("00000101T0000Z"))},
		{"last year", in("9999/12/31", file("99991231T2359Z"))},
		{"Region of the name", in("2024/03/04", strings.Replace(file("20240304T1300Z"), "eu-west-1", "us-east-1", 1))},
		{"unpacked", in("2024/03/04", strings.TrimSuffix(file("20240304T1300Z"), ".gz"))},
		{"deeper, before the days", euFolder + "1/AWSLogs/" + accountA + "/CloudTrail/eu-west-1/2024/03/04/" + file("20300304T1300Z")},
		{"deeper, behind the days", euFolder + "x/" + strings.Replace(eu(-hour, 7), "2024/03/04", "2023/03/04", 1)},
		{"deeper, of the newest stamp", euFolder + "x/" + eu(9000*hour, 7)},
		{"deeper, within a day", euFolder + "2024/03/04/" + eu(-90*hour, 7)},
	} {
		t.Run(c.name, func(t *testing.T) {
			plain := []string{eu(-8*hour, 1), eu(-4*hour, 2), eu(0, 3)}
			l := newRunner(plain...)
			l.from.Now = noon(0).Add(10 * minute)
			l.expect(t, plain...)
			l.add(c.key)
			got, _ := l.run(t)
			if !slices.Contains(got, c.key) && !strings.HasPrefix(c.key, euFolder+"0000") && !strings.HasPrefix(c.key, euFolder+"1/") {
				t.Errorf("not read: %v", got)
			}
			l.expect(t)
			more := eu(5*minute, 4)
			l.add(more)
			l.expect(t, more)
			l.from.Now = l.from.Now.Add(72 * hour)
			more = eu(70*hour, 5)
			l.add(more)
			l.expect(t, more)
			l.expect(t)
			if p := l.folder(t, euFolder); !p.Watermark.Equal(noon(0).Add(70 * hour)) {
				t.Errorf("mark at %s", p.Watermark)
			}

			alone := newRunner(c.key)
			alone.from.Now = noon(0).Add(10 * minute)
			alone.expect(t, c.key)
			alone.expect(t)
			alone.add(plain...)
			if got, _ := alone.run(t); len(got) < 3 {
				t.Errorf("it hides others: %v", got)
			}
		})
	}
}

// TestCheckpointWatermark wants a stamp that contradicts its folder not to move the
// watermark. Otherwise it would hide objects within the look-back.
func TestCheckpointWatermark(t *testing.T) {
	for _, c := range []struct{ name, key string }{
		{"stamp of another day", in("2024/03/04", accountA+"_CloudTrail_eu-west-1_20240310T0000Z_Unique0.json.gz")},
		{"deeper", euFolder + "x/" + eu(132*hour, 7)},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newRunner(eu(0, 1), c.key)
			l.expect(t, eu(0, 1), c.key)
			l.add(eu(48*hour, 2))
			l.expect(t, eu(48*hour, 2))
			l.expect(t)
		})
	}
	ancient := in("0001/01/02", accountA+"_CloudTrail_eu-west-1_00010102T1200Z_Unique0.json.gz")
	l := newRunner(ancient)
	l.from.LookBack = 3 * 8760 * hour
	l.expect(t, ancient)
	l.expect(t)
}

// TestCheckpointAndEarlierWindow runs with a window that ends before the watermark.
// Objects after its end must stay known.
func TestCheckpointAndEarlierWindow(t *testing.T) {
	future := in("2099/01/01", accountA+"_CloudTrail_eu-west-1_20240303T0000Z_Unique0.json.gz")
	l := newRunner(eu(0, 1), eu(72*hour, 2), future)
	l.from.LookBack = 96 * hour
	l.expect(t, eu(0, 1), eu(72*hour, 2), future)
	l.add(eu(minute, 3))
	l.w.Until = noon(0).Add(hour)
	l.expect(t, eu(0, 1), eu(minute, 3))
	l.w.Until = time.Time{}
	l.expect(t, eu(0, 1), eu(minute, 3))
	l.add(eu(72*hour+minute, 4))
	l.w.Until = noon(3).Add(hour)
	l.expect(t, eu(72*hour+minute, 4))
	l.w.Until = time.Time{}
	l.expect(t)
}

func TestCheckpointAndWindow(t *testing.T) {
	early, wanted, late := eu(-3*hour, 1), eu(0, 2), eu(3*hour, 3)
	l := newRunner(early, wanted, late)
	l.w = ingest.Window{Since: noon(0).Add(-hour), Until: noon(0).Add(hour), Lateness: -1}
	if c := l.expect(t, wanted); c.Excluded["outside-window"] != 2 {
		t.Errorf("excluded %v", c.Excluded)
	}
	if c := l.expect(t); c.Excluded["outside-window"] != 1 || c.Excluded["known"] != 2 {
		t.Errorf("excluded %v; what came too early is dealt with, what came too late is not", c.Excluded)
	}
	l.w.Until = time.Time{}
	l.expect(t, late)
	page := l.folder(t, euFolder)
	l.w.Until = noon(0).Add(hour)
	if c := l.expect(t); c.Excluded["known"] != 3 {
		t.Errorf("excluded %v", c.Excluded)
	}
	if diff := cmp.Diff(page, l.folder(t, euFolder)); diff != "" {
		t.Errorf("a window that ends before the mark changed the page:\n%s", diff)
	}
}

// TestCheckpointAndSlidingWindow moves the window on. A known day must not look
// changed because of that.
func TestCheckpointAndSlidingWindow(t *testing.T) {
	var keys []string
	for n := range 24 {
		keys = append(keys, eu(time.Duration(n-12)*hour, n))
	}
	l := newRunner(keys...)
	l.w.Since = noon(0).Add(-6 * hour)
	l.expect(t, keys[6:]...)
	for n := range 60 {
		l.w.Since = noon(0).Add(time.Duration(n) * hour)
		if c := l.expect(t); len(c.Remarks) > 0 {
			t.Fatalf("%d hours on: %v", n, c.Remarks)
		}
	}
}

func TestCheckpointOfParts(t *testing.T) {
	keys := []string{eu(0, 1), eu(5*hour, 2), eu(30*hour, 3)}
	for _, c := range []struct {
		prefix string
		want   []string
	}{
		{keys[0], keys[:1]},
		{euFolder + "2024/03/04/", keys[:2]},
		{euFolder + "2024", keys},
		{strings.TrimSuffix(euFolder, "/"), keys},
	} {
		l := newRunner(keys...)
		l.Prefix = c.prefix
		l.expect(t, c.want...)
		l.expect(t)
		if len(l.from.Checkpoint) != 1 {
			t.Errorf("%q: pages %v", c.prefix, l.from.Checkpoint)
		}
		l.Prefix = ""
		if got, _ := l.run(t); len(c.want) < 3 && len(got) != 3 {
			t.Errorf("after the part %q alone, the whole gave %v", c.prefix, got)
		}
	}
}

func TestBacklog(t *testing.T) {
	early, known, fresh, gone := eu(-500*hour, 1), eu(-2*hour, 2), eu(0, 3), eu(hour, 4)
	l := newRunner(early, known)
	l.w.Since = noon(0).Add(-24 * hour)
	l.expect(t, known)
	l.add(fresh)
	l.from.Backlog = []string{early, known, fresh, fresh, gone}
	c := l.expect(t, early, known, fresh, gone)
	if c.Listed != 4 || c.Read != 3 || len(c.Excluded) > 0 {
		t.Errorf("listed %d, read %d, excluded %v; want 4 and 3", c.Listed, c.Read, c.Excluded)
	}
	l.from.Backlog = []string{gone, "not/a/log/file"}
	var causes []ingest.Cause
	for r, err := range trail.Readings(l.resume(t)) {
		if err != nil || r.Skip == nil {
			t.Fatalf("%s: %v", r.Object.Key, err)
		}
		causes = append(causes, r.Skip.Cause)
	}
	if diff := cmp.Diff([]ingest.Cause{ingest.CauseVanished, ingest.CauseVanished}, causes); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}
	l.from.Backlog = nil
	l.expect(t)

	// An object of the backlog whose day is known as a whole must not change
	// the day, nor count twice.
	l.add(eu(10*hour, 5))
	l.expect(t, eu(10*hour, 5))
	l.from.Backlog = []string{known}
	if c := l.expect(t, known); c.Excluded["known"] != 2 || len(c.Remarks) > 0 {
		t.Errorf("excluded %v, remarks %v", c.Excluded, c.Remarks)
	}
	l.from.Checkpoint, l.from.Backlog = nil, []string{known}
	if got := drain(l.resume(t)); len(got.ids) != 3 || got.cov.Listed != 3 {
		t.Errorf("without a checkpoint: %v, listed %d", got.ids, got.cov.Listed)
	}
}

// TestBacklogLink wants keys of the backlog that lead out of the folder not to be
// read.
func TestBacklogLink(t *testing.T) {
	root, elsewhere := t.TempDir(), t.TempDir()
	put(t, root, eu(0, 1), logFile(t, "inside"))
	put(t, elsewhere, "secret", logFile(t, "secret"))
	if err := os.Symlink(elsewhere, filepath.Join(root, "away")); err != nil {
		t.Skipf("SKIPPED: no links here: %v", err)
	}
	for _, key := range []string{"away/secret", "../" + filepath.Base(elsewhere) + "/secret", filepath.Join(elsewhere, "secret"), "away", ""} {
		for _, store := range []trail.Store{store.Disk{Root: root}, &store.Disk{Root: root}} {
			src := &trail.Source{Store: store}
			got := drain(src.Resume(t.Context(), ingest.Window{}, ingest.ResumePoint{Backlog: []string{key}}))
			if len(got.skips) != 1 || len(got.ids) != 1 || got.err != nil || got.cov.Listed != 2 {
				t.Errorf("backlog %q: %v, skips %v, listed %d", key, got.ids, got.skips, got.cov.Listed)
			}
		}
	}
}

// fallen is a Store that fails at one prefix, once another is being listed.
type fallen struct {
	*memory
	prefix, other string
	begun         chan struct{}
}

var errFallen = errors.New("fallen")

func (f fallen) List(ctx context.Context, r trail.ListRequest) iter.Seq2[trail.Entry, error] {
	switch r.Prefix {
	case f.other:
		close(f.begun)
	case f.prefix:
		return func(yield func(trail.Entry, error) bool) {
			<-f.begun
			yield(trail.Entry{}, errFallen)
		}
	}
	return f.memory.List(ctx, r)
}

func TestCheckpointOfUnsoundListings(t *testing.T) {
	us := logKey("AWSLogs/", accountA, "us-east-1", noon(0), 1)
	l := newRunner(eu(0, 1), us)
	l.expect(t, eu(0, 1), us)
	before := l.from.Checkpoint
	l.add(eu(hour, 2), logKey("AWSLogs/", accountA, "us-east-1", noon(0), 2))
	l.m.denied = []string{euFolder}
	l.expect(t, "", logKey("AWSLogs/", accountA, "us-east-1", noon(0), 2))
	if diff := cmp.Diff(folderCheckpoint(t, before, euFolder), l.folder(t, euFolder)); diff != "" || len(l.from.Checkpoint) != 2 {
		t.Errorf("the entry of a folder that could not be listed changed:\n%s", diff)
	}
	l.m.denied = nil
	l.w.Accounts = []string{accountB}
	l.expect(t)
	if len(l.from.Checkpoint) != 2 {
		t.Error("folders that were not visited have lost their pages")
	}
	l.w.Accounts = nil
	l.expect(t, eu(hour, 2))

	l.Source.Prefix = "nowhere"
	stream := l.Resume(t.Context(), ingest.Window{}, l.from)
	if none := drain(stream); none.err == nil {
		t.Error("nothing is a trail")
	}
	if diff := cmp.Diff(l.from.Checkpoint, stream.Outcome().Checkpoint); diff != "" {
		t.Errorf("a run without a trail has changed the checkpoint:\n%s", diff)
	}
	l.add(eu(2*hour, 3))
	l.Source.Prefix, l.Source.Store = "", fallen{l.m, "AWSLogs/" + accountA + "/CloudTrail/us-east-1/", euFolder, make(chan struct{})}
	stream = l.Resume(t.Context(), ingest.Window{}, l.from)
	got := drain(stream)
	if diff := cmp.Diff(l.from.Checkpoint, stream.Outcome().Checkpoint); diff != "" || !errors.Is(got.err, errFallen) {
		t.Errorf("a run that ended with error %v has changed the checkpoint:\n%s", got.err, diff)
	}
}
