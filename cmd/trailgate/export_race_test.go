package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"trailgate/fixtures/suite"

	"github.com/google/go-cmp/cmp"
)

// raceRounds is how often two commands are let loose on one state.
const raceRounds = 50

// TestRaces starts two real commands on one state at once, again and again,
// with new log files each time.
func TestRaces(t *testing.T) {
	t.Parallel()
	bin := commandAt(t)
	server := bucketServer(t)
	for name, places := range map[string]func() *places{
		"disk":   func() *places { return onDisk(t) },
		"bucket": func() *places { return inBucket(t, server) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, bin, places())
			rounds := suite.Size(9, raceRounds)
			refused, waited := 0, 0
			for i := range rounds {
				r.arrive(t, batchOf(i))
				if o := r.run(t, rigNow(i), r.args("export", "calm")...); o.code != exitComplete && o.code != exitSkipped {
					t.Fatal(o)
				}
				a, b := r.pair(t, i)
				for _, o := range [...]outcome{a, b} {
					switch {
					case o.code == exitComplete || o.code == exitSkipped:
						waited++
					case i%3 == 2 && failed(o, true, "held by run", "another run is at work") == nil:
						refused++
					default:
						t.Fatalf("round %d: %v", i, o)
					}
				}
				if a.code == exitFailed && b.code == exitFailed {
					t.Fatalf("round %d: both were refused: %v", i, a)
				}
				when := fmt.Sprintf("round %d", i)
				if diff := cmp.Diff(r.rows(t, "calm"), r.rows(t, "lake"), cmp.AllowUnexported(rows{})); diff != "" {
					t.Fatalf("%s: %s", when, diff)
				}
				r.inOrder(t, "lake", when)
				if t.Failed() {
					return
				}
			}
			t.Logf("%d ran, %d were refused", waited, refused)
			if rounds == raceRounds && refused == 0 {
				t.Error("the two never met")
			}
		})
	}
}

// pair runs two commands at once: two exports, an export and a compaction, or
// two exports that do not wait.
func (r *rig) pair(t *testing.T, round int) (a, b outcome) {
	t.Helper()
	first := r.args("export", "lake", "--lease", "3s")
	second := first
	switch {
	case round%3 == 1:
		second = r.args("compact", "lake", "--lease", "3s")
	case round%3 == 2:
		first = append(first, "--lock-wait", "0")
		second = first
	}
	var commands [2]*exec.Cmd
	var out [2]lockedBuffer
	for i, args := range [...][]string{first, second} {
		commands[i] = r.command(t, &out[i], rigNow(0), 0, "", args...)
		commands[i].Args[0] = "trailgate" // the command itself, with the real clock
		if err := commands[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	ended := func(i int) outcome {
		if err := commands[i].Wait(); err != nil && commands[i].ProcessState == nil {
			t.Fatal(err)
		}
		return outcome{code: commands[i].ProcessState.ExitCode(), stderr: out[i].String()}
	}
	return ended(0), ended(1)
}

// TestTwoStatesOneLake: a lake is filled by one state only.
func TestTwoStatesOneLake(t *testing.T) {
	t.Parallel()
	r := newRig(t, commandAt(t), onDisk(t))
	r.arrive(t, batchOf(0))
	if o := r.run(t, rigNow(0), r.args("export", "lake")...); o.code != exitComplete {
		t.Fatal(o)
	}
	want := r.rows(t, "lake")
	other := filepath.Join(t.TempDir(), "state")
	o := r.run(t, rigNow(1), r.args("export", "lake", "--state", other)...)
	if o.code != exitUsage || !strings.Contains(o.stderr, "is filled by another state") {
		t.Error(o)
	}
	if o := r.run(t, rigNow(2), r.args("export", "lake")...); o.code != exitComplete {
		t.Error(o)
	}
	if o := r.run(t, rigNow(3), r.args("export", "lake", "--state", other, "--adopt")...); o.code != exitComplete {
		t.Error(o)
	}
	// From now on the first state is the stranger.
	if o := r.run(t, rigNow(4), r.args("compact", "lake")...); o.code != exitFailed && o.code != exitUsage {
		t.Error(o)
	}
	if o := r.run(t, rigNow(5), r.args("export", "lake")...); o.code != exitUsage {
		t.Error(o)
	}
	if diff := cmp.Diff(want, r.rows(t, "lake"), cmp.AllowUnexported(rows{})); diff != "" {
		t.Error(diff)
	}
	if _, err := os.Stat(filepath.Join(other, "lock.json")); err != nil {
		t.Error(err)
	}
}
