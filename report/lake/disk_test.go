package lake_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/report/lake"
)

func TestDiskName(t *testing.T) {
	for root, want := range map[string]string{"": "a/b", "x/": "x/a/b", "/x": "/x/a/b"} {
		if got := (lake.Disk{Root: root}).Name("a/b"); got != filepath.FromSlash(want) {
			t.Errorf("Name under %q = %q, want %q", root, got, want)
		}
	}
	if got := (lake.Disk{Root: "x/y/"}).Name(""); got != filepath.FromSlash("x/y") {
		t.Errorf("the store is named %q", got)
	}
}

// temporaries returns the temporary files below a folder.
func temporaries(t *testing.T, root string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if strings.HasPrefix(filepath.Base(path), ".tmp-") {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestDiskFaults lets every step of every kind of write fail. Once only that step fails, as
// with a disk error. Once all later steps fail too, as in a process that dies.
func TestDiskFaults(t *testing.T) {
	large := strings.Repeat("new ", 700_000) // three pieces
	kinds := map[string]struct {
		old   string // "": none
		when  func(lake.Tag) lake.Condition
		links bool
	}{
		"create":           {when: func(lake.Tag) lake.Condition { return lake.Absent() }, links: true},
		"create, no links": {when: func(lake.Tag) lake.Condition { return lake.Absent() }},
		"compare and swap": {old: "old", when: lake.Matches, links: true},
		"delete":           {old: "old"},
	}
	for name, kind := range kinds {
		for _, dies := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, process dies: %v", name, dies), func(t *testing.T) {
				for fault := 0; ; fault++ {
					root := t.TempDir() + "/lake"
					key, steps := "a/b/c", 0
					var tag lake.Tag
					if kind.old != "" {
						tag = put(t, lake.Disk{Root: root}, key, kind.old)
					}
					d := lake.Disk{Root: root, Step: func(op, at string) error {
						if at != key {
							t.Errorf("step %q of %q", op, at)
						}
						steps++
						if steps-1 == fault || dies && steps-1 > fault {
							return syscall.ENOSPC
						}
						if op == "link" && !kind.links {
							return errors.ErrUnsupported
						}
						return nil
					}}
					var err error
					if kind.when == nil {
						err = d.Delete(t.Context(), key)
					} else {
						_, err = d.Put(t.Context(), key, []byte(large), kind.when(tag))
					}
					checkAfterFault(t, root, key, kind.old, large, kind.when == nil, dies, err)
					if t.Failed() {
						t.Fatalf("fault at step %d: %v", fault, err)
					}
					if fault >= steps {
						if err != nil || fault < 2 {
							t.Errorf("%d steps without a fault: %v", steps, err)
						}
						return
					}
				}
			})
		}
	}
}

func checkAfterFault(t *testing.T, root, key, old, new string, deleted, dies bool, err error) {
	t.Helper()
	if err != nil && (!errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), filepath.Join(root, key))) {
		t.Errorf("says %v", err)
	}
	after := lake.Disk{Root: root}
	data, _, getErr := after.Get(t.Context(), key)
	absent := errors.Is(getErr, fs.ErrNotExist)
	switch {
	case getErr != nil && !absent:
		t.Error(getErr)
	case deleted && (absent || string(data) == old && err != nil), absent && old == "" && err != nil:
	case !deleted && !absent && (string(data) == new || string(data) == old && err != nil):
	default:
		t.Errorf("error %v, and the object is %.20q (absent: %v)", err, data, absent)
	}
	var want []string
	if !absent {
		want = []string{key}
	}
	if diff := cmp.Diff(want, keys(t, after, "", "")); diff != "" {
		t.Error(diff)
	}
	if _, err := os.Stat(root); err == nil && !dies {
		// A temporary file stays only if its removal failed.
		if left := temporaries(t, root); len(left) > 1 {
			t.Errorf("left: %q", left)
		}
	}
	// What was left does not disturb the next writer.
	put(t, after, key, "next")
	wantContent(t, after, key, "next")
}

