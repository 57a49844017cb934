package report

import (
	"bufio"
	"fmt"
	"io"
	"reflect"
	"slices"
)

// Columns gives the columns of a kind of rows, in their order, with type and
// meaning: the same list that every format is made from. The caller owns the
// slice. Of a kind that does not exist there are none.
func Columns(k Kind) []Column {
	var t reflect.Type
	switch k {
	case SignIns:
		t = reflect.TypeFor[SignIn]()
	case Findings:
		t = reflect.TypeFor[Finding]()
	case Endpoints:
		t = reflect.TypeFor[Endpoint]()
	case Principals:
		t = reflect.TypeFor[Principal]()
	case Places:
		t = reflect.TypeFor[Place]()
	default:
		return nil
	}
	var all []Column
	for _, f := range fieldsOf(t) {
		all = append(all, f.Column)
	}
	return all
}

// WriteSchema writes the columns of a kind with their meaning as a table;
// Options as for WriteTable, but Rows counts for nothing.
func WriteSchema(w io.Writer, k Kind, o Options) error {
	columns := Columns(k)
	if columns == nil {
		return fmt.Errorf("write schema: rows %q: no such table", string(k))
	}
	return writeParts(w, []section{{grid: grid{
		head: []string{"column", "type", "nullable", "meaning"},
		rows: cells(slices.Values(columns), func(c Column) []string {
			null := "no"
			if c.Nullable {
				null = "yes"
			}
			return []string{c.Name, c.Type, null, c.Doc}
		}),
		prose: 3,
	}}}, o)
}

// WriteSchemaJSON writes the columns of a kind as one JSON document.
func WriteSchemaJSON(w io.Writer, k Kind) error {
	columns := Columns(k)
	if columns == nil {
		return fmt.Errorf("write schema: rows %q: no such table", string(k))
	}
	j := jsonWriter{w: bufio.NewWriter(w)}
	j.put("{")
	j.members("  ", reflect.ValueOf(struct {
		Rows    Kind     `json:"rows"`
		Columns []Column `json:"columns"`
	}{k, columns}))
	j.put("\n}\n")
	return j.end("schema")
}
