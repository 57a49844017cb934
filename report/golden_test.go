package report_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trailgate/report"
)

type write func(io.Writer) error

func formats() map[string]write {
	human, twin := report.Options{Aligned: true, Width: 140}, report.Options{}
	return map[string]write{
		"report.txt": func(w io.Writer) error { return report.WriteTable(w, sample(), human) },
		"report-color.txt": func(w io.Writer) error {
			return report.WriteTable(w, sample(), report.Options{Aligned: true, Color: true, Verbose: true})
		},
		"report.tsv": func(w io.Writer) error { return report.WriteTable(w, sample(), twin) },
		"signins.txt": func(w io.Writer) error {
			return report.WriteTable(w, sample(), report.Options{Aligned: true, Rows: report.SignIns})
		},
		"signins.tsv":   func(w io.Writer) error { return report.WriteTable(w, sample(), report.Options{Rows: report.SignIns}) },
		"findings.tsv":  func(w io.Writer) error { return report.WriteTable(w, sample(), report.Options{Rows: report.Findings}) },
		"report.json":   func(w io.Writer) error { return report.WriteJSON(w, sample()) },
		"signins.jsonl": func(w io.Writer) error { return report.WriteJSONL(w, sample().SignIns) },
		"findings.csv":  func(w io.Writer) error { return report.WriteCSV(w, sample().Findings) },
		"principals.csv": func(w io.Writer) error {
			return report.WriteCSV(w, slices.Values(principals(2)))
		},
		"report.md": func(w io.Writer) error { return report.WriteMarkdown(w, sample(), report.Options{}) },
		"endpoints.md": func(w io.Writer) error {
			return report.WriteMarkdown(w, sample(), report.Options{Rows: report.Endpoints})
		},
		"report.html":   func(w io.Writer) error { return report.WriteHTML(w, sample(), report.Options{}) },
		"coverage.txt":  func(w io.Writer) error { return report.WriteCoverage(w, surveyed(), human) },
		"coverage.tsv":  func(w io.Writer) error { return report.WriteCoverage(w, surveyed(), twin) },
		"coverage.json": func(w io.Writer) error { return report.WriteCoverageJSON(w, surveyed()) },
		"coverage.csv":  func(w io.Writer) error { return report.WriteCSV(w, slices.Values(surveyed().Places)) },
		"coverage.md":   func(w io.Writer) error { return report.WriteCoverageMarkdown(w, surveyed(), report.Options{}) },
		"coverage.html": func(w io.Writer) error { return report.WriteCoverageHTML(w, surveyed(), report.Options{}) },
		"schema.txt": func(w io.Writer) error {
			return report.WriteSchema(w, report.Findings, report.Options{Aligned: true, Width: 100})
		},
		"schema.tsv":  func(w io.Writer) error { return report.WriteSchema(w, report.Places, twin) },
		"schema.json": func(w io.Writer) error { return report.WriteSchemaJSON(w, report.Endpoints) },
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
		"json":  {func(w io.Writer) error { return report.WriteJSON(w, report.Document{}) }, "\"findings\": [],\n  \"signins\": []\n}\n"},
		"jsonl": {func(w io.Writer) error { return report.WriteJSONL[report.SignIn](w, nil) }, ""},
		"csv":   {func(w io.Writer) error { return report.WriteCSV[report.Endpoint](w, nil) }, "scope,endpoint,sign_ins,failures,principals,first,last\n"},
		"table": {func(w io.Writer) error { return report.WriteTable(w, report.Document{}, human) }, "No console sign-ins were found.\n"},
		"rows": {func(w io.Writer) error {
			return report.WriteTable(w, report.Document{}, report.Options{Rows: report.SignIns})
		},
			"event_time\toutcome\tscope\tendpoint\tbasis\tconfidence\tnotes\taccount_id\tprincipal\tsource_ip\n"},
		"aligned rows": {func(w io.Writer) error {
			return report.WriteTable(w, report.Document{}, report.Options{Aligned: true, Rows: report.Endpoints})
		}, "scope  endpoint  sign_ins  failures  principals  first  last\n"},
		"markdown": {func(w io.Writer) error { return report.WriteMarkdown(w, report.Document{}, human) }, "**No console sign-ins were found.**\n"},
		"html":     {func(w io.Writer) error { return report.WriteHTML(w, report.Document{}, human) }, "No console sign-ins were found."},
		"coverage": {func(w io.Writer) error { return report.WriteCoverage(w, report.Coverage{Complete: true}, human) },
			"No log files in a trail's layout were found.\nListed, but did not read, 0 objects.\n"},
	} {
		if got := string(run(t, c.f)); !strings.Contains(got, c.want) {
			t.Errorf("%s: got\n%s\nwant in it\n%s", name, got, c.want)
		}
	}
}

