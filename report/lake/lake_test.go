package lake_test

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/report/lake"
	"trailgate/report/row"
)

func date(t testing.TB, s string) row.Date {
	t.Helper()
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	return row.Date(at.Unix() / 86400)
}

func TestParse(t *testing.T) {
	day := date(t, "2026-03-01")
	flat := lake.Partition{Day: day}
	deep := lake.Partition{Day: day, Account: "111122223333"}
	for _, c := range []struct {
		name, key string
		want      lake.File // zero: none of this table
	}{
		{"by day", "signins/event_date=2026-03-01/part-0000000042-0123456789ab.parquet", lake.File{Partition: flat, Generation: 42, Run: "0123456789ab"}},
		{"by day and account", "signins/event_date=2026-03-01/account_id=111122223333/part-0000000001-0123456789ab.parquet", lake.File{Partition: deep, Generation: 1, Run: "0123456789ab"}},
		{"by day and no account", "signins/event_date=2026-03-01/account_id=__HIVE_DEFAULT_PARTITION__/part-0000000001-0123456789ab.parquet", lake.File{Partition: flat, Generation: 1, Run: "0123456789ab"}},
		{"more than ten digits", "signins/event_date=2026-03-01/part-12345678901-0123456789ab.parquet", lake.File{Partition: flat, Generation: 12345678901, Run: "0123456789ab"}},
		{"another table", "findings/event_date=2026-03-01/part-0000000042-0123456789ab.parquet", lake.File{}},
		{"no table", "event_date=2026-03-01/part-0000000042-0123456789ab.parquet", lake.File{}},
		{"no day", "signins/part-0000000042-0123456789ab.parquet", lake.File{}},
		{"a day that is none", "signins/event_date=2026-02-30/part-0000000042-0123456789ab.parquet", lake.File{}},
		{"a day in other words", "signins/event_date=2026-3-1/part-0000000042-0123456789ab.parquet", lake.File{}},
		{"an account that is empty", "signins/event_date=2026-03-01/account_id=/part-0000000001-0123456789ab.parquet", lake.File{}},
		{"another partition below", "signins/event_date=2026-03-01/region=eu-west-1/part-0000000001-0123456789ab.parquet", lake.File{}},
		{"a folder below", "signins/event_date=2026-03-01/old/part-0000000001-0123456789ab.parquet", lake.File{}},
		{"a folder in the run", "signins/event_date=2026-03-01/part-0000000001-a/b.parquet", lake.File{}},
		{"another engine's file", "signins/event_date=2026-03-01/part-00000-0b6b5d2c.c000.snappy.parquet", lake.File{}},
		{"too few digits", "signins/event_date=2026-03-01/part-42-0123456789ab.parquet", lake.File{}},
		{"too many digits", "signins/event_date=2026-03-01/part-00000000042-0123456789ab.parquet", lake.File{}},
		{"a sign", "signins/event_date=2026-03-01/part-+000000042-0123456789ab.parquet", lake.File{}},
		{"generation 0", "signins/event_date=2026-03-01/part-0000000000-0123456789ab.parquet", lake.File{}},
		{"a temporary", "signins/event_date=2026-03-01/.part-0000000042-0123456789ab.parquet.tmp", lake.File{}},
		{"another form", "signins/event_date=2026-03-01/part-0000000042-0123456789ab.json", lake.File{}},
		{"no run", "signins/event_date=2026-03-01/part-0000000042.parquet", lake.File{}},
		{"the folder", "signins/event_date=2026-03-01/", lake.File{}},
		{"nothing", "", lake.File{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := &lake.Table{Name: "signins"}
			got, ok := table.Parse(c.key)
			if want := c.want.Generation > 0; ok != want {
				t.Fatalf("%t, want %t: %+v", ok, want, got)
			}
			if !ok {
				return
			}
			c.want.Key = c.key
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(- want, + got):\n%s", d)
			}
		})
	}
}

