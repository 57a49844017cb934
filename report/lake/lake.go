package lake

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"trailgate/report/row"
)

// Metadata is the folder of a lake that holds no rows. Engines pass over names
// that begin with an underscore (Apache Hive's convention, which Athena, Spark
// and Trino follow).
const Metadata = "_trailgate"

// noAccount is Hive's name for the partition of rows that have no value.
const noAccount = "__HIVE_DEFAULT_PARTITION__"

// Table is one table of a lake: Parquet files in folders event_date=YYYY-MM-DD,
// and within these account_id=ID where the lake is divided by account. Do not
// change the fields while it is in use. It may be used by several goroutines.
type Table struct {
	Store     Store
	Name      string // of its folder
	ByAccount bool   // divide by account as well

	// RolledBack are keys of files that Recover has taken back. They are passed over:
	// a run that was overtaken may write one of them yet, before it notices.
	RolledBack map[string]bool
}

// Partition is one folder of a table.
type Partition struct {
	Day     row.Date
	Account string // 12 digits; empty: not divided by account, or rows without one
}

// Compare orders partitions as their folders are ordered.
func (p Partition) Compare(o Partition) int {
	return cmp.Or(cmp.Compare(p.Day, o.Day), strings.Compare(cmp.Or(p.Account, noAccount), cmp.Or(o.Account, noAccount)))
}

// File is one file of a table, taken from its key.
type File struct {
	Partition
	Key        string
	Size       int64  // bytes
	Generation int64  // in which it was added
	Run        string // by which it was added
}

// PartitionOf is the partition of a row. An account id that is none comes from a
// record that is not to be trusted, and does not get into a path.
func (t *Table) PartitionOf(day row.Date, account string) Partition {
	if !t.ByAccount || len(account) != 12 || strings.Trim(account, "0123456789") != "" {
		account = ""
	}
	return Partition{day, account}
}

// Key names the file that a run adds to a partition.
func (t *Table) Key(p Partition, generation int64, run string) string {
	folder := t.dayFolder(p.Day)
	if t.ByAccount {
		folder += "account_id=" + cmp.Or(p.Account, noAccount) + "/"
	}
	return folder + fileName(generation, run)
}

// fileName is the last part of the keys of all files that a run adds.
func fileName(generation int64, run string) string {
	return fmt.Sprintf("part-%010d-%s.parquet", generation, run)
}

// dayFolder is the folder of a day.
func (t *Table) dayFolder(d row.Date) string {
	return fmt.Sprintf("%s/event_date=%s/", t.Name, d.Time().Format(time.DateOnly))
}

// Parse takes a key of this table apart, and tells whether it is one. Other
// files that lie there are not the table's.
func (t *Table) Parse(key string) (File, bool) {
	f := File{Key: key}
	rest, ok := strings.CutPrefix(key, t.Name+"/event_date=")
	if !ok {
		return File{}, false
	}
	day, rest, _ := strings.Cut(rest, "/")
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return File{}, false
	}
	f.Day = row.DateOf(at)
	if after, ok := strings.CutPrefix(rest, "account_id="); ok {
		f.Account, rest, _ = strings.Cut(after, "/")
		if f.Account == noAccount {
			f.Account = ""
		}
	}
	name, ok := strings.CutPrefix(rest, "part-")
	name, isFile := strings.CutSuffix(name, ".parquet")
	number, run, cut := strings.Cut(name, "-")
	f.Generation, err = strconv.ParseInt(number, 10, 64)
	f.Run = run
	whole := Table{Name: t.Name, ByAccount: strings.Contains(key, "/account_id=")}
	return f, ok && isFile && cut && err == nil && f.Generation > 0 && !strings.Contains(run, "/") && whole.Key(f.Partition, f.Generation, run) == key
}

// Files lists the table's files from one day to another, both included, in
// order of their keys. The zero day as last has no end.
func (t *Table) Files(ctx context.Context, first, last row.Date) ([]File, error) {
	var out []File
	beyond := ""
	if last != 0 {
		beyond = t.dayFolder(last) + "\xff" // behind all keys there, and before the next day's
	}
	for item, err := range t.Store.List(ctx, t.Name+"/event_date=", t.dayFolder(first)) {
		if err != nil {
			return nil, fmt.Errorf("list table %s: %w", t.Name, err)
		}
		if beyond != "" && item.Key >= beyond {
			break
		}
		if f, ok := t.Parse(item.Key); ok && !t.RolledBack[f.Key] {
			f.Size = item.Size
			out = append(out, f)
		}
	}
	return out, nil
}

// maxDayGap is how many days apart two wanted days may be to be listed together:
// what lies between costs less than a request of its own.
const maxDayGap = 40

// FilesOf lists the files of the partitions of these days.
func (t *Table) FilesOf(ctx context.Context, days []row.Date) ([]File, error) {
	days = slices.Clone(days)
	slices.Sort(days)
	days = slices.Compact(days)
	var out []File
	for i := 0; i < len(days); {
		k := i
		for k+1 < len(days) && days[k+1]-days[k] <= maxDayGap {
			k++
		}
		files, err := t.Files(ctx, days[i], days[k])
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if _, wanted := slices.BinarySearch(days, f.Day); wanted {
				out = append(out, f)
			}
		}
		i = k + 1
	}
	return out, nil
}

// Read gives a file whole. One that is gone is an error: another run is at
// work.
func (t *Table) Read(ctx context.Context, f File) ([]byte, error) {
	data, _, err := t.Store.Get(ctx, f.Key)
	if err != nil {
		return nil, fmt.Errorf("read lake file %q: %w", t.Store.Name(f.Key), err)
	}
	return data, nil
}

// Add writes a file under a key that Key gave. It is there whole or not at all,
// and an earlier one of the same name is an error: names are not used twice. It
// may be called from several goroutines, and does not keep data.
func (t *Table) Add(ctx context.Context, key string, data []byte) error {
	if _, err := t.Store.Put(ctx, key, data, Absent()); err != nil {
		return fmt.Errorf("add lake file %q: %w", t.Store.Name(key), err)
	}
	return nil
}
