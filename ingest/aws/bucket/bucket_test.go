package bucket_test

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"

	"trailgate/ingest/aws/answer"
	"trailgate/ingest/aws/bucket"
)

// scriptedClient answers as its functions say. They get the number of the request,
// from 1.
type scriptedClient struct {
	list func(n int, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error)
	get  func(n int) (*s3.GetObjectOutput, error)

	calls int
}

func (c *scriptedClient) ListObjectsV2(_ context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	c.calls++
	return c.list(c.calls, in)
}

func (c *scriptedClient) GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	c.calls++
	return c.get(c.calls)
}

// objectOf is an answer with a length, these bytes, and then an error. The length -1
// is not announced.
func objectOf(length int64, given string, err error) (*s3.GetObjectOutput, error) {
	out := &s3.GetObjectOutput{ETag: aws.String(`"tag"`)}
	if length >= 0 {
		out.ContentLength = aws.Int64(length)
	}
	body := io.Reader(strings.NewReader(given))
	if err != nil {
		body = io.MultiReader(body, failingReader{err})
	}
	out.Body = io.NopCloser(body)
	return out, nil
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

// refusal is an answer of S3 as the SDK returns it.
func refusal(status int, code, message string) error {
	return &smithy.OperationError{ServiceID: "S3", OperationName: "GetObject", Err: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
		Err:      &smithy.GenericAPIError{Code: code, Message: message},
	}}
}

// isType reports whether a tree of errors has one of type E.
func isType[E error](err error) bool {
	var found E
	return errors.As(err, &found)
}

func TestGet(t *testing.T) {
	reset := errors.New("connection reset by peer")
	cases := []struct {
		name   string
		get    func(n int) (*s3.GetObjectOutput, error)
		want   string
		failed func(error) bool // nil: there is no error
		calls  int
	}{
		{name: "whole", get: func(int) (*s3.GetObjectOutput, error) { return objectOf(5, "whole", nil) }, want: "whole", calls: 1},
		{name: "empty", get: func(int) (*s3.GetObjectOutput, error) { return objectOf(0, "", nil) }, calls: 1},
		{name: "no length", get: func(int) (*s3.GetObjectOutput, error) { return objectOf(-1, "whole", nil) }, want: "whole", calls: 1},
		{name: "cut once", get: func(n int) (*s3.GetObjectOutput, error) {
			if n == 1 {
				return objectOf(5, "wh", reset)
			}
			return objectOf(5, "whole", nil)
		}, want: "whole", calls: 2},
		{name: "cut each time", get: func(int) (*s3.GetObjectOutput, error) { return objectOf(5, "who", nil) }, failed: isType[*bucket.CutError], calls: 4},
		{name: "longer than announced", get: func(int) (*s3.GetObjectOutput, error) { return objectOf(3, "whole", nil) }, failed: isType[*bucket.CutError], calls: 4},
		{name: "wrong checksum at the end", get: func(int) (*s3.GetObjectOutput, error) { return objectOf(5, "whole", reset) }, failed: isType[*bucket.CutError], calls: 4},
		{name: "cut, and no length", get: func(int) (*s3.GetObjectOutput, error) { return objectOf(-1, "who", reset) }, failed: isType[*bucket.CutError], calls: 4},
		{name: "an absurd length", get: func(int) (*s3.GetObjectOutput, error) { return objectOf(math.MaxInt64-1, "who", nil) }, failed: isType[*bucket.SizeError], calls: 1},
		{name: "too large", get: func(int) (*s3.GetObjectOutput, error) { return objectOf(101, "", nil) }, failed: isType[*bucket.SizeError], calls: 1},
		{name: "too large, and no length", get: func(int) (*s3.GetObjectOutput, error) { return objectOf(-1, strings.Repeat("x", 101), nil) }, failed: isType[*bucket.SizeError], calls: 1},
		{name: "clock set meanwhile", get: func(n int) (*s3.GetObjectOutput, error) {
			if n == 1 {
				return nil, refusal(403, "RequestTimeTooSkewed", "late")
			}
			return objectOf(5, "whole", nil)
		}, want: "whole", calls: 2},
		{name: "denied", get: func(int) (*s3.GetObjectOutput, error) { return nil, refusal(403, "AccessDenied", "no") }, failed: isType[smithy.APIError], calls: 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			client := &scriptedClient{get: c.get}
			var pauses []time.Duration
			r := &bucket.Reader{Client: client, Name: "logs", Retry: bucket.Retry{Wait: func(_ context.Context, d time.Duration) error {
				pauses = append(pauses, d)
				return nil
			}}}
			got, tag, err := r.Get(t.Context(), "a/b", make([]byte, 0, 2), 100)
			if client.calls != c.calls || len(pauses) != c.calls-1 || !slices.IsSorted(pauses) {
				t.Errorf("%d requests with pauses %v, want %d requests", client.calls, pauses, c.calls)
			}
			switch {
			case c.failed == nil && (err != nil || string(got) != c.want || tag != `"tag"`):
				t.Errorf("%q, tag %s, error %v; want %q", got, tag, err, c.want)
			case c.failed != nil && !c.failed(err):
				t.Errorf("error %v is of another type", err)
			}
		})
	}
}

