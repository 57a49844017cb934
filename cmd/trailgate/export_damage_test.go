package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// damaged is a lake on disk after two runs, to which something is done before
// the third.
type damaged struct {
	*ready
	root string
	now  time.Time // of the third run
	args []string  // further ones for it
	dead outcome   // of a run that was killed, where there was one
}

func (d *damaged) state(n int) string {
	return filepath.Join(d.root, "_trailgate", "state", fmt.Sprintf("generation-%010d.jsonl", n))
}

// one is the only file that a pattern matches.
func (d *damaged) one(t testing.TB, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(d.root, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("%q: %v, %v", pattern, found, err)
	}
	return found[0]
}

// change changes a file, and gives what puts it back.
func change(t testing.TB, path string, to func([]byte) []byte) (back func()) {
	t.Helper()
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(to(bytes.Clone(old)))
	return func() { write(old) }
}

func half(b []byte) []byte        { return b[:len(b)/2] }
func flipped(b []byte) []byte     { b[len(b)*2/3] ^= 4; return b }
func flippedHead(b []byte) []byte { b[20] ^= 1; return b }
func none([]byte) []byte          { return nil }

// remove removes what the patterns match.
func (d *damaged) remove(t testing.TB, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(d.root, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%q: %v, %v", pattern, found, err)
		}
		for _, path := range found {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// die lets a run die with files in the lake that were not committed.
func (d *damaged) die(t testing.TB, more ...string) {
	t.Helper()
	name := filepath.Base(d.root)
	for n := 1; len(d.keys(t, name, "-0000000003-")) < 4; n++ {
		d.now = d.now.Add(time.Hour)
		d.dead = d.child(t, d.now, n, "kill", d.export(name, more...)...)
		if d.dead.code != killed {
			t.Fatalf("it came to its end: %v", d.dead)
		}
	}
	d.now = d.now.Add(time.Hour)
}

func (d *damaged) export(name string, more ...string) []string {
	return d.ready.rig.args("export", name, more...)
}

// futureState is a generation as a newer program would write it.
func futureState(number int) []byte {
	body := "{\"what\":\"is not known yet\"}\n"
	head := fmt.Sprintf(`{"trailgate_state":3,"generation":%d,"run":"0123456789ab","bytes":%d,"sha256":"`, number, len(body))
	sum := sha256.Sum256([]byte(head + "\"}\n" + body))
	return []byte(head + hex.EncodeToString(sum[:]) + "\"}\n" + body)
}

// TestDamage does to a lake and its state what disks and people do.
func TestDamage(t *testing.T) {
	t.Parallel()
	bin := commandAt(t)
	r := prepare(t, bin, onDisk(t), scenario{before: []string{"export", "export"}, victim: "export"})
	if o := r.run(t, r.now, r.args("export", "anew")...); o.code != r.end.code {
		t.Fatal(o)
	}
	anew := r.rows(t, "anew")
	for name, test := range map[string]struct {
		do    func(t *testing.T, d *damaged) (mend func()) // nil: there is nothing to mend
		code  int                                          // of the run on it; exitComplete: as undisturbed
		anew  bool                                         // all is judged from the beginning, and so not late
		words []string
	}{
		"newest generation cut off": {do: func(t *testing.T, d *damaged) func() { change(t, d.state(2), half); return nil },
			words: []string{"generation-0000000002.jsonl is cut off"}},
		"newest generation flipped": {do: func(t *testing.T, d *damaged) func() { change(t, d.state(2), flipped); return nil },
			words: []string{"generation-0000000002.jsonl was changed: its checksum does not fit"}},
		"newest generation's header flipped": {do: func(t *testing.T, d *damaged) func() { change(t, d.state(2), flippedHead); return nil },
			words: []string{"generation-0000000002.jsonl "}},
		"newest generation empty": {do: func(t *testing.T, d *damaged) func() { change(t, d.state(2), none); return nil },
			words: []string{"generation-0000000002.jsonl has no header"}},
		"state of yesterday's backup": {do: func(t *testing.T, d *damaged) func() { d.remove(t, "_trailgate/state/*2.jsonl"); return nil }},
		"newest generation flipped, and a run died": {do: func(t *testing.T, d *damaged) func() { d.die(t); change(t, d.state(2), flipped); return nil },
			words: []string{"generation-0000000002.jsonl was changed", "were removed"}},
		"all generations damaged": {do: func(t *testing.T, d *damaged) func() {
			one, two := change(t, d.state(1), flipped), change(t, d.state(2), half)
			return func() { one(); two() }
		}, code: exitFailed, words: []string{"no generation is whole", "hint: restore the state's folder from a backup"}},
		"state of a newer program": {do: func(t *testing.T, d *damaged) func() {
			if err := os.WriteFile(d.state(3), futureState(3), 0o600); err != nil {
				t.Fatal(err)
			}
			return func() { d.remove(t, "_trailgate/state/*3.jsonl") }
		}, code: exitFailed, words: []string{"version 3", "hint: use the trailgate that wrote the state"}},
		"no mark": {do: func(t *testing.T, d *damaged) func() {
			path := d.one(t, "_trailgate/lake.json")
			old, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			d.remove(t, "_trailgate/lake.json")
			return func() {
				if err := os.WriteFile(path, old, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}, code: exitFailed, words: []string{"it has no mark", "hint: "}},
		"mark damaged": {do: func(t *testing.T, d *damaged) func() { return change(t, d.one(t, "_trailgate/lake.json"), half) },
			code: exitFailed, words: []string{"lake.json\": it is damaged", "hint: "}},
		"mark of another": {do: func(t *testing.T, d *damaged) func() {
			return change(t, d.one(t, "_trailgate/lake.json"), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"job": "`), []byte(`"job": "x`), 1)
			})
		}, code: exitUsage, words: []string{"is filled by another state", "hint: ", "--adopt"}},
		"mark of another, adopted": {do: func(t *testing.T, d *damaged) func() {
			d.args = []string{"--adopt"}
			change(t, d.one(t, "_trailgate/lake.json"), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"job": "`), []byte(`"job": "x`), 1)
			})
			return nil
		}, words: []string{"is adopted by this one"}},
		"lake deleted": {do: func(t *testing.T, d *damaged) func() {
			copied := d.root + "-copy"
			if err := os.CopyFS(copied, os.DirFS(d.root)); err != nil {
				t.Fatal(err)
			}
			d.remove(t, "signins", "findings", "_trailgate/lake.json", "_trailgate/runs")
			return func() {
				d.remove(t, "_trailgate")
				if err := os.CopyFS(d.root, os.DirFS(copied)); err != nil {
					t.Fatal(err)
				}
			}
		}, code: exitFailed, words: []string{"it has no mark", "hint: "}},
		"state deleted": {do: func(t *testing.T, d *damaged) func() {
			d.remove(t, "_trailgate/state")
			d.args = []string{"--adopt"}
			return nil
		},
			words: []string{"is adopted by this one"}, anew: true},
		"intent cut off": {do: func(t *testing.T, d *damaged) func() {
			d.die(t)
			change(t, d.one(t, "_trailgate/state/intent-*"), half)
			return nil
		}, words: []string{"were removed"}},
		"intent empty": {do: func(t *testing.T, d *damaged) func() {
			d.die(t)
			change(t, d.one(t, "_trailgate/state/intent-*"), none)
			return nil
		}, words: []string{"were removed"}},
		"strange intent": {do: func(t *testing.T, d *damaged) func() {
			if err := os.WriteFile(filepath.Join(d.root, "_trailgate/state/intent-x.json"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return func() { d.remove(t, "_trailgate/state/intent-x.json") }
		}, code: exitFailed, words: []string{"intent-x.json\": it is damaged", "hint: "}},
		"intent that names what is not its own": {do: func(t *testing.T, d *damaged) func() {
			d.die(t)
			path := d.one(t, "_trailgate/state/intent-*")
			change(t, path, func(b []byte) []byte {
				return bytes.Replace(b, []byte("part-0000000003"), []byte("part-0000000002"), 1)
			})
			return func() { change(t, path, none) }
		}, code: exitFailed, words: []string{"is not a file of its run", "hint: "}},
		"findings damaged": {do: func(t *testing.T, d *damaged) func() {
			return change(t, d.one(t, "findings/event_date=2024-03-06/part-*"), half)
		}, code: exitFailed, words: []string{"findings/event_date=2024-03-06/part-", "hint: "}},
		"findings damaged, and taken away": {do: func(t *testing.T, d *damaged) func() {
			d.remove(t, "findings/event_date=2024-03-06/part-*")
			return nil
		}},
		"sign-ins damaged": {do: func(t *testing.T, d *damaged) func() {
			return change(t, d.one(t, "signins/event_date=2024-03-06/part-*"), half)
		}, code: exitFailed, words: []string{"signins/event_date=2024-03-06/part-", "hint: "}},
		"lock that is none": {do: func(t *testing.T, d *damaged) func() {
			d.args = []string{"--lock-wait", "0", "--lease", "200ms"}
			change(t, d.one(t, "_trailgate/state/lock.json"), none)
			return func() { d.args = []string{"--lock-wait", "1m", "--lease", "200ms"} }
		}, code: exitFailed, words: []string{"held by an unknown holder", "hint: "}},
		"clock set back an hour": {do: func(t *testing.T, d *damaged) func() { d.now = rigNow(1).Add(-time.Hour); return nil }},
		"clock set back an hour, and a run died": {do: func(t *testing.T, d *damaged) func() {
			d.die(t, "--lease", "200ms")
			d.now = d.now.Add(-time.Hour)
			d.args = []string{"--lease", "200ms"}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lake := strings.ReplaceAll(name, " ", "-")
			d := &damaged{ready: r, root: r.places.url(lake), now: r.now}
			r.copyLake(t, "base", lake)
			mend := test.do(t, d)
			o := r.run(t, d.now, d.export(lake, d.args...)...)
			for _, words := range test.words {
				if !strings.Contains(o.stderr, words) {
					t.Errorf("want %q in it: %v", words, o)
				}
			}
			if test.code == exitComplete {
				test.code = r.end.code
			}
			if o.code != test.code {
				t.Errorf("exit status %d, want %d: %v", o.code, test.code, o)
			}
			if test.code == exitFailed {
				if err := failed(o, true); err != nil {
					t.Error(err)
				}
			}
			if mend != nil {
				mend()
				if o := r.run(t, d.now, d.export(lake, d.args...)...); o.code != r.end.code {
					t.Errorf("mended: %v", o)
				}
			}
			want := r.after
			if test.anew {
				want = anew
			}
			if diff := cmp.Diff(want, r.rows(t, lake), cmp.AllowUnexported(rows{})); diff != "" {
				t.Errorf("%s\n%v", diff, o)
			}
			if test.code != exitFailed || mend != nil {
				r.inOrder(t, lake, name)
			}
		})
	}
}

// TestDiskFull fills a disk that is small enough.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	bin := commandAt(t)
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: no file system can be mounted here, so that none could be filled: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("%v %s", err, out)
		}
	})
	r := newRig(t, bin, inFolder(dir))
	whole := newRig(t, bin, onDisk(t))
	whole.dir = r.dir
	full := 0
	for i := range 12 {
		r.arrive(t, batchOf(i))
		if o := whole.run(t, rigNow(i), whole.args("export", "lake")...); o.code != exitComplete && o.code != exitSkipped {
			t.Fatal(o)
		}
		o := r.run(t, rigNow(i), r.args("export", "lake")...)
		if o.code == exitFailed {
			full++
			if err := failed(o, true, "no space left on device"); err != nil {
				t.Error(err)
			}
		}
	}
	if full == 0 {
		t.Fatal("the disk was never full")
	}
	if out, err := exec.CommandContext(t.Context(), "mount", "-o", "remount,size=8m", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if o := r.run(t, rigNow(20), r.args("export", "lake")...); o.code != exitComplete && o.code != exitSkipped {
		t.Fatal(o)
	}
	if diff := cmp.Diff(whole.rows(t, "lake"), r.rows(t, "lake"), cmp.AllowUnexported(rows{})); diff != "" {
		t.Error(diff)
	}
}

