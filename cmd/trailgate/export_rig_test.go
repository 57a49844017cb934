package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"trailgate/fixtures/suite"
	"trailgate/report/lake"
	"trailgate/report/parquet"
	"trailgate/report/row"
)

// What leads the program trailgate-at. The product knows none of it.
const (
	atNow  = "TRAILGATE_TEST_NOW"  // the time, which stands still; RFC 3339
	atStep = "TRAILGATE_TEST_STEP" // the number of the step before which it happens; 0: never
	atDo   = "TRAILGATE_TEST_DO"   // what happens: kill, stop or term; or blip or full, see meet
)

// mainAt is the command with a clock that stands still, and to which something
// happens right before one of its steps that write to a disk. Between two steps
// nothing is written, so that this is right after the step before as well.
func mainAt() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	now, err := time.Parse(time.RFC3339, os.Getenv(atNow))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
	at, err := strconv.ParseInt(os.Getenv(atStep), 10, 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
	if at == 0 {
		at = math.MaxInt64
	}
	var steps atomic.Int64
	p := process{args: os.Args[1:], stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv,
		now: func() time.Time { return now }}
	p.step = func(op, key string) error {
		n := steps.Add(1)
		if n == at {
			fmt.Fprintf(os.Stderr, "%s before step %d: %s %s\n", os.Getenv(atDo), at, op, key)
		}
		return meet(ctx, os.Getenv(atDo), n-at)
	}
	code := run(ctx, p)
	stop()
	os.Exit(code)
}

// meet gives what a step meets that comes so many after the one of atStep.
func meet(ctx context.Context, what string, after int64) error {
	switch {
	case what == "full" && after >= 0: // the disk, from then on
		return syscall.ENOSPC
	case what == "blip" && after == 0: // of the disk, once
		return syscall.EIO
	case what != "full" && after == 0:
		return signalSelf(ctx, what)
	}
	return nil
}

// rig is a trail on disk whose log files come in batches, and a place for lakes
// that are filled from it.
type rig struct {
	bin    string // trailgate-at
	dir    string // trail, policy and what else is needed
	places *places
	seen   *sync.Map // rows of files by their hash
}

// places makes lakes: folders, or prefixes of a bucket.
type places struct {
	args  []string // flags that lead to them
	env   []string
	url   func(name string) string
	store func(name string) lake.Store
}

// onDisk makes lakes in folders.
func onDisk(t testing.TB) *places { return inFolder(fastDir(t)) }

func inFolder(dir string) *places {
	return &places{
		url:   func(name string) string { return filepath.Join(dir, name) },
		store: func(name string) lake.Store { return lake.Disk{Root: filepath.Join(dir, name)} }}
}

