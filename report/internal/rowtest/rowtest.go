// Package rowtest has rows for the tests of package report and the packages
// below it. No other code imports it.
//
// The rows are synthetic and the same in every run.
package rowtest

import (
	"errors"
	"iter"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"trailgate/report/row"
)

// Pointer returns a pointer to a copy of v.
func Pointer[T any](v T) *T { return &v }

// Full returns a sign-in that has a value in every column.
func Full() row.SignIn {
	when := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	return row.SignIn{
		EventTime: when, EventID: "11111111-2222-4333-8444-555555555501",
		OriginalEventID: "11111111-2222-4333-8444-555555555500",
		AccountID:       "111122223333", RecordedRegion: "eu-north-1", Partition: "aws",
		Scope: "regional", Endpoint: "eu-north-1", Basis: "host", Confidence: "certain",
		Notes: []string{"maybe-proxied", "region-mismatch"}, SigninHost: "eu-north-1.signin.aws.amazon.com",
		IdentityType: "IAMUser", Principal: "111122223333/user/alice",
		PrincipalARN: "arn:aws:iam::111122223333:user/alice", UserName: "alice", RoleName: "none", SessionName: "none",
		Outcome: "failure", ErrorCode: "AccessDenied", ErrorMessage: "Failed authentication", MFA: "yes",
		SourceIP: "192.0.2.10", UserAgent: "Mozilla/5.0 (X11)", LoginTo: "https://console.aws.amazon.com/console/home?a=1&b=<2>",
		SAMLProviderARN: "arn:aws:iam::111122223333:saml-provider/idp", VPCEndpointID: "vpce-0example",
		TLSVersion: "TLSv1.3", TLSCipher: "TLS_AES_128_GCM_SHA256", EventVersion: "1.08", Mobile: Pointer(false),
		Carrier: "trail", Origin: "s3://bucket/AWSLogs/111122223333/a.json.gz", EventDate: row.DateOf(when),
	}
}

// Minimal returns a sign-in that has only the values that every sign-in has.
func Minimal() row.SignIn {
	when := time.Date(2026, 3, 14, 23, 59, 59, 500_000_000, time.UTC)
	return row.SignIn{
		EventTime: when, EventID: "11111111-2222-4333-8444-555555555502",
		Scope: "unknown", Basis: "none", Confidence: "low", Principal: "/unknown", Outcome: "unknown", MFA: "unknown",
		Carrier: "record", EventDate: row.DateOf(when),
	}
}

// Hostile returns a sign-in with texts that are dangerous to a terminal, a
// spreadsheet or a page.
func Hostile() row.SignIn {
	s := Full()
	s.EventTime, s.EventID = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), "11111111-2222-4333-8444-555555555503"
	s.UserName = "=cmd|'/c calc'!A0"
	s.Principal = "111122223333/user/\x1b[2J\u202eevil|`x`<script>alert(1)</script>"
	s.UserAgent = "a\nb\tc\r\x00\u0085\u2028\ufeff \"q\", \xff z"
	s.SourceIP = "\u009b31m"
	s.Mobile = nil
	s.EventDate = row.DateOf(s.EventTime)
	return s
}

// Finding returns a finding about the sign-in Full.
func Finding() row.Finding {
	return row.Finding{
		FindingID: "f-0001", Rule: "endpoint.new", Severity: "high",
		Reason: "first sign-in at eu-north-1 in 143; 0.2 % of this account's", Observed: "eu-north-1",
		Expected: []string{"global", "us-east-1"}, Surprise: Pointer(8.25), SignIn: Full(),
	}
}

// Many yields n sign-ins, sorted by time. Their texts are random mixtures of
// ASCII, wide, invisible and invalid text. The same seed gives the same rows.
func Many(n int, seed uint64) iter.Seq[row.SignIn] {
	return func(yield func(row.SignIn) bool) {
		rng := rand.New(rand.NewPCG(seed, 7))
		parts := []string{"alice", "ボブ", "\x1b[0m", "\u202e", "\xff", "é", "\"", "\\", "\n", "=1+1", "|", "😀", "\U000e0041", "\u0000", " "}
		text := func() string {
			var b strings.Builder
			for range rng.IntN(5) {
				b.WriteString(parts[rng.IntN(len(parts))])
			}
			return b.String()
		}
		when := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for i := range n {
			when = when.Add(time.Duration(rng.IntN(5000)) * time.Millisecond)
			s := row.SignIn{EventTime: when, EventID: strconv.Itoa(i), AccountID: text(), Scope: "global", Endpoint: text(),
				Basis: "host", Confidence: "high", Principal: text(), Outcome: "success", MFA: "no", UserAgent: text(),
				Carrier: "trail", Origin: text(), EventDate: row.DateOf(when)}
			for range rng.IntN(3) {
				s.Notes = append(s.Notes, text())
			}
			if rng.IntN(2) == 0 {
				s.Mobile = Pointer(rng.IntN(2) == 0)
			}
			if !yield(s) {
				return
			}
		}
	}
}

// ErrFull is the error of a FullDisk.
var ErrFull = errors.New("disk full")

// FullDisk is a writer that takes Room bytes and then fails with ErrFull.
type FullDisk struct{ Room int }

// Write subtracts the number of bytes from Room and discards them. If Room was too
// small, it returns ErrFull, and so does every later Write.
func (d *FullDisk) Write(p []byte) (int, error) {
	if d.Room -= len(p); d.Room < 0 {
		return 0, ErrFull
	}
	return len(p), nil
}
