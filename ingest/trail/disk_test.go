package trail_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trailgate/ingest"
	"trailgate/ingest/ingesttest"
	"trailgate/ingest/trail"
	"trailgate/ingest/trail/store"
)

func TestDiskConformance(t *testing.T) {
	for _, workers := range [...]int{0, 1, 7} {
		ingesttest.Suite{Open: func(t *testing.T, docs []ingesttest.Doc) ingest.Source {
			root := t.TempDir()
			for _, d := range docs {
				put(t, root, d.Name, d.Data)
			}
			return &trail.Source{Store: store.Disk{Root: root}, Workers: workers}
		}}.Run(t)
	}
}

func TestDiskLinks(t *testing.T) {
	root, elsewhere := t.TempDir(), t.TempDir()
	one := logKey("AWSLogs/", accountA, "us-east-1", noon(0), 1)
	put(t, root, one, logFile(t, "one"))
	put(t, root, "pool/two", logFile(t, "two"))
	put(t, elsewhere, "secret", logFile(t, "secret"))
	at := func(key string) string { return filepath.Join(root, filepath.FromSlash(key)) }
	link := func(target, key string) {
		if err := os.Symlink(target, at(key)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	inside := logKey("AWSLogs/", accountA, "us-east-1", noon(0), 2)
	outside := logKey("AWSLogs/", accountA, "us-east-1", noon(0), 3)
	nowhere := logKey("AWSLogs/", accountA, "us-east-1", noon(0), 4)
	link(at("pool/two"), inside)
	link(filepath.Join(elsewhere, "secret"), outside)
	link("gone", nowhere)
	link(at("AWSLogs/"+accountA), "AWSLogs/"+accountB)
	link(root, "loop")

	s := &trail.Source{Store: store.Disk{Root: root}}
	got := events(t.Context(), s, ingest.Window{})
	if diff := cmp.Diff([]string{"one", "two"}, got.ids); diff != "" || got.err != nil {
		t.Errorf("error %v, events (-want +got):\n%s", got.err, diff)
	}
	words := map[string]string{}
	for _, skip := range got.skips {
		words[skip.Origin] = string(skip.Cause) + ": " + skip.Err.Error()
	}
	want := map[string]string{
		at(outside): "listing: a link that leads out of the folder",
		at(nowhere): "listing: a link that leads nowhere",
	}
	if diff := cmp.Diff(want, words); diff != "" {
		t.Errorf("skips (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"irregular": 2}, got.cov.Folders); diff != "" {
		t.Errorf("folders (-want +got):\n%s", diff)
	}
	if c := got.cov; c.Listed != 5 || c.Read != 2 || c.Excluded["foreign"] != 1 {
		t.Errorf("listed %d, read %d, excluded %v; want 5, 2 and the file in the pool", c.Listed, c.Read, c.Excluded)
	}
}

func TestDiskUnreadableFolder(t *testing.T) {
	root := t.TempDir()
	one := logKey("AWSLogs/", accountA, "us-east-1", noon(0), 1)
	two := logKey("AWSLogs/", accountA, "us-east-1", noon(1), 1)
	put(t, root, one, logFile(t, "one"))
	put(t, root, two, logFile(t, "two"))
	dir := filepath.Join(root, filepath.FromSlash(two), "..")
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Error(err)
		}
	})
	if _, err := os.ReadDir(dir); err == nil {
		t.Skip("this user may read everything")
	}
	got := events(t.Context(), &trail.Source{Store: store.Disk{Root: root}}, ingest.Window{})
	if len(got.ids) != 1 || len(got.skips) != 1 || got.err != nil {
		t.Fatalf("got %v, %v, %v; want one event and one skip", got.ids, got.skips, got.err)
	}
	if skip := got.skips[0]; skip.Cause != ingest.CauseListing || skip.Origin != filepath.Clean(dir) {
		t.Errorf("skip %+v", skip)
	}
}

func TestDiskErrors(t *testing.T) {
	root := t.TempDir()
	put(t, root, "big", make([]byte, 100))
	put(t, root, "dir/x", nil)
	for _, c := range []struct {
		key   string
		cause ingest.Cause
	}{
		{"gone", ingest.CauseVanished},
		{"big", ingest.CauseTooLarge},
		{"dir", ingest.CauseTransport},
		{"../x", ingest.CauseTransport},
		{"/etc/passwd", ingest.CauseTransport},
	} {
		_, err := store.Disk{Root: root}.Read(t.Context(), c.key, nil, 99)
		var skip *ingest.SkipError
		if !errors.As(err, &skip) || skip.Cause != c.cause || strings.Contains(skip.Err.Error(), root) {
			t.Errorf("read %q: %v, want cause %s and no path in the words", c.key, err, c.cause)
		}
	}
	err := objects(t, &trail.Source{Store: store.Disk{Root: filepath.Join(root, "none")}}, ingest.Window{}).err
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such folder: %v", err)
	}
}
