package lookup_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"trailgate/fixtures/cloudtrail"
	"trailgate/ingest"
	"trailgate/ingest/lookup"
	"trailgate/ingest/signin"
)

// The accounts of the tests. The first is the account of the caller.
const (
	ownAccount   = "111122223333"
	otherAccount = "444455556666"
)

// clockFrom makes a clock that shows this time now, and then runs like the clock of the
// process.
func clockFrom(at time.Time) func() time.Time {
	began := time.Now()
	return func() time.Time { return at.Add(time.Since(began)) }
}

// today is the time at which the tests begin.
func today() time.Time { return time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC) }

// serverConfig is a configuration for the stand-in.
func serverConfig(s *cloudtrail.Server) aws.Config {
	return aws.Config{
		Region:       "us-east-1",
		Credentials:  credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secretEXAMPLE", ""),
		HTTPClient:   &http.Client{Transport: s},
		BaseEndpoint: aws.String("http://stand-in.example"),
	}
}

// accountWithRole is an account that is opened with a role.
func accountWithRole(s *cloudtrail.Server, account string) lookup.Account {
	cfg := serverConfig(s)
	arn := "arn:aws:iam::" + account + ":role/audit"
	cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), arn))
	return lookup.Account{Config: cfg, Role: arn}
}

// makeSignIn makes an event of the Event history.
func makeSignIn(id, account, region string, at time.Time) cloudtrail.Event {
	record := fmt.Sprintf(`{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","accountId":%q,"arn":"arn:aws:iam::%s:user/dana","userName":"dana"},`+
		`"eventTime":%q,"eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":%q,"sourceIPAddress":"192.0.2.7",`+
		`"responseElements":{"ConsoleLogin":"Success"},"eventID":%q,"recipientAccountId":%q}`, account, account, at.Format(time.RFC3339), region, id, account)
	return cloudtrail.Event{ID: id, Name: "ConsoleLogin", Source: "signin.amazonaws.com", Username: "dana", ReadOnly: "false", Time: at, Record: record}
}

// addSignIns adds n sign-ins to a Region, one each minute, and as many other events. It
// returns the ids of the sign-ins.
func addSignIns(s *cloudtrail.Server, account, region string, n int) []string {
	var ids []string
	for i := range n {
		at := today().Add(-time.Duration(i+1) * time.Minute)
		id := fmt.Sprintf("%s-%s-%04d", account, region, i)
		ids = append(ids, id)
		noise := makeSignIn("noise-"+id, account, region, at)
		noise.Name, noise.Record = "CheckMfa", strings.ReplaceAll(noise.Record, "ConsoleLogin", "CheckMfa")
		s.Add(account, region, makeSignIn(id, account, region, at), noise)
	}
	return ids
}

// runResult is all that an iteration has yielded.
type runResult struct {
	events []signin.Event
	ids    []string // sorted
	skips  []*ingest.SkipError
	err    error
	cov    ingest.Coverage
}

// readAll iterates to the end, or until stop returns true.
func readAll(ctx context.Context, src *lookup.Source, w ingest.Window, stop func(n int) bool) runResult {
	var out runResult
	stream := src.Open(ctx, w)
	for e, err := range stream.Events() {
		var skip *ingest.SkipError
		switch {
		case errors.As(err, &skip):
			out.skips = append(out.skips, skip)
		case err != nil:
			out.err = err
		default:
			out.events = append(out.events, e)
			out.ids = append(out.ids, e.ID)
		}
		if stop != nil && stop(len(out.ids)) {
			break
		}
	}
	slices.Sort(out.ids)
	out.cov = stream.Coverage()
	return out
}

// wantIDs compares ids, and how often each of them comes.
func wantIDs(t *testing.T, want, got []string) {
	t.Helper()
	want = slices.Sorted(slices.Values(want))
	if slices.Equal(want, got) {
		return
	}
	count := map[string]int{}
	for _, id := range want {
		count[id]--
	}
	for _, id := range got {
		count[id]++
	}
	shown := 0
	for id, n := range count {
		if n != 0 && shown < 5 {
			shown++
			t.Errorf("sign-in %q came %+d times too often", id, n)
		}
	}
	t.Errorf("%d sign-ins, want %d", len(got), len(want))
}

// checkCoverage checks that the counts of a run add up.
func checkCoverage(t *testing.T, got runResult) {
	t.Helper()
	c, skipped := got.cov, 0
	for _, s := range got.skips {
		if !s.Record {
			skipped++
		}
	}
	if sum := c.Read + skipped + ingest.Total(c.Excluded); sum != c.Listed {
		t.Errorf("listed %d, but read %d + skipped %d + excluded %v = %d", c.Listed, c.Read, skipped, c.Excluded, sum)
	}
}
