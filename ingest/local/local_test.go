package local_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trailgate/ingest"
	"trailgate/ingest/ingesttest"
	"trailgate/ingest/local"
)

func rec(id string) string {
	return `{"eventVersion":"1.08","userIdentity":{"type":"Root","accountId":"111122223333"},"eventTime":"2026-03-01T10:00:00Z",` +
		`"eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"us-east-1","eventID":"` + id + `"}`
}

func pack(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, s); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// folder writes files and gives the folder that holds them.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// outcome is the result of reading a source: sorted ids and causes.
type outcome struct {
	IDs    []string
	Causes []string
	Err    string
}

func read(ctx context.Context, s *local.Source) (outcome, ingest.Coverage) {
	var o outcome
	stream := s.Open(ctx, ingest.Window{})
	for e, err := range stream.Events() {
		var skip *ingest.SkipError
		switch {
		case err == nil:
			o.IDs = append(o.IDs, e.ID)
		case errors.As(err, &skip):
			o.Causes = append(o.Causes, string(skip.Cause))
		default:
			o.Err = err.Error()
		}
	}
	slices.Sort(o.IDs)
	slices.Sort(o.Causes)
	return o, stream.Coverage()
}

func TestConformance(t *testing.T) {
	ingesttest.Suite{Open: func(t *testing.T, docs []ingesttest.Doc) ingest.Source {
		files := map[string]string{}
		for _, d := range docs {
			files[d.Name] = string(d.Data)
		}
		return &local.Source{Path: folder(t, files)}
	}}.Run(t)
}

func TestFolder(t *testing.T) {
	dir := folder(t, map[string]string{
		"a.json":        `{"Records":[` + rec("1") + `]}`,
		"b.json.gz":     pack(t, `{"Records":[`+rec("2")+`]}`),
		"c/d.log":       rec("3") + "\n" + rec("4") + "\n",
		"named.gz":      rec("5"),
		"README.txt":    "words",
		".hidden.json":  rec("9"),
		"utf16.txt":     "\xff\xfeC\x00o\x00n\x00s\x00o\x00l\x00e\x00L\x00o\x00g\x00i\x00n\x00",
		"headed.txt":    "# exported\n" + rec("8") + "\n",
		"broken.json":   "words",
		"cut.gz":        pack(t, rec("9"))[:40],
		"garbage.gz":    pack(t, rec("6")) + "garbage",
		"empty.json":    "",
		"noid.json":     rec(""),
		"cut/late.json": `{"Records":[` + rec("7") + `,{"a`,
	})
	s := &local.Source{Path: dir}
	want := outcome{
		IDs:    []string{"1", "2", "3", "4", "5", "6", "7", "8"},
		Causes: []string{"broken-json", "broken-record", "empty", "no-event-id", "trailing-garbage", "truncated", "unknown-format", "unknown-format"},
	}
	for range 2 { // a source may be read again
		got, c := read(t.Context(), s)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if c.Listed != 14 || c.Read != 6 || ingest.Total(c.Excluded) != 2 || c.Packed == 0 || c.Inflated == 0 {
			t.Errorf("coverage: %+v", c)
		}
	}
}