func TestColumnsAgree(t *testing.T) {
	var contract []string
	for _, c := range report.Columns(report.SignIns) {
		contract = append(contract, c.Name)
	}
	want := strings.Fields(`event_time event_id original_event_id account_id recorded_region partition scope endpoint basis confidence notes
		signin_host identity_type principal principal_arn user_name role_name session_name outcome error_code error_message
		mfa source_ip user_agent login_to saml_provider_arn vpc_endpoint_id tls_version tls_cipher event_version mobile
		carrier origin event_date`)
	if diff := cmp.Diff(want, contract); diff != "" {
		t.Errorf("signins (-want +got):\n%s", diff)
	}
	contract = nil
	for _, c := range report.Columns(report.Findings) {
		contract = append(contract, c.Name)
	}
	want = append(strings.Fields("finding_id rule severity reason observed expected surprise"), want...)
	if diff := cmp.Diff(want, contract); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	for _, k := range []report.Kind{report.SignIns, report.Findings, report.Endpoints, report.Principals, report.Places} {
		for _, c := range report.Columns(k) {
			if c.Name == "" || c.Doc == "" || c.Type == "" {
				t.Errorf("%s: column %+v lacks something", k, c)
			}
		}
	}
	if got := report.Columns("nothing"); got != nil {
		t.Errorf("columns of no kind: %v", got)
	}
}

func TestUnknownRows(t *testing.T) {
	o := report.Options{Rows: "nothing"}
	for name, err := range map[string]error{
		"table":    report.WriteTable(io.Discard, sample(), o),
		"markdown": report.WriteMarkdown(io.Discard, sample(), o),
		"html":     report.WriteHTML(io.Discard, sample(), o),
		"schema":   report.WriteSchema(io.Discard, "nothing", o),
		"json":     report.WriteSchemaJSON(io.Discard, "nothing"),
	} {
		if err == nil || !strings.Contains(err.Error(), `rows "nothing": no such table`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var errFull = errors.New("disk full")

// broken takes n bytes and then fails.
type broken struct{ n int }

func (b *broken) Write(p []byte) (int, error) {
	if b.n -= len(p); b.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	all := formats()
	all["parquet"] = func(w io.Writer) error { return report.WriteParquet(w, many(100, 1), report.ParquetOptions{}) }
	all["many.jsonl"] = func(w io.Writer) error { return report.WriteJSONL(w, many(1000, 1)) }
	all["many.csv"] = func(w io.Writer) error { return report.WriteCSV(w, many(1000, 1)) }
	for _, o := range []report.Options{{Rows: report.SignIns}, {Rows: report.SignIns, Aligned: true}} {
		name := "many.tsv"
		if o.Aligned {
			name = "many.txt"
		}
		all[name] = func(w io.Writer) error { return report.WriteTable(w, report.Document{SignIns: many(3000, 1)}, o) }
	}
	for name, f := range all {
		for _, room := range []int{0, 100, 70_000} {
			if err := f(&broken{room}); room < 70_000 && !errors.Is(err, errFull) {
				t.Errorf("%s, room for %d bytes: error %v", name, room, err)
			}
		}
	}
}