// fastDir is a temporary folder, in memory where there is one: what syncing
// takes on a real disk is most of the time of these tests.
func fastDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "trailgate-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// builtAt builds trailgate-at beside the one that testscript makes, with which
// it goes away in the end: without the race detector, which makes the start of
// a process ten times as slow.
var builtAt = sync.OnceValues(func() (string, error) {
	beside, err := exec.LookPath("trailgate-at")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(filepath.Dir(beside), "plain", "trailgate-at")
	if out, err := exec.Command("go", "test", "-c", "-o", bin, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return bin, nil
})

func commandAt(t testing.TB) string {
	t.Helper()
	bin, err := builtAt()
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

func newRig(t testing.TB, bin string, places *places) *rig {
	t.Helper()
	r := &rig{bin: bin, dir: t.TempDir(), places: places, seen: &sync.Map{}}
	policy := "version: 1\nrules:\n  - name: home\n    match: {user: \"*\"}\n    allow: [us-east-1]\n    strict: true\n    severity: medium\n"
	if err := os.WriteFile(filepath.Join(r.dir, "policy.yaml"), []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

// rigNow is the time of the first run; each batch has its own, two hours later
// for each that follows, so that a lease of the run before has run out.
func rigNow(run int) time.Time {
	return time.Date(2024, 6, 1, 3, 0, 0, 0, time.UTC).Add(time.Duration(run) * 2 * time.Hour)
}

// args is a command line on the lake of this name.
func (r *rig) args(verb, name string, more ...string) []string {
	args := []string{verb}
	if verb == "export" {
		args = append(args, filepath.Join(r.dir, "trail"), "--policy", filepath.Join(r.dir, "policy.yaml"), "--since", "2024-03-01")
	}
	args = append(args, "--to", r.places.url(name))
	return append(append(args, r.places.args...), more...)
}

// outcome is how a command ended.
type outcome struct {
	code           int
	stdout, stderr string
}

func (o outcome) String() string {
	return fmt.Sprintf("exit status %d\n%s%s", o.code, o.stdout, o.stderr)
}

// run runs the command at a moment of its clock.
func (r *rig) run(t testing.TB, now time.Time, args ...string) outcome {
	t.Helper()
	return r.child(t, now, 0, "", args...)
}

// child runs the command in a process of its own, and does something to it
// before a step.
func (r *rig) child(t testing.TB, now time.Time, step int, do string, args ...string) outcome {
	t.Helper()
	var out bytes.Buffer
	cmd := r.command(t, &out, now, step, do, args...)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{code: cmd.ProcessState.ExitCode(), stderr: out.String()}
}

func (r *rig) command(t testing.TB, out io.Writer, now time.Time, step int, do string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), r.bin, args...)
	cmd.Env = append(os.Environ(), r.places.env...)
	cmd.Env = append(cmd.Env, atNow+"="+now.Format(time.RFC3339), atStep+"="+strconv.Itoa(step), atDo+"="+do,
		"GOMAXPROCS=1", "GOGC=off") // thousands of short lives
	cmd.Stdout, cmd.Stderr = out, out
	return cmd
}

// lockedBuffer takes the output of a process that may be looked at meanwhile.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// stride is how far to go from one step to the next: in short tests further.
func stride(n int) int {
	return suite.Size(4*n-1, n)
}

// killed is the exit code that os/exec gives for a process that a signal ended.
const killed = -1

// rows is what a lake holds, in the form of rowsIn.
type rows struct{ signIns, findings []string }

func (r *rig) rows(t testing.TB, name string) rows {
	t.Helper()
	store := r.places.store(name)
	return rows{knownRows[row.SignIn](t, r, store, row.SignIns), knownRows[row.Finding](t, r, store, row.Findings)}
}

// knownRows is readAll for files of which most were read before.
func knownRows[R row.Row](t testing.TB, r *rig, store lake.Store, kind row.Kind) []string {
	t.Helper()
	table := &lake.Table{Store: store, Name: string(kind)}
	files, err := table.Files(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		data, _, err := store.Get(t.Context(), f.Key)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		if known, ok := r.seen.Load(sum); ok {
			out = append(out, known.([]string)...)
			continue
		}
		var lines []string
		for row, err := range parquet.Read[R](bytes.NewReader(data), int64(len(data))) {
			if err != nil {
				t.Fatalf("%s: %v", f.Key, err)
			}
			line, err := json.Marshal(row)
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, string(line)+"\n")
		}
		r.seen.Store(sum, lines)
		out = append(out, lines...)
	}
	slices.Sort(out)
	return out
}

// copyLake makes a lake of what another holds.
func (r *rig) copyLake(t testing.TB, from, to string) {
	t.Helper()
	if r.places.env == nil { // temporaries as well
		err := os.CopyFS(r.places.url(to), os.DirFS(r.places.url(from)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return
	}
	src, dst := r.places.store(from), r.places.store(to)
	for item, err := range src.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		data, _, err := src.Get(t.Context(), item.Key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dst.Put(t.Context(), item.Key, data, lake.Absent()); err != nil {
			t.Fatal(err)
		}
	}
}

// without gives what of a is not in b, each as often as it is too many.
func without(a, b []string) []string {
	left := map[string]int{}
	for _, row := range b {
		left[row]++
	}
	var out []string
	for _, row := range a {
		if left[row]--; left[row] < 0 {
			out = append(out, row)
		}
	}
	return out
}

// both gives what is in a and in b.
func both(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(row string) bool { return !slices.Contains(b, row) })
}
