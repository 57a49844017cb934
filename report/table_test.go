package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"trailgate/report"
	"trailgate/report/internal/rowtest"
	"trailgate/report/row"
)

func table(t *testing.T, d report.Report, o report.Options) string {
	t.Helper()
	return string(run(t, func(w io.Writer) error { return writeAs("table", w, d, o) }))
}

func TestHeadline(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*report.Report)
		want   string
	}{
		"one of each": {func(d *report.Report) {
			d.Summary = report.Summary{SignIns: 1, Principals: 1, Accounts: []string{"111122223333"}, Scopes: report.Scopes{Global: 1},
				First: at("2026-03-01T10:00:00Z"), Last: at("2026-03-01T10:00:00Z")}
		}, "1 sign-in by 1 principal in 1 account, 2026-03-01: 0 regional, 1 global, 0 unknown; 0 failed.\n"},
		"none, with a window": {func(d *report.Report) { d.Summary = report.Summary{Since: at("2026-03-01T00:00:00Z")} },
			"No console sign-ins were found.\nAsked for: from 2026-03-01 00:00:00 UTC.\n"},
		"judged, nothing found": {func(d *report.Report) { d.Summary.Findings = 0 }, "\nNo findings.\n"},
		"all read": {func(d *report.Report) {
			d.Coverage = report.Coverage{Complete: true, Objects: report.Objects{Listed: 7, Read: 7}}
		}, "Read 7 of 7 objects (0 B packed, 0 B of JSON).\nEverything that was listed was read.\n"},
		"not all of it": {func(d *report.Report) {
			d.Coverage = report.Coverage{Objects: report.Objects{Listed: 7, Read: 6, Skipped: 1, SkippedBy: map[string]int{"trailing-garbage": 1}}}
		}, "\nINCOMPLETE: 1 of 7 objects could not be read, or not to their end (1 trailing-garbage).\n"},
		"interrupted": {func(d *report.Report) { d.Coverage = report.Coverage{Partial: true} }, "\nPARTIAL: the run was interrupted"},
		"incomplete for a reason that was not counted": {func(d *report.Report) { d.Coverage = report.Coverage{} },
			"\nINCOMPLETE: not everything"},
	} {
		d := sample()
		c.change(&d)
		if got := table(t, d, report.Options{Aligned: true}); !strings.Contains(got, c.want) {
			t.Errorf("%s: got\n%s\nwant in it\n%s", name, got, c.want)
		}
	}
}

func TestCoverageHeadline(t *testing.T) {
	empty := []row.Coverage{{AccountID: "111122223333", Region: "eu-north-1"}, {AccountID: "123456789012", Region: "eu-north-1"},
		{AccountID: "123456789012", Region: "us-east-1", DaysWithoutFiles: days("2026-03-01")}}
	for name, c := range map[string]struct {
		c    report.Coverage
		want string
	}{
		"nothing in the window": {report.Coverage{Complete: true, Places: empty,
			Objects: report.Objects{Listed: 2, Excluded: 2, LeftOutBy: map[string]int{"outside-window": 2}}},
			"No log files of 2 accounts in 2 Regions in the window.\nListed 2 objects without reading them.\nLeft out: 2 objects (2 outside-window).\n"},
		"no layout": {report.Coverage{Complete: true}, "No log files in a trail's layout were found.\nListed 0 objects without reading them.\n"},
		"a folder that could not be listed": {surveyed(),
			"\nListed 410 objects from s3://example-trail/logs without reading them.\nINCOMPLETE: 1 of 410 objects could not be listed (1 listing).\nLeft out: 12 objects (10 digest, 2 insight) and 40 folders"},
	} {
		got := string(run(t, func(w io.Writer) error { return writeCoverageAs("table", w, c.c, report.Options{Aligned: true}) }))
		if !strings.Contains(got, c.want) || strings.Contains(got, "was read") {
			t.Errorf("%s: got\n%s\nwant in it\n%s", name, got, c.want)
		}
	}
}

func TestNoColorUnlessAsked(t *testing.T) {
	for _, o := range []report.Options{{}, {Aligned: true}, {Color: true}} {
		if got := table(t, sample(), o); strings.Contains(got, "\x1b") {
			t.Errorf("%+v is coloured", o)
		}
	}
	if got := table(t, sample(), report.Options{Aligned: true, Color: true}); !strings.Contains(got, "\x1b[31mhigh\x1b[0m") {
		t.Error("asked for colour, got none")
	}
}

func TestTwinHasEveryCell(t *testing.T) {
	d := sample()
	lines := strings.Split(strings.TrimSuffix(table(t, d, report.Options{Rows: row.Principals}), "\n"), "\n")
	if len(lines) != 1+len(d.Principals) {
		t.Fatalf("%d lines for %d principals", len(lines), len(d.Principals))
	}
	for _, l := range lines {
		if n := strings.Count(l, "\t"); n != 8 {
			t.Errorf("%d tabs in %q", n, l)
		}
	}
}

// TestAlignedStream writes more rows than those that decide the widths. Later rows that are
// wider must be cut visibly, and all rows must be there in their order.
func TestAlignedStream(t *testing.T) {
	rows := func(yield func(row.SignIn) bool) {
		for i := range 2500 {
			s := rowtest.Full()
			s.Principal = "p" + strconv.Itoa(i)
			if i == 2000 {
				s.Principal = strings.Repeat("w", 100) + "END"
			}
			if !yield(s) {
				return
			}
		}
	}
	got := table(t, report.Report{SignIns: rows}, report.Options{Aligned: true, Rows: row.SignIns})
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	if len(lines) != 2502 {
		t.Fatalf("%d lines", len(lines))
	}
	if !strings.Contains(lines[2002], "wwwwwwww…") || strings.Contains(lines[2002], "END") {
		t.Errorf("wide row: %q", lines[2002])
	}
	if !strings.Contains(lines[2501], "p2499 ") {
		t.Errorf("last row: %q", lines[2501])
	}
	for i, l := range lines {
		if strings.TrimRight(l, " ") != l {
			t.Errorf("line %d ends in spaces", i+1)
		}
	}
}

