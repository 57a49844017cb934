package trail_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"trailgate/ingest"
	"trailgate/ingest/aws/answer"
	"trailgate/ingest/trail"
)

// pack gives the gzip form of a text.
func pack(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// signIn is a ConsoleLogin record; without an id it has no eventID.
func signIn(id string) string {
	if id != "" {
		id = fmt.Sprintf(`"eventID":%q,`, id)
	}
	return `{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","accountId":"111122223333","userName":"dana"},` +
		`"eventTime":"2024-03-04T10:00:00Z","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin",` +
		`"awsRegion":"us-east-1","sourceIPAddress":"192.0.2.7",` + id + `"responseElements":{"ConsoleLogin":"Success"}}`
}

// logFile is a log file with sign-ins of these ids.
func logFile(t testing.TB, ids ...string) []byte {
	t.Helper()
	var records []string
	for _, id := range ids {
		records = append(records, signIn(id))
	}
	return pack(t, `{"Records":[`+strings.Join(records, ",")+`]}`)
}

// logKey is the key of a log file below a prefix that ends before the account.
func logKey(prefix, account, region string, delivered time.Time, n int) string {
	file := fmt.Sprintf("%s_CloudTrail_%s_%s_Unique%010d.json.gz", account, region, delivered.Format("20060102T1504Z"), n)
	return prefix + path.Join(account, "CloudTrail", region, delivered.Format("2006/01/02"), file)
}

// noon is 2024-03-04 12:00, plus so many days.
func noon(days int) time.Time {
	return time.Date(2024, 3, 4, 12, 0, 0, 0, time.UTC).AddDate(0, 0, days)
}

// memory is a Store in memory that counts its requests.
type memory struct {
	objects map[string][]byte
	denied  []string // prefixes that cannot be listed

	mu    sync.Mutex
	lists []trail.ListRequest
	reads int
}

func (m *memory) Origin(key string) string { return "mem://" + key }

func (m *memory) List(ctx context.Context, r trail.ListRequest) iter.Seq2[trail.Entry, error] {
	m.mu.Lock()
	m.lists = append(m.lists, r)
	m.mu.Unlock()
	return func(yield func(trail.Entry, error) bool) {
		if slices.Contains(m.denied, r.Prefix) {
			refusal := &answer.DeniedError{Action: "s3:ListBucket", Err: errors.New("no")}
			yield(trail.Entry{}, &ingest.SkipError{Cause: ingest.CauseListing, Origin: m.Origin(r.Prefix), Err: refusal})
			return
		}
		keys := make([]string, 0, len(m.objects))
		for key := range m.objects {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		last := ""
		for _, key := range keys {
			rest, below := strings.CutPrefix(key, r.Prefix)
			if ctx.Err() != nil {
				yield(trail.Entry{}, ctx.Err())
				return
			}
			if !below || !r.Delimited && key <= r.StartAfter {
				continue
			}
			e := trail.Entry{Key: key, Size: int64(len(m.objects[key]))}
			if name, _, deeper := strings.Cut(rest, "/"); deeper && r.Delimited {
				e = trail.Entry{Key: r.Prefix + name + "/", Folder: true}
				if e.Key == last {
					continue
				}
				last = e.Key
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (m *memory) Read(ctx context.Context, key string, buf []byte, limit int64) ([]byte, error) {
	m.mu.Lock()
	m.reads++
	m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return buf, err
	}
	body, there := m.objects[key]
	if !there {
		return buf, &ingest.SkipError{Cause: ingest.CauseVanished, Origin: m.Origin(key), Err: errors.New("gone")}
	}
	return append(buf[:0], body...), nil
}

// put writes a file below root.
func put(t testing.TB, root, key string, body []byte) {
	t.Helper()
	file := filepath.Join(root, filepath.FromSlash(key))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, body, 0o644); err != nil {
		t.Fatal(err)
	}
}

func remove(t testing.TB, root, key string) {
	t.Helper()
	if err := os.Remove(filepath.Join(root, filepath.FromSlash(key))); err != nil {
		t.Fatal(err)
	}
}

// listed is the result of listing a source to its end.
type listed struct {
	keys  []string // sorted
	skips []string // as text, sorted
	err   error    // the one that ended it
	cov   ingest.Coverage
}

func objects(t testing.TB, s *trail.Source, w ingest.Window) listed {
	t.Helper()
	var keys, skips []string
	var err error
	listing := s.List(t.Context(), w)
	for o, e := range listing.Objects() {
		var skip *ingest.SkipError
		switch {
		case errors.As(e, &skip):
			skips = append(skips, skip.Error())
		case e != nil:
			err = e
		default:
			keys = append(keys, o.Key)
		}
	}
	slices.Sort(keys)
	slices.Sort(skips)
	return listed{keys, skips, err, listing.Coverage()}
}

// outcome is the result of reading a source.
type outcome struct {
	ids   []string // sorted
	skips []*ingest.SkipError
	err   error
	cov   ingest.Coverage
}

func events(ctx context.Context, s *trail.Source, w ingest.Window) outcome {
	return drain(s.Open(ctx, w))
}

func drain(stream ingest.Stream) outcome {
	var out outcome
	for e, err := range stream.Events() {
		var skip *ingest.SkipError
		switch {
		case errors.As(err, &skip):
			out.skips = append(out.skips, skip)
		case err != nil:
			out.err = err
		default:
			out.ids = append(out.ids, e.ID)
		}
	}
	slices.Sort(out.ids)
	out.cov = stream.Coverage()
	return out
}