// The account of a record is not trusted, so it must not get into a path.
func TestPlace(t *testing.T) {
	day := date(t, "2026-03-01")
	for account, want := range map[string]string{
		"111122223333": "111122223333", "": "", "11112222333": "", "1111222233334": "", "../../../etc": "", "11112222333/": "", "１１１１２２２２３３３３": "", "11112222333a": "",
	} {
		by := &lake.Table{Name: "signins", ByAccount: true}
		if got := by.PartitionOf(day, account); got != (lake.Partition{Day: day, Account: want}) {
			t.Errorf("%q: %+v", account, got)
		}
		if key := by.Key(by.PartitionOf(day, account), 1, "0123456789ab"); strings.Count(key, "/") != 3 || strings.Contains(key, "..") {
			t.Errorf("%q makes key %q", account, key)
		}
		if got := (&lake.Table{Name: "signins"}).PartitionOf(day, account); got != (lake.Partition{Day: day}) {
			t.Errorf("%q, not divided by account: %+v", account, got)
		}
	}
}

// Keys have the order of their partitions, and Parse returns what Key was given.
func TestKeyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, byAccount := range []bool{false, true} {
		table := &lake.Table{Name: "findings", ByAccount: byAccount}
		var parts []lake.Partition
		for range 300 {
			account := ""
			if r.IntN(4) > 0 {
				account = fmt.Sprintf("%012d", r.Int64N(1e12))
			}
			parts = append(parts, table.PartitionOf(row.Date(1+r.IntN(40_000)), account))
		}
		slices.SortFunc(parts, lake.Partition.Compare)
		last := ""
		for i, p := range parts {
			key := table.Key(p, 1+int64(i), "0123456789ab")
			if i > 0 && parts[i-1] != p && key <= last {
				t.Fatalf("%q is not behind %q", key, last)
			}
			last = key
			f, ok := table.Parse(key)
			if want := (lake.File{Partition: p, Key: key, Generation: 1 + int64(i), Run: "0123456789ab"}); !ok || f != want {
				t.Fatalf("%q: %+v, %t", key, f, ok)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("signins/event_date=2026-03-01/part-0000000042-0123456789ab.parquet")
	f.Add("signins/event_date=2026-03-01/account_id=111122223333/part-0000000042-0123456789ab.parquet")
	f.Add("signins/event_date=2026-03-01/account_id=__HIVE_DEFAULT_PARTITION__/part-0000000042-x.parquet")
	f.Fuzz(func(t *testing.T, key string) {
		table := &lake.Table{Name: "signins"}
		file, ok := table.Parse(key)
		if !ok {
			return
		}
		divided := lake.Table{Name: "signins", ByAccount: strings.Contains(key, "/account_id=")}
		if again := divided.Key(file.Partition, file.Generation, file.Run); again != key {
			t.Errorf("%q came back as %q", key, again)
		}
	})
}

// listed is a store that counts its listings and lets one fail.
type listed struct {
	lake.Store
	lists, taken int
	fail         error
}

func (s *listed) List(ctx ctx, prefix, after string) iter.Seq2[lake.Item, error] {
	s.lists++
	return func(yield func(lake.Item, error) bool) {
		if s.fail != nil {
			yield(lake.Item{}, s.fail)
			return
		}
		for item, err := range s.Store.List(ctx, prefix, after) {
			s.taken++
			if !yield(item, err) {
				return
			}
		}
	}
}

// stored returns a store with these objects of 3 bytes each.
func stored(t testing.TB, keys ...string) *listed {
	t.Helper()
	s := &listed{Store: &memory{}}
	for _, key := range keys {
		if _, err := s.Put(t.Context(), key, []byte("abc"), lake.Absent()); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func keysOf(files []lake.File) []string {
	var out []string
	for _, f := range files {
		out = append(out, f.Key)
	}
	return out
}

func TestFiles(t *testing.T) {
	const part = "part-0000000001-0123456789ab.parquet"
	day := func(s string) string { return "signins/event_date=" + s + "/" + part }
	s := stored(t, day("2026-02-28"), day("2026-03-01"), "signins/event_date=2026-03-01/part-0000000002-0123456789ab.parquet", "signins/event_date=2026-03-01/notes.txt",
		"signins/event_date=2026-03-02/account_id=111122223333/"+part, day("2026-03-04"), day("2026-12-31"), "signins/event_date=9999-12-31/"+part,
		"findings/event_date=2026-03-01/"+part, "signins/readme", "_trailgate/lake.json")
	table := &lake.Table{Store: s, Name: "signins"}
	all := []string{day("2026-02-28"), day("2026-03-01"), "signins/event_date=2026-03-01/part-0000000002-0123456789ab.parquet",
		"signins/event_date=2026-03-02/account_id=111122223333/" + part, day("2026-03-04"), day("2026-12-31"), day("9999-12-31")}
	for _, c := range []struct {
		name, first, last string
		want              []string
	}{
		{"all", "1970-01-01", "1970-01-01", all},
		{"from a day on", "2026-03-02", "1970-01-01", all[3:]},
		{"both ends included", "2026-03-01", "2026-03-02", all[1:4]},
		{"one day", "2026-03-04", "2026-03-04", all[4:5]},
		{"a day without files", "2026-03-03", "2026-03-03", nil},
		{"up to the last day of all", "2026-12-31", "9999-12-31", all[5:]},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.taken = 0
			got, err := table.Files(t.Context(), date(t, c.first), date(t, c.last))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, keysOf(got)); d != "" {
				t.Errorf("(- want, + got):\n%s", d)
			}
			for _, f := range got {
				if f.Size != 3 {
					t.Errorf("%s has %d bytes", f.Key, f.Size)
				}
			}
			if s.taken > len(got)+2 {
				t.Errorf("%d items were listed for %d files", s.taken, len(got))
			}
		})
	}
	s.fail = errors.New("no answer")
	if _, err := table.Files(t.Context(), 0, 0); err == nil || err.Error() != "list table signins: no answer" {
		t.Errorf("error %v", err)
	}
	if _, err := table.FilesOf(t.Context(), []row.Date{1}); !errors.Is(err, s.fail) {
		t.Errorf("error %v", err)
	}
}

// FilesOf returns the files of exactly these days. It needs one listing for each group of
// days that are close together.
func TestFilesOf(t *testing.T) {
	begin := date(t, "2026-01-01")
	table := &lake.Table{Name: "signins"}
	var keys []string
	for i := range 200 {
		keys = append(keys, table.Key(lake.Partition{Day: begin + row.Date(i)}, 1, "0123456789ab"))
	}
	s := stored(t, keys...)
	table.Store = s
	for _, c := range []struct {
		name  string
		days  []int
		lists int
	}{
		{"none", nil, 0},
		{"one", []int{7}, 1},
		{"twice the same, out of order", []int{9, 7, 9, 8}, 1},
		{"close together", []int{0, 40, 80}, 1},
		{"a gap", []int{0, 41}, 2},
		{"far apart", []int{0, 1, 100, 101, 199}, 3},
		{"one that has none", []int{199, 230}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var days []row.Date
			want := map[string]bool{}
			for _, d := range c.days {
				days = append(days, begin+row.Date(d))
				if d < len(keys) {
					want[keys[d]] = true
				}
			}
			before := slices.Clone(days)
			s.lists = 0
			files, err := table.FilesOf(t.Context(), days)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]bool{}
			for _, f := range files {
				got[f.Key] = true
			}
			if d := cmp.Diff(want, got); d != "" || len(files) != len(want) {
				t.Errorf("%d files (- want, + got):\n%s", len(files), d)
			}
			if s.lists != c.lists {
				t.Errorf("%d listings, want %d", s.lists, c.lists)
			}
			if d := cmp.Diff(before, days); d != "" {
				t.Errorf("the days were changed:\n%s", d)
			}
		})
	}
}

func TestAddAndRead(t *testing.T) {
	s := stored(t)
	table := &lake.Table{Store: s, Name: "signins"}
	key := table.Key(lake.Partition{Day: 20513}, 1, "0123456789ab")
	if err := table.Add(t.Context(), key, []byte("abc")); err != nil {
		t.Fatal(err)
	}
	if err := table.Add(t.Context(), key, []byte("d")); !errors.Is(err, lake.ErrConflict) || !strings.Contains(err.Error(), `add lake file "memory:`+key) {
		t.Errorf("the name was used twice: %v", err)
	}
	files, err := table.Files(t.Context(), 0, 0)
	if err != nil || len(files) != 1 || files[0].Size != 3 {
		t.Fatalf("%+v, %v", files, err)
	}
	if data, err := table.Read(t.Context(), files[0]); string(data) != "abc" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
	gone := lake.File{Key: "signins/event_date=2026-03-01/part-0000000009-0123456789ab.parquet"}
	if _, err := table.Read(t.Context(), gone); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `read lake file "memory:`+gone.Key) {
		t.Errorf("a file that is gone: %v", err)
	}
}
