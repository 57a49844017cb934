package columns_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/report/internal/columns"
)

// number is a day for tests: it is written as its digit.
type number int32

func (n number) AppendDate(dst []byte) []byte {
	if n == 0 {
		return dst
	}
	return append(dst, byte('0'+n))
}

type inner struct {
	Flag  *bool    `parquet:"flag,optional" doc:"a flag"`
	Ratio *float64 `parquet:"ratio,optional" doc:"a ratio"`
}

type sample struct {
	When time.Time `parquet:"when,optional,timestamp(millisecond)" doc:"a moment"`
	Name string    `parquet:"name,dict" doc:"a name"`
	inner
	Count int      `parquet:"count" doc:"a count"`
	Day   number   `parquet:"day,optional,date" doc:"a day"`
	Days  []number `parquet:"days,list" doc:"days"`
	Words []string `parquet:"words,list" doc:"words"`
}

func TestColumnsOfAType(t *testing.T) {
	want := []string{"when " + columns.TypeTime + " null", "name " + columns.TypeText, "flag " + columns.TypeFlag + " null",
		"ratio " + columns.TypeNumber + " null", "count " + columns.TypeCount, "day " + columns.TypeDate + " null",
		"days " + columns.TypeDates, "words " + columns.TypeTexts}
	var got []string
	for _, f := range columns.Of(reflect.TypeFor[sample]()) {
		text := f.Name + " " + f.Type
		if f.Nullable {
			text += " null"
		}
		if got = append(got, text); f.Doc == "" {
			t.Errorf("%s has no doc", f.Name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestValuesOfRows(t *testing.T) {
	yes, ratio := true, 0.25
	rows := []sample{{}, {When: time.Date(2026, 3, 1, 10, 0, 0, 0, time.FixedZone("", 3600)), Name: "a;b",
		Count: 7, Day: 3, Days: []number{1, 2}, Words: []string{"x", "\x1b"}}}
	rows[1].Flag, rows[1].Ratio = &yes, &ratio
	fields := columns.Of(reflect.TypeFor[sample]())
	var got [][]string
	for v := range columns.Values(slices.Values(rows)) {
		var texts []string
		for i := range fields {
			texts = append(texts, fields[i].Plain(v, "+", nil))
		}
		got = append(got, texts)
	}
	want := [][]string{{"", "", "", "", "0", "", "", ""},
		{"2026-03-01T09:00:00.000Z", "a;b", "true", "0.25", "7", "3", "1+2", "x+\x1b"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i, want := range []string{
		`{"when":null,"name":"","flag":null,"ratio":null,"count":0,"day":null,"days":[],"words":[]}`,
		`{"when":"2026-03-01T09:00:00.000Z","name":"a;b","flag":true,"ratio":0.25,"count":7,"day":"3","days":["1","2"],"words":["x","\u001b"]}`,
	} {
		if got := string(columns.Marshal(rows[i])); got != want || !json.Valid([]byte(got)) {
			t.Errorf("row %d: %s, want %s", i, got, want)
		}
	}
}
