package columns

import (
	"reflect"
	"time"

	"trailgate/report/internal/safetext"
)

// Encoder turns rows into JSON objects without spaces, with one member for each
// column. It is for one goroutine.
type Encoder struct {
	fields []Field
	buf    []byte
}

// NewEncoder returns an encoder for rows with these columns.
func NewEncoder(fields []Field) *Encoder { return &Encoder{fields: fields} }

// Encode returns the JSON object of a row. The bytes are valid until the next
// call. The caller may append to them.
func (e *Encoder) Encode(row reflect.Value) []byte {
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

// Marshal returns one row as a JSON object that the caller owns.
func Marshal[R any](row R) []byte {
	return NewEncoder(Of(reflect.TypeFor[R]())).Encode(reflect.ValueOf(&row).Elem())
}

func (f *Field) appendJSON(dst []byte, row reflect.Value) []byte {
	switch f.Type {
	case TypeText:
		s := f.Text(row)
		if s == "" && f.Nullable {
			return append(dst, "null"...)
		}
		return safetext.AppendJSON(dst, s)
	case TypeTexts:
		return f.appendTexts(dst, row)
	case TypeDates:
		dst = f.appendDates(append(dst, '['), row, ",", func(d Date, dst []byte) []byte {
			return appendQuoted(dst, d.AppendDate(nil))
		})
		return append(dst, ']')
	case TypeTime, TypeDate:
		return appendQuoted(dst, f.appendPlain(nil, row, ""))
	}
	before := len(dst)
	if dst = f.appendPlain(dst, row, ""); len(dst) == before {
		return append(dst, "null"...)
	}
	return dst
}

func (f *Field) appendTexts(dst []byte, row reflect.Value) []byte {
	dst = append(dst, '[')
	if p, ok := f.Pointer(row).(*[]string); ok {
		for i, s := range *p {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = safetext.AppendJSON(dst, s)
		}
	}
	return append(dst, ']')
}

// AppendTime appends a moment as a JSON string in UTC, or null for the zero
// time.
func AppendTime(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(dst, "null"...)
	}
	return appendQuoted(dst, t.UTC().AppendFormat(nil, TimeLayout))
}

// appendQuoted appends plain text in quotes, or null for an empty text.
func appendQuoted(dst, plain []byte) []byte {
	if len(plain) == 0 {
		return append(dst, "null"...)
	}
	return append(append(append(dst, '"'), plain...), '"')
}
