package trail_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"trailgate/ingest"
	"trailgate/ingest/trail"
)

func TestFaultyObjects(t *testing.T) {
	sound := logFile(t, "sound")
	wrong := bytes.Clone(sound)
	wrong[len(wrong)-8] ^= 1
	cases := []struct {
		name  string
		body  []byte
		ids   []string
		cause ingest.Cause // of the object
		lost  ingest.Cause // of one record
	}{
		{"sound", sound, []string{"sound"}, "", ""},
		{"plain", []byte(`{"Records":[` + signIn("plain") + `]}`), []string{"plain"}, "", ""},
		{"no records", pack(t, `{"Records":[]}`), nil, "", ""},
		{"two members", append(pack(t, `{"Records":[`+signIn("first")+`,`), pack(t, signIn("second")+`]}`)...),
			[]string{"first", "second"}, "", ""},
		{"no bytes", nil, nil, ingest.CauseEmpty, ""},
		{"truncated", sound[:len(sound)/2], nil, ingest.CauseTruncated, ""},
		{"without its trailer", sound[:len(sound)-5], nil, ingest.CauseTruncated, ""},
		{"wrong checksum", wrong, nil, ingest.CauseCorrupt, ""},
		{"garbage behind", append(bytes.Clone(sound), "garbage"...), []string{"sound"}, ingest.CauseTrailing, ""},
		{"over the cap", pack(t, `{"Records":[`+signIn("large")+`,"`+strings.Repeat("x", 1<<16)+`"]}`), nil, ingest.CauseTooLarge, ""},
		{"over the cap as stored", make([]byte, 1<<15), nil, ingest.CauseTooLarge, ""},
		{"no JSON", pack(t, "hello"), nil, ingest.CauseUnknown, ""},
		{"record without id", logFile(t, "", "neighbour"), []string{"neighbour"}, "", ingest.CauseNoID},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			key := logKey("AWSLogs/", accountA, "us-east-1", noon(0), 1)
			m := &memory{objects: map[string][]byte{key: c.body}}
			s := &trail.Source{Store: m, MaxInflated: 1 << 14}
			got := events(t.Context(), s, ingest.Window{})
			var cause, lost ingest.Cause
			for _, skip := range got.skips {
				if skip.Record {
					lost = skip.Cause
				} else {
					cause = skip.Cause
				}
				if skip.Origin != "mem://"+key {
					t.Errorf("origin %q", skip.Origin)
				}
			}
			if diff := cmp.Diff(c.ids, got.ids); diff != "" || cause != c.cause || lost != c.lost || len(got.skips) > 1 {
				t.Errorf("skips %v, want object %q, record %q; ids (-want +got):\n%s", got.skips, c.cause, c.lost, diff)
			}
			if read := got.cov.Read; got.cov.Listed != 1 || (read == 1) != (c.cause == "") {
				t.Errorf("listed %d, read %d", got.cov.Listed, read)
			}

			name, _ := trail.ParseKey(key)
			alone, err := s.Read(t.Context(), trail.Object{Key: key, Name: name, Size: -1})
			if err != nil || len(alone.Events) != len(c.ids) || (alone.Skip != nil) != (c.cause != "") || (len(alone.Records) > 0) != (c.lost != "") {
				t.Errorf("read alone: %+v and %v", alone, err)
			}
			if c.name == "over the cap as stored" && m.reads != 1 {
				t.Errorf("%d downloads; only the reading without a listed size has to look", m.reads)
			}
		})
	}
}

// TestPlainAndPackedMixed wants a plain object not to leave its worker's buffer with
// another worker.
func TestPlainAndPackedMixed(t *testing.T) {
	m := &memory{objects: map[string][]byte{}}
	var want []string
	for n := range 400 {
		id := fmt.Sprintf("id-%04d", n)
		want = append(want, id)
		body := []byte(`{"Records":[` + signIn(id) + `]}`)
		if n%2 == 0 {
			body = logFile(t, id)
		}
		m.objects[logKey("AWSLogs/", accountA, "us-east-1", noon(n%9), n)] = body
	}
	got := events(t.Context(), &trail.Source{Store: m, Workers: 8}, ingest.Window{})
	if diff := cmp.Diff(want, got.ids); diff != "" || got.err != nil || len(got.skips) > 0 {
		t.Errorf("error %v, skips %v, ids (-want +got):\n%s", got.err, got.skips, diff)
	}
}

