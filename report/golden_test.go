package report_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"trailgate/report"
	"trailgate/report/internal/rowtest"
	"trailgate/report/row"
)

type write func(io.Writer) error

func formats() map[string]write {
	human, twin := report.Options{Aligned: true, Width: 140}, report.Options{}
	return map[string]write{
		"report.txt": func(w io.Writer) error { return writeAs("table", w, sample(), human) },
		"report-color.txt": func(w io.Writer) error {
			return writeAs("table", w, sample(), report.Options{Aligned: true, Color: true, Verbose: true})
		},
		"report.tsv": func(w io.Writer) error { return writeAs("table", w, sample(), twin) },
		"signins.txt": func(w io.Writer) error {
			return writeAs("table", w, sample(), report.Options{Aligned: true, Rows: row.SignIns})
		},
		"signins.tsv":   func(w io.Writer) error { return writeAs("table", w, sample(), report.Options{Rows: row.SignIns}) },
		"findings.tsv":  func(w io.Writer) error { return writeAs("table", w, sample(), report.Options{Rows: row.Findings}) },
		"report.json":   func(w io.Writer) error { return writeAs("json", w, sample(), report.Options{}) },
		"signins.jsonl": func(w io.Writer) error { return writeRowsAs("jsonl", w, sample().SignIns) },
		"findings.csv":  func(w io.Writer) error { return writeRowsAs("csv", w, sample().Findings) },
		"principals.csv": func(w io.Writer) error {
			return writeRowsAs("csv", w, slices.Values(rowtest.Principals(2)))
		},
		"report.md": func(w io.Writer) error { return writeAs("markdown", w, sample(), report.Options{}) },
		"endpoints.md": func(w io.Writer) error {
			return writeAs("markdown", w, sample(), report.Options{Rows: row.Endpoints})
		},
		"report.html":   func(w io.Writer) error { return writeAs("html", w, sample(), report.Options{}) },
		"coverage.txt":  func(w io.Writer) error { return writeCoverageAs("table", w, surveyed(), human) },
		"coverage.tsv":  func(w io.Writer) error { return writeCoverageAs("table", w, surveyed(), twin) },
		"coverage.json": func(w io.Writer) error { return writeCoverageAs("json", w, surveyed(), report.Options{}) },
		"coverage.csv":  func(w io.Writer) error { return writeRowsAs("csv", w, slices.Values(surveyed().Places)) },
		"coverage.md":   func(w io.Writer) error { return writeCoverageAs("markdown", w, surveyed(), report.Options{}) },
		"coverage.html": func(w io.Writer) error { return writeCoverageAs("html", w, surveyed(), report.Options{}) },
		"schema.txt": func(w io.Writer) error {
			return report.WriteSchema(w, row.Findings, report.Options{Aligned: true, Width: 100})
		},
		"schema.tsv":  func(w io.Writer) error { return report.WriteSchema(w, row.Coverages, twin) },
		"schema.json": func(w io.Writer) error { return report.WriteSchemaJSON(w, row.Endpoints) },
	}
}

func run(t *testing.T, f write) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	for name, f := range formats() {
		t.Run(name, func(t *testing.T) {
			got := run(t, f)
			golden(t, name, got)
			if again := run(t, f); !bytes.Equal(got, again) {
				t.Error("a second run gave other bytes")
			}
		})
	}
}

func TestHarmless(t *testing.T) {
	for name, f := range formats() {
		if name == "report-color.txt" {
			continue
		}
		for _, r := range string(run(t, f)) {
			if r < ' ' && r != '\n' && r != '\t' || 0x7f <= r && r < 0xa0 || r == 0x202e || r == 0x2028 || r == 0xfeff {
				t.Errorf("%s holds %U", name, r)
			}
		}
	}
}

func TestEmpty(t *testing.T) {
	human := report.Options{Aligned: true}
	for name, c := range map[string]struct {
		f    write
		want string
	}{
		"json":  {func(w io.Writer) error { return writeAs("json", w, report.Report{}, report.Options{}) }, "\"findings\": [],\n  \"signins\": []\n}\n"},
		"jsonl": {func(w io.Writer) error { return writeRowsAs[row.SignIn]("jsonl", w, nil) }, ""},
		"csv":   {func(w io.Writer) error { return writeRowsAs[row.Endpoint]("csv", w, nil) }, "scope,endpoint,sign_ins,failures,principals,first,last\n"},
		"table": {func(w io.Writer) error { return writeAs("table", w, report.Report{}, human) }, "No console sign-ins were found.\n"},
		"rows": {func(w io.Writer) error {
			return writeAs("table", w, report.Report{}, report.Options{Rows: row.SignIns})
		},
			"event_time\toutcome\tscope\tendpoint\tbasis\tconfidence\tnotes\taccount_id\tprincipal\tsource_ip\n"},
		"aligned rows": {func(w io.Writer) error {
			return writeAs("table", w, report.Report{}, report.Options{Aligned: true, Rows: row.Endpoints})
		}, "scope  endpoint  sign_ins  failures  principals  first  last\n"},
		"markdown": {func(w io.Writer) error { return writeAs("markdown", w, report.Report{}, human) }, "**No console sign-ins were found.**\n"},
		"html":     {func(w io.Writer) error { return writeAs("html", w, report.Report{}, human) }, "No console sign-ins were found."},
		"coverage": {func(w io.Writer) error { return writeCoverageAs("table", w, report.Coverage{Complete: true}, human) },
			"No log files in a trail's layout were found.\nListed 0 objects without reading them.\n"},
	} {
		if got := string(run(t, c.f)); !strings.Contains(got, c.want) {
			t.Errorf("%s: got\n%s\nwant in it\n%s", name, got, c.want)
		}
	}
}

func TestUnknownRows(t *testing.T) {
	o := report.Options{Rows: "nothing"}
	for name, err := range map[string]error{
		"table":    writeAs("table", io.Discard, sample(), o),
		"markdown": writeAs("markdown", io.Discard, sample(), o),
		"html":     writeAs("html", io.Discard, sample(), o),
		"schema":   report.WriteSchema(io.Discard, "nothing", o),
		"json":     report.WriteSchemaJSON(io.Discard, "nothing"),
	} {
		if err == nil || !strings.Contains(err.Error(), `rows "nothing": no such table`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWriteErrors(t *testing.T) {
	all := formats()
	all["parquet"] = func(w io.Writer) error { return writeRowsAs("parquet", w, rowtest.Many(100, 1)) }
	all["many.jsonl"] = func(w io.Writer) error { return writeRowsAs("jsonl", w, rowtest.Many(1000, 1)) }
	all["many.csv"] = func(w io.Writer) error { return writeRowsAs("csv", w, rowtest.Many(1000, 1)) }
	for _, o := range []report.Options{{Rows: row.SignIns}, {Rows: row.SignIns, Aligned: true}} {
		name := "many.tsv"
		if o.Aligned {
			name = "many.txt"
		}
		all[name] = func(w io.Writer) error { return writeAs("table", w, report.Report{SignIns: rowtest.Many(3000, 1)}, o) }
	}
	for name, f := range all {
		for _, room := range []int{0, 100, 70_000} {
			if err := f(&rowtest.FullDisk{Room: room}); room < 70_000 && !errors.Is(err, rowtest.ErrFull) {
				t.Errorf("%s, room for %d bytes: error %v", name, room, err)
			}
		}
	}
}
