package parquet

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"trailgate/report/internal/columns"
	"trailgate/report/row"
)

// Read yields the rows of a file that Write wrote, in their order.
//
// A column that the file lacks is zero in every row, so files of older versions
// can be read. A column that R lacks is not read. Times are in UTC. A list
// without elements is nil.
//
// If the file is damaged, or if Write did not write it, Read yields an error and
// ends. It may have yielded rows before. Read reads data below size, in many
// small pieces, while the sequence runs; one page of every column is in memory.
// The sequence may be run again, and by several goroutines at the same time if
// data allows that.
func Read[R row.Row](data io.ReaderAt, size int64) iter.Seq2[R, error] {
	return readRows("read parquet", data, size, rowColumns[R])
}

// ReadIDs yields event_id and original_event_id of every row of a file that Write
// wrote, in the order of the rows. The rows must be sign-ins or findings. The
// other columns are not read, so it is much faster than Read. If the file has no
// original_event_id, the second text is empty. For all else see Read.
func ReadIDs(data io.ReaderAt, size int64) iter.Seq2[[2]string, error] {
	return readRows("read ids of parquet", data, size, idColumns)
}

// readRows yields the rows of a file one by one. The function findColumns finds the
// columns to read in the file's schema. An error is the last thing that it yields,
// and begins with operation.
func readRows[R any](operation string, data io.ReaderAt, size int64, findColumns func(*parquet.Schema) ([]columnReader[R], error)) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var r rowReader[R]
		err := catchPanic(func() error { return r.open(data, size, findColumns) })
		stopped := false
		for buf := make([]R, batchRows); err == nil && !stopped; {
			n := 0
			err = catchPanic(func() (err error) { n, err = r.readBatch(buf); return err })
			for i := 0; i < n && !stopped; i++ {
				stopped = !yield(buf[i], nil)
			}
		}
		if errors.Is(err, errEndOfFile) {
			err = nil
		}
		err = errors.Join(err, catchPanic(r.closeColumns))
		if err != nil && !stopped {
			var none R
			yield(none, fmt.Errorf("%s: %w", operation, err))
		}
	}
}

// errEndOfFile is what readBatch returns after the last row. Callers of this
// package never get it.
var errEndOfFile = errors.New("end of file")

// catchPanic runs f and turns a panic into an error. The library panics in many
// ways when a file is damaged.
func catchPanic(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("malformed file: %q", fmt.Sprint(p))
		}
	}()
	return f()
}

// columnReader reads one column of a file and puts its values into rows. The
// library could fill rows itself. But it takes a null boolean of an embedded
// struct for false.
type columnReader[R any] struct {
	index  int                      // among the columns of the file
	list   bool                     // the column is a list: a row may have several values
	set    func(*R, *parquet.Value) // takes a value that is not null
	values valueCursor
}

// rowColumns finds the columns of R in a file's schema. It leaves out columns that
// the file lacks. If the first column of R is missing, the file has another table,
// and that is an error. So is a column with another type.
func rowColumns[R row.Row](s *parquet.Schema) ([]columnReader[R], error) {
	var found []columnReader[R]
	for i, f := range columns.Of(reflect.TypeFor[R]()) {
		path, list := []string{f.Name}, f.Type == columns.TypeTexts || f.Type == columns.TypeDates
		if list {
			path = []string{f.Name, "list", "element"}
		}
		column, ok := s.Lookup(path...)
		switch {
		case !ok && i == 0:
			return nil, fmt.Errorf("no column %s: another table", f.Name)
		case !ok:
			continue
		case !matchesField(column, &f):
			return nil, fmt.Errorf("column %s does not have the type %s", f.Name, f.Type)
		}
		found = append(found, columnReader[R]{index: column.ColumnIndex, list: list,
			set: func(r *R, v *parquet.Value) { setValue(&f, reflect.ValueOf(r).Elem(), v) }})
	}
	return found, nil
}

// idColumns finds the columns event_id and original_event_id in a file's schema.
// The second may be missing. A missing first and another type are errors.
func idColumns(s *parquet.Schema) ([]columnReader[[2]string], error) {
	var found []columnReader[[2]string]
	for k, name := range [...]string{"event_id", "original_event_id"} {
		f := columns.Field{Type: columns.TypeText, Nullable: k > 0}
		column, ok := s.Lookup(name)
		switch {
		case !ok && k > 0:
			continue
		case !ok:
			return nil, fmt.Errorf("no column %s", name)
		case !matchesField(column, &f):
			return nil, fmt.Errorf("column %s does not have the type %s", name, f.Type)
		}
		found = append(found, columnReader[[2]string]{index: column.ColumnIndex,
			set: func(ids *[2]string, v *parquet.Value) { ids[k] = string(v.ByteArray()) }})
	}
	return found, nil
}

// matchesField reports whether the column of a file has the type that Write gives
// to f, and is a list or nullable exactly if f is.
func matchesField(column parquet.LeafColumn, f *columns.Field) bool {
	kind, list := parquet.ByteArray, 0
	switch f.Type {
	case columns.TypeTime:
		kind = parquet.Int64
		if t := column.Node.Type().LogicalType(); t == nil {
			return false
		} else if u, ok := t.Value.(*format.TimestampType); !ok {
			return false
		} else if _, ok := u.Unit.Value.(*format.MilliSeconds); !ok {
			return false
		}
	case columns.TypeDate:
		kind = parquet.Int32
	case columns.TypeCount:
		kind = parquet.Int64
	case columns.TypeNumber:
		kind = parquet.Double
	case columns.TypeFlag:
		kind = parquet.Boolean
	case columns.TypeTexts:
		list = 1
	case columns.TypeDates:
		kind, list = parquet.Int32, 1
	}
	defined := list
	if f.Nullable {
		defined = 1
	}
	return column.Node.Type().Kind() == kind && column.MaxRepetitionLevel == list && column.MaxDefinitionLevel == defined
}

// setValue sets column f of row r to a value that is not null. If the column is a
// list, it appends the value to the list.
func setValue(f *columns.Field, r reflect.Value, v *parquet.Value) {
	switch p := f.Pointer(r).(type) {
	case *time.Time:
		*p = time.UnixMilli(v.Int64()).UTC()
	case *row.Date:
		*p = row.Date(v.Int32())
	case *int:
		*p = int(v.Int64())
	case **float64:
		n := v.Double()
		*p = &n
	case **bool:
		b := v.Boolean()
		*p = &b
	case *[]string:
		*p = append(*p, string(v.ByteArray()))
	case *[]row.Date:
		*p = append(*p, row.Date(v.Int32()))
	default:
		f.SetText(r, string(v.ByteArray()))
	}
}
