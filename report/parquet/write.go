package parquet

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

	"trailgate/report/internal/columns"
	"trailgate/report/row"
)

// defaultRowGroup is the largest number of rows in a row group unless Options
// say otherwise.
const defaultRowGroup = 100_000

// maxGroupText is a number of bytes of text. A row group ends with the row that
// reaches it, however few rows it has. It bounds the memory, because anybody can
// send a very long user agent.
const maxGroupText = 64 << 20

// batchRows is how many rows or values are passed to and from the library at a
// time.
const batchRows = 256

// Options say what a file has besides the rows. The zero value is valid.
type Options struct {
	Version  string            // of the tool, for created_by of the file
	Metadata map[string]string // key-value metadata of the file
	RowGroup int               // the largest number of rows in a row group; 0 means 100,000
	Bloom    []string          // columns of text that get a bloom filter; another name is an error
}

// bloomBits is the number of bits that a bloom filter has for each value of a row
// group. With 10 bits about one in a hundred absent values passes the filter.
const bloomBits = 10

// sortColumn is the column by which a file is sorted, if its rows have it.
const sortColumn = "event_time"

// Write writes rows as one Parquet file.
//
// The file has the columns of the row type in their order, compressed by zstd.
// Timestamps and dates have their own types, lists are three-level LISTs, and
// absent values are null. Every page and column has statistics. The format
// demands UTF-8, so every byte that is not UTF-8 becomes U+FFFD.
//
// If the rows have event_time, the file declares that it is sorted by it. Rows
// that go back in time are therefore an error.
//
// The rows are read once, and at most one row group is in memory. Nil means no
// rows.
func Write[R row.Row](w io.Writer, rows iter.Seq[R], o Options) error {
	if err := writeRows(w, rows, o); err != nil {
		return fmt.Errorf("write parquet: %w", err)
	}
	return nil
}

func writeRows[R row.Row](w io.Writer, rows iter.Seq[R], o Options) error {
	all := columns.Of(reflect.TypeFor[R]())
	for _, name := range o.Bloom {
		if !slices.ContainsFunc(all, func(f columns.Field) bool { return f.Name == name && f.Type == columns.TypeText }) {
			return fmt.Errorf("bloom filter on %q: no such column of text", name)
		}
	}
	clock := slices.IndexFunc(all, func(f columns.Field) bool { return f.Name == sortColumn })
	out := parquet.NewGenericWriter[R](w, writerOptions(o, clock >= 0)...)
	if rows == nil {
		return out.Close()
	}
	limit := o.RowGroup
	if limit <= 0 {
		limit = defaultRowGroup
	}
	buf := rowBuffer{fields: all}
	inGroup, text, last := 0, 0, time.Time{}
	for r := range columns.Values(rows) {
		text += buf.addRow(r)
		if clock >= 0 {
			if t, ok := all[clock].Pointer(r).(*time.Time); ok {
				if t.UnixMilli() < last.UnixMilli() {
					return errors.New("rows are not sorted by event_time")
				}
				last = *t
			}
		}
		inGroup++
		full := inGroup >= limit || text >= maxGroupText
		if len(buf.rows) == batchRows || full {
			if _, err := out.WriteRows(buf.rows); err != nil {
				return err
			}
			buf.reset()
		}
		if full {
			if err := out.Flush(); err != nil {
				return err
			}
			inGroup, text = 0, 0
		}
	}
	if _, err := out.WriteRows(buf.rows); err != nil {
		return err
	}
	return out.Close()
}

func writerOptions(o Options, sorted bool) []parquet.WriterOption {
	opts := []parquet.WriterOption{
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}),
		parquet.CreatedBy("trailgate", o.Version, ""),
		parquet.DataPageStatistics(true),
		// These are the oldest forms of pages and texts. Every engine reads them.
		parquet.DataPageVersion(1),
		parquet.DefaultEncodingFor(parquet.ByteArray, &parquet.Plain),
	}
	for k, v := range o.Metadata {
		opts = append(opts, parquet.KeyValueMetadata(validText(k), validText(v)))
	}
	var filters []parquet.BloomFilterColumn
	for _, name := range o.Bloom {
		filters = append(filters, parquet.SplitBlockFilter(bloomBits, name))
	}
	opts = append(opts, parquet.BloomFilters(filters...))
	if sorted {
		opts = append(opts, parquet.SortingWriterConfig(parquet.SortingColumns(parquet.Ascending(sortColumn))))
	}
	return opts
}

// rowBuffer converts our rows into the library's. The library could take our
// rows as they are. But its writer of optional fields (0.32.0) sometimes writes
// an absent value as an empty one when it follows a value.
type rowBuffer struct {
	fields []columns.Field
	rows   []parquet.Row
	values []parquet.Value // the values of rows, one after the other
	text   []byte          // the texts of values, one after the other
}

// reset removes the rows after they have been written. The memory is used again.
func (b *rowBuffer) reset() { b.rows, b.values, b.text = b.rows[:0], b.values[:0], b.text[:0] }

// addRow converts r, adds it to b.rows, and returns the number of bytes of its
// texts.
func (b *rowBuffer) addRow(r reflect.Value) int {
	values, text := len(b.values), len(b.text)
	for i := range b.fields {
		b.addColumn(&b.fields[i], i, r)
	}
	b.rows = append(b.rows, b.values[values:len(b.values):len(b.values)])
	return len(b.text) - text
}

// addColumn adds to b.values what row r has in column f, the column with index i:
// one value, each element of a list, or a null if there is nothing.
func (b *rowBuffer) addColumn(f *columns.Field, i int, r reflect.Value) {
	var v parquet.Value // null
	switch p := f.Pointer(r).(type) {
	case *time.Time:
		if !f.Nullable || !p.IsZero() {
			v = parquet.Int64Value(p.UnixMilli())
		}
	case *row.Date:
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
			b.values = append(b.values, b.textValue(s).Level(min(k, 1), 1, i))
		}
		if len(*p) > 0 {
			return
		}
	case *[]row.Date:
		for k, d := range *p {
			b.values = append(b.values, parquet.Int32Value(int32(d)).Level(min(k, 1), 1, i))
		}
		if len(*p) > 0 {
			return
		}
	default:
		if s := f.Text(r); !f.Nullable || s != "" {
			v = b.textValue(s)
		}
	}
	defined := 0
	if f.Nullable && !v.IsNull() {
		defined = 1
	}
	b.values = append(b.values, v.Level(0, defined, i))
}

// textValue returns a value with a copy of the text as UTF-8. The caller's row
// is used again for the next one, so the text cannot stay where it is.
func (b *rowBuffer) textValue(s string) parquet.Value {
	from := len(b.text)
	b.text = append(b.text, validText(s)...)
	return parquet.ByteArrayValue(b.text[from:len(b.text):len(b.text)])
}

// validText replaces every byte that is not UTF-8 by U+FFFD, as JSON does.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}