func TestCoverageAndProgress(t *testing.T) {
	m := &memory{objects: map[string][]byte{}}
	var packed int64
	for n := range 50 {
		key := logKey("AWSLogs/", accountA, "us-east-1", noon(n%2), n)
		m.objects[key] = logFile(t, fmt.Sprint(n))
		packed += int64(len(m.objects[key]))
	}
	m.objects["AWSLogs/111122223333/CloudTrail/us-east-1/x"] = nil
	var last ingest.Progress
	s := &trail.Source{Store: m, Label: "s3://named", Progress: func(p ingest.Progress) {
		if p.Done < last.Done || p.Bytes < last.Bytes || p.Listed < p.Done || p.Packed < p.Bytes {
			t.Errorf("progress went from %+v to %+v", last, p)
		}
		last = p
	}}
	got := events(t.Context(), s, ingest.Window{})
	want := ingest.Progress{Listed: 50, Done: 50, Bytes: packed, Packed: packed, SignIns: 50, Final: true}
	if diff := cmp.Diff(want, last); diff != "" {
		t.Errorf("last progress (-want +got):\n%s", diff)
	}
	if got.cov.Inflated < packed {
		t.Errorf("inflated %d bytes of %d packed", got.cov.Inflated, packed)
	}
	got.cov.Inflated = 0
	cov := ingest.Coverage{Sources: []string{"s3://named"}, Listed: 51, Read: 50, Packed: packed,
		Excluded: map[string]int{"foreign": 1},
		Shards: []ingest.Shard{{Account: accountA, Region: "us-east-1", Objects: 50,
			Days: []ingest.Day{day(2024, 3, 4), day(2024, 3, 5)}}}}
	if diff := cmp.Diff(cov, got.cov); diff != "" {
		t.Errorf("coverage (-want +got):\n%s", diff)
	}
}

// gated is a Store whose reads wait until the gate opens or the context ends.
type gated struct {
	*memory
	gate    chan struct{}
	started sync.WaitGroup
}

func (g *gated) Read(ctx context.Context, key string, buf []byte, limit int64) ([]byte, error) {
	g.started.Done()
	select {
	case <-g.gate:
		return g.memory.Read(ctx, key, buf, limit)
	case <-ctx.Done():
		return buf, ctx.Err()
	}
}

func TestCancelWhileDownloading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := many(3000, nil)
		g := &gated{memory: m, gate: make(chan struct{})}
		g.started.Add(4)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			g.started.Wait()
			cancel()
		}()
		got := events(ctx, &trail.Source{Store: g, Workers: 4}, ingest.Window{})
		if got.err != context.Canceled || len(got.ids) > 0 || len(got.skips) > 0 {
			t.Errorf("got %v, %v, %v; want context.Canceled alone", got.ids, got.skips, got.err)
		}
		if c := got.cov; !c.Partial || c.Listed == 0 || c.Excluded["interrupted"] != c.Listed {
			t.Errorf("listed %d, excluded %v, partial %t; want all interrupted", c.Listed, c.Excluded, c.Partial)
		}
	})
}

// TestNoLeakAfterLeaving leaves iterators early. A goroutine that is still running
// then keeps the synctest bubble from ending, which fails the test.
func TestNoLeakAfterLeaving(t *testing.T) {
	m := many(3000, logFile(t, "one"))
	synctest.Test(t, func(t *testing.T) {
		s := &trail.Source{Store: m}
		stream := s.Open(t.Context(), ingest.Window{})
		for range stream.Events() {
			break
		}
		if c := stream.Coverage(); !c.Partial || c.Listed != c.Read+c.Excluded["interrupted"] {
			t.Errorf("listed %d, read %d, excluded %v", c.Listed, c.Read, c.Excluded)
		}
		listing := s.List(t.Context(), ingest.Window{})
		for range listing.Objects() {
			break
		}
		if c := listing.Coverage(); !c.Partial {
			t.Error("a listing left early is not called partial")
		}
	})
}

// many is a Store with so many files of the same bytes.
func many(n int, body []byte) *memory {
	m := &memory{objects: map[string][]byte{}}
	for i := range n {
		m.objects[logKey("AWSLogs/", accountA, "us-east-1", noon(0), i)] = body
	}
	return m
}
