package bucket_test

import (
	"context"
	"errors"
	"io"
	"math"
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
	"trailgate/ingest/aws/answer"
	"trailgate/ingest/aws/bucket"
)

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
		{name: "whole", get: func(int) (*s3.GetObjectOutput, error) { return script.Object(5, "whole", nil), nil }, want: "whole", calls: 1},
		{name: "empty", get: func(int) (*s3.GetObjectOutput, error) { return script.Object(0, "", nil), nil }, calls: 1},
		{name: "no length", get: func(int) (*s3.GetObjectOutput, error) { return script.Object(-1, "whole", nil), nil }, want: "whole", calls: 1},
		{name: "cut once", get: func(n int) (*s3.GetObjectOutput, error) {
			if n == 1 {
				return script.Object(5, "wh", reset), nil
			}
			return script.Object(5, "whole", nil), nil
		}, want: "whole", calls: 2},
		{name: "cut each time", get: func(int) (*s3.GetObjectOutput, error) { return script.Object(5, "who", nil), nil }, failed: isType[*bucket.CutError], calls: 4},
		{name: "longer than announced", get: func(int) (*s3.GetObjectOutput, error) { return script.Object(3, "whole", nil), nil }, failed: isType[*bucket.CutError], calls: 4},
		{name: "wrong checksum at the end", get: func(int) (*s3.GetObjectOutput, error) { return script.Object(5, "whole", reset), nil }, failed: isType[*bucket.CutError], calls: 4},
		{name: "cut, and no length", get: func(int) (*s3.GetObjectOutput, error) { return script.Object(-1, "who", reset), nil }, failed: isType[*bucket.CutError], calls: 4},
		{name: "an absurd length", get: func(int) (*s3.GetObjectOutput, error) { return script.Object(math.MaxInt64-1, "who", nil), nil }, failed: isType[*bucket.SizeError], calls: 1},
		{name: "too large", get: func(int) (*s3.GetObjectOutput, error) { return script.Object(101, "", nil), nil }, failed: isType[*bucket.SizeError], calls: 1},
		{name: "too large, and no length", get: func(int) (*s3.GetObjectOutput, error) { return script.Object(-1, strings.Repeat("x", 101), nil), nil }, failed: isType[*bucket.SizeError], calls: 1},
		{name: "clock set meanwhile", get: func(n int) (*s3.GetObjectOutput, error) {
			if n == 1 {
				return nil, script.Refusal(403, "RequestTimeTooSkewed", "late")
			}
			return script.Object(5, "whole", nil), nil
		}, want: "whole", calls: 2},
		{name: "denied", get: func(int) (*s3.GetObjectOutput, error) { return nil, script.Refusal(403, "AccessDenied", "no") }, failed: isType[smithy.APIError], calls: 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			client := &script.Client{Get: c.get}
			var pauses []time.Duration
			r := &bucket.Reader{Client: client, Name: "logs", Retry: bucket.Retry{Wait: func(_ context.Context, d time.Duration) error {
				pauses = append(pauses, d)
				return nil
			}}}
			got, tag, err := r.Get(t.Context(), "a/b", make([]byte, 0, 2), 100)
			if client.Calls != c.calls || len(pauses) != c.calls-1 || !slices.IsSorted(pauses) {
				t.Errorf("%d requests with pauses %v, want %d requests", client.Calls, pauses, c.calls)
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
	client := &script.Client{Get: func(int) (*s3.GetObjectOutput, error) { return script.Object(1<<40, "who", nil), nil }}
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
		client := &script.Client{Get: func(int) (*s3.GetObjectOutput, error) { return script.Object(5, "who", nil), nil }}
		_, _, err := (&bucket.Reader{Client: client, Name: "logs"}).Get(ctx, "a", nil, 100)
		if !errors.Is(err, context.DeadlineExceeded) || client.Calls != 2 {
			t.Errorf("%v after %d requests, want the error of the context after 2", err, client.Calls)
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
		client := &script.Client{List: func(n int, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
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
			return nil, script.Refusal(403, "AccessDenied", "")
		}, 1},
		"no next page": {func(int, *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) { return page(true, "") }, 1},
		"same page":    {func(int, *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) { return page(true, "same") }, 2},
	}
	for name, c := range cases {
		client := &script.Client{List: c.list}
		var errs []error
		for _, err := range (&bucket.Reader{Client: client, Name: "logs"}).List(t.Context(), bucket.Request{}) {
			errs = append(errs, err)
		}
		if len(errs) != 1 || errs[0] == nil || client.Calls != c.calls {
			t.Errorf("%s: errors %v after %d requests, want one after %d", name, errs, client.Calls, c.calls)
		}
	}
}

func TestListLeftEarly(t *testing.T) {
	client := &script.Client{List: func(int, *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
		return &s3.ListObjectsV2Output{Contents: []types.Object{{Key: aws.String("a")}, {Key: aws.String("b")}}, IsTruncated: aws.Bool(true), NextContinuationToken: aws.String("next")}, nil
	}}
	for range (&bucket.Reader{Client: client, Name: "logs"}).List(t.Context(), bucket.Request{}) {
		break
	}
	if client.Calls != 1 {
		t.Errorf("%d requests, want 1", client.Calls)
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
			got := bucket.Explain(script.Refusal(c.status, c.code, c.message), c.action)
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
