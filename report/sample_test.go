package report_test

import (
	"flag"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/report"
	"trailgate/report/internal/rowtest"
	"trailgate/report/row"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares the output with a file under testdata, or rewrites the file.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// format returns the format of the list with a name.
func format(name string) report.Format {
	f, ok := report.FindFormat(report.Formats(), name)
	if !ok {
		panic("no format " + name)
	}
	return f
}

func writeAs(name string, w io.Writer, r report.Report, o report.Options) error {
	return report.Write(w, format(name), r, o)
}

func writeCoverageAs(name string, w io.Writer, c report.Coverage, o report.Options) error {
	return report.WriteCoverage(w, format(name), report.Report{Coverage: c}, o)
}

// writeRowsAs writes rows of one kind, which may be nil.
func writeRowsAs[R row.Row](name string, w io.Writer, rows iter.Seq[R]) error {
	var r report.Report
	var o report.Options
	switch rows := any(rows).(type) {
	case iter.Seq[row.SignIn]:
		r.SignIns, o.Rows = rows, row.SignIns
	case iter.Seq[row.Finding]:
		r.Findings, o.Rows = rows, row.Findings
	case iter.Seq[row.Endpoint]:
		o.Rows = row.Endpoints
		if rows != nil {
			r.Endpoints = slices.Collect(rows)
		}
	case iter.Seq[row.Principal]:
		r.Principals, o.Rows = slices.Collect(rows), row.Principals
	case iter.Seq[row.Coverage]:
		return writeCoverageAs(name, w, report.Coverage{Places: slices.Collect(rows)}, o)
	}
	return report.Write(w, format(name), r, o)
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func sample() report.Report {
	hostileFinding := rowtest.Finding()
	hostileFinding.FindingID, hostileFinding.Severity, hostileFinding.Surprise = "f-0002", "medium", nil
	hostileFinding.Expected, hostileFinding.SignIn = nil, rowtest.Hostile()
	hostileFinding.Reason = "see \x1b]8;;https://example.com\x07here\x1b]8;;\x07 www.example.com @someone"
	return report.Report{
		Summary: report.Summary{
			Tool: "trailgate", Version: "v0.1.0", Since: at("2026-03-01T00:00:00Z"), Until: at("2026-03-15T00:00:00Z"),
			First: at("2026-03-01T10:00:00Z"), Last: at("2026-03-14T23:59:59Z"), SignIns: 1204, Failures: 57,
			Scopes: report.Scopes{Regional: 1031, Global: 142, Unknown: 31}, Principals: 87,
			Accounts: []string{"111122223333", "123456789012", "444455556666"}, Judged: true, NotJudged: 1,
			Findings: 2, Severities: map[string]int{"medium": 1, "high": 1},
		},
		Coverage:   coverage(),
		Findings:   slices.Values([]row.Finding{rowtest.Finding(), hostileFinding}),
		SignIns:    slices.Values([]row.SignIn{rowtest.Full(), rowtest.Hostile(), rowtest.Minimal()}),
		Endpoints:  rowtest.Endpoints(),
		Principals: rowtest.Principals(23),
	}
}

func days(s ...string) []row.Date {
	var all []row.Date
	for _, d := range s {
		all = append(all, row.DateOf(at(d+"T00:00:00Z")))
	}
	return all
}

func coverage() report.Coverage {
	return report.Coverage{
		Sources: []string{"s3://example-trail/logs"},
		Objects: report.Objects{
			Listed: 410, Read: 395, Skipped: 3, Excluded: 12,
			SkippedBy: map[string]int{"truncated": 2, "access-denied": 1},
			LeftOutBy: map[string]int{"digest": 10, "insight": 2}, FoldersBy: map[string]int{"outside-window": 40},
		},
		Records: report.Records{Seen: 1210, SignIns: 1204, Duplicates: 4, Outside: 2, Skipped: 1,
			SkippedBy: map[string]int{"no-event-id": 1}},
		Bytes:  report.Volume{Packed: 73_100_000, Inflated: 599_000_000},
		Places: rowtest.Coverages(),
		Absent: []report.Absence{{AccountID: "111122223333", Regions: []string{"eu-west-1", "eu-west-2", "eu-west-3",
			"sa-east-1", "us-east-2", "us-west-1", "us-west-2"}}, {AccountID: "123456789012", Regions: []string{"eu-west-1"}}},
		Skips: []report.Skip{
			{Cause: "access-denied", Origin: "s3://example-trail/logs/a.json.gz", Reason: "403 Forbidden"},
			{Cause: "no-event-id", Origin: "s3://example-trail/logs/b\x1b[31m.json.gz", Reason: "record 7 has no eventID", Record: true},
			{Cause: "truncated", Origin: "s3://example-trail/logs/c.json.gz", Reason: "unexpected end"},
		},
		Meanings: map[string]string{
			"access-denied": "the store refused to hand it out", "truncated": "the gzip stream ends early",
			"no-event-id": "a sign-in without eventID", "listing": "a folder could not be listed",
		},
		ListedOnly:    "listed-only",
		SkipsUnlisted: 1, Remarks: []string{"Only one Region has log files: the trail looks single-Region."},
	}
}

// surveyed returns what the coverage verb finds.
func surveyed() report.Coverage {
	c := coverage()
	c.Objects.Read, c.Objects.Skipped, c.Objects.Excluded = 0, 1, 409
	c.Objects.SkippedBy = map[string]int{"listing": 1}
	c.Objects.LeftOutBy = map[string]int{"digest": 10, "insight": 2, "listed-only": 397}
	c.Records, c.Bytes, c.SkipsUnlisted = report.Records{}, report.Volume{}, 0
	c.Skips = []report.Skip{{Cause: "listing", Origin: "s3://example-trail/logs/b\x1b[31m/AWSLogs/", Reason: "403 Forbidden"}}
	return c
}
