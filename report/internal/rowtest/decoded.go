package rowtest

import (
	"bytes"
	"reflect"
	"time"

	"trailgate/report/row"
)

// Decoded returns what a reader of JSON should get for a row. It reads the struct tags
// itself, so a mistake in the list of columns is found. The row is a struct of package row.
func Decoded(r any) map[string]any { return addDecoded(reflect.ValueOf(r), map[string]any{}) }

// addDecoded adds the columns of a row to a map, and returns the map.
func addDecoded(v reflect.Value, into map[string]any) map[string]any {
	for i := range v.NumField() {
		if v.Type().Field(i).Anonymous {
			addDecoded(v.Field(i), into)
			continue
		}
		tag := v.Type().Field(i).Tag.Get("parquet")
		name, options, _ := bytes.Cut([]byte(tag), []byte(","))
		into[string(name)] = decodedValue(v.Field(i).Interface(), bytes.HasPrefix(options, []byte("optional")))
	}
	return into
}

// decodedValue returns what a reader of JSON should get for a value of a column.
func decodedValue(v any, nullable bool) any {
	switch x := v.(type) {
	case string:
		if x == "" && nullable {
			return nil
		}
		return string([]rune(x))
	case time.Time:
		return x.UTC().Format("2006-01-02T15:04:05.000Z")
	case row.Date:
		return x.String()
	case []string:
		all := []any{}
		for _, s := range x {
			all = append(all, string([]rune(s)))
		}
		return all
	case *bool:
		if x != nil {
			return *x
		}
	case *float64:
		if x != nil {
			return *x
		}
	}
	return nil
}