func TestDeniedFile(t *testing.T) {
	dir := folder(t, map[string]string{"a.json": rec("1"), "b.json": rec("2")})
	if err := os.Chmod(filepath.Join(dir, "b.json"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Open(filepath.Join(dir, "b.json")); err == nil {
		t.Skip("SKIPPED: this user may read every file, so none can be denied")
	}
	got, _ := read(t.Context(), &local.Source{Path: dir})
	if diff := cmp.Diff(outcome{IDs: []string{"1"}, Causes: []string{"access-denied"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestNoSuchFile(t *testing.T) {
	if got, _ := read(t.Context(), &local.Source{Path: filepath.Join(t.TempDir(), "none")}); !strings.Contains(got.Err, "none") {
		t.Errorf("got %+v", got)
	}
}

func TestStdin(t *testing.T) {
	for name, text := range map[string]string{
		"plain":            rec("1") + "\n" + rec("2"),
		"gzip":             pack(t, rec("1")+"\n"+rec("2")),
		"files end to end": pack(t, `{"Records":[`+rec("1")+`]}`) + pack(t, `{"Records":[`+rec("2")+`]}`),
	} {
		t.Run(name, func(t *testing.T) {
			s := &local.Source{Path: "-", Stdin: strings.NewReader(text)}
			got, c := read(t.Context(), s)
			if diff := cmp.Diff(outcome{IDs: []string{"1", "2"}}, got); diff != "" {
				t.Error(diff)
			}
			if c.Packed != int64(len(text)) || c.Read != 1 {
				t.Errorf("coverage: %+v", c)
			}
		})
	}
}

// lines is a reader of many lines that holds only one.
type lines struct {
	line []byte
	left int
	at   int
}

func (l *lines) Read(p []byte) (int, error) {
	if l.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, l.line[l.at:])
	if l.at += n; l.at == len(l.line) {
		l.at, l.left = 0, l.left-1
	}
	return n, nil
}

func TestStreamNeedsNoMemory(t *testing.T) {
	filler := strings.Replace(rec("x"), "ConsoleLogin", "CheckMfa", 1) + "\n"
	text := strings.Repeat(filler, 100) + rec("1") + "\n"
	s := &local.Source{Path: "-", Stdin: &lines{line: []byte(text), left: 10_000}} // some 250 MB
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n := 0
	stream := s.Open(t.Context(), ingest.Window{})
	for _, err := range stream.Events() {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n%1000 == 0 {
			runtime.GC()
			if runtime.ReadMemStats(&after); after.HeapAlloc > before.HeapAlloc+32<<20 {
				t.Fatalf("heap grew by %d bytes after %d sign-ins", after.HeapAlloc-before.HeapAlloc, n)
			}
		}
	}
	if n != 10_000 || stream.Coverage().Inflated != int64(len(text))*10_000 {
		t.Errorf("%d sign-ins, coverage %+v", n, stream.Coverage())
	}
}

func TestInterruptedStdinKeepsWhatWasFound(t *testing.T) {
	in, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if _, err := io.WriteString(w, rec("1")+"\n"+rec("2")+"\n"+strings.Repeat("{}\n", 1<<20)); err != nil {
			t.Error(err)
		}
		cancel() // all of it was read by then, and nothing more comes
	}()
	got, _ := read(ctx, &local.Source{Path: "-", Stdin: in})
	if diff := cmp.Diff(outcome{IDs: []string{"1", "2"}, Err: context.Canceled.Error()}, got); diff != "" {
		t.Error(diff)
	}
}

func TestFolderThatIsALink(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(folder(t, map[string]string{"a.json": rec("1")}), link); err != nil {
		t.Fatal(err)
	}
	got, _ := read(t.Context(), &local.Source{Path: link})
	if diff := cmp.Diff(outcome{IDs: []string{"1"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestEmptyFolder(t *testing.T) {
	if got, _ := read(t.Context(), &local.Source{Path: t.TempDir()}); !strings.Contains(got.Err, "no files in it") {
		t.Errorf("got %+v", got)
	}
}

func TestCancelledWhileStdinBlocks(t *testing.T) {
	blocked, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := &local.Source{Path: "-", Stdin: blocked}
	got, cov := read(ctx, s)
	if got.Err != context.Canceled.Error() || !cov.Partial {
		t.Errorf("got %+v, coverage %+v", got, cov)
	}
}

func TestLeftEarly(t *testing.T) {
	files := map[string]string{}
	for i := range 50 {
		files[fmt.Sprintf("%d.json", i)] = rec(fmt.Sprint(i))
	}
	s := &local.Source{Path: folder(t, files)}
	for range s.Open(t.Context(), ingest.Window{}).Events() {
		break
	}
	if got, _ := read(t.Context(), s); len(got.IDs) != 50 {
		t.Errorf("got %d after leaving early", len(got.IDs))
	}
}
