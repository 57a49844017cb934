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

// defaultRowGroup is how many rows a row group of a Parquet file has at most.
const defaultRowGroup = 100_000

// maxGroupText is how many bytes of text a row group has at most, whatever
// its rows: strangers decide how long a user agent is.
const maxGroupText = 64 << 20

// batch is how many rows are handed on together.
const batch = 256

// ParquetOptions say what stands in a Parquet file beside the rows.
type ParquetOptions struct {
	Version  string            // of the tool, for the file's created_by
	Metadata map[string]string // key-value metadata of the file
	RowGroup int               // rows in a row group at most; 0: 100,000
	Bloom    []string          // columns of text that get a bloom filter; a name that is no such column is an error
}

// bloomBits is how many bits a bloom filter has for each value of a row group:
// a filter then takes one absent value in a hundred for a present one.
const bloomBits = 10

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
	for _, name := range o.Bloom {
		if !slices.ContainsFunc(all, func(f field) bool { return f.Name == name && f.Type == typeText }) {
			return fmt.Errorf("bloom filter on %q: no such column of text", name)
		}
	}
	clock := slices.IndexFunc(all, func(f field) bool { return f.Name == "event_time" })
	out := parquet.NewGenericWriter[R](w, parquetConfig(o, clock >= 0)...)
	if rows == nil {
		return out.Close()
	}
	limit := o.RowGroup
	if limit <= 0 {
		limit = defaultRowGroup
	}
	rec := recorder{all: all}
	inGroup, text, last := 0, 0, time.Time{}
	for row := range values(rows) {
		text += rec.add(row)
		if clock >= 0 {
			if t, ok := all[clock].at(row).(*time.Time); ok {
				if t.UnixMilli() < last.UnixMilli() {
					return errors.New("rows are not sorted by event_time")
				}
				last = *t
			}
		}
		inGroup++
		full := inGroup >= limit || text >= maxGroupText
		if len(rec.rows) == batch || full {
			if _, err := out.WriteRows(rec.rows); err != nil {
				return err
			}
			rec.reset()
		}
		if full {
			if err := out.Flush(); err != nil {
				return err
			}
			inGroup, text = 0, 0
		}
	}
	if _, err := out.WriteRows(rec.rows); err != nil {
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
	var filters []parquet.BloomFilterColumn
	for _, name := range o.Bloom {
		filters = append(filters, parquet.SplitBlockFilter(bloomBits, name))
	}
	opts = append(opts, parquet.BloomFilters(filters...))
	if sorted {
		opts = append(opts, parquet.SortingWriterConfig(parquet.SortingColumns(parquet.Ascending("event_time"))))
	}
	return opts
}

// recorder makes the library's rows of ours. The library would take ours as
// they are, but its writer of optional fields (0.32.0) takes the absent ones
// behind a value for empty ones, now and then.
type recorder struct {
	all    []field
	rows   []parquet.Row
	values []parquet.Value // what rows are cut from
	text   []byte          // what values are cut from
}

// reset forgets the rows, once they are written.
func (r *recorder) reset() { r.rows, r.values, r.text = r.rows[:0], r.values[:0], r.text[:0] }

// add adds a row and gives the bytes of its texts.
func (r *recorder) add(row reflect.Value) int {
	values, text := len(r.values), len(r.text)
	for i := range r.all {
		r.column(&r.all[i], i, row)
	}
	r.rows = append(r.rows, r.values[values:len(r.values):len(r.values)])
	return len(r.text) - text
}

// column adds the values of one column.
func (r *recorder) column(f *field, i int, row reflect.Value) {
	var v parquet.Value // null
	switch p := f.at(row).(type) {
	case *time.Time:
		if !f.Nullable || !p.IsZero() {
			v = parquet.Int64Value(p.UnixMilli())
		}
	case *Date:
		if !f.Nullable || *p != 0 {
			v = parquet.Int32Value(int32(*p))
		}
	case *int:
		v = parquet.Int64Value(int64(*p))
	case **float64:
		if *p != nil {
			v = parquet.DoubleValue(**p)
		}
	case **bool:
		if *p != nil {
			v = parquet.BooleanValue(**p)
		}
	case *[]string:
		for k, s := range *p {
			r.values = append(r.values, r.textValue(s).Level(min(k, 1), 1, i))
		}
		if len(*p) > 0 {
			return
		}
	case *[]Date:
		for k, d := range *p {
			r.values = append(r.values, parquet.Int32Value(int32(d)).Level(min(k, 1), 1, i))
		}
		if len(*p) > 0 {
			return
		}
	default:
		if s := row.FieldByIndex(f.index).String(); !f.Nullable || s != "" {
			v = r.textValue(s)
		}
	}
	defined := 0
	if f.Nullable && !v.IsNull() {
		defined = 1
	}
	r.values = append(r.values, v.Level(0, defined, i))
}

// textValue copies a text, as UTF-8.
func (r *recorder) textValue(s string) parquet.Value {
	from := len(r.text)
	r.text = append(r.text, valid(s)...)
	return parquet.ByteArrayValue(r.text[from:len(r.text):len(r.text)])
}

// valid puts U+FFFD in place of every byte that is not UTF-8, as JSON has it.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}
