package record_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"trailgate/ingest/record"
)

// seeds are documents of every shape, with hostile and broken ones.
func seeds(f *testing.F) {
	for _, s := range []string{
		`{"Records":[` + rec("1") + `,` + api + `]}`, rec("1"), `[` + rec("1") + `]`, rec("1") + "\n" + rec("2"),
		`{"detail-type":"x","detail":` + rec("1") + `}`, `{"Events":[{"CloudTrailEvent":` + quote(rec("1")) + `}]}`,
		`{"logEvents":[{"message":` + quote(rec("1")) + `}]}`, `{"Records":[{"eventName":"Console\u004cogin"}]}`,
		`{"Records":[{"a":"\\\"ConsoleLogin\\"},` + rec("1") + `]}`, `{"Records":{"a":[` + rec("1") + `]}}`,
		`{"Records":[[` + rec("1") + `]]}`, `{"Records":[],"Records":[` + rec("1") + `]}`, `{"a":[{"Records":[` + rec("1") + `]}]}`,
		`{"Records":[` + rec("1", `"eventName":"x"`) + `]}`, "", "{", `"ConsoleLogin"`, `{"Records":["ConsoleLogin",1,null,` + rec("2") + `]}`,
		"\ufeff" + `{"Records":[` + rec("1") + "]}\ufeff" + `{"Records":[` + rec("2") + `]}`, "\ufeff" + `{"Records":[` + rec("1") + `]}`,
		`{"eventName":"x","Records":[` + rec("1") + `]}`, `{"Records":[` + rec("1") + `],"eventName":"x"}`, `{"\u0052ecords":[` + rec("1") + `]}`,
		`{"Records":[` + rec("1", `"eventSource":[1]`) + `,` + rec("2") + `]}`, rec("1", `"Records":[`+rec("2")+`]`),
	} {
		f.Add([]byte(s))
	}
}

// expected reads an object with encoding/json. It gives the ids of the sign-ins,
// and whether they are certain.
func expected(doc []byte) ([]string, bool) {
	doc = bytes.TrimPrefix(doc, []byte("\ufeff"))
	keys, values := members(doc)
	if keys == nil {
		return nil, false
	}
	at := -1
	for i, k := range keys {
		switch k {
		case "Records", "Events", "events", "logEvents":
			if at >= 0 || k != "Records" { // encoding/json does not say which of several counts
				return nil, false
			}
			at = i
		}
	}
	var all []json.RawMessage
	switch named := slices.Index(keys, "eventName"); {
	case named >= 0 && (at < 0 || named < at): // a record
		id, sure := signIn(doc)
		if id == "" {
			return nil, sure
		}
		return []string{"record " + id}, sure
	case at < 0 || json.Unmarshal(values[at], &all) != nil:
		return nil, false
	}
	var ids []string
	for _, raw := range all {
		if raw[0] == '"' {
			return nil, false
		}
		id, sure := signIn(raw)
		if !sure {
			return nil, false
		}
		if id != "" {
			ids = append(ids, "trail "+id)
		}
	}
	return ids, true
}

// members are the keys of an object in their order, and the values. They are nil
// if the document is not an object.
func members(doc []byte) (keys []string, values []json.RawMessage) {
	d := json.NewDecoder(bytes.NewReader(doc))
	if open, err := d.Token(); !json.Valid(doc) || err != nil || open != json.Delim('{') {
		return nil, nil
	}
	for d.More() {
		key, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return nil, nil
		}
		keys, values = append(keys, fmt.Sprint(key)), append(values, value)
	}
	return keys, values
}

// signIn gives the id of a sign-in, or "", and whether it is certain.
func signIn(raw []byte) (id string, sure bool) {
	var r map[string]any
	if json.Unmarshal(raw, &r) != nil || r["eventName"] != "ConsoleLogin" || r["eventSource"] != "signin.amazonaws.com" {
		return "", true
	}
	id, isText := r["eventID"].(string)
	when, isTime := r["eventTime"].(string)
	return id, isText && isTime && id != "" && when == "2026-03-01T10:00:00Z"
}

// FuzzScanAgainstJSON compares the scanner with encoding/json.
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

// FuzzScanReader compares the stream with the document in memory.
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
			// Such a small window does not show whether the text is in the rest.
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

// FuzzDecode puts any JSON into any field of a sign-in. It must stay a sign-in.
func FuzzDecode(f *testing.F) {
	for _, key := range []string{"userIdentity", "tlsDetails", "userAgent", "awsRegion", "addendum", "responseElements", "additionalEventData", "x"} {
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

// FuzzInflate wants no panic, and an error for all bytes that gzip refuses.
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
