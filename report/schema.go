package report

import (
	"bufio"
	"fmt"
	"io"
	"reflect"
	"slices"

	"trailgate/report/row"
)

// WriteSchema writes the columns of a kind of rows as a table for people: name,
// type, whether a value may be null, and meaning. Options.Rows and Verbose are
// ignored. An unknown kind is an error.
func WriteSchema(w io.Writer, k row.Kind, o Options) error {
	columns := row.Columns(k)
	if columns == nil {
		return fmt.Errorf("write schema: rows %q: no such table", string(k))
	}
	return writeSections(w, []section{{grid: grid{
		head: []string{"column", "type", "nullable", "meaning"},
		rows: gridRows(slices.Values(columns), func(c row.Column) []string {
			null := "no"
			if c.Nullable {
				null = "yes"
			}
			return []string{c.Name, c.Type, null, c.Doc}
		}),
		prose: 3,
	}}}, o)
}

// WriteSchemaJSON writes the columns of a kind of rows as one JSON document. An
// unknown kind is an error.
func WriteSchemaJSON(w io.Writer, k row.Kind) error {
	columns := row.Columns(k)
	if columns == nil {
		return fmt.Errorf("write schema: rows %q: no such table", string(k))
	}
	j := jsonWriter{w: bufio.NewWriter(w)}
	j.writeText("{")
	j.writeMembers("  ", reflect.ValueOf(struct {
		Rows    row.Kind     `json:"rows"`
		Columns []row.Column `json:"columns"`
	}{k, columns}))
	j.writeText("\n}\n")
	return j.finish("schema")
}
