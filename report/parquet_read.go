package report

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// ReadParquet gives the rows of a file of WriteParquet, in their order. A
// column that an older file lacks is zero in every row, one that R lacks is not
// read. Times are in UTC, lists without elements are nil.
//
// A file that is damaged, or that WriteParquet did not write, gives an error,
// and then the sequence ends; rows may have been given before it. data is read
// while the sequence runs, below size, in many small pieces; a page of every
// column is in memory. The sequence may be run again, and by several
// goroutines at once if data allows it.
func ReadParquet[R Row](data io.ReaderAt, size int64) iter.Seq2[R, error] {
	return stream("read parquet", data, size, rowColumns[R])
}

// ReadIDs gives event_id and original_event_id of every row of a file of
// WriteParquet that has sign-ins or findings, in the order of the rows, and
// reads nothing of the other columns. A file without original_event_id gives
// empty ones. For the rest see ReadParquet.
func ReadIDs(data io.ReaderAt, size int64) iter.Seq2[[2]string, error] {
	return stream("read ids of parquet", data, size, idColumns)
}

// stream gives the rows of a file one by one.
func stream[R any](what string, data io.ReaderAt, size int64, columns func(*parquet.Schema) ([]column[R], error)) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var r reader[R]
		err := guarded(func() error { return r.open(data, size, columns) })
		stopped := false
		for buf := make([]R, batch); err == nil && !stopped; {
			n := 0
			err = guarded(func() (err error) { n, err = r.read(buf); return err })
			for i := 0; i < n && !stopped; i++ {
				stopped = !yield(buf[i], nil)
			}
		}
		if errors.Is(err, errEnd) {
			err = nil
		}
		err = errors.Join(err, guarded(r.close))
		if err != nil && !stopped {
			var none R
			yield(none, fmt.Errorf("%s: %w", what, err))
		}
	}
}

// errEnd ends a file that was read to its end.
var errEnd = errors.New("end of file")

// guarded runs f and makes an error of a panic: a damaged file makes the
// library panic in many ways.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("malformed file: %q", fmt.Sprint(p))
		}
	}()
	return f()
}

// column is a column of a file and what its values are for. The library could
// fill rows by itself, but takes a null flag of a struct within a struct for
// false.
type column[R any] struct {
	leaf   int // in the schema of the file
	list   bool
	set    func(*R, *parquet.Value) // takes a value that is not null
	values cursor
}

// rowColumns finds the columns of R in a file.
func rowColumns[R Row](s *parquet.Schema) ([]column[R], error) {
	var found []column[R]
	for i, f := range fields[R]() {
		path, list := []string{f.Name}, f.Type == typeTexts || f.Type == typeDates
		if list {
			path = []string{f.Name, "list", "element"}
		}
		leaf, ok := s.Lookup(path...)
		switch {
		case !ok && i == 0:
			return nil, fmt.Errorf("no column %s: another table", f.Name)
		case !ok:
			continue
		case !f.fits(leaf):
			return nil, fmt.Errorf("column %s is no %s", f.Name, f.Type)
		}
		found = append(found, column[R]{leaf: leaf.ColumnIndex, list: list,
			set: func(row *R, v *parquet.Value) { f.set(reflect.ValueOf(row).Elem(), v) }})
	}
	return found, nil
}

// idColumns finds the columns of ids in a file.
func idColumns(s *parquet.Schema) ([]column[[2]string], error) {
	var found []column[[2]string]
	for k, name := range [...]string{"event_id", "original_event_id"} {
		f := field{Column: Column{Type: typeText, Nullable: k > 0}}
		leaf, ok := s.Lookup(name)
		switch {
		case !ok && k > 0:
			continue
		case !ok:
			return nil, fmt.Errorf("no column %s", name)
		case !f.fits(leaf):
			return nil, fmt.Errorf("column %s is no %s", name, f.Type)
		}
		found = append(found, column[[2]string]{leaf: leaf.ColumnIndex,
			set: func(row *[2]string, v *parquet.Value) { row[k] = string(v.ByteArray()) }})
	}
	return found, nil
}

// fits says whether a column of a file is one that WriteParquet makes of f.
func (f *field) fits(leaf parquet.LeafColumn) bool {
	kind, list := parquet.ByteArray, 0
	switch f.Type {
	case typeTime:
		kind = parquet.Int64
		if t := leaf.Node.Type().LogicalType(); t == nil {
			return false
		} else if u, ok := t.Value.(*format.TimestampType); !ok {
			return false
		} else if _, ok := u.Unit.Value.(*format.MilliSeconds); !ok {
			return false
		}
	case typeDate:
		kind = parquet.Int32
	case typeCount:
		kind = parquet.Int64
	case typeNumber:
		kind = parquet.Double
	case typeFlag:
		kind = parquet.Boolean
	case typeTexts:
		list = 1
	case typeDates:
		kind, list = parquet.Int32, 1
	}
	defined := list
	if f.Nullable {
		defined = 1
	}
	return leaf.Node.Type().Kind() == kind && leaf.MaxRepetitionLevel == list && leaf.MaxDefinitionLevel == defined
}

// set puts a value in its place, or behind the others of a list.
func (f *field) set(row reflect.Value, v *parquet.Value) {
	switch p := f.at(row).(type) {
	case *time.Time:
		*p = time.UnixMilli(v.Int64()).UTC()
	case *Date:
		*p = Date(v.Int32())
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
	case *[]Date:
		*p = append(*p, Date(v.Int32()))
	default:
		row.FieldByIndex(f.index).SetString(string(v.ByteArray()))
	}
}
