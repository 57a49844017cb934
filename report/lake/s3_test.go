package lake_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"trailgate/fixtures/s3"
	"trailgate/ingest/aws/answer"
	"trailgate/report/lake"
)

// stand opens a bucket of an in-process server, behind a handler that can change requests
// and answers.
func stand(t *testing.T, attempts int, hook func(s3.Call) s3.Fault, between func(http.Handler) http.Handler) (lake.S3, *s3.Server) {
	t.Helper()
	server := &s3.Server{Hook: hook}
	server.AddBucket("bucket")
	var handler http.Handler = server
	if between != nil {
		handler = between(server)
	}
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return lake.S3{Client: dial(srv.URL, attempts), Bucket: "bucket", Prefix: "lake", Wait: noWait}, server
}

// writeError answers with an error as S3 does.
func writeError(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
}

func TestS3Name(t *testing.T) {
	for prefix, want := range map[string]string{"": "s3://b/k/é x", "p": "s3://b/p/k/é x", "p/q/": "s3://b/p/q/k/é x"} {
		if got := (lake.S3{Bucket: "b", Prefix: prefix}).Name("k/é x"); got != want {
			t.Errorf("Name under %q = %q, want %q", prefix, got, want)
		}
	}
}

// TestS3LostAnswer carries out a conditional write and loses the answer. The next attempt
// then finds the object of the first.
func TestS3LostAnswer(t *testing.T) {
	for _, attempts := range []int{1, 3} {
		for name, when := range map[string]func(lake.Tag) lake.Condition{
			"absent": func(lake.Tag) lake.Condition { return lake.Absent() }, "matches": lake.Matches,
		} {
			t.Run(fmt.Sprintf("%s, %d attempts", name, attempts), func(t *testing.T) {
				var lose atomic.Bool
				b, server := stand(t, attempts, nil, func(next http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if r.Method == http.MethodPut && lose.CompareAndSwap(true, false) {
							next.ServeHTTP(httptest.NewRecorder(), r)
							writeError(w, http.StatusInternalServerError, "InternalError", "lost")
							return
						}
						next.ServeHTTP(w, r)
					})
				})
				var tag lake.Tag
				if name == "matches" {
					tag = put(t, b, "k", "old")
				}
				lose.Store(true)
				got, err := b.Put(t.Context(), "k", []byte("new"), when(tag))
				if err != nil || lose.Load() {
					t.Fatalf("Put: %v", err)
				}
				if _, now, err := b.Get(t.Context(), "k"); err != nil || now != got {
					t.Errorf("tag %q, Put gave %q (%v)", now, got, err)
				}
				server.Put("bucket", "lake/k", []byte("another's"), nil)
				if _, err := b.Put(t.Context(), "k", []byte("newer"), when(got)); !errors.Is(err, lake.ErrConflict) {
					t.Errorf("a true conflict: %v", err)
				}
			})
		}
	}
}

// TestS3SpuriousConflict answers with a conflict although the condition holds. S3 does so
// while another write is in progress.
func TestS3SpuriousConflict(t *testing.T) {
	for _, times := range []int32{1, 1000} {
		var left atomic.Int32
		left.Store(times)
		b, _ := stand(t, 1, nil, func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPut && left.Add(-1) >= 0 {
					writeError(w, http.StatusConflict, "ConditionalRequestConflict", "conflict")
					return
				}
				next.ServeHTTP(w, r)
			})
		})
		_, err := b.Put(t.Context(), "k", []byte("x"), lake.Absent())
		if (times == 1) != (err == nil) || err != nil && !errors.Is(err, lake.ErrConflict) {
			t.Errorf("%d conflicts: %v", times, err)
		}
	}
}

func TestS3NoConditions(t *testing.T) {
	b, _ := stand(t, 3, func(c s3.Call) s3.Fault {
		if c.Op == s3.PutObject {
			return s3.Fault{Code: s3.NotImplemented}
		}
		return s3.Fault{}
	}, nil)
	_, err := b.Put(t.Context(), "k", nil, lake.Absent())
	if err == nil || errors.Is(err, lake.ErrConflict) || !strings.Contains(err.Error(), "knows no conditional writes") {
		t.Errorf("says %v", err)
	}
	// The lock finds a server that ignores conditions.
	b, _ = stand(t, 3, nil, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("If-Match")
			r.Header.Del("If-None-Match")
			next.ServeHTTP(w, r)
		})
	})
	if _, err := lockOf(b, "a", noon()).Acquire(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "does not keep to them") {
		t.Errorf("says %v", err)
	}
}

