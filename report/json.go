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
	"unicode/utf8"
)

// WriteJSON writes a run as one JSON document: summary (with the tables by
// endpoint and by principal), coverage, findings, signins. Every row stands on
// a line of its own. Text is exact, but for invalid UTF-8, which becomes
// U+FFFD; control and invisible characters are spelled \uXXXX, so that the
// document is harmless to a terminal and still decodes to the same text.
func WriteJSON(w io.Writer, d Document) error {
	j := jsonWriter{w: bufio.NewWriterSize(w, 1<<16)}
	j.put("{\n  \"summary\": {")
	j.members("    ", reflect.ValueOf(d.Summary))
	j.put(",\n    \"by_endpoint\": ")
	rows(&j, "    ", slices.Values(d.Endpoints))
	j.put(",\n    \"by_principal\": ")
	rows(&j, "    ", slices.Values(d.Principals))
	j.put("\n  },\n  \"coverage\": {")
	j.members("    ", reflect.ValueOf(d.Coverage))
	j.put("\n  },\n  \"findings\": ")
	rows(&j, "  ", d.Findings)
	j.put(",\n  \"signins\": ")
	rows(&j, "  ", d.SignIns)
	j.put("\n}\n")
	return j.end("json")
}

// WriteCoverageJSON writes the coverage alone as one JSON document, in the
// form that it has in WriteJSON.
func WriteCoverageJSON(w io.Writer, c Coverage) error {
	j := jsonWriter{w: bufio.NewWriterSize(w, 1<<16)}
	j.put("{")
	j.members("  ", reflect.ValueOf(c))
	j.put("\n}\n")
	return j.end("json")
}

// WriteValue writes any value as one line of JSON by its own tags, with
// dangerous characters spelt as WriteJSON spells them.
func WriteValue(w io.Writer, v any) error {
	j := jsonWriter{w: bufio.NewWriter(w)}
	j.leaf(v)
	j.put("\n")
	return j.end("json")
}

// jsonWriter keeps the first error and then writes no more.
type jsonWriter struct {
	w   *bufio.Writer
	err error
}

func (j *jsonWriter) put(s string) { j.bytes([]byte(s)) }

func (j *jsonWriter) bytes(b []byte) {
	if j.err == nil {
		_, j.err = j.w.Write(b)
	}
}

func (j *jsonWriter) end(format string) error {
	if j.err == nil {
		j.err = j.w.Flush()
	}
	if j.err != nil {
		return fmt.Errorf("write %s: %w", format, j.err)
	}
	return nil
}

// members writes the fields of a struct, one on a line: nested structs and
// lists of structs by line too, the rest compact.
func (j *jsonWriter) members(indent string, v reflect.Value) {
	for i := range v.NumField() {
		if i > 0 {
			j.put(",")
		}
		j.put("\n" + indent + `"` + v.Type().Field(i).Tag.Get("json") + `": `)
		j.member(indent, v.Field(i))
	}
}

func (j *jsonWriter) member(indent string, v reflect.Value) {
	if t, ok := v.Interface().(time.Time); ok {
		j.bytes(appendTime(nil, t))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		j.put("{")
		j.members(indent+"  ", v)
		j.put("\n" + indent + "}")
	case reflect.Map:
		if v.Len() == 0 {
			j.put("{}")
			return
		}
		j.leaf(v.Interface())
	case reflect.Slice:
		if v.Len() == 0 || v.Type().Elem().Kind() != reflect.Struct {
			j.flat(v)
			return
		}
		j.put("[")
		for i := range v.Len() {
			if i > 0 {
				j.put(",")
			}
			j.put("\n" + indent + "  ")
			j.leaf(v.Index(i).Interface())
		}
		j.put("\n" + indent + "]")
	default:
		j.leaf(v.Interface())
	}
}

func (j *jsonWriter) flat(v reflect.Value) {
	if v.Len() == 0 {
		j.put("[]")
		return
	}
	j.leaf(v.Interface())
}

func (j *jsonWriter) leaf(v any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil && j.err == nil {
		j.err = err
	}
	j.bytes(harmless(bytes.TrimSuffix(buf.Bytes(), []byte("\n"))))
}

// rows writes a list of rows, one on a line.
func rows[R Row](j *jsonWriter, indent string, all iter.Seq[R]) {
	if all == nil {
		j.put("[]")
		return
	}
	enc, open := newEncoder[R](), "["
	for v := range values(all) {
		j.put(open + "\n" + indent + "  ")
		j.bytes(enc.encode(v))
		if j.err != nil {
			return
		}
		open = ","
	}
	if open == "[" {
		j.put("[]")
		return
	}
	j.put("\n" + indent + "]")
}

