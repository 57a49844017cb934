package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/fixtures/s3"
	"trailgate/fixtures/suite"
)

// patience is how long a command may take that is told to stop.
const patience = 10 * time.Second

// released tells whether a lake's lock has been given back.
func (r *rig) released(t testing.TB, name string) bool {
	t.Helper()
	data, _, err := r.stateOf(name).Get(t.Context(), "lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct{ Released time.Time }
	if err := json.Unmarshal(data, &lock); err != nil {
		t.Fatal(err)
	}
	return !lock.Released.IsZero()
}

// stopped looks at how a command ended that was told to stop: it either
// finished or left nothing behind.
func (r *ready) stopped(t *testing.T, name, when string, o outcome) {
	t.Helper()
	committed := r.latest(t, name).Number > r.latest(t, "base").Number
	switch {
	case o.code == exitInterrupted && strings.Contains(o.stderr, "trailgate: interrupted: "):
		if committed && r.victim == "export" {
			t.Errorf("%s: it was committed, but %v", when, o)
		}
		if diff := cmp.Diff(r.before, r.rows(t, name), cmp.AllowUnexported(rows{})); diff != "" && r.victim == "export" {
			t.Errorf("%s: %s", when, diff)
		}
		if left := r.keys(t, name, "/intent-"); len(left) > 0 {
			t.Errorf("%s: left: %s", when, left)
		}
	case o.code != r.end.code || !committed:
		t.Errorf("%s: committed %v, but %v", when, committed, o)
	}
	r.readers(t, name, when)
}

// TestTerminatedAtEachStep tells the command to stop before each step that
// writes to the disk.
func TestTerminatedAtEachStep(t *testing.T) {
	t.Parallel()
	bin := commandAt(t)
	for _, s := range scenarios()[1:] {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			r := prepare(t, bin, onDisk(t), s)
			interrupted := 0
			for n := 1; ; n += stride(len(s.before)) { // of compaction every other one
				name, when := fmt.Sprintf("stopped-%d", n), fmt.Sprintf("told to stop before step %d", n)
				r.copyLake(t, "base", name)
				begun := time.Now()
				o := r.child(t, r.now, n, "term", r.args(s.victim, name)...)
				if took := time.Since(begun); took > patience {
					t.Errorf("%s: it took %v", when, took)
				}
				if !strings.Contains(o.stderr, "term before step") {
					if interrupted < 5 {
						t.Errorf("interrupted only %d times", interrupted)
					}
					t.Logf("%d steps, interrupted before %d", n-1, interrupted)
					return
				}
				if o.code == exitInterrupted {
					interrupted++
				}
				r.stopped(t, name, when, o)
				if !r.released(t, name) {
					t.Errorf("%s: the lock was not given back: %v", when, o)
				}
				r.age(t, name)
				r.goesOn(t, name, when, s.victim)
				if t.Failed() {
					t.Fatalf("%v", o)
				}
			}
		})
	}
}

// TestTerminatedAtEachWrite tells the command to stop while a bucket keeps it
// waiting for the answer to the n-th request that writes, from which on it
// answers none, or goes on when the client has gone.
func TestTerminatedAtEachWrite(t *testing.T) {
	t.Parallel()
	bin := commandAt(t)
	server := bucketServer(t)
	s := scenarios()[1]
	r := prepare(t, bin, inBucket(t, server), s)
	t.Run("each", func(t *testing.T) {
		t.Parallel()
		n := int64(1)
		for ; r.terminatedAtWrite(t, server, n, false) && !t.Failed(); n++ {
		}
		t.Logf("%d writes", n-1)
	})
	for n := int64(1); n <= 17; n += 2 { // each takes as long as it may
		t.Run(fmt.Sprintf("no answer from write %d on", n), func(t *testing.T) {
			suite.Long(t, "runs told to stop while a bucket gives no answer")
			t.Parallel()
			r.terminatedAtWrite(t, server, n, true)
		})
	}
}

// terminatedAtWrite tells whether there was an n-th write.
func (r *ready) terminatedAtWrite(t *testing.T, server *url.URL, n int64, mute bool) bool {
	t.Helper()
	name, when := fmt.Sprintf("stopped-%d-%v", n, mute), fmt.Sprintf("told to stop at write %d, mute %v", n, mute)
	r.copyLake(t, "base", name)
	var victim atomic.Pointer[exec.Cmd]
	begun := make(chan struct{})
	var told atomic.Pointer[time.Time]
	m := &meddler{pass: &s3.Proxy{Target: server}, from: n, to: n}
	if mute {
		m.to = 0
	}
	m.do = func(w http.ResponseWriter, req *http.Request, pass http.Handler) {
		<-begun
		if now := time.Now(); told.CompareAndSwap(nil, &now) {
			if err := victim.Load().Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
		}
		// What the client knows nothing of may have been done.
		if n%3 > 0 {
			silently(req, pass)
		} else if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return // it has gone
		}
		<-req.Context().Done()
	}
	var out lockedBuffer
	front := r.through(t, m)
	cmd := front.command(t, &out, r.now, 0, "", front.args(r.victim, name)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	victim.Store(cmd)
	close(begun)
	err := cmd.Wait()
	o := outcome{code: cmd.ProcessState.ExitCode(), stderr: out.String()}
	if told.Load() == nil {
		if o.code != r.end.code || n < 5 {
			t.Errorf("%s: %v, %v", when, err, o)
		}
		return false
	}
	if took := time.Since(*told.Load()); took > patience {
		t.Errorf("%s: it took %v: %v", when, took, o)
	}
	if o.code != exitInterrupted && o.code != r.end.code {
		t.Errorf("%s: %v", when, o)
	}
	r.readers(t, name, when)
	r.goesOn(t, name, when, r.victim)
	return true
}
