package batch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"trailgate/report/lake"
	"trailgate/report/row"
)

// signInRows yields sign-ins with these ids, a second apart, and then perhaps an
// error.
func signInRows(err error, ids ...string) iter.Seq2[row.SignIn, error] {
	return func(yield func(row.SignIn, error) bool) {
		for i, id := range ids {
			if !yield(row.SignIn{EventID: id, EventTime: time.Unix(int64(1_772_323_200+i), 0).UTC(), EventDate: 20513}, nil) {
				return
			}
		}
		if err != nil {
			yield(row.SignIn{}, err)
		}
	}
}

func addRows(ctx context.Context, t *lake.Table, key string, rows iter.Seq2[row.SignIn, error]) ([]AddedFile, error) {
	return addFiles(ctx, []addition{{t, key, func() (encoded, error) { return encodeRows(t.Name, "0.1.0", rows) }}})
}

func TestRowsOfLake(t *testing.T) {
	table := &lake.Table{Store: lake.Disk{Root: t.TempDir()}, Name: "signins"}
	key := table.Key(lake.Partition{Day: 20513}, 1, "0123456789ab")
	broken := errors.New("broken")
	if _, err := addRows(t.Context(), table, key, signInRows(broken, "a")); !errors.Is(err, broken) || !strings.Contains(err.Error(), key) {
		t.Fatalf("error %v", err)
	}
	if w, err := addRows(t.Context(), table, key, signInRows(nil)); err != nil || w[0].Rows != 0 || w[0].Bytes != 0 {
		t.Fatalf("no rows: %+v, %v", w, err)
	}
	if _, _, err := table.Store.Get(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a file of no rows: %v", err)
	}
	w, err := addRows(t.Context(), table, key, signInRows(nil, "a", "b", "c"))
	if err != nil || w[0].Rows != 3 || w[0].Key != key || w[0].Table != "signins" {
		t.Fatalf("%+v, %v", w, err)
	}
	files, err := table.Files(t.Context(), 0, 0)
	if err != nil || len(files) != 1 || files[0].Size != w[0].Bytes {
		t.Fatalf("%+v, %v", files, err)
	}
	var got, ids []string
	for row, err := range rowsOf[row.SignIn](t.Context(), table, files[0]) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, row.EventID)
	}
	if err := forEachID(t.Context(), table, files[0], func(id string) { ids = append(ids, id) }); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "b", "c"}; !slices.Equal(got, want) || !slices.Equal(ids, want) {
		t.Errorf("rows %v, ids %v", got, ids)
	}
}

func TestRowsOfDamagedFile(t *testing.T) {
	table := &lake.Table{Store: lake.Disk{Root: t.TempDir()}, Name: "signins"}
	f := lake.File{Key: table.Key(lake.Partition{Day: 20513}, 9, "0123456789ab")}
	if err := forEachID(t.Context(), table, f, func(string) {}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ids of a file that is gone: %v", err)
	}
	if err := table.Add(t.Context(), f.Key, []byte("abc")); err != nil {
		t.Fatal(err)
	}
	var broken *lake.BrokenError
	if err := forEachID(t.Context(), table, f, func(string) {}); !errors.As(err, &broken) || broken.Part != lake.TableFile || !strings.Contains(err.Error(), f.Key) {
		t.Errorf("ids of a damaged file: %v", err)
	}
	n := 0
	for _, err := range rowsOf[row.SignIn](t.Context(), table, f) {
		if n++; !errors.As(err, &broken) || n > 1 {
			t.Errorf("rows of a damaged file: %v", err)
		}
	}
}

// meeting is a store whose Put waits until so many are there at once.
type meeting struct {
	lake.Store
	want, inside atomic.Int64
	all          chan struct{}
	fail         func(key string) error
}

func (s *meeting) Put(ctx context.Context, key string, data []byte, when lake.Condition) (lake.Tag, error) {
	if s.inside.Add(1) == s.want.Load() {
		close(s.all)
	}
	<-s.all
	if err := s.fail(key); err != nil {
		return "", err
	}
	return s.Store.Put(ctx, key, data, when)
}

// manyFiles are n files to add; encoding counts how many are encoded at once.
func manyFiles(table *lake.Table, n int, most *atomic.Int64) []addition {
	var now atomic.Int64
	var out []addition
	for i := range n {
		out = append(out, addition{table, table.Key(lake.Partition{Day: row.Date(i)}, 1, "0123456789ab"), func() (encoded, error) {
			for here := now.Add(1); ; {
				if seen := most.Load(); seen >= here || most.CompareAndSwap(seen, here) {
					break
				}
			}
			defer now.Add(-1)
			return encoded{data: bytes.Repeat([]byte("x"), i+1), rows: i + 1}, nil
		}})
	}
	return out
}

// Files are written at the same time, as many as may be, and accounted for in
// their order.
func TestFilesAreWrittenTogether(t *testing.T) {
	s := &meeting{Store: lake.Disk{Root: t.TempDir()}, all: make(chan struct{}), fail: func(string) error { return nil }}
	s.want.Store(maxWriters)
	var most atomic.Int64
	files := manyFiles(&lake.Table{Store: s, Name: "signins"}, 3*maxWriters, &most)
	got, err := addFiles(t.Context(), files)
	if err != nil || len(got) != len(files) {
		t.Fatalf("%d files, %v", len(got), err)
	}
	for i, f := range got {
		if f != (AddedFile{Table: "signins", Key: files[i].key, Rows: i + 1, Bytes: int64(i + 1)}) {
			t.Errorf("file %d: %+v", i, f)
		}
	}
	if most.Load() > maxEncoders {
		t.Errorf("%d files were encoded at once", most.Load())
	}
}

// After an error none is begun, those under way come to their end, and an error
// that leaves a write open is the one that is told.
func TestFilesThatFail(t *testing.T) {
	s := &meeting{Store: lake.Disk{Root: t.TempDir()}, all: make(chan struct{})}
	s.want.Store(maxWriters)
	table := &lake.Table{Store: s, Name: "signins"}
	var most atomic.Int64
	files := manyFiles(table, 3*maxWriters, &most)
	s.fail = func(key string) error {
		if key == files[5].key {
			return fmt.Errorf("no answer: %w", lake.ErrOutcomeUnknown)
		}
		return errors.New("denied")
	}
	got, err := addFiles(t.Context(), files)
	if !errors.Is(err, lake.ErrOutcomeUnknown) || got != nil {
		t.Errorf("%d files, %v", len(got), err)
	}
	if n := s.inside.Load(); n != maxWriters {
		t.Errorf("%d files were begun", n)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := addFiles(ctx, files); !errors.Is(err, context.Canceled) {
		t.Errorf("told to stop: %v", err)
	}
}
