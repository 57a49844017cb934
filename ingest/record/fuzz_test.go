package record_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"trailgate/ingest/record"
)

// seeds are documents of every shape, and what hostile or broken ones look like.
func seeds(f *testing.F) {
	for _, s := range []string{
		`{"Records":[` + rec("1") + `,` + api + `]}`, rec("1"), `[` + rec("1") + `]`, rec("1") + "\n" + rec("2"),
		`{"detail-type":"x","detail":` + rec("1") + `}`, `{"Events":[{"CloudTrailEvent":` + quote(rec("1")) + `}]}`,
		`{"logEvents":[{"message":` + quote(rec("1")) + `}]}`, `{"Records":[{"eventName":"Console\u004cogin"}]}`,
		`{"Records":[{"a":"\\\"ConsoleLogin\\"},` + rec("1") + `]}`, `{"Records":{"a":[` + rec("1") + `]}}`,
		`{"Records":[[` + rec("1") + `]]}`, `{"Records":[],"Records":[` + rec("1") + `]}`, `{"a":[{"Records":[` + rec("1") + `]}]}`,
		`{"Records":[` + rec("1", `"eventName":"x"`) + `]}`, "", "{", `"ConsoleLogin"`, `{"Records":["ConsoleLogin",1,null,` + rec("2") + `]}`,
	} {
		f.Add([]byte(s))
	}
}

// expected reads a Records document with encoding/json: the ids of the
// sign-ins in it, and whether the document is one that this can tell.
func expected(doc []byte) ([]string, bool) {
	var top struct{ Records json.RawMessage }
	var keys map[string]json.RawMessage
	if !json.Valid(doc) || json.Unmarshal(doc, &keys) != nil || keys["Records"] == nil {
		return nil, false
	}
	// One Records, spelt so, and no other carrier: what several mean, encoding/json cannot tell.
	for _, k := range []string{"Records", "Events", "events", "logEvents"} {
		if n := strings.Count(string(doc), `"`+k+`"`); n > 1 || n == 1 && k != "Records" {
			return nil, false
		}
	}
	if json.Unmarshal(doc, &top) != nil {
		return nil, false
	}
	var all []json.RawMessage
	if json.Unmarshal(keys["Records"], &all) != nil || bytes.Contains(doc, []byte(`\`+`"Records`)) {
		return nil, false
	}
	var ids []string
	for _, raw := range all {
		var r map[string]any
		if raw[0] == '"' {
			return nil, false
		}
		if json.Unmarshal(raw, &r) != nil || r["eventName"] != "ConsoleLogin" || r["eventSource"] != "signin.amazonaws.com" {
			continue
		}
		id, isText := r["eventID"].(string)
		when, isTime := r["eventTime"].(string)
		if !isText || !isTime || id == "" || when != "2026-03-01T10:00:00Z" {
			return nil, false
		}
		ids = append(ids, "trail "+id)
	}
	return ids, true
}

// FuzzScanAgainstJSON holds the scanner against encoding/json.
func FuzzScanAgainstJSON(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, doc []byte) {
		want, ok := expected(doc)
		if !ok {
			t.Skip()
		}
		var s record.Scanner
		if diff := cmp.Diff(want, collect(t, s.Scan(doc, "o")).IDs); diff != "" {
			t.Errorf("(-json +scan):\n%s", diff)
		}
	})
}

// FuzzScanReader holds the stream against the document in memory.
func FuzzScanReader(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, doc []byte) {
		var s record.Scanner
		want := collect(t, s.Scan(doc, "o"))
		r := record.Scanner{Window: 1 << 16}
		got := collect(t, r.ScanReader(iotest.HalfReader(bytes.NewReader(doc)), "o", 0))
		if bytes.HasPrefix(doc, []byte("\x1f\x8b")) {
			t.Skip()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-memory +stream):\n%s", diff)
		}
		narrow := record.Scanner{Window: 7}
		got = collect(t, narrow.ScanReader(bytes.NewReader(doc), "o", 0))
		if json.Valid(doc) && !bytes.Contains(doc, []byte("\n")) {
			// A window that small cannot tell whether the text is in the rest.
			for _, f := range []found{want, got} {
				for i, k := range f.Kinds {
					if k == record.NoCarrier {
						f.Kinds[i] = record.Other
					}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-memory +narrow stream):\n%s", diff)
			}
		}
	})
}

// FuzzDecode puts any JSON in any field of a sign-in: it must stay one.
func FuzzDecode(f *testing.F) {
	for _, key := range []string{"userIdentity", "tlsDetails", "userAgent", "addendum", "responseElements", "additionalEventData", "x"} {
		for _, value := range []string{`1`, `"\ud800"`, `{"a":[]}`, `null`, `"{\"a\":1}"`, `[{"b":"]"}]`, `true`} {
			f.Add(key, value)
		}
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		switch key {
		case "eventName", "eventSource", "eventID", "eventTime":
			t.Skip()
		}
		doc := []byte(rec("1", quote(key)+":"+value))
		if !json.Valid(doc) {
			t.Skip()
		}
		var s record.Scanner
		for e, err := range s.Scan(doc, "o") {
			if err != nil {
				t.Fatalf("lost: %v", err)
			}
			var plain map[string]any
			if json.Unmarshal(doc, &plain) != nil {
				t.Skip()
			}
			if agent, ok := plain["userAgent"].(string); ok && agent != e.UserAgent {
				t.Errorf("userAgent %q, want %q", e.UserAgent, agent)
			}
			return
		}
		t.Error("lost without a word")
	})
}

// FuzzInflate must not panic, nor give bytes without an error that gzip would
// refuse.
func FuzzInflate(f *testing.F) {
	f.Add(pack(f, "one"))
	f.Add(pack(f, "one", "two"))
	f.Add(append(pack(f, "one"), 0x1f, 0x8b))
	f.Fuzz(func(t *testing.T, packed []byte) {
		var s record.Scanner
		got, err := s.Inflate(nil, packed, 1<<20)
		var re *record.Error
		if err != nil && !errors.As(err, &re) {
			t.Errorf("not a *record.Error: %v", err)
		}
		if len(got) > 1<<20 {
			t.Errorf("%d bytes", len(got))
		}
	})
}
