package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"reflect"
	"slices"
	"time"

	"trailgate/report/internal/columns"
	"trailgate/report/internal/safetext"
	"trailgate/report/row"
)

// writeJSON writes a run as one JSON document with the members summary, coverage,
// findings and signins. The summary has the tables by endpoint and by principal.
// Every row has its own line.
//
// The text is exact, but a byte that is not UTF-8 becomes U+FFFD. Dangerous
// characters are written as \u escapes. So the document is safe to show, and still
// decodes to the same text.
func writeJSON(w io.Writer, r Report, _ Options) error {
	j := jsonWriter{w: bufio.NewWriterSize(w, 1<<16)}
	j.writeText("{\n  \"summary\": {")
	j.writeMembers("    ", reflect.ValueOf(r.Summary))
	j.writeText(",\n    \"by_endpoint\": ")
	writeJSONRows(&j, "    ", slices.Values(r.Endpoints))
	j.writeText(",\n    \"by_principal\": ")
	writeJSONRows(&j, "    ", slices.Values(r.Principals))
	j.writeText("\n  },\n  \"coverage\": {")
	j.writeMembers("    ", reflect.ValueOf(r.Coverage))
	j.writeText("\n  },\n  \"findings\": ")
	writeJSONRows(&j, "  ", r.Findings)
	j.writeText(",\n  \"signins\": ")
	writeJSONRows(&j, "  ", r.SignIns)
	j.writeText("\n}\n")
	return j.finish(JSON)
}

// writeCoverageJSON writes the coverage alone. It has the same form as in
// writeJSON.
func writeCoverageJSON(w io.Writer, r Report, _ Options) error {
	j := jsonWriter{w: bufio.NewWriterSize(w, 1<<16)}
	j.writeText("{")
	j.writeMembers("  ", reflect.ValueOf(r.Coverage))
	j.writeText("\n}\n")
	return j.finish(JSON)
}

// WriteValue writes any value as one line of JSON. It uses the tags of the value,
// as encoding/json does. Dangerous characters are written as \u escapes.
func WriteValue(w io.Writer, v any) error {
	j := jsonWriter{w: bufio.NewWriter(w)}
	j.writeValue(v)
	j.writeText("\n")
	return j.finish(JSON)
}

// jsonWriter writes parts of a document. After the first error it keeps that
// error and writes nothing more.
type jsonWriter struct {
	w   *bufio.Writer
	err error
}

func (j *jsonWriter) writeText(s string) { j.writeBytes([]byte(s)) }

func (j *jsonWriter) writeBytes(b []byte) {
	if j.err == nil {
		_, j.err = j.w.Write(b)
	}
}

// finish writes what is still in the buffer. It returns the first error, wrapped
// with what was being written.
func (j *jsonWriter) finish(what string) error {
	if j.err == nil {
		j.err = j.w.Flush()
	}
	if j.err != nil {
		return fmt.Errorf("write %s: %w", what, j.err)
	}
	return nil
}

// writeMembers writes the fields of a struct that have a name in JSON, each on its
// own line.
func (j *jsonWriter) writeMembers(indent string, v reflect.Value) {
	sep := ""
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("json")
		if name == "-" {
			continue
		}
		j.writeText(sep + "\n" + indent + `"` + name + `": `)
		j.writeMember(indent, v.Field(i))
		sep = ","
	}
}

// writeMember writes a nested struct and a list of structs on several lines, and
// any other value on one.
func (j *jsonWriter) writeMember(indent string, v reflect.Value) {
	if t, ok := v.Interface().(time.Time); ok {
		j.writeBytes(columns.AppendTime(nil, t))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		j.writeText("{")
		j.writeMembers(indent+"  ", v)
		j.writeText("\n" + indent + "}")
	case reflect.Map:
		if v.Len() == 0 {
			j.writeText("{}") // a nil map would become null
			return
		}
		j.writeValue(v.Interface())
	case reflect.Slice:
		j.writeSlice(indent, v)
	default:
		j.writeValue(v.Interface())
	}
}

func (j *jsonWriter) writeSlice(indent string, v reflect.Value) {
	switch {
	case v.Len() == 0:
		j.writeText("[]") // a nil slice would become null
	case v.Type().Elem().Kind() != reflect.Struct:
		j.writeValue(v.Interface())
	default:
		j.writeText("[")
		for i := range v.Len() {
			if i > 0 {
				j.writeText(",")
			}
			j.writeText("\n" + indent + "  ")
			j.writeValue(v.Index(i).Interface())
		}
		j.writeText("\n" + indent + "]")
	}
}

// writeValue writes a value on one line.
func (j *jsonWriter) writeValue(v any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil && j.err == nil {
		j.err = err
	}
	j.writeBytes(safetext.EscapeJSON(bytes.TrimSuffix(buf.Bytes(), []byte("\n"))))
}

// writeJSONRows writes a list of rows, each on its own line. Nil is an empty list.
func writeJSONRows[R row.Row](j *jsonWriter, indent string, rows iter.Seq[R]) {
	t := newRowStream(rows)
	enc, open := columns.NewEncoder(t.fields), "["
	for v := range t.values {
		j.writeText(open + "\n" + indent + "  ")
		j.writeBytes(enc.Encode(v))
		if j.err != nil {
			return
		}
		open = ","
	}
	if open == "[" {
		j.writeText("[]")
		return
	}
	j.writeText("\n" + indent + "]")
}
