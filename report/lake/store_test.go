package lake_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"trailgate/fixtures/s3"
	"trailgate/report/lake"
)

func TestMemoryStore(t *testing.T) {
	storeSuite(t, func(*testing.T) lake.Store { return &memory{} })
}

func TestDiskStore(t *testing.T) {
	storeSuite(t, func(t *testing.T) lake.Store { return lake.Disk{Root: t.TempDir() + "/new/root"} })
}

// TestDiskStoreWithoutLinks runs the suite as on a file system without links.
func TestDiskStoreWithoutLinks(t *testing.T) {
	storeSuite(t, func(t *testing.T) lake.Store {
		return &lake.Disk{Root: t.TempDir(), Step: func(op, _ string) error {
			if op == "link" {
				return errors.ErrUnsupported
			}
			return nil
		}}
	})
}

func TestStandInStore(t *testing.T) {
	// With small pages a listing has several.
	srv := httptest.NewServer(&s3.Server{MaxKeys: 3})
	defer srv.Close()
	storeSuite(t, bucketsOf(srv.URL))
}

func TestGatewayStore(t *testing.T) {
	storeSuite(t, bucketsOf(s3.RunGateway(t)))
}

// bucketsOf opens stores in new buckets of a server, with and without a prefix.
func bucketsOf(server string) func(*testing.T) lake.Store {
	n := 0
	return func(t *testing.T) lake.Store {
		n++
		b := lake.S3{Client: dial(server, 3), Bucket: fmt.Sprintf("lake-suite-%d", n), Wait: noWait,
			Prefix: []string{"", "lake", "a lake/über+100%/"}[n%3]}
		if _, err := b.Client.CreateBucket(t.Context(), &client.CreateBucketInput{Bucket: &b.Bucket}); err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func noWait(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func dial(server string, attempts int) *client.Client {
	return client.New(client.Options{
		Region:           "us-east-1",
		BaseEndpoint:     aws.String(server),
		UsePathStyle:     true,
		Credentials:      credentials.NewStaticCredentialsProvider(s3.AccessKey, s3.SecretKey, ""),
		RetryMaxAttempts: attempts,
		HTTPClient:       http.DefaultClient,
	})
}

// storeSuite checks that a store does what the comments of Store and Condition say. open
// returns an empty store.
func storeSuite(t *testing.T, open func(*testing.T) lake.Store) {
	for name, test := range map[string]func(*testing.T, lake.Store){
		"absent": suiteAbsent, "round trip": suiteRoundTrip, "keys": suiteKeys, "listing": suiteListing,
		"conditions": suiteConditions, "race to create": suiteCreateRace, "race to count": suiteCounter,
		"large object": suiteLarge, "cancelled": suiteCancelled,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// put creates or replaces an object. Nobody else may write it at the same time.
func put(t *testing.T, s lake.Store, key, data string) lake.Tag {
	t.Helper()
	when := lake.Absent()
	if _, tag, err := s.Get(t.Context(), key); err == nil {
		when = lake.Matches(tag)
	}
	tag, err := s.Put(t.Context(), key, []byte(data), when)
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

func wantContent(t *testing.T, s lake.Store, key, want string) {
	t.Helper()
	got, _, err := s.Get(t.Context(), key)
	if err != nil || string(got) != want {
		t.Errorf("Get(%q) = %.60q, %v; want %.60q", key, got, err, want)
	}
}

func keys(t *testing.T, s lake.Store, prefix, after string) []string {
	t.Helper()
	var out []string
	for it, err := range s.List(t.Context(), prefix, after) {
		if err != nil {
			t.Fatalf("List(%q, %q): %v", prefix, after, err)
		}
		out = append(out, it.Key)
	}
	return out
}

func suiteAbsent(t *testing.T, s lake.Store) {
	for _, key := range []string{"a", "a/b"} {
		if data, _, err := s.Get(t.Context(), key); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), s.Name(key)) {
			t.Errorf("Get(%q) = %q, %v; want that there is none, by its name", key, data, err)
		}
		if err := s.Delete(t.Context(), key); err != nil {
			t.Error(err)
		}
	}
	if got := keys(t, s, "", ""); got != nil {
		t.Errorf("an empty store lists %q", got)
	}
	put(t, s, "folder/a", "x")
	for _, key := range []string{"folder", "folder/b", "folder/a/b"} {
		if _, _, err := s.Get(t.Context(), key); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Get(%q): %v", key, err)
		}
		if err := s.Delete(t.Context(), key); err != nil {
			t.Error(err)
		}
	}
	if got := keys(t, s, "none/", ""); got != nil {
		t.Errorf("an absent folder lists %q", got)
	}
	wantContent(t, s, "folder/a", "x")
}

func suiteRoundTrip(t *testing.T, s lake.Store) {
	first := put(t, s, "x/y/z", "one")
	wantContent(t, s, "x/y/z", "one")
	if _, tag, err := s.Get(t.Context(), "x/y/z"); err != nil || tag != first || tag == "" {
		t.Errorf("Get gives tag %q, Put gave %q (%v)", tag, first, err)
	}
	if second := put(t, s, "x/y/z", "other"); second == first {
		t.Errorf("two contents have the tag %q", first)
	}
	wantContent(t, s, "x/y/z", "other")
	put(t, s, "empty", "")
	wantContent(t, s, "empty", "")
	if err := s.Delete(t.Context(), "x/y/z"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"empty"}, keys(t, s, "", "")); diff != "" {
		t.Error(diff)
	}
}

func suiteKeys(t *testing.T, s lake.Store) {
	for _, key := range []string{
		"", "/", "/a", "a/", "a//b", "..", "../a", "a/../b", "a/..", ".", "./a", "a/./b", ".a", "a/.b/c",
		`a\b`, "a\x00b", "a\nb", "a\x7f", "a\xffb",
	} {
		if _, _, err := s.Get(t.Context(), key); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Get(%q): %v; want a refusal", key, err)
		}
		if _, err := s.Put(t.Context(), key, nil, lake.Absent()); err == nil {
			t.Errorf("Put(%q) is taken", key)
		}
		if err := s.Delete(t.Context(), key); err == nil {
			t.Errorf("Delete(%q) is taken", key)
		}
	}
	for _, prefix := range []string{"/", "../", "a/../", "a//"} {
		refused := false
		for _, err := range s.List(t.Context(), prefix, "") {
			refused = err != nil
		}
		if !refused {
			t.Errorf("List(%q) is taken", prefix)
		}
	}
	put(t, s, "k", "x")
	for _, tag := range []lake.Tag{"", "a\r\nb"} {
		if _, err := s.Put(t.Context(), "k", []byte("y"), lake.Matches(tag)); err == nil || errors.Is(err, lake.ErrConflict) {
			t.Errorf("Put if it matches %q: %v; want a refusal", tag, err)
		}
	}
	wantContent(t, s, "k", "x")
}

func suiteListing(t *testing.T, s lake.Store) {
	all := []string{
		"A", "a b", "a%20b", "a+b", "a-b/c", "a.b", "a/b", "a/b-c", "a/b0", "a0", "a=1/b=2/c", "a=1/b=2&c/d", "a=10/b",
		"it's", "<&>\"", "~", "_under/score", "#?", "e\u0301", "é/ü", "日本/語", "😀", "signins/event_date=2026-11-20/part-1.parquet",
		"signins/event_date=2026-11-20/part-2.parquet", "signins/event_date=2026-11-21/part-1.parquet",
	}
	for i, key := range all {
		put(t, s, key, strings.Repeat("x", i))
	}
	slices.Sort(all)
	prefixes := []string{"", "a", "a/", "a/b", "a=1", "a=1/", "none", "none/", "a/b/c/", "signins/event_date=2026-11-2", "é", "日本/"}
	afters := append([]string{"", "a/", "a/b/", "a=1", "signins/event_date=2026-11-20/", "signins/event_date=2026-11-20/~", "zz"}, all...)
	for _, prefix := range prefixes {
		for _, after := range afters {
			var want []string
			for _, key := range all {
				if strings.HasPrefix(key, prefix) && key > after {
					want = append(want, key)
				}
			}
			if diff := cmp.Diff(want, keys(t, s, prefix, after)); diff != "" {
				t.Fatalf("List(%q, %q): %s", prefix, after, diff)
			}
		}
	}
	for it, err := range s.List(t.Context(), "", "") {
		if err != nil || it.Key != all[0] || it.Size < 0 {
			t.Errorf("first item %+v, %v", it, err)
		}
		break
	}
	for it, err := range s.List(t.Context(), "signins/", "") {
		data, _, getErr := s.Get(t.Context(), it.Key)
		if err != nil || getErr != nil || it.Size != int64(len(data)) {
			t.Errorf("%+v has %d bytes (%v, %v)", it, len(data), err, getErr)
		}
	}
}

func suiteConditions(t *testing.T, s lake.Store) {
	write := func(key, data string, when lake.Condition) (lake.Tag, error) {
		return s.Put(t.Context(), key, []byte(data), when)
	}
	first, err := write("d/c", "one", lake.Absent())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := write("d/c", "two", lake.Absent()); !errors.Is(err, lake.ErrConflict) || !strings.Contains(err.Error(), s.Name("d/c")) {
		t.Errorf("second exclusive write: %v", err)
	}
	if tag, err := write("d/c", "one", lake.Absent()); err != nil || tag != first {
		t.Errorf("the same bytes again: tag %q, %v; want %q", tag, err, first)
	}
	second, err := write("d/c", "two", lake.Matches(first))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := write("d/c", "three", lake.Matches(first)); !errors.Is(err, lake.ErrConflict) {
		t.Errorf("write with an old tag: %v", err)
	}
	if tag, err := write("d/c", "two", lake.Matches(first)); err != nil || tag != second {
		t.Errorf("the same bytes with an old tag: tag %q, %v; want %q", tag, err, second)
	}
	wantContent(t, s, "d/c", "two")
	if _, err := write("d/none", "x", lake.Matches(first)); !errors.Is(err, lake.ErrConflict) {
		t.Errorf("write over nothing: %v", err)
	}
	if _, err := write("new/none", "x", lake.Matches(first)); !errors.Is(err, lake.ErrConflict) {
		t.Errorf("write over nothing: %v", err)
	}
	if err := s.Delete(t.Context(), "d/c"); err != nil {
		t.Fatal(err)
	}
	if _, err := write("d/c", "three", lake.Matches(second)); !errors.Is(err, lake.ErrConflict) {
		t.Errorf("write over a deleted object: %v", err)
	}
	if _, err := write("d/c", "three", lake.Absent()); err != nil {
		t.Errorf("write after deletion: %v", err)
	}
	if diff := cmp.Diff([]string{"d/c"}, keys(t, s, "", "")); diff != "" {
		t.Error(diff)
	}
}

func suiteLarge(t *testing.T, s lake.Store) {
	data := make([]byte, 20<<20)
	random := rand.NewChaCha8([32]byte{1})
	if _, err := random.Read(data); err != nil {
		t.Fatal(err)
	}
	tag, err := s.Put(t.Context(), "large", data, lake.Absent())
	if err != nil {
		t.Fatal(err)
	}
	got, again, err := s.Get(t.Context(), "large")
	if err != nil || again != tag || !bytes.Equal(got, data) {
		t.Errorf("read back %d bytes with tag %q (%v), wrote %d with %q", len(got), again, err, len(data), tag)
	}
}

func suiteCancelled(t *testing.T, s lake.Store) {
	put(t, s, "k", "old")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, tag, err := s.Get(ctx, "k")
	errs := []error{err}
	for _, when := range []lake.Condition{lake.Absent(), lake.Matches(tag + "x")} {
		_, err := s.Put(ctx, "k", []byte("new"), when)
		errs = append(errs, err)
	}
	errs = append(errs, s.Delete(ctx, "k"))
	for _, err := range s.List(ctx, "", "") {
		errs = append(errs, err)
	}
	if len(errs) != 5 {
		t.Fatalf("%d errors: %v", len(errs), errs)
	}
	for i, err := range errs {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("operation %d: %v", i, err)
		}
	}
	wantContent(t, s, "k", "old")
}
