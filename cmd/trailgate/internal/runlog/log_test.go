package runlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"trailgate/cmd/trailgate/internal/batch"
	"trailgate/ingest"
)

// told runs what tells of a run, and gives what it wrote.
func told(t *testing.T, format string, quiet bool, tell func(*Log)) string {
	t.Helper()
	var out bytes.Buffer
	l, err := New(&out, format, quiet, func() time.Time {
		return time.Date(2026, 3, 2, 2, 15, 1, 500e6, time.FixedZone("CET", 3600))
	})
	if err != nil {
		t.Fatal(err)
	}
	if l.Structured() != (format != "auto") {
		t.Errorf("%s: structured: %t", format, l.Structured())
	}
	tell(l)
	return out.String()
}

// sampleSummary is an account in which every number is told from its
// neighbours.
func sampleSummary() *batch.Summary {
	started := time.Date(2026, 3, 2, 1, 15, 0, 0, time.UTC)
	return &batch.Summary{
		Manifest: batch.ManifestVersion, Trailgate: "0.1.0", Run: "0123456789ab", Generation: 42, Committed: true, Status: batch.StatusSkipped,
		Started: started, Seconds: 1.5, Since: started.AddDate(0, 0, -30), Settled: started.AddDate(0, 0, -1),
		Sources: []string{"s3://example-trail"}, Lake: "s3://example-lake/trailgate", State: "s3://example-lake/trailgate/_trailgate/state",
		Objects: batch.ObjectCounts{Listed: 10, Read: 7, Skipped: 1, Excluded: 2, SkippedBy: map[string]int{"corrupt": 1}, ExcludedBy: map[string]int{"known": 2}, Packed: 1000, Inflated: 7000},
		Records: batch.RecordCounts{Seen: 20, SignIns: 7, Duplicates: 3, Outside: 4, Filtered: 6, Skipped: 1},
		SignIns: batch.SignInCounts{New: 5, Known: 2, Late: 1},
		Findings: batch.FindingCounts{New: 2, Changed: 1, Withdrawn: 1, Standing: 9,
			BySeverity: map[string]int{"low": 1, "critical": 2}},
		Owed: []batch.OwedObject{{Key: "AWSLogs/1.json.gz", Source: "s3://example-trail", Cause: "corrupt", Reason: "checksum", Since: started.AddDate(0, 0, -2), Tries: 3}},
		Files: []batch.AddedFile{
			{Table: "signins", Key: "signins/event_date=2026-03-01/part-0000000042-0123456789ab.parquet", Rows: 5, Bytes: 5000},
			{Table: "findings", Key: "findings/event_date=2026-03-01/part-0000000042-0123456789ab.parquet", Rows: 9, Bytes: 900},
		},
		Replaced: []string{"findings/event_date=2026-03-01/part-0000000041-aaaaaaaaaaaa.parquet"},
		Remarks:  []string{"1 object was read again"},
	}
}

func skip(origin string, record bool) ingest.SkipError {
	return ingest.SkipError{Cause: ingest.CauseCorrupt, Origin: origin, Record: record, Err: errors.New("checksum")}
}

