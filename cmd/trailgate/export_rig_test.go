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

// The environment variables of the program trailgate-at. The command itself does not read
// them.
const (
	atNow  = "TRAILGATE_TEST_NOW"  // the time of its clock, which does not move; RFC 3339
	atStep = "TRAILGATE_TEST_STEP" // the number of the step that is disturbed; 0: none
	atDo   = "TRAILGATE_TEST_DO"   // how: kill, stop, term, blip or full, see stepFault
)

// mainAt runs the command with a fixed clock, and disturbs it right before one of its
// steps that write to a disk. Nothing is written between two steps. So this is also the
// moment right after the step before.
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
		return stepFault(ctx, os.Getenv(atDo), n-at)
	}
	code := run(ctx, p)
	stop()
	os.Exit(code)
}

// stepFault disturbs the process, or gives the error of a step. The step is this many
// steps after that of atStep.
func stepFault(ctx context.Context, what string, after int64) error {
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

// exportHarness is a trail on disk whose log files come in batches, and a place for lakes
// that are filled from it.
type exportHarness struct {
	bin    string // the program trailgate-at
	dir    string // the folder of the trail, the policy and other files
	places *lakeLocations
	seen   *sync.Map // rows of files by their hash
}

// lakeLocations says where lakes are: in folders, or below prefixes of a bucket.
type lakeLocations struct {
	args  []string // flags that lead to them
	env   []string
	url   func(name string) string
	store func(name string) lake.Store
}

// lakesOnDisk gives the locations of lakes in folders.
func lakesOnDisk(t testing.TB) *lakeLocations { return lakesInFolder(fastDir(t)) }

func lakesInFolder(dir string) *lakeLocations {
	return &lakeLocations{
		url:   func(name string) string { return filepath.Join(dir, name) },
		store: func(name string) lake.Store { return lake.Disk{Root: filepath.Join(dir, name)} }}
}

// fastDir gives a temporary folder. It is in memory if the system allows that, because
// these tests would otherwise wait for the disk most of their time.
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

// builtAt builds trailgate-at once, without the race detector. With it a process takes ten
// times as long to start. The program is beside that of testscript, which removes the
// folder in the end.
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

func newExportHarness(t testing.TB, bin string, places *lakeLocations) *exportHarness {
	t.Helper()
	r := &exportHarness{bin: bin, dir: t.TempDir(), places: places, seen: &sync.Map{}}
	policy := "version: 1\nrules:\n  - name: home\n    match: {user: \"*\"}\n    allow: [us-east-1]\n    strict: true\n    severity: medium\n"
	if err := os.WriteFile(filepath.Join(r.dir, "policy.yaml"), []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

// runTime gives the time of a run, by its number. Two runs are two hours apart, so that a
// lock of the run before has expired.
func runTime(run int) time.Time {
	return time.Date(2024, 6, 1, 3, 0, 0, 0, time.UTC).Add(time.Duration(run) * 2 * time.Hour)
}

// args gives a command line for the lake of this name.
func (r *exportHarness) args(verb, name string, more ...string) []string {
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

// run runs the command at this time of its clock.
func (r *exportHarness) run(t testing.TB, now time.Time, args ...string) outcome {
	t.Helper()
	return r.child(t, now, 0, "", args...)
}

// child runs the command in a process of its own, and disturbs it before a step.
func (r *exportHarness) child(t testing.TB, now time.Time, step int, do string, args ...string) outcome {
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

func (r *exportHarness) command(t testing.TB, out io.Writer, now time.Time, step int, do string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), r.bin, args...)
	cmd.Env = append(os.Environ(), r.places.env...)
	cmd.Env = append(cmd.Env, atNow+"="+now.Format(time.RFC3339), atStep+"="+strconv.Itoa(step), atDo+"="+do,
		"GOMAXPROCS=1", "GOGC=off") // the test starts thousands of short processes
	cmd.Stdout, cmd.Stderr = out, out
	return cmd
}

// lockedBuffer holds the output of a process, and may be read while the process runs.
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

// stepInterval is the distance between two steps that are tested. It is larger in short
// tests.
func stepInterval(n int) int {
	return suite.Size(4*n-1, n)
}

// killed is the exit code that os/exec gives for a process that a signal ended.
const killed = -1

// rows is what a lake holds, in the form of rowsIn.
type rows struct{ signIns, findings []string }

func (r *exportHarness) rows(t testing.TB, name string) rows {
	t.Helper()
	store := r.places.store(name)
	return rows{knownRows[row.SignIn](t, r, store, row.SignIns), knownRows[row.Finding](t, r, store, row.Findings)}
}

// knownRows is like readAll, but keeps the rows of files that were read before.
func knownRows[R row.Row](t testing.TB, r *exportHarness, store lake.Store, kind row.Kind) []string {
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

// copyLake copies a lake and its state.
func (r *exportHarness) copyLake(t testing.TB, from, to string) {
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

// missingRows gives the rows of a that are not in b, each as often as b lacks it.
func missingRows(a, b []string) []string {
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

// commonRows gives the rows that are in a and in b.
func commonRows(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(row string) bool { return !slices.Contains(b, row) })
}
