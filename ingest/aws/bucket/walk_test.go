package bucket_test

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"trailgate/ingest/aws/bucket"
)

// walkKeys returns what a walk yields. It begins in the last folder of the prefix and
// ends after the first limit keys. Folders that cannot be read have a "!".
func walkKeys(tree fs.FS, w bucket.Walk, limit int) []string {
	var keys []string
	w.Read = func(folder string) ([]fs.DirEntry, error) {
		if strings.HasSuffix(folder, "broken/") {
			return nil, errors.New("broken")
		}
		entries, err := fs.ReadDir(tree, strings.TrimSuffix("./"+folder, "/"))
		slices.Reverse(entries)
		return entries, err
	}
	w.Yield = func(key string, _ fs.DirEntry, err error) bool {
		if err != nil {
			key += "!"
		}
		keys = append(keys, key)
		return len(keys) < limit
	}
	w.Folder(w.Prefix[:strings.LastIndexByte(w.Prefix, '/')+1])
	return keys
}

// rootFS names the root folder as fs.FS wants it.
type rootFS struct{ fstest.MapFS }

func (r rootFS) ReadDir(name string) ([]fs.DirEntry, error) {
	name = strings.TrimPrefix(strings.TrimPrefix(name, "."), "/")
	if name == "" {
		name = "."
	}
	return r.MapFS.ReadDir(name)
}

func TestWalk(t *testing.T) {
	tree := rootFS{fstest.MapFS{}}
	all := []string{"a", "a-b", "a.b/c", "a0", "b/c/1", "b/c/2", "b/c-1", "b/d/1"}
	for _, key := range all {
		tree.MapFS[key] = &fstest.MapFile{}
	}
	// A bucket lists keys in the order of their bytes, so "b/c-1" comes before "b/c/1".
	slices.Sort(all)
	if diff := cmp.Diff(all, walkKeys(tree, bucket.Walk{}, 99)); diff != "" {
		t.Errorf("all keys (-want +got):\n%s", diff)
	}
	for _, prefix := range []string{"a", "a.", "b/", "b/c", "b/c/", "b/c/2", "none"} {
		for _, after := range append(all, "", "a.b/", "b/c", "b/zzz") {
			want := slices.DeleteFunc(slices.Clone(all), func(key string) bool { return key <= after || !strings.HasPrefix(key, prefix) })
			got := walkKeys(tree, bucket.Walk{Prefix: prefix, After: after}, 99)
			if !slices.Equal(want, got) {
				t.Errorf("prefix %q after %q: %q, want %q", prefix, after, got, want)
			}
		}
	}
	if diff := cmp.Diff([]string{"b/c-1", "b/c/", "b/d/"}, walkKeys(tree, bucket.Walk{Prefix: "b/", Flat: true}, 99)); diff != "" {
		t.Errorf("flat (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(all[:3], walkKeys(tree, bucket.Walk{}, 3)); diff != "" {
		t.Errorf("left early (-want +got):\n%s", diff)
	}
}

func TestWalkBrokenFolder(t *testing.T) {
	tree := rootFS{fstest.MapFS{"a/1": {}, "broken/1": {}, "c": {}}}
	if diff := cmp.Diff([]string{"a/1", "broken/!", "c"}, walkKeys(tree, bucket.Walk{}, 99)); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a/1", "broken/!"}, walkKeys(tree, bucket.Walk{}, 2)); diff != "" {
		t.Errorf("left at the error (-want +got):\n%s", diff)
	}
}
