package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trailgate/ingest/trail"
	"trailgate/ingest/trail/store"
)

func TestSplitDisk(t *testing.T) {
	for _, c := range []struct{ path, root, prefix string }{
		{"copy", "copy", ""},
		{"copy/AWSLogs", "copy", "AWSLogs"},
		{"copy/AWSLogs/", "copy", "AWSLogs"},
		{"AWSLogs/111122223333", ".", "AWSLogs/111122223333"},
		{"/AWSLogs/o-exampleorgid", "/", "AWSLogs/o-exampleorgid"},
		{"/srv/AWSLogs/backup/AWSLogs/x", "/srv/AWSLogs/backup", "AWSLogs/x"},
		{".", ".", ""},
	} {
		root, prefix := store.SplitDisk(filepath.FromSlash(c.path))
		if filepath.ToSlash(root) != c.root || prefix != c.prefix {
			t.Errorf("SplitDisk(%q) = %q, %q, want %q, %q", c.path, root, prefix, c.root, c.prefix)
		}
	}
}

func TestDiskListing(t *testing.T) {
	root := t.TempDir()
	for _, key := range []string{"a", "a-b", "a/1", "a/2", "a.c", "b/1/x", "b/2/x", "c"} {
		file := filepath.Join(root, filepath.FromSlash(strings.Replace(key, "a/", "a d/", 1)))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	disk := store.Disk{Root: root}
	for _, c := range []struct {
		name string
		req  trail.ListRequest
		want []string
	}{
		{"everything, in key order", trail.ListRequest{}, []string{"a", "a d/1", "a d/2", "a-b", "a.c", "b/1/x", "b/2/x", "c"}},
		{"one level", trail.ListRequest{Delimited: true}, []string{"a", "a d/", "a-b", "a.c", "b/", "c"}},
		{"part of a name", trail.ListRequest{Prefix: "a."}, []string{"a.c"}},
		{"below a folder", trail.ListRequest{Prefix: "b/", Delimited: true}, []string{"b/1/", "b/2/"}},
		{"behind a key", trail.ListRequest{StartAfter: "b/1/x"}, []string{"b/2/x", "c"}},
		{"behind a folder", trail.ListRequest{Prefix: "b/", StartAfter: "b/2"}, []string{"b/2/x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for e, err := range disk.List(t.Context(), c.req) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, e.Key)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		})
	}
}