func TestLogFormats(t *testing.T) {
	tell := func(l *Log) {
		l.Complain("the baseline was not saved")
		l.Skips(&ingest.Coverage{Skipped: map[ingest.Cause]int{ingest.CauseCorrupt: 1}, Skips: []ingest.SkipError{skip("s3://example-trail/x.gz", true)}}, false)
		l.Run(sampleSummary(), false)
		l.Fail("commit \"lake\": denied", "grant s3:PutObject")
	}
	numbers := `objects_listed=10 objects_read=7 objects_skipped=1 objects_excluded=2 packed=1000 inflated=7000 ` +
		`records_seen=20 records_sign_ins=7 records_duplicates=3 records_outside=4 records_filtered=6 records_skipped=1 ` +
		`sign_ins_new=5 sign_ins_known=2 sign_ins_late=1 findings_new=2 findings_changed=1 findings_withdrawn=1 findings_standing=9 ` +
		`owed=1 files_added=2 files_replaced=1 rows=14 bytes=5900`
	for format, want := range map[string]string{
		"auto": `trailgate: the baseline was not saved
trailgate: skipped: "s3://example-trail/x.gz": corrupt: checksum
trailgate: owed: "AWSLogs/1.json.gz": corrupt: checksum (since 2026-02-28T01:15:00Z, 3 tries)
trailgate: 1 object was read again
trailgate: ` + sampleSummary().Line() + `
trailgate: error: commit "lake": denied
trailgate: hint: grant s3:PutObject
`,
		"text": `time=2026-03-02T01:15:01.500Z level=WARN msg="the baseline was not saved"
time=2026-03-02T01:15:01.500Z level=WARN msg=skipped origin=s3://example-trail/x.gz cause=corrupt reason=checksum
time=2026-03-02T01:15:01.500Z level=WARN msg=owed run=0123456789ab key=AWSLogs/1.json.gz source=s3://example-trail cause=corrupt reason=checksum since=2026-02-28T01:15:00.000Z tries=3
time=2026-03-02T01:15:01.500Z level=INFO msg=remark run=0123456789ab remark="1 object was read again"
time=2026-03-02T01:15:01.500Z level=WARN msg=run run=0123456789ab status=skipped generation=42 committed=true ` + numbers + ` started=2026-03-02T01:15:00.000Z since=2026-01-31T01:15:00.000Z settled=2026-03-01T01:15:00.000Z seconds=1.5 lake=s3://example-lake/trailgate
time=2026-03-02T01:15:01.500Z level=ERROR msg=failed error="commit \"lake\": denied" hint="grant s3:PutObject"
`,
		"json": `{"time":"2026-03-02T01:15:01.5Z","level":"WARN","msg":"the baseline was not saved"}
{"time":"2026-03-02T01:15:01.5Z","level":"WARN","msg":"skipped","origin":"s3://example-trail/x.gz","cause":"corrupt","reason":"checksum"}
{"time":"2026-03-02T01:15:01.5Z","level":"WARN","msg":"owed","run":"0123456789ab","key":"AWSLogs/1.json.gz","source":"s3://example-trail","cause":"corrupt","reason":"checksum","since":"2026-02-28T01:15:00Z","tries":3}
{"time":"2026-03-02T01:15:01.5Z","level":"INFO","msg":"remark","run":"0123456789ab","remark":"1 object was read again"}
{"time":"2026-03-02T01:15:01.5Z","level":"WARN","msg":"run","run":"0123456789ab","status":"skipped","generation":42,"committed":true,` +
			`"` + strings.NewReplacer("=", `":`, " ", `,"`).Replace(numbers) + `,"started":"2026-03-02T01:15:00Z","since":"2026-01-31T01:15:00Z","settled":"2026-03-01T01:15:00Z","seconds":1.5,"lake":"s3://example-lake/trailgate"}
{"time":"2026-03-02T01:15:01.5Z","level":"ERROR","msg":"failed","error":"commit \"lake\": denied","hint":"grant s3:PutObject"}
`,
	} {
		if diff := cmp.Diff(want, told(t, format, false, tell)); diff != "" {
			t.Errorf("%s: %s", format, diff)
		}
		// Quiet leaves the errors.
		var errs []string
		for _, line := range strings.SplitAfter(want, "\n") {
			if strings.Contains(line, "ERROR") || strings.HasPrefix(line, "trailgate: error") || strings.HasPrefix(line, "trailgate: hint") {
				errs = append(errs, line)
			}
		}
		if diff := cmp.Diff(strings.Join(errs, ""), told(t, format, true, tell)); diff != "" {
			t.Errorf("%s, quiet: %s", format, diff)
		}
	}
}

func TestLogFormatUnknown(t *testing.T) {
	if l, err := New(io.Discard, "xml", false, time.Now); err == nil || l != nil {
		t.Errorf("error %v, log %v", err, l)
	}
}

// An error that does not end the run is an error all the same.
func TestLogErrorAmongComplaints(t *testing.T) {
	got := told(t, "text", true, func(l *Log) { l.Complain("error: write metrics: disk full") })
	if want := `level=ERROR msg=failed error="write metrics: disk full"`; !strings.Contains(got, want) {
		t.Errorf("no %q in %q", want, got)
	}
}

