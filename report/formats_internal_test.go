package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"trailgate/report/row"
)

// withCounts returns the list with one more format, as somebody would add one: a
// function that writes, and a line in the list.
func withCounts() []Format {
	return append(Formats(), Format{Name: "counts", write: func(w io.Writer, r Report, o Options) error {
		t, err := streamRows(r, o.Rows)
		if err != nil {
			return err
		}
		n := 0
		for range t.values {
			n++
		}
		_, err = fmt.Fprintf(w, "%d %s\n", n, o.Rows)
		return err
	}})
}

func TestAddedFormat(t *testing.T) {
	f, ok := FindFormat(withCounts(), "counts")
	if !ok || !f.RowsOnly() {
		t.Fatalf("found %v, rows only %v", ok, f.RowsOnly())
	}
	r := Report{
		SignIns:    slices.Values(make([]row.SignIn, 3)),
		Principals: make([]row.Principal, 2),
		Coverage:   Coverage{Places: make([]row.Coverage, 4)},
	}
	for kind, want := range map[row.Kind]string{"": "3 signins\n", row.Findings: "0 findings\n", row.Principals: "2 principals\n"} {
		var b bytes.Buffer
		if err := Write(&b, f, r, Options{Rows: kind}); err != nil || b.String() != want {
			t.Errorf("rows %q: wrote %q, error %v, want %q", kind, b.String(), err, want)
		}
	}
	var b bytes.Buffer
	if err := WriteCoverage(&b, f, r, Options{Rows: row.Findings}); err != nil || b.String() != "4 coverage\n" {
		t.Errorf("coverage: wrote %q, error %v", b.String(), err)
	}
}

func TestRefusedFormats(t *testing.T) {
	for _, f := range append(withCounts(), Format{Name: "yaml"}, Format{}) {
		for _, k := range []row.Kind{"", row.Findings, row.Coverages, "people"} {
			var b bytes.Buffer
			err := Write(&b, f, Report{}, Options{Rows: k})
			want := f.write == nil || k == row.Coverages || k == "people" || f.OneDocument && k != ""
			if (err != nil) != want {
				t.Errorf("format %q, rows %q: error %v", f.Name, k, err)
			}
			if err != nil && b.Len() > 0 {
				t.Errorf("format %q, rows %q: refused after %d bytes", f.Name, k, b.Len())
			}
		}
	}
	if err := WriteCoverage(io.Discard, Format{Name: "yaml"}, Report{}, Options{}); err == nil {
		t.Error("an unknown format wrote the coverage")
	}
}

// The list is complete, and each format says what it is.
func TestFormatList(t *testing.T) {
	var names []string
	for _, f := range Formats() {
		names = append(names, f.Name)
		if f.write == nil || f.OneDocument && f.Grouped {
			t.Errorf("format %q: %+v", f.Name, f)
		}
		if !f.RowsOnly() && f.writeCoverage == nil {
			t.Errorf("format %q cannot write the coverage", f.Name)
		}
	}
	if got := strings.Join(names, " "); got != "table json jsonl csv markdown html parquet" {
		t.Errorf("formats %s", got)
	}
}
