package report

import (
	"iter"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Column is one column of a row type.
type Column struct {
	Name     string `json:"name"`
	Type     string `json:"type"`     // string, timestamp(ms, UTC), date, bigint, double, boolean, list of string, list of date
	Nullable bool   `json:"nullable"` // null, or empty in CSV, stands for "the record does not say"
	Doc      string `json:"doc"`
}

// The column types.
const (
	typeText    = "string"
	typeTime    = "timestamp(ms, UTC)"
	typeDate    = "date"
	typeCount   = "bigint"
	typeNumber  = "double"
	typeFlag    = "boolean"
	typeTexts   = "list of string"
	typeDates   = "list of date"
	millisecond = "2006-01-02T15:04:05.000Z"
)

// field is a column and where its value lies.
type field struct {
	Column
	index []int
}

// fieldsOf reads the struct tags of a row type, embedded structs in place.
func fieldsOf(t reflect.Type) []field {
	var all []field
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			for _, g := range fieldsOf(f.Type) {
				g.index = append([]int{i}, g.index...)
				all = append(all, g)
			}
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("parquet"), ",")
		all = append(all, field{Column{
			Name: name, Type: typeOf(f.Type), Doc: f.Tag.Get("doc"),
			Nullable: strings.HasPrefix(options, "optional"),
		}, []int{i}})
	}
	return all
}

// fields gives the columns of a row type.
func fields[R Row]() []field { return fieldsOf(reflect.TypeFor[R]()) }

func typeOf(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Time]():
		return typeTime
	case reflect.TypeFor[Date]():
		return typeDate
	case reflect.TypeFor[int]():
		return typeCount
	case reflect.TypeFor[*float64]():
		return typeNumber
	case reflect.TypeFor[*bool]():
		return typeFlag
	case reflect.TypeFor[[]string]():
		return typeTexts
	case reflect.TypeFor[[]Date]():
		return typeDates
	}
	return typeText
}

// values gives every row in turn as an addressable value. It is the same
// value each time, with new content, so that no row costs an allocation.
func values[R Row](rows iter.Seq[R]) iter.Seq[reflect.Value] {
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

// at gives a pointer to the value of a column, in place.
func (f *field) at(row reflect.Value) any { return row.FieldByIndex(f.index).Addr().Interface() }

// text gives a value as plain text, lists joined with sep, exactly as the row
// has it: whoever prints it must make it harmless first.
func (f *field) text(row reflect.Value, sep string) string {
	switch f.Type {
	case typeText:
		return row.FieldByIndex(f.index).String()
	case typeTexts:
		if p, ok := f.at(row).(*[]string); ok {
			return strings.Join(*p, sep)
		}
	}
	var buf [64]byte
	return string(f.appendPlain(buf[:0], row, sep))
}

// appendPlain appends a value that is not a text and needs no quoting, and
// nothing where it is absent.
func (f *field) appendPlain(dst []byte, row reflect.Value, sep string) []byte {
	switch p := f.at(row).(type) {
	case *time.Time:
		if !f.Nullable || !p.IsZero() {
			return p.UTC().AppendFormat(dst, millisecond)
		}
	case *Date:
		return p.append(dst)
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
	case *[]Date:
		for i, d := range *p {
			if i > 0 {
				dst = append(dst, sep...)
			}
			dst = d.append(dst)
		}
	}
	return dst
}

func (d Date) append(dst []byte) []byte {
	if d == 0 {
		return dst
	}
	return d.time().AppendFormat(dst, time.DateOnly)
}

// appendNumber writes a number in JSON's notation, never with an exponent
// that a reader of CSV might not know.
func appendNumber(dst []byte, f float64) []byte {
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}
