package report_test

import (
	"bytes"
	"flag"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/report"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with, or rewrites, a file under testdata.
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

func ptr[T any](v T) *T { return &v }

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

// full has something in every column.
func full() report.SignIn {
	return report.SignIn{
		EventTime: at("2026-03-01T10:00:00Z"), EventID: "11111111-2222-4333-8444-555555555501",
		OriginalEventID: "11111111-2222-4333-8444-555555555500",
		AccountID:       "111122223333", RecordedRegion: "eu-north-1", Partition: "aws",
		Scope: "regional", Endpoint: "eu-north-1", Basis: "host", Confidence: "certain",
		Notes: []string{"maybe-proxied", "region-mismatch"}, SigninHost: "eu-north-1.signin.aws.amazon.com",
		IdentityType: "IAMUser", Principal: "111122223333/user/alice",
		PrincipalARN: "arn:aws:iam::111122223333:user/alice", UserName: "alice", RoleName: "none", SessionName: "none",
		Outcome: "failure", ErrorCode: "AccessDenied", ErrorMessage: "Failed authentication", MFA: "yes",
		SourceIP: "192.0.2.10", UserAgent: "Mozilla/5.0 (X11)", LoginTo: "https://console.aws.amazon.com/console/home?a=1&b=<2>",
		SAMLProviderARN: "arn:aws:iam::111122223333:saml-provider/idp", VPCEndpointID: "vpce-0example",
		TLSVersion: "TLSv1.3", TLSCipher: "TLS_AES_128_GCM_SHA256", EventVersion: "1.08", Mobile: ptr(false),
		Carrier: "trail", Origin: "s3://bucket/AWSLogs/111122223333/a.json.gz", EventDate: report.DateOf(at("2026-03-01T10:00:00Z")),
	}
}

// bare has only what is always there.
func bare() report.SignIn {
	return report.SignIn{
		EventTime: at("2026-03-14T23:59:59.5Z"), EventID: "11111111-2222-4333-8444-555555555502",
		Scope: "unknown", Basis: "none", Confidence: "low", Principal: "/unknown", Outcome: "unknown", MFA: "unknown",
		Carrier: "record", EventDate: report.DateOf(at("2026-03-14T23:59:59Z")),
	}
}

// hostile has text that means harm to a terminal, a spreadsheet and a page.
func hostile() report.SignIn {
	s := full()
	s.EventTime, s.EventID = at("2026-03-02T00:00:00Z"), "11111111-2222-4333-8444-555555555503"
	s.UserName = "=cmd|'/c calc'!A0"
	s.Principal = "111122223333/user/\x1b[2J\u202eevil|`x`<script>alert(1)</script>"
	s.UserAgent = "a\nb\tc\r\x00\u0085\u2028\ufeff \"q\", \xff z"
	s.SourceIP = "\u009b31m"
	s.Mobile = nil
	s.EventDate = report.DateOf(s.EventTime)
	return s
}

func finding() report.Finding {
	return report.Finding{
		FindingID: "f-0001", Rule: "endpoint.new", Severity: "high",
		Reason: "first sign-in at eu-north-1 in 143; 0.2 % of this account's", Observed: "eu-north-1",
		Expected: []string{"global", "us-east-1"}, Surprise: ptr(8.25), SignIn: full(),
	}
}

func sample() report.Document {
	hostileFinding := finding()
	hostileFinding.FindingID, hostileFinding.Severity, hostileFinding.Surprise = "f-0002", "medium", nil
	hostileFinding.Expected, hostileFinding.SignIn = nil, hostile()
	hostileFinding.Reason = "see \x1b]8;;https://example.com\x07here\x1b]8;;\x07 www.example.com @someone"
	return report.Document{
		Summary: report.Summary{
			Tool: "trailgate", Version: "v0.1.0", Since: at("2026-03-01T00:00:00Z"), Until: at("2026-03-15T00:00:00Z"),
			First: at("2026-03-01T10:00:00Z"), Last: at("2026-03-14T23:59:59Z"), SignIns: 1204, Failures: 57,
			Scopes: report.Scopes{Regional: 1031, Global: 142, Unknown: 31}, Principals: 87,
			Accounts: []string{"111122223333", "123456789012", "444455556666"}, Judged: true, NotJudged: 1,
			Findings: 2, Severities: map[string]int{"medium": 1, "high": 1},
		},
		Coverage: coverage(),
		Findings: slices.Values([]report.Finding{finding(), hostileFinding}),
		SignIns:  slices.Values([]report.SignIn{full(), hostile(), bare()}),
		Endpoints: []report.Endpoint{
			{Scope: "regional", Endpoint: "eu-north-1", SignIns: 1031, Failures: 50, Principals: 80,
				First: at("2026-03-01T10:00:00Z"), Last: at("2026-03-14T20:00:00Z")},
			{Scope: "global", Endpoint: "global", SignIns: 142, Failures: 7, Principals: 12,
				First: at("2026-03-02T10:00:00Z"), Last: at("2026-03-13T20:00:00Z")},
			{Scope: "unknown", SignIns: 31, Principals: 3},
		},
		Principals: principals(23),
	}
}

func principals(n int) []report.Principal {
	var all []report.Principal
	for i := range n {
		all = append(all, report.Principal{
			Principal: "111122223333/user/user-" + strconv.Itoa(i), IdentityType: "IAMUser", SignIns: 1300 - i, Failures: i,
			Endpoints: 2, UsualEndpoint: "eu-north-1", First: at("2026-03-01T10:00:00Z"), Last: at("2026-03-14T20:00:00Z"),
			Findings: i % 2,
		})
	}
	return all
}

func days(s ...string) []report.Date {
	var all []report.Date
	for _, d := range s {
		all = append(all, report.DateOf(at(d+"T00:00:00Z")))
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
		Bytes: report.Volume{Packed: 73_100_000, Inflated: 599_000_000},
		Places: []report.Place{
			{AccountID: "111122223333", Region: "eu-north-1", Objects: 1400, FirstDay: days("2026-03-01")[0],
				LastDay: days("2026-03-14")[0], DaysWithFiles: 10,
				DaysWithoutFiles: days("2026-03-05", "2026-03-06", "2026-03-07", "2026-03-09")},
			{AccountID: "111122223333", Region: "us-east-1", Objects: 10, FirstDay: days("2026-03-01")[0],
				LastDay: days("2026-03-14")[0], DaysWithFiles: 14},
			{AccountID: "123456789012", Region: "us-east-1", DaysWithoutFiles: days("2025-12-30", "2025-12-31", "2026-01-01")},
		},
		Absent: []report.Absence{{AccountID: "111122223333", Regions: []string{"eu-west-1", "eu-west-2", "eu-west-3",
			"sa-east-1", "us-east-2", "us-west-1", "us-west-2"}}, {AccountID: "123456789012", Regions: []string{"eu-west-1"}}},
		Skips: []report.Skip{
			{Cause: "access-denied", Origin: "s3://example-trail/logs/a.json.gz", Reason: "403 Forbidden"},
			{Cause: "no-event-id", Origin: "s3://example-trail/logs/b\x1b[31m.json.gz", Reason: "record 7 has no eventID", Record: true},
			{Cause: "truncated", Origin: "s3://example-trail/logs/c.json.gz", Reason: "unexpected end"},
		},
		SkipsUnlisted: 1, Remarks: []string{"Only one Region has log files: the trail looks single-Region."},
	}
}

// surveyed is what the listing of a trail finds.
func surveyed() report.Coverage {
	c := coverage()
	c.Objects.Read, c.Objects.Skipped, c.Objects.Excluded = 0, 1, 409
	c.Objects.SkippedBy = map[string]int{"listing": 1}
	c.Objects.LeftOutBy = map[string]int{"digest": 10, "insight": 2, "listed-only": 397}
	c.Records, c.Bytes, c.SkipsUnlisted = report.Records{}, report.Volume{}, 0
	c.Skips = []report.Skip{{Cause: "listing", Origin: "s3://example-trail/logs/b\x1b[31m/AWSLogs/", Reason: "403 Forbidden"}}
	return c
}

// many gives n seeded rows, sorted by time, with texts from a mix of ASCII,
// wide, invisible and invalid text.
func many(n int, seed uint64) iter.Seq[report.SignIn] {
	return func(yield func(report.SignIn) bool) {
		rng := rand.New(rand.NewPCG(seed, 7))
		parts := []string{"alice", "ボブ", "\x1b[0m", "\u202e", "\xff", "é", "\"", "\\", "\n", "=1+1", "|", "😀", "\U000e0041", "\u0000", " "}
		text := func() string {
			var b bytes.Buffer
			for range rng.IntN(5) {
				b.WriteString(parts[rng.IntN(len(parts))])
			}
			return b.String()
		}
		when := at("2026-01-01T00:00:00Z")
		for i := range n {
			when = when.Add(time.Duration(rng.IntN(5000)) * time.Millisecond)
			s := report.SignIn{EventTime: when, EventID: strconv.Itoa(i), AccountID: text(), Scope: "global", Endpoint: text(),
				Basis: "host", Confidence: "high", Principal: text(), Outcome: "success", MFA: "no", UserAgent: text(),
				Carrier: "trail", Origin: text(), EventDate: report.DateOf(when)}
			for range rng.IntN(3) {
				s.Notes = append(s.Notes, text())
			}
			if rng.IntN(2) == 0 {
				s.Mobile = ptr(rng.IntN(2) == 0)
			}
			if !yield(s) {
				return
			}
		}
	}
}