// operations are the calls that a bucket can refuse.
func operations(ctx context.Context, b lake.S3) map[string]error {
	_, _, get := b.Get(ctx, "k")
	_, matches := b.Put(ctx, "k", nil, lake.Matches(`"x"`))
	_, absent := b.Put(ctx, "k", nil, lake.Absent())
	var list error
	for _, list = range b.List(ctx, "", "") {
	}
	return map[string]error{"s3:GetObject": get, "s3:PutObject": matches, "s3:PutObject if absent": absent,
		"s3:DeleteObject": b.Delete(ctx, "k"), "s3:ListBucket": list}
}

func TestS3Denied(t *testing.T) {
	b, _ := stand(t, 1, func(s3.Call) s3.Fault { return s3.Fault{Code: s3.AccessDenied} }, nil)
	for action, err := range operations(t.Context(), b) {
		action, _, _ = strings.Cut(action, " ")
		var denied *answer.DeniedError
		if !errors.As(err, &denied) || denied.Action != action || !strings.Contains(err.Error(), "s3://bucket/lake/") {
			t.Errorf("%s: %v", action, err)
		}
	}
	tests := map[string]struct {
		status        int
		code, message string
		put, get      string // action; "": not denied
	}{
		"list on get":       {403, "AccessDenied", "no identity-based policy allows the s3:ListBucket action", "s3:ListBucket", "s3:ListBucket"},
		"key":               {403, "AccessDenied", "is not authorized to perform: kms:GenerateDataKey on resource", "kms:GenerateDataKey", "kms:GenerateDataKey"},
		"disabled key":      {400, "KMS.DisabledException", "the key is disabled", "kms:GenerateDataKey", "kms:Decrypt"},
		"wrong credentials": {403, "InvalidAccessKeyId", "no such key", "", ""},
		"expired":           {400, "ExpiredToken", "expired", "", ""},
		"archived":          {403, "InvalidObjectState", "archived", "", ""},
	}
	for name, test := range tests {
		b, _ := stand(t, 1, nil, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeError(w, test.status, test.code, test.message) })
		})
		all := operations(t.Context(), b)
		for op, want := range map[string]string{"s3:PutObject": test.put, "s3:GetObject": test.get} {
			var denied *answer.DeniedError
			got := ""
			if errors.As(all[op], &denied) {
				got = denied.Action
			}
			if all[op] == nil || got != want {
				t.Errorf("%s, %s: %v; want action %q", name, op, all[op], want)
			}
		}
	}
}

// TestS3DeniedForAbsent reads a missing object from a server that answers with "access
// denied". The server allows listings only with the prefix.
func TestS3DeniedForAbsent(t *testing.T) {
	hide := func(lists bool) func(next http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				rec := httptest.NewRecorder()
				if next.ServeHTTP(rec, r); r.Method == http.MethodGet && (rec.Code == http.StatusNotFound || r.URL.Query().Has("list-type") && !lists) {
					writeError(w, http.StatusForbidden, "AccessDenied", "is not authorized to perform: s3:ListBucket on resource")
					return
				}
				maps.Copy(w.Header(), rec.Header())
				w.WriteHeader(rec.Code)
				if _, err := rec.Body.WriteTo(w); err != nil {
					t.Error(err)
				}
			})
		}
	}
	b, _ := stand(t, 1, nil, hide(true))
	if _, err := b.Put(t.Context(), "lock.json.old", []byte("x"), lake.Absent()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Get(t.Context(), "lock.json"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is absent: %v", err)
	}
	if _, err := lockOf(b, "a", noon()).Acquire(t.Context(), 0); err != nil {
		t.Errorf("the first lock of all: %v", err)
	}
	if _, _, err := b.Get(t.Context(), "lock.json"); err != nil {
		t.Errorf("what is there: %v", err)
	}
	b, _ = stand(t, 1, nil, hide(false))
	var denied *answer.DeniedError
	if _, _, err := b.Get(t.Context(), "lock.json"); !errors.As(err, &denied) || denied.Action != "s3:ListBucket" || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("who may not list at all: %v", err)
	}
}

