package trail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"trailgate/fixtures/s3"
	"trailgate/ingest"
	"trailgate/ingest/aws/answer"
	"trailgate/ingest/ingesttest"
	"trailgate/ingest/trail"
	"trailgate/ingest/trail/store"
)

// TestStandIn runs the trail suite against the stand-in of this repository.
func TestStandIn(t *testing.T) {
	srv := httptest.NewServer(&s3.Server{})
	defer srv.Close()
	trailSuite(t, srv.URL)
}

// TestGateway runs the trail suite against versitygw, a server by other people.
func TestGateway(t *testing.T) {
	trailSuite(t, s3.RunGateway(t))
}

// The key pair with which the suite signs. A server that checks signatures must
// know it.
const (
	suiteAccessKey = s3.AccessKey
	suiteSecretKey = s3.SecretKey
)

// trailSuite tests trail against an S3 server, through the real SDK. It makes
// buckets named trail-suite-N.
func trailSuite(t *testing.T, server string) {
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	suite := &bucketSuite{target: target}
	t.Run("conformance", suite.conformance)
	t.Run("more than a page", suite.pages)
	t.Run("prefixes with spaces and unicode", suite.prefixes)
	t.Run("list requests", suite.budget)
	t.Run("denied objects", suite.denied)
	t.Run("denied folder", suite.deniedFolder)
	t.Run("deleted while it runs", suite.deleted)
	t.Run("cut in mid-body", suite.cut)
	t.Run("cut for good", suite.cutForGood)
	t.Run("listing cut in mid-page", suite.cutListing)
	t.Run("clock set under way", suite.skewed)
	t.Run("cancelled while an answer is awaited", suite.cancelled)
	t.Run("no bucket", suite.missing)
	t.Run("checkpoints over time", suite.checkpoints)
	t.Run("list requests with a checkpoint", suite.checkpointBudget)
}

type bucketSuite struct {
	target  *url.URL
	buckets int
}

// bucket is a new bucket behind a proxy that injects faults and counts requests.
type bucket struct {
	*store.S3
	proxy  *s3.Proxy
	client *client.Client
}

