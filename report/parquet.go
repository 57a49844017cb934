package report

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// DefaultRowGroup is how many rows a row group of a Parquet file has at most.
const DefaultRowGroup = 100_000

// maxGroupText is how many bytes of text a row group has at most, whatever
// its rows: strangers decide how long a user agent is.
const maxGroupText = 64 << 20

// batch is how many rows are handed on together.
const batch = 256

// ParquetOptions say what stands in a Parquet file beside the rows.
type ParquetOptions struct {
	Version  string            // of the tool, for the file's created_by
	Metadata map[string]string // key-value metadata of the file
	RowGroup int               // rows in a row group at most; 0: DefaultRowGroup
}

// WriteParquet writes rows as one Parquet file: columns in their order, zstd,
// typed timestamps and dates, lists as three-level LISTs, statistics for every
// page and column, nulls for what is absent. Text that is not UTF-8 has U+FFFD
// in its place, as the format demands. Of a table that has event_time, the file
// declares that it is sorted by it, so rows that go back in time are an error.
// Rows may be read once; at most one row group is in memory.
func WriteParquet[R Row](w io.Writer, rows iter.Seq[R], o ParquetOptions) error {
	if err := writeParquet(w, rows, o); err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	return nil
}

func writeParquet[R Row](w io.Writer, rows iter.Seq[R], o ParquetOptions) error {
	all := fields[R]()
	clock := slices.IndexFunc(all, func(f field) bool { return f.Name == "event_time" })
	out := parquet.NewGenericWriter[R](w, parquetConfig(o, clock >= 0)...)
	if rows == nil {
		return out.Close()
	}
	limit := o.RowGroup
	if limit <= 0 {
		limit = DefaultRowGroup
	}
	buf := make([]R, 0, batch)
	inGroup, text, last := 0, 0, time.Time{}
	for row := range rows {
		buf = append(buf, row)
		v := reflect.ValueOf(&buf[len(buf)-1]).Elem()
		text += mend(all, v)
		if clock >= 0 {
			if t, ok := all[clock].at(v).(*time.Time); ok {
				if t.UnixMilli() < last.UnixMilli() {
					return errors.New("rows are not sorted by event_time")
				}
				last = *t
			}
		}
		inGroup++
		full := inGroup >= limit || text >= maxGroupText
		if len(buf) == batch || full {
			if _, err := out.Write(buf); err != nil {
				return err
			}
			clear(buf)
			buf = buf[:0]
		}
		if full {
			if err := out.Flush(); err != nil {
				return err
			}
			inGroup, text = 0, 0
		}
	}
	if _, err := out.Write(buf); err != nil {
		return err
	}
	return out.Close()
}

func parquetConfig(o ParquetOptions, sorted bool) []parquet.WriterOption {
	opts := []parquet.WriterOption{
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}),
		parquet.CreatedBy("trailgate", o.Version, ""),
		parquet.DataPageStatistics(true),
		// The oldest forms of pages and texts, since every engine reads those.
		parquet.DataPageVersion(1),
		parquet.DefaultEncodingFor(parquet.ByteArray, &parquet.Plain),
	}
	for k, v := range o.Metadata {
		opts = append(opts, parquet.KeyValueMetadata(valid(k), valid(v)))
	}
	if sorted {
		opts = append(opts, parquet.SortingWriterConfig(parquet.SortingColumns(parquet.Ascending("event_time"))))
	}
	return opts
}

// mend makes the texts of a row valid UTF-8, in place, and counts their bytes.
func mend(all []field, row reflect.Value) int {
	n := 0
	for i := range all {
		switch all[i].Type {
		case typeText:
			v := row.FieldByIndex(all[i].index)
			s := v.String()
			if n += len(s); !utf8.ValidString(s) {
				v.SetString(valid(s))
			}
		case typeTexts:
			p, ok := all[i].at(row).(*[]string)
			if !ok {
				continue
			}
			for k, s := range *p {
				if n += len(s); !utf8.ValidString(s) {
					// The list is the caller's.
					*p = slices.Clone(*p)
					(*p)[k] = valid(s)
				}
			}
		}
	}
	return n
}

// valid puts U+FFFD in place of every byte that is not UTF-8, as JSON has it.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}