func TestS3NoBucket(t *testing.T) {
	b, _ := stand(t, 1, nil, nil)
	b.Bucket = "another"
	for op, err := range operations(t.Context(), b) {
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != "NoSuchBucket" || errors.Is(err, fs.ErrNotExist) || errors.Is(err, lake.ErrConflict) {
			t.Errorf("%s: %v", op, err)
		}
	}
}

// TestS3PassingFaults has errors that do not occur again at the second attempt.
func TestS3PassingFaults(t *testing.T) {
	for name, rules := range map[string][]s3.Rule{
		"clock set": {{Times: 1, Fault: s3.Fault{Code: "RequestTimeTooSkewed"}}},
		"cut body":  {{Op: s3.GetObject, Times: 1, Fault: s3.Fault{Cut: true, After: 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			b, server := stand(t, 1, s3.Rules(rules...), nil)
			server.Put("bucket", "lake/there", []byte("content"), nil)
			wantContent(t, b, "there", "content")
			put(t, b, "new", "x")
			if _, err := b.Put(t.Context(), "newer", []byte("x"), lake.Absent()); err != nil {
				t.Error(err)
			}
			if err := b.Delete(t.Context(), "new"); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff([]string{"newer", "there"}, keys(t, b, "", "")); diff != "" {
				t.Error(diff)
			}
		})
	}
	b, server := stand(t, 1, s3.Rules(s3.Rule{Op: s3.GetObject, Fault: s3.Fault{Cut: true, After: 2}}), nil)
	server.Put("bucket", "lake/k", []byte("content"), nil)
	if data, _, err := b.Get(t.Context(), "k"); err == nil || server.Counts().Requests[s3.GetObject] != 4 {
		t.Errorf("cut for good: %q, %v, %+v", data, err, server.Counts())
	}
}

func TestS3ListingIsLazyAndClean(t *testing.T) {
	b, server := stand(t, 1, nil, nil)
	server.MaxKeys = 2
	for _, key := range []string{"lake/a/", "lake/a/1", "lake/a/.part", "lake/a//2", "lake/b", "lake2/c", "lake/../x", "other"} {
		server.Put("bucket", key, nil, nil)
	}
	if diff := cmp.Diff([]string{"a/1", "b"}, keys(t, b, "", "")); diff != "" {
		t.Error(diff)
	}
	before := server.Counts().Requests[s3.ListObjectsV2]
	for it, err := range b.List(t.Context(), "a/1", "") {
		if err != nil || it.Key != "a/1" {
			t.Errorf("%+v, %v", it, err)
		}
		break
	}
	if n := server.Counts().Requests[s3.ListObjectsV2] - before; n != 1 {
		t.Errorf("a listing left at once cost %d requests", n)
	}
}

// TestS3WithoutStartAfter lists the objects of a server that ignores StartAfter.
func TestS3WithoutStartAfter(t *testing.T) {
	b, server := stand(t, 1, nil, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			q.Del("start-after")
			r.URL.RawQuery = q.Encode()
			next.ServeHTTP(w, r)
		})
	})
	server.MaxKeys = 2
	for _, key := range []string{"a", "b", "c", "d"} {
		server.Put("bucket", "lake/"+key, nil, nil)
	}
	if diff := cmp.Diff([]string{"c", "d"}, keys(t, b, "", "b")); diff != "" {
		t.Error(diff)
	}
}

func TestS3HostileListing(t *testing.T) {
	const one = "<Contents><Key>%s</Key><Size>1</Size></Contents>"
	for name, body := range map[string]string{
		"out of order":      fmt.Sprintf(one+one, "lake/b", "lake/a"),
		"not below prefix":  fmt.Sprintf(one, "elsewhere/a"),
		"more, but nowhere": fmt.Sprintf(one, "lake/a") + "<IsTruncated>true</IsTruncated>",
		"turns in circles":  fmt.Sprintf(one, "lake/a") + "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>",
		"no XML":            "<Contents>",
	} {
		b, _ := stand(t, 1, nil, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, "<ListBucketResult>%s</ListBucketResult>", body)
			})
		})
		var last error
		n := 0
		for _, last = range b.List(t.Context(), "", "") {
			n++
		}
		if last == nil || n > 5 {
			t.Errorf("%s: %d items, %v", name, n, last)
		}
	}
}
