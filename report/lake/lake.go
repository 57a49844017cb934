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

// Metadata is the folder of a lake for files without rows. Engines ignore names that
// begin with an underscore. This is a convention of Apache Hive, and Athena, Spark
// and Trino follow it.
const Metadata = "_trailgate"

// noAccount is Hive's name for the partition of the rows that have no value.
const noAccount = "__HIVE_DEFAULT_PARTITION__"

// Table is one table of a lake. Its Parquet files are in folders
// event_date=YYYY-MM-DD. If the lake is divided by account, these have folders
// account_id=ID. Do not change the fields while the table is in use. Several
// goroutines may use it at the same time.
type Table struct {
	Store     Store  // required
	Name      string // of its folder; required
	ByAccount bool   // divide by account as well

	// RolledBack has the keys of files that Recover has deleted. Files ignores them,
	// because a run that lost the lock may still write one of them before it notices.
	RolledBack map[string]bool
}

// Partition is one folder of a table.
type Partition struct {
	Day     row.Date
	Account string // 12 digits; empty if not divided by account, or if the rows have none
}

// Compare returns -1, 0 or 1. It orders partitions as their folders are ordered.
func (p Partition) Compare(o Partition) int {
	return cmp.Or(cmp.Compare(p.Day, o.Day), strings.Compare(cmp.Or(p.Account, noAccount), cmp.Or(o.Account, noAccount)))
}

// File is one file of a table. All but the size comes from its key.
type File struct {
	Partition
	Key        string
	Size       int64  // bytes; -1 if the server does not say
	Generation int64  // the generation that added it
	Run        string // the run that added it
}

// PartitionOf returns the partition of a row. Records are not trusted, so a text that
// is not an account id does not get into a path. It counts as no account.
func (t *Table) PartitionOf(day row.Date, account string) Partition {
	if !t.ByAccount || len(account) != 12 || strings.Trim(account, "0123456789") != "" {
		account = ""
	}
	return Partition{day, account}
}

// Key returns the key of the file that a run adds to a partition.
func (t *Table) Key(p Partition, generation int64, run string) string {
	folder := t.dayFolder(p.Day)
	if t.ByAccount {
		folder += "account_id=" + cmp.Or(p.Account, noAccount) + "/"
	}
	return folder + fileName(generation, run)
}

// fileName returns the last part of the keys of all files that a run adds.
func fileName(generation int64, run string) string {
	return fmt.Sprintf("part-%010d-%s.parquet", generation, run)
}

// dayFolder returns the folder of a day, with a slash at its end.
func (t *Table) dayFolder(d row.Date) string {
	return fmt.Sprintf("%s/event_date=%s/", t.Name, d.Time().Format(time.DateOnly))
}

// Parse returns the file that a key names, without its size. It returns false if the
// key is not one of this table. Other files in the folder do not belong to the table.
// Keys with and without an account are accepted, whatever ByAccount says.
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

// Files lists the files of the table from the first to the last day, in the order of
// their keys. Both days are included. A zero last means every later day. Files leaves
// out what Parse does not accept, and the keys in RolledBack.
func (t *Table) Files(ctx context.Context, first, last row.Date) ([]File, error) {
	var out []File
	beyond := ""
	if last != 0 {
		beyond = t.dayFolder(last) + "\xff" // after all keys of this day, before those of the next
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

// maxDayGap is the largest distance of two days that are listed together. To list the
// files between them costs less than a further request.
const maxDayGap = 40

// FilesOf lists the files of these days, in the order of their keys. The days need
// not be sorted.
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

// Read returns the content of a file. The caller owns the bytes. A file that no longer
// exists is an error, because it means that another run is active.
func (t *Table) Read(ctx context.Context, f File) ([]byte, error) {
	data, _, err := t.Store.Get(ctx, f.Key)
	if err != nil {
		return nil, fmt.Errorf("read lake file %q: %w", t.Store.Name(f.Key), err)
	}
	return data, nil
}

// Add writes a file under a key that Key returned, completely or not at all. If the file
// exists with other content, the error is ErrConflict, wrapped, because a key is used
// only once. Add may be called from several goroutines, and does not keep data.
func (t *Table) Add(ctx context.Context, key string, data []byte) error {
	if _, err := t.Store.Put(ctx, key, data, Absent()); err != nil {
		return fmt.Errorf("add lake file %q: %w", t.Store.Name(key), err)
	}
	return nil
}