func TestGetHugeObject(t *testing.T) {
	client := &scriptedClient{get: func(int) (*s3.GetObjectOutput, error) { return objectOf(1<<40, "who", nil) }}
	r := &bucket.Reader{Client: client, Name: "logs", Retry: bucket.Retry{Attempts: 1}}
	got, _, err := r.Get(t.Context(), "a", nil, math.MaxInt64)
	var cut *bucket.CutError
	if !errors.As(err, &cut) || cut.Got != 3 || cut.Want != 1<<40 || cap(got) > 1<<20 {
		t.Errorf("%d bytes of memory and %v, want a CutError and memory for what came", cap(got), err)
	}
}

func TestGetEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		client := &scriptedClient{get: func(int) (*s3.GetObjectOutput, error) { return objectOf(5, "who", nil) }}
		_, _, err := (&bucket.Reader{Client: client, Name: "logs"}).Get(ctx, "a", nil, 100)
		if !errors.Is(err, context.DeadlineExceeded) || client.calls != 2 {
			t.Errorf("%v after %d requests, want the error of the context after 2", err, client.calls)
		}
	})
}

func TestListPages(t *testing.T) {
	for _, honest := range []bool{true, false} {
		encode := func(s string) *string {
			if honest {
				s = strings.NewReplacer(" ", "+", "+", "%2B", "ü", "%C3%BC", "%", "%25").Replace(s)
			}
			return &s
		}
		client := &scriptedClient{list: func(n int, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
			out := &s3.ListObjectsV2Output{EncodingType: types.EncodingTypeUrl}
			switch {
			case n == 2:
				return nil, &smithy.DeserializationError{Err: io.ErrUnexpectedEOF}
			case n == 1:
				out.IsTruncated, out.NextContinuationToken = aws.Bool(true), aws.String("more")
				out.Contents = []types.Object{{Key: encode("a b+ü/1"), Size: aws.Int64(7), ETag: aws.String(`"e"`)}, {Key: encode("elsewhere")}, {Key: encode("a b+ü/3")}}
			default:
				out.CommonPrefixes = []types.CommonPrefix{{Prefix: encode("a b+ü/2 %/")}}
			}
			if token := aws.ToString(in.ContinuationToken); (n == 3) != (token == "more") || aws.ToString(in.Delimiter) != "/" || in.StartAfter != nil {
				t.Errorf("request %d: %+v", n, in)
			}
			return out, nil
		}}
		r := &bucket.Reader{Client: client, Name: "logs", Retry: bucket.Retry{Wait: func(context.Context, time.Duration) error { return nil }}}
		var got []bucket.Entry
		strangers := 0
		for e, err := range r.List(t.Context(), bucket.Request{Prefix: "a b+ü/", StartAfter: "ignored", Delimited: true}) {
			var stranger *bucket.KeyError
			switch {
			case errors.As(err, &stranger) && stranger.Key == "elsewhere":
				strangers++
			case err != nil:
				t.Fatal(err)
			default:
				got = append(got, e)
			}
		}
		want := []bucket.Entry{{Key: "a b+ü/1", Size: 7, ETag: "e"}, {Key: "a b+ü/3", Size: -1}, {Key: "a b+ü/2 %/", Folder: true, Size: -1}}
		if diff := cmp.Diff(want, got); diff != "" || strangers != 1 {
			t.Errorf("honest %v: %d keys outside the prefix, entries (-want +got):\n%s", honest, strangers, diff)
		}
	}
}