func (s *bucketSuite) open(t *testing.T, hook func(s3.Call) s3.Fault) *bucket {
	t.Helper()
	s.buckets++
	name := fmt.Sprintf("trail-suite-%d", s.buckets)
	direct := dial(s.target.String(), func(o *client.Options) { o.Retryer = patient{} })
	if _, err := direct.CreateBucket(t.Context(), &client.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	proxy := &s3.Proxy{Target: s.target, Hook: hook}
	srv := httptest.NewServer(proxy)
	t.Cleanup(srv.Close)
	return &bucket{
		S3: &store.S3{Client: dial(srv.URL), Bucket: name, Wait: func(ctx context.Context, _ time.Duration) error {
			return ctx.Err()
		}},
		proxy: proxy, client: direct,
	}
}

// patient retries at once if the server finds the clock wrong. The clock of a test
// machine may be set while the test runs.
type patient struct{ aws.NopRetryer }

func (patient) MaxAttempts() int { return 5 }

func (patient) IsErrorRetryable(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == string(s3.RequestTimeTooSkewed)
}

func (patient) RetryDelay(int, error) (time.Duration, error) { return 0, nil }

func dial(server string, options ...func(*client.Options)) *client.Client {
	return client.New(client.Options{
		Region:           "us-east-1",
		BaseEndpoint:     aws.String(server),
		UsePathStyle:     true,
		Credentials:      credentials.NewStaticCredentialsProvider(suiteAccessKey, suiteSecretKey, ""),
		RetryMaxAttempts: 1,
	}, options...)
}

func (b *bucket) put(t *testing.T, key string, body []byte) {
	t.Helper()
	_, err := b.client.PutObject(t.Context(), &client.PutObjectInput{Bucket: &b.Bucket, Key: &key, Body: bytes.NewReader(body)})
	if err != nil {
		t.Fatal(err)
	}
}

func (b *bucket) remove(t *testing.T, key string) {
	t.Helper()
	if _, err := b.client.DeleteObject(t.Context(), &client.DeleteObjectInput{Bucket: &b.Bucket, Key: &key}); err != nil {
		t.Fatal(err)
	}
}

// fill puts n log files with one sign-in each and gives their keys.
func (b *bucket) fill(t *testing.T, prefix string, n int) []string {
	t.Helper()
	var keys []string
	for i := range n {
		key := logKey(prefix, accountA, "us-east-1", noon(i%3), i)
		keys = append(keys, key)
		b.put(t, key, logFile(t, key))
	}
	slices.Sort(keys)
	return keys
}

func (s *bucketSuite) conformance(t *testing.T) {
	ingesttest.Suite{Open: func(t *testing.T, docs []ingesttest.Doc) ingest.Source {
		b := s.open(t, nil)
		for _, d := range docs {
			b.put(t, d.Name, d.Data)
		}
		return &trail.Source{Store: b}
	}}.Run(t)
}

func (s *bucketSuite) pages(t *testing.T) {
	b := s.open(t, nil)
	body := logFile(t, "one")
	for i := range 1030 {
		b.put(t, logKey("AWSLogs/", accountA, "us-east-1", noon(0), i), body)
	}
	got := events(t.Context(), &trail.Source{Store: b}, ingest.Window{})
	if len(got.ids) != 1030 || got.err != nil || len(got.skips) > 0 {
		t.Errorf("%d events, %v, %v; want 1030 and no more", len(got.ids), got.err, got.skips)
	}
	if n := b.proxy.Counts().Requests[s3.ListObjectsV2]; n != 6 {
		t.Errorf("%d list requests, want 6", n)
	}
}

func (s *bucketSuite) prefixes(t *testing.T) {
	b := s.open(t, nil)
	var want []string
	for _, prefix := range []string{"with space/AWSLogs/", "zürich+日本/AWSLogs/" + orgID + "/", "100% & more=/AWSLogs/"} {
		want = append(want, b.fill(t, prefix, 2)...)
	}
	slices.Sort(want)
	got := events(t.Context(), &trail.Source{Store: b}, ingest.Window{Since: noon(-1)})
	if diff := cmp.Diff(want, got.ids); diff != "" || got.err != nil || len(got.skips) > 0 {
		t.Errorf("error %v, skips %v, events (-want +got):\n%s", got.err, got.skips, diff)
	}
	one := &trail.Source{Store: b, Prefix: "zürich+日本"}
	if got := events(t.Context(), one, ingest.Window{}); len(got.ids) != 2 || got.err != nil {
		t.Errorf("by its prefix: %v, %v; want 2 events", got.ids, got.err)
	}
}

func (s *bucketSuite) budget(t *testing.T) {
	b := s.open(t, nil)
	body := logFile(t, "one")
	for account := range 4 {
		for region := range 10 {
			for d := range 31 {
				b.put(t, logKey("AWSLogs/", fmt.Sprintf("%012d", 111122223333+account), fmt.Sprintf("eu-west-%d", region), noon(d), 0), body)
			}
		}
	}
	cov, err := (&trail.Source{Store: b}).Survey(t.Context(), ingest.Window{})
	if n := b.proxy.Counts().Requests[s3.ListObjectsV2]; n > 60 || cov.Listed != 1240 || err != nil {
		t.Errorf("%d objects with %d list requests and error %v; want 1240 with at most 60", cov.Listed, n, err)
	}
}

func (s *bucketSuite) denied(t *testing.T) {
	b := s.open(t, s3.Rules(s3.Rule{Op: s3.GetObject, Contains: "0000000001", Fault: s3.Fault{Code: s3.AccessDenied}}))
	b.fill(t, "AWSLogs/", 3)
	got := events(t.Context(), &trail.Source{Store: b}, ingest.Window{})
	var denied *answer.DeniedError
	if len(got.ids) != 2 || len(got.skips) != 1 || got.skips[0].Cause != ingest.CauseDenied || !errors.As(got.skips[0], &denied) {
		t.Fatalf("%d events, skips %v; want 2 and one refusal", len(got.ids), got.skips)
	}
	if !strings.HasPrefix(denied.Action, "s3:GetObject") || !strings.HasPrefix(got.skips[0].Origin, "s3://"+b.Bucket+"/AWSLogs/") {
		t.Errorf("action %q, origin %q", denied.Action, got.skips[0].Origin)
	}
}

func (s *bucketSuite) deniedFolder(t *testing.T) {
	b := s.open(t, s3.Rules(s3.Rule{Op: s3.ListObjectsV2, Contains: accountB, Fault: s3.Fault{Code: s3.AccessDenied}}))
	b.fill(t, "AWSLogs/", 2)
	b.put(t, logKey("AWSLogs/", accountB, "us-east-1", noon(0), 1), logFile(t, "hidden"))
	got := events(t.Context(), &trail.Source{Store: b}, ingest.Window{})
	if len(got.ids) != 2 || len(got.skips) != 1 || got.skips[0].Cause != ingest.CauseListing || got.err != nil {
		t.Errorf("%v, %v, %v; want 2 events and one folder skipped", got.ids, got.skips, got.err)
	}
	if c := got.cov; c.Listed != 3 || c.Read != 2 {
		t.Errorf("listed %d, read %d", c.Listed, c.Read)
	}
}

func (s *bucketSuite) deleted(t *testing.T) {
	b := s.open(t, nil)
	keys := b.fill(t, "AWSLogs/", 3)
	src := &trail.Source{Store: b}
	var causes []ingest.Cause
	n := 0
	for o, err := range src.List(t.Context(), ingest.Window{}).Objects() {
		if err != nil {
			t.Fatal(err)
		}
		if o.Key == keys[1] {
			b.remove(t, o.Key)
		}
		r, err := src.Read(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if n += len(r.Events); r.Skip != nil {
			causes = append(causes, r.Skip.Cause)
		}
	}
	if diff := cmp.Diff([]ingest.Cause{ingest.CauseVanished}, causes); diff != "" || n != 2 {
		t.Errorf("%d events, causes (-want +got):\n%s", n, diff)
	}
}

func (s *bucketSuite) cut(t *testing.T) {
	b := s.open(t, s3.Rules(s3.Rule{Op: s3.GetObject, Times: 2, Fault: s3.Fault{Cut: true, After: 50}}))
	want := b.fill(t, "AWSLogs/", 3)
	got := events(t.Context(), &trail.Source{Store: b}, ingest.Window{})
	if diff := cmp.Diff(want, got.ids); diff != "" || len(got.skips) > 0 || got.err != nil {
		t.Errorf("error %v, skips %v, events (-want +got):\n%s", got.err, got.skips, diff)
	}
	if n := b.proxy.Counts().Requests[s3.GetObject]; n != 9 {
		t.Errorf("%d downloads, want 9: each cut twice", n)
	}
}

func (s *bucketSuite) cutForGood(t *testing.T) {
	b := s.open(t, s3.Rules(s3.Rule{Op: s3.GetObject, Contains: "0000000002", Fault: s3.Fault{Cut: true, After: 50}}))
	b.fill(t, "AWSLogs/", 3)
	got := events(t.Context(), &trail.Source{Store: b}, ingest.Window{})
	if len(got.ids) != 2 || len(got.skips) != 1 || got.skips[0].Cause != ingest.CauseTransport {
		t.Errorf("%v, %v; want 2 events and one cut body", got.ids, got.skips)
	}
}

func (s *bucketSuite) cutListing(t *testing.T) {
	b := s.open(t, s3.Rules(s3.Rule{Op: s3.ListObjectsV2, Times: 2, Fault: s3.Fault{Cut: true, After: 60}}))
	want := b.fill(t, "AWSLogs/", 3)
	got := events(t.Context(), &trail.Source{Store: b}, ingest.Window{})
	if diff := cmp.Diff(want, got.ids); diff != "" || len(got.skips) > 0 || got.err != nil {
		t.Errorf("error %v, skips %v, events (-want +got):\n%s", got.err, got.skips, diff)
	}
}

// The proxy dates its refusals like the stand-in, so that the SDK sets its own
// clock wrong. A server that checks times then refuses once more, and its answer
// sets the clock right. One worker keeps these requests in order.
func (s *bucketSuite) skewed(t *testing.T) {
	once := s3.Fault{Code: s3.RequestTimeTooSkewed}
	b := s.open(t, s3.Rules(s3.Rule{Op: s3.GetObject, Times: 1, Fault: once}, s3.Rule{Op: s3.ListObjectsV2, Times: 1, Fault: once}))
	want := b.fill(t, "AWSLogs/", 3)
	got := events(t.Context(), &trail.Source{Store: b, Workers: 1}, ingest.Window{})
	if diff := cmp.Diff(want, got.ids); diff != "" || len(got.skips) > 0 || got.err != nil {
		t.Errorf("error %v, skips %v, events (-want +got):\n%s", got.err, got.skips, diff)
	}
	if n := b.proxy.Counts().Requests[s3.GetObject]; n < 6 || n > 9 {
		t.Errorf("%d downloads, want 6, or 9 where the server checks times", n)
	}
}

func (s *bucketSuite) cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	gate := make(chan struct{})
	b := s.open(t, func(c s3.Call) s3.Fault {
		if c.Op != s3.GetObject {
			return s3.Fault{}
		}
		cancel()
		return s3.Fault{Gate: gate}
	})
	b.fill(t, "AWSLogs/", 5)
	got := events(ctx, &trail.Source{Store: b}, ingest.Window{})
	if !errors.Is(got.err, context.Canceled) || len(got.ids) > 0 || len(got.skips) > 0 {
		t.Errorf("%v, %v, %v; want context.Canceled alone", got.ids, got.skips, got.err)
	}
	if c := got.cov; !c.Partial || c.Listed != c.Excluded["interrupted"] {
		t.Errorf("listed %d, excluded %v, partial %t", c.Listed, c.Excluded, c.Partial)
	}
}

func (s *bucketSuite) missing(t *testing.T) {
	b := s.open(t, nil)
	b.Bucket = "trail-suite-none"
	got := events(t.Context(), &trail.Source{Store: b}, ingest.Window{})
	if got.err == nil || !strings.Contains(got.err.Error(), `list "s3://trail-suite-none/": NoSuchBucket`) {
		t.Errorf("ended with %v", got.err)
	}
}
