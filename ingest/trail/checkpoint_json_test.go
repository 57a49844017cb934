package trail_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/ingest"
	"trailgate/ingest/trail"
)

func TestParseFolderCheckpoint(t *testing.T) {
	const sum = "AAECAwQFBgcICQoLDA0ODw"
	cases := []struct {
		name, text, want string // want: part of the error, or empty
	}{
		{"empty", `{}`, ""},
		{"full", `{"through":"2024-03-04T12:05:00Z","from":"2024-03-03","days":["2024-03-03 288 ` + sum + `","2024-03-04 1 ` + sum + `"],"tail":"AAAAAAAAAAEAAAAAAAAAAg=="}`, ""},
		{"tail alone", `{"tail":"AAAAAAAAAAE="}`, ""},
		{"no object", `7`, "parse folder checkpoint"},
		{"nothing", ``, "parse folder checkpoint"},
		{"cut", `{"through":"2024-03-04T12:05:00Z"`, "parse folder checkpoint"},
		{"two", `{}{}`, "text after it"},
		{"unknown field", `{"thru":"2024-03-04T12:05:00Z"}`, "unknown field"},
		{"seconds", `{"through":"2024-03-04T12:05:01Z","from":"2024-03-03"}`, "not a whole minute"},
		{"zone", `{"through":"2024-03-04T12:05:00+01:00","from":"2024-03-03"}`, "not a time in UTC"},
		{"no such time", `{"through":"2024-02-30T12:05:00Z","from":"2024-02-03"}`, "not a time in UTC"},
		{"no from", `{"through":"2024-03-04T12:05:00Z"}`, "only one"},
		{"no through", `{"from":"2024-03-04"}`, "only one"},
		{"no such day", `{"through":"2024-03-04T12:05:00Z","from":"2024-02-30"}`, "not a day"},
		{"days without a mark", `{"days":["2024-03-03 288 ` + sum + `"]}`, "no newest"},
		{"day before from", `{"through":"2024-03-04T12:05:00Z","from":"2024-03-04","days":["2024-03-03 288 ` + sum + `"]}`, "out of order"},
		{"day twice", `{"through":"2024-03-04T12:05:00Z","from":"2024-03-03","days":["2024-03-03 288 ` + sum + `","2024-03-03 1 ` + sum + `"]}`, "out of order"},
		{"no objects", `{"through":"2024-03-04T12:05:00Z","from":"2024-03-03","days":["2024-03-03 0 ` + sum + `"]}`, "0 objects"},
		{"no count", `{"through":"2024-03-04T12:05:00Z","from":"2024-03-03","days":["2024-03-03 x ` + sum + `"]}`, "not a count"},
		{"short sum", `{"through":"2024-03-04T12:05:00Z","from":"2024-03-03","days":["2024-03-03 1 AAAA"]}`, "not a sum"},
		{"two words", `{"through":"2024-03-04T12:05:00Z","from":"2024-03-03","days":["2024-03-03 1"]}`, "is not a day, a count and a sum"},
		{"half a hash", `{"tail":"AAAAAA=="}`, "not a whole number"},
		{"no base64", `{"tail":"!"}`, "parse folder checkpoint"},
		{"tail unsorted", `{"tail":"AAAAAAAAAAIAAAAAAAAAAQ=="}`, "not sorted"},
		{"tail doubled", `{"tail":"AAAAAAAAAAEAAAAAAAAAAQ=="}`, "not sorted"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, err := trail.ParseFolderCheckpoint([]byte(c.text))
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v, want one with %q", err, c.want)
				}
				return
			}
			form, again := json.Marshal(p)
			if err != nil || again != nil || string(form) != c.text {
				t.Errorf("error %v, %v; read and written:\n%s\n%s", err, again, c.text, form)
			}
		})
	}
	for _, p := range []trail.FolderCheckpoint{
		{Watermark: noon(0).In(time.FixedZone("", 3600))}, {Watermark: noon(0).Add(1)}, {From: 3}, {Recent: []uint64{2, 1}},
	} {
		if form, err := json.Marshal(p); err == nil {
			t.Errorf("%+v became %s", p, form)
		}
	}
}

// FuzzFolderCheckpoint wants each value that can be parsed to be written so that
// it can be parsed again. No value may make a run fail or give an object twice.
func FuzzFolderCheckpoint(f *testing.F) {
	f.Add(`{}`)
	f.Add(`{"through":"2024-03-04T12:05:00Z","from":"2024-03-03","days":["2024-03-04 1 AAECAwQFBgcICQoLDA0ODw"],"tail":"AAAAAAAAAAE="}`)
	f.Add(`{"through":"9999-12-31T23:59:00Z","from":"9999-12-31"}`)
	f.Add(`{"through":"0000-01-01T00:00:00Z","from":"0000-01-01","days":["2024-03-04 9223372036854775807 AAECAwQFBgcICQoLDA0ODw"]}`)
	f.Add(`{"through":"2024-03-06T12:05:00Z","from":"2024-03-03","days":["2024-03-04 1 AAECAwQFBgcICQoLDA0ODw"]}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := trail.ParseFolderCheckpoint([]byte(text))
		if err != nil {
			return
		}
		form, err := json.Marshal(p)
		if err != nil {
			t.Fatalf("%+v: %v", p, err)
		}
		if back, err := trail.ParseFolderCheckpoint(form); err != nil || !cmp.Equal(p, back) {
			t.Fatalf("%s read again: %+v, %v", form, back, err)
		}
		for _, prefix := range []string{"", eu(0, 1)} {
			l := newRunner(eu(0, 1), eu(-2*hour, 2), eu(30*hour, 3))
			if l.Source.Prefix = prefix; prefix == "" {
				prefix = euFolder
			}
			l.from.Checkpoint = ingest.Checkpoint{prefix: form}
			got, _ := l.run(t)
			if len(slices.Compact(got)) != len(got) || prefix != euFolder && len(got) != 1 {
				t.Errorf("from %q came %v", prefix, got)
			}
			l.expect(t)
		}
	})
}