func TestListErrors(t *testing.T) {
	page := func(truncated bool, token string) (*s3.ListObjectsV2Output, error) {
		return &s3.ListObjectsV2Output{IsTruncated: aws.Bool(truncated), NextContinuationToken: aws.String(token)}, nil
	}
	cases := map[string]struct {
		list  func(int, *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error)
		calls int
	}{
		"denied": {func(int, *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
			return nil, refusal(403, "AccessDenied", "")
		}, 1},
		"no next page": {func(int, *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) { return page(true, "") }, 1},
		"same page":    {func(int, *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) { return page(true, "same") }, 2},
	}
	for name, c := range cases {
		client := &scriptedClient{list: c.list}
		var errs []error
		for _, err := range (&bucket.Reader{Client: client, Name: "logs"}).List(t.Context(), bucket.Request{}) {
			errs = append(errs, err)
		}
		if len(errs) != 1 || errs[0] == nil || client.calls != c.calls {
			t.Errorf("%s: errors %v after %d requests, want one after %d", name, errs, client.calls, c.calls)
		}
	}
}

func TestListLeftEarly(t *testing.T) {
	client := &scriptedClient{list: func(int, *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
		return &s3.ListObjectsV2Output{Contents: []types.Object{{Key: aws.String("a")}, {Key: aws.String("b")}}, IsTruncated: aws.Bool(true), NextContinuationToken: aws.String("next")}, nil
	}}
	for range (&bucket.Reader{Client: client, Name: "logs"}).List(t.Context(), bucket.Request{}) {
		break
	}
	if client.calls != 1 {
		t.Errorf("%d requests, want 1", client.calls)
	}
}

func TestExplain(t *testing.T) {
	cases := []struct {
		status                int
		code, message, action string
		denied                string // the action of a DeniedError; empty: it is another error
		kind                  answer.Kind
		words                 string
	}{
		{403, "AccessDenied", "no", "s3:GetObject", "s3:GetObject", answer.Denied, `access denied, s3:GetObject is needed: AccessDenied "no"`},
		{403, "AccessDenied", "not authorized to perform: s3:ListBucket", "s3:GetObject", "s3:ListBucket", answer.Denied, "s3:ListBucket is needed"},
		{403, "AccessDenied", "not authorized to perform: kms:Decrypt on the key", "s3:GetObject", "kms:Decrypt", answer.Denied, "kms:Decrypt is needed"},
		{400, "KMS.DisabledException", "disabled", "s3:PutObject", "kms:GenerateDataKey", answer.Refused, "KMS.DisabledException"},
		{400, "KMS.DisabledException", "disabled", "s3:GetObject", "kms:Decrypt", answer.Refused, "KMS.DisabledException"},
		{403, "NotSignedUp", "", "s3:ListBucket", "s3:ListBucket", answer.Refused, "NotSignedUp"},
		{403, "InvalidAccessKeyId", "unknown", "s3:GetObject", "", answer.BadCredentials, "the credentials were not accepted"},
		{403, "InvalidObjectState", "", "s3:GetObject", "", answer.Archived, "the object is archived"},
		{404, "NoSuchKey", "gone", "s3:GetObject", "", answer.Absent, `NoSuchKey "gone"`},
		{503, "SlowDown", "slow down", "s3:GetObject", "", answer.Throttled, `SlowDown "slow down"`},
		{500, "InternalError", "oops", "s3:GetObject", "", answer.Transport, `InternalError "oops"`},
	}
	for _, c := range cases {
		t.Run(c.code, func(t *testing.T) {
			got := bucket.Explain(refusal(c.status, c.code, c.message), c.action)
			var denied *answer.DeniedError
			if errors.As(got, &denied) != (c.denied != "") || denied != nil && denied.Action != c.denied {
				t.Errorf("%v, want a DeniedError of %q", got, c.denied)
			}
			if answer.KindOf(got) != c.kind || !strings.Contains(got.Error(), c.words) {
				t.Errorf("kind %d, words %q; want %d, %q", answer.KindOf(got), got, c.kind, c.words)
			}
		})
	}
	if bucket.Explain(nil, "s3:GetObject") != nil {
		t.Error("nil does not stay nil")
	}
}
