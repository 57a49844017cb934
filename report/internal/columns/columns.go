// Package columns reads the columns of a row type from its struct tags, and
// turns the values of rows into text and JSON.
//
// The struct tags in package row are the one list of columns. Every format uses
// this package, so a column cannot be in one format and missing in another.
// Only package report and the packages below it import it. It knows no row type: package row
// imports it, not the other way round.
package columns

import (
	"iter"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// The types of columns. Their texts stand in the output of schema.
const (
	TypeText   = "string"
	TypeTime   = "timestamp(ms, UTC)"
	TypeDate   = "date"
	TypeCount  = "bigint"
	TypeNumber = "double"
	TypeFlag   = "boolean"
	TypeTexts  = "list of string"
	TypeDates  = "list of date"
)

// TimeLayout is the form of a moment in every format for programs.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// Date is a type whose values are days. AppendDate appends the day as
// YYYY-MM-DD, or nothing if the value is not a day.
type Date interface {
	AppendDate(dst []byte) []byte
}

// Field is one column: what its struct tag says, and where its value is.
type Field struct {
	Name     string // from the tag "parquet"
	Type     string // one of the types of columns
	Nullable bool   // an absent value is null, or empty in CSV
	Doc      string // from the tag "doc"
	index    []int
}

// Of returns the columns of a struct type in the order of its fields. The
// fields of an embedded struct come in its place. The caller owns the slice.
func Of(t reflect.Type) []Field {
	var all []Field
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			for _, inner := range Of(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				all = append(all, inner)
			}
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("parquet"), ",")
		all = append(all, Field{
			Name: name, Type: columnType(f.Type), Doc: f.Tag.Get("doc"),
			Nullable: strings.HasPrefix(options, "optional"), index: []int{i},
		})
	}
	return all
}

func columnType(t reflect.Type) string {
	date := reflect.TypeFor[Date]()
	switch {
	case t == reflect.TypeFor[time.Time]():
		return TypeTime
	case t.Implements(date):
		return TypeDate
	case t == reflect.TypeFor[int]():
		return TypeCount
	case t == reflect.TypeFor[*float64]():
		return TypeNumber
	case t == reflect.TypeFor[*bool]():
		return TypeFlag
	case t == reflect.TypeFor[[]string]():
		return TypeTexts
	case t.Kind() == reflect.Slice && t.Elem().Implements(date):
		return TypeDates
	}
	return TypeText
}

// Values yields every row as an addressable value. It is the same value each
// time, with new content, so that a row does not cost an allocation. It is
// valid until the next one.
func Values[R any](rows iter.Seq[R]) iter.Seq[reflect.Value] {
	return func(yield func(reflect.Value) bool) {
		var row R
		v := reflect.ValueOf(&row).Elem()
		for row = range rows {
			if !yield(v) {
				return
			}
		}
	}
}

// Pointer returns a pointer to the column's value in an addressable row.
func (f *Field) Pointer(row reflect.Value) any { return row.FieldByIndex(f.index).Addr().Interface() }

// Text returns the value of a column of type TypeText, exactly as the row has
// it. For another type it returns a text that is not useful.
func (f *Field) Text(row reflect.Value) string { return row.FieldByIndex(f.index).String() }

// SetText sets the value of a column of type TypeText in an addressable row.
func (f *Field) SetText(row reflect.Value, s string) { row.FieldByIndex(f.index).SetString(s) }

// Plain returns a value of any type as text, exactly as the row has it. The elements
// of a list are joined with sep. The text may be dangerous to show. Plain may use the
// memory of scratch up to its capacity, so that it allocates less.
func (f *Field) Plain(row reflect.Value, sep string, scratch []byte) string {
	switch f.Type {
	case TypeText:
		return row.FieldByIndex(f.index).String()
	case TypeTexts:
		if p, ok := f.Pointer(row).(*[]string); ok {
			return strings.Join(*p, sep)
		}
	}
	return string(f.appendPlain(scratch[:0], row, sep))
}

// appendPlain appends a value that needs no quoting, so it is for every type but
// TypeText and TypeTexts. The days of a list are joined with sep. It appends
// nothing for an absent value and for a number that is infinite or not a number.
func (f *Field) appendPlain(dst []byte, row reflect.Value, sep string) []byte {
	if f.Type == TypeDates {
		return f.appendDates(dst, row, sep, Date.AppendDate)
	}
	switch p := f.Pointer(row).(type) {
	case *time.Time:
		if !f.Nullable || !p.IsZero() {
			return p.UTC().AppendFormat(dst, TimeLayout)
		}
	case *int:
		return strconv.AppendInt(dst, int64(*p), 10)
	case **float64:
		if *p != nil && !math.IsNaN(**p) && !math.IsInf(**p, 0) {
			return appendNumber(dst, **p)
		}
	case **bool:
		if *p != nil {
			return strconv.AppendBool(dst, **p)
		}
	case Date:
		return p.AppendDate(dst)
	}
	return dst
}

// appendDates appends the days of a list with sep between them. appendDate appends
// one day.
func (f *Field) appendDates(dst []byte, row reflect.Value, sep string, appendDate func(Date, []byte) []byte) []byte {
	list := row.FieldByIndex(f.index)
	for i := range list.Len() {
		if i > 0 {
			dst = append(dst, sep...)
		}
		if d, ok := list.Index(i).Interface().(Date); ok {
			dst = appendDate(d, dst)
		}
	}
	return dst
}

// appendNumber appends a number without an exponent, because some readers of
// CSV do not know exponents.
func appendNumber(dst []byte, f float64) []byte {
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}