func TestDiskErrorsName(t *testing.T) {
	for op, cause := range map[string]error{
		"create": syscall.EROFS, "write": syscall.ENOSPC, "sync": syscall.EIO, "link": syscall.EIO, "rename": syscall.EACCES, "sync folder": syscall.EIO,
	} {
		root := t.TempDir()
		when := lake.Absent()
		if op == "rename" {
			when = lake.Matches(put(t, lake.Disk{Root: root}, "k", "old"))
		}
		d := lake.Disk{Root: root, Step: func(at, _ string) error {
			if at == op {
				return cause
			}
			return nil
		}}
		_, err := d.Put(t.Context(), "k", []byte("x"), when)
		want := fmt.Sprintf("put %q: %s: %v", filepath.Join(root, "k"), op, cause)
		if err == nil || err.Error() != want || !errors.Is(err, cause) {
			t.Errorf("says %v, want %s", err, want)
		}
		if left := temporaries(t, root); left != nil {
			t.Errorf("%s: left %q", op, left)
		}
	}
}

func TestDiskReadOnly(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("SKIPPED: run as root, to whom no folder is read-only")
	}
	root := t.TempDir()
	if err := os.Chmod(root, 0o555); err != nil {
		t.Fatal(err)
	}
	_, err := lake.Disk{Root: root}.Put(t.Context(), "k", nil, lake.Absent())
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), root) {
		t.Errorf("says %v", err)
	}
}

func TestDiskInTheWay(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "file")
	d := lake.Disk{Root: root}
	put(t, d, "file", "x")
	put(t, d, "folder/x", "x")
	for _, when := range []lake.Condition{lake.Absent(), lake.Matches("x")} {
		if _, err := d.Put(t.Context(), "file/below", nil, when); err == nil {
			t.Error("wrote below a file")
		}
		if _, err := d.Put(t.Context(), "folder", nil, when); err == nil {
			t.Error("wrote over a folder")
		}
	}
	rooted := lake.Disk{Root: file}
	if _, err := rooted.Put(t.Context(), "k", nil, lake.Absent()); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file as root: %v", err)
	}
	if _, _, err := rooted.Get(t.Context(), "k"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file as root: %v", err)
	}
	if left := temporaries(t, root); left != nil {
		t.Errorf("left %q", left)
	}
}

func TestDiskLinks(t *testing.T) {
	outside, root := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o666); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"folder": outside, "file": secret, ".hidden": outside} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	d := lake.Disk{Root: root}
	for _, when := range []lake.Condition{lake.Absent(), lake.Matches("x")} {
		if _, err := d.Put(t.Context(), "folder/new", []byte("x"), when); err == nil {
			t.Error("wrote through a link")
		}
	}
	for _, key := range []string{"folder/secret", "file"} {
		if data, _, err := d.Get(t.Context(), key); err == nil {
			t.Errorf("read %q through a link", data)
		}
	}
	if err := d.Delete(t.Context(), "folder/secret"); err == nil {
		t.Error("deleted through a link")
	}
	// An engine would follow the link, so it must not be ignored silently.
	var last error
	for _, last = range d.List(t.Context(), "", "") {
	}
	if last == nil || !strings.Contains(last.Error(), filepath.Join(root, "file")) || !strings.Contains(last.Error(), "link") {
		t.Errorf("listing: %v", last)
	}
	for _, when := range []lake.Condition{lake.Absent(), lake.Matches("x")} {
		if _, err := d.Put(t.Context(), "file", []byte("own"), when); err == nil {
			t.Error("wrote to a link")
		}
	}
	if data, err := os.ReadFile(secret); err != nil || string(data) != "secret" {
		t.Errorf("outside: %q, %v", data, err)
	}
	linked := lake.Disk{Root: filepath.Join(outside, "link")}
	if err := os.Symlink(root, linked.Root); err != nil {
		t.Fatal(err)
	}
	put(t, linked, "other", "x")
	wantContent(t, d, "other", "x")
}