// What was skipped and is owed is named once; of many, ten are.
func TestLogNamesOnce(t *testing.T) {
	a := sampleSummary()
	a.Owed = nil
	c := &ingest.Coverage{Skipped: map[ingest.Cause]int{ingest.CauseCorrupt: 12}, Unlisted: 5}
	for i := range 12 {
		key := fmt.Sprintf("AWSLogs/%02d.gz", i)
		c.Skips = append(c.Skips, skip("s3://example-trail/"+key, false))
		a.Owed = append(a.Owed, batch.OwedObject{Key: key, Origin: "s3://example-trail/" + key, Cause: "corrupt", Since: a.Started, Tries: 1})
	}
	a.Owed = append(a.Owed, batch.OwedObject{Key: "old.gz", Cause: "corrupt", Since: a.Started, Tries: 9})
	for _, test := range []struct {
		verbose       bool
		skipped, owed int
		more          []string
	}{
		{false, 10, 3, []string{"skipped: and 7 more;"}},
		{true, 12, 1, []string{"skipped: and 5 more;"}},
	} {
		got := told(t, "auto", false, func(l *Log) {
			l.Skips(c, test.verbose)
			l.Run(a, test.verbose)
		})
		if n := strings.Count(got, `skipped: "`); n != test.skipped {
			t.Errorf("verbose %t: %d skipped, want %d", test.verbose, n, test.skipped)
		}
		if n := strings.Count(got, `owed: "`); n != test.owed {
			t.Errorf("verbose %t: %d owed, want %d", test.verbose, n, test.owed)
		}
		for _, more := range test.more {
			if !strings.Contains(got, more) {
				t.Errorf("no %q in %s", more, got)
			}
		}
	}
	for i := range 30 {
		a.Owed = append(a.Owed, batch.OwedObject{Key: fmt.Sprint(i), Cause: "corrupt", Since: a.Started, Tries: 1})
	}
	got := told(t, "json", false, func(l *Log) { l.Run(a, false) })
	if !strings.Contains(got, `"msg":"owed","more":33`) {
		t.Errorf("not told how many more: %s", got)
	}
}

// Names of objects and texts of errors are anybody's: none moves a cursor.
func TestLogIsHarmless(t *testing.T) {
	const hostile = "a\x1b[2Jb\u202ec\u009b31md\ne\xfff\U000e0041 \"g\\"
	for _, format := range []string{"auto", "text", "json"} {
		got := told(t, format, false, func(l *Log) {
			a := sampleSummary()
			a.Owed[0].Key, a.Owed[0].Reason, a.Remarks[0], a.Error, a.Lake = hostile, hostile, hostile, hostile, hostile
			a.Run = hostile
			l.Skips(&ingest.Coverage{Skipped: map[ingest.Cause]int{"x": 1}, Skips: []ingest.SkipError{{Origin: hostile, Cause: hostile, Err: errors.New(hostile)}}}, false)
			l.Run(a, false)
			l.Complain(hostile)
			l.Fail(hostile, hostile)
		})
		for i, r := range got {
			if r != '\n' && !unicode.IsPrint(r) || r == unicode.ReplacementChar && format != "json" {
				t.Errorf("%s: %q at %d", format, r, i)
			}
		}
		for line := range strings.Lines(got) {
			if format == "json" && !json.Valid([]byte(line)) {
				t.Errorf("no JSON: %s", line)
			}
			if format == "auto" && !strings.HasPrefix(line, "trailgate: ") || format == "text" && !strings.HasPrefix(line, "time=") {
				t.Errorf("%s: a line of its own making: %q", format, line)
			}
		}
	}
}

// FuzzEscapeInvisible: what is made visible is the same text to a parser.
func FuzzEscapeInvisible(f *testing.F) {
	f.Add("plain \"quoted\" \\ \u00e9\u4e16")
	f.Add("\u202e\u009b\U000e0041\u2028\x7f\x00")
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "?")
		record, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if n, err := (escapeInvisible{&out}).Write(record); n != len(record) || err != nil {
			t.Fatal(n, err)
		}
		var back string
		if err := json.Unmarshal(out.Bytes(), &back); err != nil || back != s {
			t.Fatalf("%q became %q: %v", s, back, err)
		}
		for _, r := range out.String() {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q in %q", r, out.String())
			}
		}
	})
}
