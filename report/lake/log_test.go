package lake_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trailgate/report/lake"
)

func generation(n int64) string { return fmt.Sprintf("generation-%010d.jsonl", n) }

// stateFile returns a generation as the comment of Log describes it. It can make versions
// that the program does not write.
func stateFile(version int, number int64, run, body, more string) []byte {
	head := fmt.Sprintf(`{"trailgate_state":%d,"generation":%d,"run":%q,"bytes":%d%s,"sha256":"`, version, number, run, len(body), more)
	sum := sha256.Sum256([]byte(head + `"}` + "\n" + body))
	return fmt.Appendf(nil, "%s%x\"}\n%s", head, sum, body)
}

func commit(t *testing.T, l *lake.Log, n int64, run, body string) {
	t.Helper()
	if err := l.Commit(t.Context(), n, run, []byte(body)); err != nil {
		t.Fatal(err)
	}
}

func latest(t *testing.T, l *lake.Log) lake.Snapshot {
	t.Helper()
	snap, err := l.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

func TestLog(t *testing.T) {
	store := &memory{}
	l := &lake.Log{Store: store}
	if diff := cmp.Diff(lake.Snapshot{}, latest(t, l)); diff != "" {
		t.Error(diff)
	}
	for n, body := range []string{"", "one\ntwo\n", "\x00\xff no text", "{}\n"} {
		run := fmt.Sprintf(`r<&>"%d`, n+1)
		commit(t, l, int64(n+1), run, body)
		want := lake.Snapshot{Number: int64(n + 1), From: int64(n + 1), Version: 2, Run: run, Body: []byte(body)}
		if diff := cmp.Diff(want, latest(t, l)); diff != "" {
			t.Error(diff)
		}
	}
	// The next version must be able to read the file, so its form is fixed.
	if diff := cmp.Diff(string(stateFile(2, 2, "x", "one\n", "")), func() string {
		other := &memory{}
		commit(t, &lake.Log{Store: other}, 2, "x", "one\n")
		return string(other.objects[generation(2)])
	}()); diff != "" {
		t.Error(diff)
	}
}

// A state of an earlier version is read, and its version is returned.
func TestLogReadsOlder(t *testing.T) {
	store := &memory{}
	l := &lake.Log{Store: store}
	store.set(generation(3), stateFile(1, 3, "run", "old\n", ""))
	want := lake.Snapshot{Number: 3, From: 3, Version: 1, Run: "run", Body: []byte("old\n")}
	if diff := cmp.Diff(want, latest(t, l)); diff != "" {
		t.Error(diff)
	}
}

// Empty reports whether there are generations, even if they are damaged.
func TestLogEmpty(t *testing.T) {
	store := &memory{}
	l := &lake.Log{Store: store}
	store.set("lock.json", []byte("x"))
	if none, err := l.Empty(t.Context()); !none || err != nil {
		t.Errorf("%t, %v", none, err)
	}
	store.set(generation(3), []byte("damaged"))
	if none, err := l.Empty(t.Context()); none || err != nil {
		t.Errorf("%t, %v", none, err)
	}
}

func TestLogPassesOverStrangeNames(t *testing.T) {
	store := &memory{}
	l := &lake.Log{Store: store}
	commit(t, l, 7, "run", "body")
	for _, name := range []string{
		"generation-9.jsonl", "generation-00000000009.jsonl", "generation-+000000009.jsonl", "generation-000000000a.jsonl",
		"generation-0000000009.jsonl.bak", "generation-0000000009.json", "generation-0000000000.jsonl", "generation-",
		"generation-0000000009.jsonl/x", "generation--000000009.jsonl", "intent-0000000009-aa.json", "lock.json",
	} {
		store.set(name, []byte("x"))
	}
	if snap := latest(t, l); snap.Number != 7 || snap.From != 7 || snap.Damaged != nil {
		t.Errorf("%+v", snap)
	}
	commit(t, l, 8, "run", "body")
	if err := l.Prune(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if len(store.objects) != 13 {
		t.Errorf("left: %q", keys(t, store, "", ""))
	}
}

// TestLogNoticesEveryChange cuts a file at every length and changes every bit.
func TestLogNoticesEveryChange(t *testing.T) {
	store := &memory{}
	l := &lake.Log{Store: store}
	commit(t, l, 1, "before", "the one before\n")
	commit(t, l, 2, "0123456789ab", "{\"a\":1}\nline\n")
	whole := bytes.Clone(store.objects[generation(2)])
	fallback := func(what string, data []byte) {
		t.Helper()
		store.set(generation(2), data)
		snap, err := l.Latest(t.Context())
		if err != nil || snap.Number != 2 || snap.From != 1 || snap.Run != "before" || string(snap.Body) != "the one before\n" {
			t.Fatalf("%s: %+v, %v", what, snap, err)
		}
		if len(snap.Damaged) != 1 || !strings.HasPrefix(snap.Damaged[0], generation(2)+" ") {
			t.Fatalf("%s: says %q", what, snap.Damaged)
		}
	}
	for n := range whole {
		fallback(fmt.Sprintf("cut to %d bytes", n), whole[:n])
	}
	for i := range whole {
		for bit := range 8 {
			data := bytes.Clone(whole)
			data[i] ^= 1 << bit
			fallback(fmt.Sprintf("bit %d of byte %d", bit, i), data)
		}
	}
	for _, more := range []string{"\n", "x", string(whole)} {
		fallback("longer by "+more, append(bytes.Clone(whole), more...))
	}
	fallback("another generation's", stateFile(1, 1, "before", "the one before\n", ""))
	fallback("version 0", stateFile(0, 2, "x", "y", ""))
	fallback("wrong length", bytes.Replace(stateFile(1, 2, "x", "y", ""), []byte(`"bytes":1`), []byte(`"bytes":2`), 1))
	fallback("header too long", stateFile(1, 2, strings.Repeat("x", 70<<10), "y", ""))
	fallback("zeros", make([]byte, len(whole)))
	store.set(generation(2), whole)
	if snap := latest(t, l); snap.From != 2 || snap.Damaged != nil {
		t.Errorf("the whole file is not taken: %+v", snap)
	}
}

func TestLogSaysHowItIsDamaged(t *testing.T) {
	store := &memory{}
	l := &lake.Log{Store: store}
	for n := range int64(4) {
		commit(t, l, n+1, "run", "0123456789")
	}
	cut := store.objects[generation(4)]
	store.set(generation(4), cut[:len(cut)-3])
	store.set(generation(3), append([]byte("x"), store.objects[generation(3)]...))
	store.set(generation(2), nil)
	snap := latest(t, l)
	want := lake.Snapshot{Number: 4, From: 1, Version: 2, Run: "run", Body: []byte("0123456789"), Damaged: []string{
		generation(4) + " is cut off: 7 of 10 bytes behind its header",
		generation(3) + " was changed: its checksum does not fit",
		generation(2) + " has no header",
	}}
	if diff := cmp.Diff(want, snap); diff != "" {
		t.Error(diff)
	}
	store.set(generation(1), []byte("{}\n"))
	_, err := l.Latest(t.Context())
	var damaged *lake.DamagedError
	if !errors.As(err, &damaged) || len(damaged.Damaged) != 4 || damaged.Name != "memory:" {
		t.Errorf("all damaged: %v", err)
	}
	// The next commit gets a number above the damaged ones.
	commit(t, l, 5, "run", "new")
	if snap := latest(t, l); snap.From != 5 {
		t.Errorf("%+v", snap)
	}
}

func TestLogRefusesNewer(t *testing.T) {
	for name, file := range map[string][]byte{
		"same header":     stateFile(3, 3, "x", "y", ""),
		"with new fields": stateFile(9, 3, "x", "y", `,"codec":"zstd"`),
	} {
		t.Run(name, func(t *testing.T) {
			store := &memory{}
			l := &lake.Log{Store: store}
			commit(t, l, 2, "run", "old")
			store.set(generation(3), file)
			_, err := l.Latest(t.Context())
			var newer *lake.NewerError
			if !errors.As(err, &newer) || newer.Name != "memory:"+generation(3) || newer.Version < 3 {
				t.Fatalf("Latest: %v", err)
			}
			// A damaged state of a newer version counts as damaged.
			store.set(generation(3), file[:len(file)-1])
			if snap := latest(t, l); snap.From != 2 {
				t.Errorf("%+v", snap)
			}
		})
	}
}

func TestCommit(t *testing.T) {
	store := &memory{}
	l := &lake.Log{Store: store}
	commit(t, l, 1, "a", "body")
	commit(t, l, 1, "a", "body") // an answer that was lost
	for _, c := range []struct{ run, body string }{{"b", "body"}, {"a", "other"}} {
		if err := l.Commit(t.Context(), 1, c.run, []byte(c.body)); !errors.Is(err, lake.ErrLost) {
			t.Errorf("commit of %q by %q over another's: %v", c.body, c.run, err)
		}
	}
	for _, n := range []int64{-1, 0, 1e10} {
		if err := l.Commit(t.Context(), n, "a", nil); err == nil || errors.Is(err, lake.ErrLost) {
			t.Errorf("commit of generation %d: %v", n, err)
		}
	}
	for _, run := range []string{"", strings.Repeat("x", 70<<10)} {
		if err := l.Commit(t.Context(), 2, run, nil); err == nil {
			t.Errorf("a run with a name of %d bytes commits", len(run))
		}
	}
	if snap := latest(t, l); snap.Number != 1 || snap.Run != "a" || string(snap.Body) != "body" {
		t.Errorf("%+v", snap)
	}
}

// TestCommitOfPrunedNumber has a run that was paused for long. Meanwhile another run has
// created the same generation, and deleted it again.
func TestCommitOfPrunedNumber(t *testing.T) {
	l := &lake.Log{Store: &memory{}}
	for n := range int64(5) {
		commit(t, l, n+1, "others", "body")
	}
	if err := l.Prune(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if err := l.Commit(t.Context(), 2, "frozen", nil); !errors.Is(err, lake.ErrLost) {
		t.Errorf("the frozen run commits: %v", err)
	}
	if snap := latest(t, l); snap.Number != 5 || snap.Run != "others" {
		t.Errorf("%+v", snap)
	}
}

func TestPrune(t *testing.T) {
	for keep, want := range map[int]int{-1: 1, 0: 1, 1: 1, 3: 3, 6: 6, 9: 6} {
		store := &memory{}
		l := &lake.Log{Store: store}
		for n := range int64(6) {
			commit(t, l, n+1, "run", "body")
		}
		store.set(generation(5), []byte("damaged"))
		if err := l.Prune(t.Context(), keep); err != nil {
			t.Fatal(err)
		}
		var left []string
		for n := 6 - want; n < 6; n++ {
			left = append(left, generation(int64(n+1)))
		}
		if diff := cmp.Diff(left, keys(t, store, "", "")); diff != "" {
			t.Errorf("keep %d: %s", keep, diff)
		}
	}
	if err := (&lake.Log{Store: &memory{}}).Prune(t.Context(), 3); err != nil {
		t.Error(err)
	}
}

func FuzzLog(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("\n"))
	f.Add(stateFile(1, 2, "run", "body\n", ""))
	f.Add(stateFile(2, 2, "run", "body\n", ""))
	f.Add(stateFile(1, 2, "run", "", `,"x":[]`))
	random := rand.New(rand.NewPCG(1, 2))
	long := stateFile(1, 2, "run", strings.Repeat("x", 300), "")
	for range 20 {
		data := bytes.Clone(long)
		data[random.IntN(len(data))] = byte(random.IntN(256))
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		store := &memory{}
		store.set(generation(2), data)
		l := &lake.Log{Store: store}
		snap, err := l.Latest(t.Context())
		if err != nil {
			var damaged *lake.DamagedError
			var newer *lake.NewerError
			if !errors.As(err, &damaged) && !errors.As(err, &newer) {
				t.Fatal(err)
			}
			return
		}
		if snap.Number != 2 || snap.From != 2 || snap.Version < 1 || snap.Version > 2 || !bytes.HasSuffix(data, append([]byte{'\n'}, snap.Body...)) {
			t.Errorf("%+v out of %q", snap, data)
		}
	})
}