func TestDiskSweep(t *testing.T) {
	root := t.TempDir()
	d := lake.Disk{Root: root}
	put(t, d, "a/k", "x")
	put(t, d, "b/c/k", "x")
	age := func(name string, hours time.Duration) string {
		path := filepath.Join(root, name)
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		when := info.ModTime().Add(-hours * time.Hour)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
		return path
	}
	mine := age("a/.tmp-dead", 2)
	young, future := age("a/.tmp-young", 0), age("b/.tmp-future", -30)
	below := age("b/c/.tmp-dead", 2)
	age("a/.lock", 2)
	age("a/.other", 2)
	put(t, d, "a/k", "y")
	if diff := cmp.Diff([]string{young, future, below}, temporaries(t, root)); diff != "" {
		t.Errorf("after Put: %s (want %q gone)", diff, mine)
	}
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{young, future}, temporaries(t, root)); diff != "" {
		t.Error(diff)
	}
	for _, kept := range []string{"a/.lock", "a/.other", "a/k", "b/c/k"} {
		if _, err := os.Stat(filepath.Join(root, kept)); err != nil {
			t.Error(err)
		}
	}
	if err := (lake.Disk{Root: filepath.Join(root, "none")}).Sweep(t.Context()); err != nil {
		t.Errorf("sweeping nothing: %v", err)
	}
}

// TestDiskWithoutLinksLocks begins a second exclusive write after the first has checked
// the name and before it has renamed its file.
func TestDiskWithoutLinksLocks(t *testing.T) {
	root := t.TempDir()
	linkless := func(op, _ string) error {
		if op == "link" {
			return errors.ErrUnsupported
		}
		return nil
	}
	second := lake.Disk{Root: root, Step: linkless,
		Wait: func(context.Context, time.Duration) error { return context.DeadlineExceeded }}
	met := false
	first := lake.Disk{Root: root, Step: func(op, key string) error {
		if op == "rename" {
			met = true
			if _, err := second.Put(t.Context(), "k", []byte("second"), lake.Absent()); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the second: %v", err)
			}
		}
		return linkless(op, key)
	}}
	if _, err := first.Put(t.Context(), "k", []byte("first"), lake.Absent()); err != nil || !met {
		t.Errorf("the first: %v", err)
	}
	if _, err := second.Put(t.Context(), "k", []byte("second"), lake.Absent()); !errors.Is(err, lake.ErrConflict) {
		t.Errorf("the second, later: %v", err)
	}
	wantContent(t, first, "k", "first")
}

const holdEnv = "LAKE_TEST_HOLD"

// TestDiskHold is not a test. It is the process that TestDiskLockDies kills.
func TestDiskHold(t *testing.T) {
	root := os.Getenv(holdEnv)
	if root == "" {
		return
	}
	d := lake.Disk{Root: root, Step: func(op, _ string) error {
		if op == "rename" {
			fmt.Println("held")
			if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
				return err
			}
		}
		return nil
	}}
	_, tag, err := d.Get(t.Context(), "k")
	if err == nil {
		_, err = d.Put(t.Context(), "k", []byte("never"), lake.Matches(tag))
	}
	t.Error(err)
}

// TestDiskLockDies kills a process that has locked ".lock". As long as it lives, others
// wait. After its death they continue.
func TestDiskLockDies(t *testing.T) {
	root := t.TempDir()
	tag := put(t, lake.Disk{Root: root}, "k", "old")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDiskHold$")
	cmd.Env = append(os.Environ(), holdEnv+"="+root)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "held"; {
	}
	waits := 0
	d := lake.Disk{Root: root, Wait: func(context.Context, time.Duration) error {
		if waits++; waits == 1 {
			return errors.Join(cmd.Process.Kill(), exited(cmd.Wait()))
		}
		return nil
	}}
	impatient := lake.Disk{Root: root, Wait: func(context.Context, time.Duration) error { return context.DeadlineExceeded }}
	if _, err := impatient.Put(t.Context(), "k", []byte("impatient"), lake.Matches(tag)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while another holds the lock: %v", err)
	}
	if _, err := d.Put(t.Context(), "k", []byte("new"), lake.Matches(tag)); err != nil || waits == 0 {
		t.Errorf("after %d waits: %v", waits, err)
	}
	wantContent(t, d, "k", "new")
	if left := temporaries(t, root); len(left) != 1 {
		t.Errorf("the killed process left %q", left)
	}
}

// exited accepts that a process was killed, because the test wants that.
func exited(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}