// TestReadOnly writes to where nothing may be written.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t, commandAt(t), onDisk(t))
	r.arrive(t, batchOf(0))
	for name, test := range map[string]struct {
		make  func(t *testing.T, path string)
		words string
	}{
		"folder without permission to write": {func(t *testing.T, path string) {
			if os.Geteuid() == 0 {
				t.Skip("SKIPPED: root may write everywhere")
			}
			if err := os.Mkdir(path, 0o500); err != nil {
				t.Fatal(err)
			}
		}, "permission denied"},
		"read-only file system": {func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "ro", "tmpfs", path).CombinedOutput(); err != nil {
				t.Skipf("SKIPPED: no file system can be mounted here: %v %s", err, out)
			}
			t.Cleanup(func() {
				if out, err := exec.Command("umount", path).CombinedOutput(); err != nil {
					t.Errorf("%v %s", err, out)
				}
			})
		}, "read-only file system"},
		"file": {func(t *testing.T, path string) {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place := strings.ReplaceAll(name, " ", "-")
			test.make(t, r.places.url(place))
			o := r.run(t, rigNow(0), r.args("export", place)...)
			if err := failed(o, name != "file", test.words); err != nil {
				t.Error(err)
			}
			if left, err := os.ReadDir(r.places.url(place)); err == nil && len(left) > 0 {
				t.Errorf("left: %v", left)
			} else if err != nil && !errors.Is(err, os.ErrNotExist) && !slices.Contains([]string{"file"}, name) {
				t.Error(err)
			}
		})
	}
}