// encoder turns rows into JSON objects without spaces.
type encoder struct {
	fields []field
	buf    []byte // of the last row; valid until the next
}

func newEncoder[R Row]() *encoder { return &encoder{fields: fields[R]()} }

func (e *encoder) encode(row reflect.Value) []byte {
	dst := e.buf[:0]
	sep := byte('{')
	for i := range e.fields {
		dst = append(append(append(dst, sep, '"'), e.fields[i].Name...), `":`...)
		dst = e.fields[i].appendJSON(dst, row)
		sep = ','
	}
	e.buf = append(dst, '}')
	return e.buf
}

func (f *field) appendJSON(dst []byte, row reflect.Value) []byte {
	switch f.Type {
	case typeText:
		s := row.FieldByIndex(f.index).String()
		if s == "" && f.Nullable {
			return append(dst, "null"...)
		}
		return appendString(dst, s)
	case typeTexts, typeDates:
		return f.appendList(dst, row)
	case typeTime, typeDate:
		return quoted(dst, f.appendPlain(nil, row, ""))
	}
	before := len(dst)
	if dst = f.appendPlain(dst, row, ""); len(dst) == before {
		return append(dst, "null"...)
	}
	return dst
}

func (f *field) appendList(dst []byte, row reflect.Value) []byte {
	dst = append(dst, '[')
	switch p := f.at(row).(type) {
	case *[]string:
		for i, s := range *p {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendString(dst, s)
		}
	case *[]Date:
		for i, d := range *p {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = quoted(dst, d.append(nil))
		}
	}
	return append(dst, ']')
}

// quoted appends plain text in quotes, or null where there is none.
func quoted(dst, plain []byte) []byte {
	if len(plain) == 0 {
		return append(dst, "null"...)
	}
	return append(append(append(dst, '"'), plain...), '"')
}

func appendTime(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(dst, "null"...)
	}
	return quoted(dst, t.UTC().AppendFormat(nil, millisecond))
}

// appendString appends a JSON string.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			switch {
			case c == '"' || c == '\\':
				dst = append(dst, '\\', c)
			case c < ' ' || c == 0x7f:
				dst = appendEscape(dst, rune(c))
			default:
				dst = append(dst, c)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, `\ufffd`...)
		case hazard(r):
			dst = appendEscape(dst, r)
		default:
			dst = append(dst, s[i:i+n]...)
		}
		i += n
	}
	return append(dst, '"')
}

// appendEscape appends a rune in JSON's spelling: short where JSON has one,
// as two surrogates beyond U+FFFF.
func appendEscape(dst []byte, r rune) []byte {
	switch r {
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	if r > 0xffff {
		r -= 0x10000
		dst = appendHex(append(dst, `\u`...), 0xd800+r>>10, 4)
		r = 0xdc00 + r&0x3ff
	}
	return appendHex(append(dst, `\u`...), r, 4)
}

// harmless spells the hazards in valid JSON text as escapes. Beyond ASCII they
// can stand in strings only.
func harmless(text []byte) []byte {
	dst := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r >= 0x7f && hazard(r) {
			dst = appendEscape(dst, r)
		} else {
			dst = append(dst, text[i:i+n]...)
		}
		i += n
	}
	return dst
}

func encodeRow[R Row](r R) ([]byte, error) {
	e := newEncoder[R]()
	for v := range values(func(yield func(R) bool) { yield(r) }) {
		e.encode(v)
	}
	return e.buf, nil
}

// MarshalJSON gives the row with the columns of signins.
func (s SignIn) MarshalJSON() ([]byte, error) { return encodeRow(s) }

// MarshalJSON gives the row with the columns of findings.
func (f Finding) MarshalJSON() ([]byte, error) { return encodeRow(f) }

// MarshalJSON gives the row with the columns of endpoints.
func (e Endpoint) MarshalJSON() ([]byte, error) { return encodeRow(e) }

// MarshalJSON gives the row with the columns of principals.
func (p Principal) MarshalJSON() ([]byte, error) { return encodeRow(p) }

// MarshalJSON gives the row with the columns of coverage.
func (p Place) MarshalJSON() ([]byte, error) { return encodeRow(p) }
