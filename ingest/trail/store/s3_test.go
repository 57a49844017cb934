package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"trailgate/fixtures/s3/script"
	"trailgate/ingest"
	"trailgate/ingest/trail"
	"trailgate/ingest/trail/store"
)

func TestRead(t *testing.T) {
	reset := errors.New("connection reset by peer")
	cases := []struct {
		name  string
		get   func(attempt int) (*s3.GetObjectOutput, error)
		want  string
		cause ingest.Cause
		words string // in the skip
		calls int
	}{
		{name: "whole", get: func(int) (*s3.GetObjectOutput, error) { return script.Object(5, "whole", nil), nil }, want: "whole", calls: 1},
		{name: "empty", get: func(int) (*s3.GetObjectOutput, error) { return script.Object(0, "", nil), nil }, calls: 1},
		{name: "no length", get: func(int) (*s3.GetObjectOutput, error) { return script.Object(-1, "whole", nil), nil }, want: "whole", calls: 1},
		{name: "cut twice, then whole", get: func(n int) (*s3.GetObjectOutput, error) {
			switch n {
			case 1:
				return script.Object(5, "who", nil), nil
			case 2:
				return script.Object(5, "wh", reset), nil
			}
			return script.Object(5, "whole", nil), nil
		}, want: "whole", calls: 3},
		{name: "cut every time", get: func(int) (*s3.GetObjectOutput, error) { return script.Object(5, "who", nil), nil },
			cause: ingest.CauseTransport, words: "body cut after 3 of 5 bytes", calls: 4},
		{name: "cut without a length", get: func(int) (*s3.GetObjectOutput, error) { return script.Object(-1, "who", reset), nil },
			cause: ingest.CauseTransport, words: "body cut after 3 bytes", calls: 4},
		{name: "longer than said", get: func(int) (*s3.GetObjectOutput, error) { return script.Object(3, "whole", nil), nil },
			cause: ingest.CauseTransport, words: "longer than its Content-Length", calls: 4},
		{name: "checksum at the end", get: func(int) (*s3.GetObjectOutput, error) {
			return script.Object(5, "whole", errors.New("checksum did not match")), nil
		},
			cause: ingest.CauseTransport, words: "checksum did not match", calls: 4},
		{name: "over the cap", get: func(int) (*s3.GetObjectOutput, error) { return script.Object(101, "", nil), nil },
			cause: ingest.CauseTooLarge, words: "101 bytes", calls: 1},
		{name: "over the cap, length not said", get: func(int) (*s3.GetObjectOutput, error) { return script.Object(-1, strings.Repeat("x", 101), nil), nil },
			cause: ingest.CauseTooLarge, words: "over the cap of 100 bytes", calls: 1},
		{name: "denied", get: func(int) (*s3.GetObjectOutput, error) {
			return nil, script.Refusal(403, "AccessDenied", "Access Denied")
		},
			cause: ingest.CauseDenied, words: "s3:GetObject (and kms:Decrypt", calls: 1},
		{name: "denied, and the message says what", get: func(int) (*s3.GetObjectOutput, error) {
			return nil, script.Refusal(403, "AccessDenied", "not authorized to perform: s3:GetObject")
		}, cause: ingest.CauseDenied, words: "access denied, s3:GetObject is needed", calls: 1},
		{name: "key denied", get: func(int) (*s3.GetObjectOutput, error) {
			return nil, script.Refusal(403, "AccessDenied", "not authorized to perform: kms:Decrypt on the key")
		}, cause: ingest.CauseDenied, words: "access denied, kms:Decrypt is needed", calls: 1},
		{name: "key disabled", get: func(int) (*s3.GetObjectOutput, error) {
			return nil, script.Refusal(400, "KMS.DisabledException", "disabled")
		},
			cause: ingest.CauseDenied, words: "kms:Decrypt", calls: 1},
		{name: "archived", get: func(int) (*s3.GetObjectOutput, error) {
			return nil, script.Refusal(403, "InvalidObjectState", "storage class")
		}, cause: ingest.CauseDenied, words: "archived", calls: 1},
		{name: "expired credentials", get: func(int) (*s3.GetObjectOutput, error) { return nil, script.Refusal(400, "ExpiredToken", "expired") },
			cause: ingest.CauseDenied, words: "credentials have expired", calls: 1},
		{name: "wrong credentials", get: func(int) (*s3.GetObjectOutput, error) {
			return nil, script.Refusal(403, "InvalidAccessKeyId", "unknown")
		}, cause: ingest.CauseDenied, words: "not accepted", calls: 1},
		{name: "clock", get: func(int) (*s3.GetObjectOutput, error) {
			return nil, script.Refusal(403, "RequestTimeTooSkewed", "late")
		},
			cause: ingest.CauseDenied, words: "the clock of this machine", calls: store.DefaultAttempts},
		{name: "vanished", get: func(int) (*s3.GetObjectOutput, error) { return nil, script.Refusal(404, "NoSuchKey", "gone") },
			cause: ingest.CauseVanished, words: "NoSuchKey", calls: 1},
		{name: "too fast", get: func(int) (*s3.GetObjectOutput, error) { return nil, script.Refusal(503, "SlowDown", "slow down") },
			cause: ingest.CauseThrottled, words: "SlowDown", calls: 1},
		{name: "server error", get: func(int) (*s3.GetObjectOutput, error) { return nil, script.Refusal(500, "InternalError", "oops") },
			cause: ingest.CauseTransport, words: `InternalError "oops"`, calls: 1},
		{name: "no connection", get: func(int) (*s3.GetObjectOutput, error) { return nil, errors.New("dial: refused") },
			cause: ingest.CauseTransport, words: "dial: refused", calls: 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			client := &script.Client{Get: c.get}
			var waits []time.Duration
			b := &store.S3{Client: client, Bucket: "logs", Wait: func(_ context.Context, d time.Duration) error {
				waits = append(waits, d)
				return nil
			}}
			got, err := b.Read(t.Context(), "a/b", make([]byte, 0, 2), 100)
			if client.Calls != c.calls || len(waits) != c.calls-1 || !slices.IsSorted(waits) {
				t.Errorf("%d requests, waits %v; want %d requests", client.Calls, waits, c.calls)
			}
			var skip *ingest.SkipError
			switch {
			case c.cause == "" && (err != nil || string(got) != c.want):
				t.Errorf("got %q and %v, want %q", got, err, c.want)
			case c.cause != "" && !errors.As(err, &skip):
				t.Errorf("got %q and %v, want a skip", got, err)
			case skip != nil && (skip.Cause != c.cause || !strings.Contains(skip.Err.Error(), c.words) || skip.Origin != "s3://logs/a/b"):
				t.Errorf("skip %+v, want cause %s, words %q", skip, c.cause, c.words)
			}
		})
	}
}

func TestReadCancelledWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		client := &script.Client{Get: func(int) (*s3.GetObjectOutput, error) { return script.Object(5, "who", nil), nil }}
		_, err := (&store.S3{Client: client, Bucket: "logs"}).Read(ctx, "a", nil, 100)
		if !errors.Is(err, context.DeadlineExceeded) || client.Calls != 2 {
			t.Errorf("%v after %d requests, want the deadline's error after 2", err, client.Calls)
		}
	})
}

func TestListPages(t *testing.T) {
	// raw is a server that says it encoded and did not.
	for _, raw := range []bool{false, true} {
		t.Run(fmt.Sprint(raw), func(t *testing.T) {
			encode := func(s string) *string {
				if raw {
					return aws.String(s)
				}
				return aws.String(strings.NewReplacer(" ", "+", "+", "%2B", "ü", "%C3%BC", "%", "%25").Replace(s))
			}
			client := &script.Client{List: func(n int, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
				if n == 2 {
					return nil, &smithy.DeserializationError{Err: io.ErrUnexpectedEOF}
				}
				want := &s3.ListObjectsV2Input{Bucket: aws.String("logs"), Prefix: aws.String("a b+ü/"),
					Delimiter: aws.String("/"), EncodingType: types.EncodingTypeUrl}
				out := &s3.ListObjectsV2Output{EncodingType: types.EncodingTypeUrl}
				if n == 1 {
					out.IsTruncated, out.NextContinuationToken = aws.Bool(true), aws.String("more")
					out.Contents = []types.Object{{Key: encode("a b+ü/1"), Size: aws.Int64(7), ETag: aws.String(`"e"`)}}
				} else {
					want.ContinuationToken = aws.String("more")
					out.CommonPrefixes = []types.CommonPrefix{{Prefix: encode("a b+ü/2 %/")}}
				}
				if diff := cmp.Diff(want, in, cmp.AllowUnexported(s3.ListObjectsV2Input{}), ignoreMetadata()); diff != "" {
					t.Errorf("request %d (-want +got):\n%s", n, diff)
				}
				return out, nil
			}}
			b := &store.S3{Client: client, Bucket: "logs", Wait: func(context.Context, time.Duration) error { return nil }}
			var got []trail.Entry
			for e, err := range b.List(t.Context(), trail.ListRequest{Prefix: "a b+ü/", StartAfter: "ignored", Delimited: true}) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, e)
			}
			want := []trail.Entry{{Key: "a b+ü/1", Size: 7, ETag: "e"}, {Key: "a b+ü/2 %/", Folder: true, Size: -1}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

// ignoreMetadata leaves the SDK's own fields out of a comparison.
func ignoreMetadata() cmp.Option {
	return cmp.FilterPath(func(p cmp.Path) bool { return strings.Contains(p.String(), "noSmithyDocumentSerde") }, cmp.Ignore())
}

func TestListErrors(t *testing.T) {
	more := &s3.ListObjectsV2Output{IsTruncated: aws.Bool(true)}
	stray := &s3.ListObjectsV2Output{Contents: []types.Object{{Key: aws.String("elsewhere")}}}
	for _, c := range []struct {
		name  string
		page  *s3.ListObjectsV2Output
		err   error
		words string
	}{
		{"denied", nil, script.Refusal(403, "AccessDenied", "Access Denied"), "s3:ListBucket"},
		{"no such bucket", nil, script.Refusal(404, "NoSuchBucket", "no"), "NoSuchBucket"},
		{"no token", more, nil, "there is more"},
		{"a key from elsewhere", stray, nil, `"elsewhere"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := &script.Client{List: func(int, *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) { return c.page, c.err }}
			n := 0
			for _, err := range (&store.S3{Client: client, Bucket: "logs"}).List(t.Context(), trail.ListRequest{Prefix: "p/"}) {
				var skip *ingest.SkipError
				if n++; !errors.As(err, &skip) || skip.Cause != ingest.CauseListing || skip.Origin != "s3://logs/p/" || !strings.Contains(err.Error(), c.words) {
					t.Errorf("got %v, want a listing skip with %q", err, c.words)
				}
			}
			if n != 1 || client.Calls != 1 {
				t.Errorf("%d entries from %d requests, want 1 from 1", n, client.Calls)
			}
		})
	}
}

func TestReadReusesItsBuffer(t *testing.T) {
	client := &script.Client{Get: func(int) (*s3.GetObjectOutput, error) { return script.Object(5, "whole", nil), nil }}
	buf := make([]byte, 0, 64)
	got, err := (&store.S3{Client: client, Bucket: "logs"}).Read(t.Context(), "a", buf, 100)
	if err != nil || &got[0] != &buf[:1][0] || !bytes.Equal(got, []byte("whole")) {
		t.Errorf("got %q in another buffer, or %v", got, err)
	}
}
