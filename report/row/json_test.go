package row_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/report/internal/rowtest"
	"trailgate/report/row"
)

// decoded returns what a reader of JSON should get for a row. It reads the struct tags
// itself, so a mistake in the list of columns is found.
func decoded(v reflect.Value, into map[string]any) map[string]any {
	for i := range v.NumField() {
		if v.Type().Field(i).Anonymous {
			decoded(v.Field(i), into)
			continue
		}
		tag := v.Type().Field(i).Tag.Get("parquet")
		name, options, _ := bytes.Cut([]byte(tag), []byte(","))
		into[string(name)] = value(v.Field(i).Interface(), bytes.HasPrefix(options, []byte("optional")))
	}
	return into
}

func value(v any, nullable bool) any {
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

func TestMarshalJSON(t *testing.T) {
	// A finding is not the sign-in that it embeds.
	b, err := json.Marshal(rowtest.Finding())
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(decoded(reflect.ValueOf(rowtest.Finding()), map[string]any{}), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{"", "\"\\", "\x00\n", "\u2028\u202e", "\xff", "\U000e0041😀"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		signIn := rowtest.Minimal()
		signIn.EventID = s
		b, err := signIn.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			EventID string `json:"event_id"`
		}
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if want := string([]rune(s)); got.EventID != want {
			t.Fatalf("%q came back as %q", want, got.EventID)
		}
	})
}
