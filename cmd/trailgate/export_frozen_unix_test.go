//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// waitForStop waits until a process stops or ends.
func waitForStop(t testing.TB, pid int) syscall.WaitStatus {
	t.Helper()
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(pid, &status, syscall.WUNTRACED, nil)
		if err == nil {
			return status
		}
		if !errors.Is(err, syscall.EINTR) {
			t.Fatal(err)
		}
	}
}

// TestFrozenAtEachStep stops a run before each step that writes to the disk. Another run
// takes the lock. When the first run continues, it must notice that.
func TestFrozenAtEachStep(t *testing.T) {
	t.Parallel()
	bin := commandAt(t)
	for _, s := range victimScenarios()[1:] {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			r := prepareScenario(t, bin, lakesOnDisk(t), s)
			n, noticed := 1, 0
			for ; ; n += stepInterval(len(s.before)) { // of compaction every other one
				lost, more := r.frozen(t, n)
				if !more || t.Failed() {
					break
				}
				if lost {
					noticed++
				}
			}
			t.Logf("%d steps, %d noticed", n-1, noticed)
			if noticed < 5 {
				t.Error("too few noticed")
			}
		})
	}
}

// frozen reports whether the run noticed, and whether there was an n-th step.
func (r *preparedScenario) frozen(t *testing.T, n int) (noticed, more bool) {
	t.Helper()
	name, when := fmt.Sprintf("frozen-%d", n), fmt.Sprintf("frozen before step %d", n)
	r.copyLake(t, "base", name)
	path := filepath.Join(t.TempDir(), "output")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := r.command(t, out, r.now, n, "stop", r.args(r.victim, name)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	status := waitForStop(t, pid)
	if status.Exited() {
		return false, false
	}
	said, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// It holds what nobody can take from it.
	holds := bytes.Contains(said, []byte("rename lock.json"))
	// The other has to come to its end while the first stands still.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var second lockedBuffer
	like := r.command(t, &second, r.now.Add(2*time.Hour), 0, "", r.args(r.victim, name)...)
	other := exec.CommandContext(ctx, like.Path, like.Args[1:]...)
	other.Env, other.Stdout, other.Stderr = like.Env, like.Stdout, like.Stderr
	err = other.Run()
	stalled := ctx.Err() != nil
	if code := other.ProcessState.ExitCode(); holds {
		if err := checkFailure(outcome{code: code, stderr: second.String()}, false, "is held by a process that stands still"); err != nil {
			t.Errorf("%s: stalled %v, %v", when, stalled, err)
		}
	} else if code != exitComplete && code != exitSkipped {
		t.Errorf("%s: the other: stalled %v, %v\n%s", when, stalled, err, second.String())
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	status = waitForStop(t, pid)
	if said, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	first := outcome{code: status.ExitStatus(), stderr: string(said)}
	noticed = first.code == exitFailed
	if noticed && !strings.Contains(first.stderr, "another run has taken over") || !noticed && first.code != exitComplete && first.code != exitSkipped {
		t.Errorf("%s: the first: %v", when, first)
	}
	if diff := cmp.Diff(r.after, r.rows(t, name), cmp.AllowUnexported(rows{})); diff != "" {
		t.Errorf("%s: %s", when, diff)
	}
	if left := r.keys(t, name, "/intent-"); len(left) > 0 {
		t.Errorf("%s: left: %s", when, left)
	}
	r.goesOn(t, name, when, r.victim)
	if t.Failed() {
		t.Logf("the first: %v\nthe other: %s", first, second.String())
	}
	return noticed, true
}