func TestWidth(t *testing.T) {
	for _, rows := range []row.Kind{row.SignIns, row.Findings, row.Endpoints, row.Principals} {
		for _, l := range strings.Split(table(t, sample(), report.Options{Aligned: true, Width: 140, Rows: rows}), "\n") {
			if n := utf8.RuneCountInString(l); n > 142 {
				t.Errorf("%s: %d columns: %q", rows, n, l)
			}
		}
	}
}

func TestProseIsNotCut(t *testing.T) {
	f := rowtest.Finding()
	f.Reason = strings.Repeat("word ", 60) + "END"
	got := table(t, report.Report{Findings: slices.Values([]row.Finding{f})},
		report.Options{Aligned: true, Width: 120, Rows: row.Findings})
	if n := strings.Count(got, "word"); n != 60 || !strings.Contains(got, "END") {
		t.Errorf("%d of 60 words in\n%s", n, got)
	}
}

// TestStreamsAreReadOnce proves that a format reads findings and sign-ins only once, and
// only as many as it shows.
func TestStreamsAreReadOnce(t *testing.T) {
	for name, c := range map[string]struct {
		write func(io.Writer, report.Report) error
		want  int
	}{
		"json": {func(w io.Writer, d report.Report) error { return writeAs("json", w, d, report.Options{}) }, 3000},
		"table": {func(w io.Writer, d report.Report) error {
			return writeAs("table", w, d, report.Options{Aligned: true})
		}, 0},
		"rows": {func(w io.Writer, d report.Report) error {
			return writeAs("table", w, d, report.Options{Rows: row.SignIns, Aligned: true})
		}, 3000},
		"html": {func(w io.Writer, d report.Report) error { return writeAs("html", w, d, report.Options{}) }, 2000},
	} {
		d, n, starts := sample(), 0, 0
		d.Summary.SignIns = 3000
		d.SignIns = func(yield func(row.SignIn) bool) {
			starts++
			for range 3000 {
				if n++; !yield(rowtest.Full()) {
					return
				}
			}
		}
		var b bytes.Buffer
		if err := c.write(&b, d); err != nil {
			t.Fatal(err)
		}
		if n != c.want || starts > 1 {
			t.Errorf("%s: read %d rows in %d goes, want %d", name, n, starts, c.want)
		}
		if name == "html" && !strings.Contains(b.String(), "… and 1,000 more (--rows signins lists all)") {
			t.Error("the page does not say that it leaves rows out")
		}
	}
}

func TestHTMLPolicy(t *testing.T) {
	got := string(run(t, func(w io.Writer) error { return writeAs("html", w, sample(), report.Options{}) }))
	_, rest, _ := strings.Cut(got, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	// html/template writes + as an entity in attributes.
	hash := strings.ReplaceAll(base64.StdEncoding.EncodeToString(sum[:]), "+", "&#43;")
	for _, want := range []string{"default-src &#39;none&#39;", "sha256-" + hash} {
		if !strings.Contains(got, want) {
			t.Errorf("the page's policy lacks %q", want)
		}
	}
	for _, bad := range []string{"<script", "http-equiv=\"refresh\"", "<img", "<a ", "<link"} {
		if strings.Contains(got, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
}

func TestMarkdownCells(t *testing.T) {
	for in, want := range map[string]string{
		"a|b":                   `a\|b`,
		"`x`":                   "\\`x\\`",
		"<b>&amp;":              "&lt;b&gt;&amp;amp;",
		"a\nb":                  `a\\nb`,
		"[x](https://a)":        `\[x\](https&#58;//a)`,
		"WWW.example.com":       "WWW&#46;example.com",
		"@team #1":              `&#64;team \#1`,
		"*a* _b_ ~c~ $d$ \\":    `\*a\* \_b\_ \~c\~ \$d\$ \\`,
		"AWSReservedSSO_a-b.c!": `AWSReservedSSO\_a-b.c!`,
	} {
		d := report.Report{Principals: []row.Principal{{Principal: in}}}
		got := string(run(t, func(w io.Writer) error { return writeAs("markdown", w, d, report.Options{Rows: row.Principals}) }))
		if !strings.Contains(got, "\n| "+want+" | 0 |") {
			t.Errorf("%q: want %q in\n%s", in, want, got)
		}
	}
}

// If the terminal is too narrow for the table of findings, they are written as blocks, and
// nothing is cut.
func TestFindingsOnANarrowTerminal(t *testing.T) {
	f := row.Finding{Rule: "endpoint.new", Severity: "medium", Reason: "first sign-in at eu-north-1 in 143; " + strings.Repeat("words ", 20) + "end.",
		Observed: "eu-north-1", Expected: []string{"us-west-2"}, SignIn: row.SignIn{AccountID: "111122223333", Principal: "111122223333/user/somebody.with.a.long.name"}}
	d := report.Report{Findings: func(yield func(row.Finding) bool) { yield(f) }}
	got := string(run(t, func(w io.Writer) error {
		return writeAs("table", w, d, report.Options{Aligned: true, Width: 80, Rows: row.Findings})
	}))
	for _, want := range []string{f.Principal, "endpoint.new", "observed eu-north-1, expected us-west-2", "end."} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	for l := range strings.Lines(got) {
		if len(l) > 81 {
			t.Errorf("a line of %d columns: %s", len(l)-1, l)
		}
	}
}
