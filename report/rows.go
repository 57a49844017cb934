package report

import (
	"fmt"
	"iter"
	"reflect"
	"slices"

	"trailgate/report/internal/columns"
	"trailgate/report/row"
)

// rowStream is one table of a report without its Go type. It is what a format
// needs that writes rows column by column.
type rowStream struct {
	fields []columns.Field
	values iter.Seq[reflect.Value] // as columns.Values yields them
}

// streamRows returns the rows of one kind. They can be read as often as those of
// the report. Another kind is an error.
func streamRows(r Report, k row.Kind) (rowStream, error) {
	switch k {
	case row.SignIns:
		return newRowStream(r.SignIns), nil
	case row.Findings:
		return newRowStream(r.Findings), nil
	case row.Endpoints:
		return newRowStream(slices.Values(r.Endpoints)), nil
	case row.Principals:
		return newRowStream(slices.Values(r.Principals)), nil
	case row.Coverages:
		return newRowStream(slices.Values(r.Coverage.Places)), nil
	}
	return rowStream{}, fmt.Errorf("rows %q: no such table", string(k))
}

func newRowStream[R row.Row](rows iter.Seq[R]) rowStream {
	return rowStream{columns.Of(reflect.TypeFor[R]()), columns.Values(orNone(rows))}
}

// orNone turns nil rows into rows that can be read.
func orNone[R any](rows iter.Seq[R]) iter.Seq[R] {
	if rows == nil {
		return func(func(R) bool) {}
	}
	return rows
}
