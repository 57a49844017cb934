package batch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"trailgate/ingest"
	"trailgate/ingest/signin"
	"trailgate/ingest/trail"
)

// randomState makes a job of which every kind of line may be there.
func randomState(t *testing.T, seed uint64) *State {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 6))
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	moment := func() time.Time { return begin.Add(time.Duration(r.IntN(1e9)) * time.Millisecond) }
	word := func() string {
		return []string{"", "alice", "<b>&\u2028", "\x1b[31m", "naïve/日本", "a\nb", `"\`}[r.IntN(7)] + fmt.Sprint(r.IntN(100))
	}
	j := newState(fmt.Sprintf("%012x", r.Uint64()>>16))
	j.head.Since = begin
	if r.IntN(4) > 0 {
		j.head.Settled, j.head.Newest, j.head.Accounts = moment(), moment(), []string{"111122223333"}
	}
	for range r.IntN(4) {
		j.head.Replaced = append(j.head.Replaced, word())
	}
	for range r.IntN(3) {
		source := "s3://" + word()
		j.checkpoints[source] = ingest.Checkpoint{}
		for range r.IntN(4) + 1 {
			j.checkpoints[source][word()] = encodeFolder(t, randomFolder(r, begin, r.IntN(20)))
		}
		o := OwedObject{Key: word(), Source: source, Cause: word(), Reason: word(), Since: moment(), Tries: r.IntN(9)}
		j.owed[backlogKey(source, o.Key)] = o
		off := WrittenOff{Key: word(), Source: source, Cause: word(), Reason: word(), At: moment()}
		j.writtenOff[backlogKey(source, off.Key)] = off
		through, err := json.Marshal(moment())
		if err != nil {
			t.Fatal(err)
		}
		j.checkpoints["lookup://"+word()] = ingest.Checkpoint{"": through}
	}
	for i := range r.IntN(5) {
		j.pending = append(j.pending, signin.Event{ID: fmt.Sprint(i, word()), Time: moment(), Account: word(), Updated: r.IntN(2) > 0, Identity: signin.Identity{ARN: word(), UserName: word()},
			Outcome: signin.Outcome(r.IntN(3)), MFA: signin.MFA(r.IntN(3)), Mobile: signin.Flag(r.IntN(3)), Carrier: signin.Carrier(r.IntN(4)), Origin: word(), Malformed: r.IntN(2) > 0})
	}
	sortEvents(j.pending)
	if r.IntN(2) > 0 {
		j.baseline = json.RawMessage(`{"trailgate_baseline":1,"x":[1,2.5,"a"]}`)
		j.last = randomSummary(seed)
	}
	return j
}

// encodeFolder is the entry of a checkpoint.
func encodeFolder(t *testing.T, f trail.FolderCheckpoint) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// randomFolder is the checkpoint of a folder with so many recent objects.
func randomFolder(r *rand.Rand, day time.Time, tail int) trail.FolderCheckpoint {
	day = day.Truncate(24 * time.Hour)
	p := trail.FolderCheckpoint{Watermark: day.Add(time.Duration(r.IntN(1440)) * time.Minute), From: ingest.DayOf(day) - 1}
	for i := range 2 {
		d := trail.DayDigest{Day: p.From + ingest.Day(i), Count: 1 + r.IntN(50_000)}
		for k := range d.Sum {
			d.Sum[k] = byte(r.Uint32())
		}
		p.Days = append(p.Days, d)
	}
	for range tail {
		p.Recent = append(p.Recent, r.Uint64())
	}
	slices.Sort(p.Recent)
	p.Recent = slices.Compact(p.Recent)
	return p
}

func TestStateRoundTrip(t *testing.T) {
	for seed := range uint64(300) {
		j := randomState(t, seed)
		body, err := j.encode(true)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeState(body)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, body)
		}
		if d := gocmp.Diff(j, got, gocmp.AllowUnexported(State{}), cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("seed %d (- encoded, + decoded):\n%s", seed, d)
		}
		again, err := got.encode(true)
		if err != nil || !bytes.Equal(body, again) {
			t.Fatalf("seed %d: other bytes the second time, %v:\n%s\n%s", seed, err, body, again)
		}
		without, err := j.encode(false)
		if err != nil || j.last != nil && len(without) >= len(body) {
			t.Fatalf("seed %d: %d bytes without the run and %d with it, %v", seed, len(without), len(body), err)
		}
	}
}

func TestDecodeStateRefuses(t *testing.T) {
	const head = `{"job":{"id":"0123456789ab","since":"2026-03-01T00:00:00Z"}}` + "\n"
	for _, c := range []struct{ name, body, want string }{
		{"nothing", "", "the line of the job is missing"},
		{"no head", `{"owed":{"key":"k","source":"s"}}` + "\n", "the line of the job is missing"},
		{"cut off", head + `{"owed":{"key":"k"`, "line 3: "},
		{"another kind of line", head + `{"later":{}}` + "\n", `line 3: json: unknown field "later"`},
		{"an empty object", head + "{}\n", "line 3: the line has no known member"},
		{"another member in a known line", head + `{"owed":{"key":"k","colour":"red"}}` + "\n", `unknown field "colour"`},
		{"another member in what was written off", head + `{"written_off":{"key":"k","tries":1}}` + "\n", `unknown field "tries"`},
		{"an empty line", head + "\n" + head, "line 3: "},
		{"something behind a line", head[:len(head)-1] + " {}\n", "line 2: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, err := decodeState([]byte(c.body))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, error %v, want %q", j, err, c.want)
			}
		})
	}
}

func FuzzDecodeState(f *testing.F) {
	const head = `{"job":{"id":"0123456789ab","since":"2026-03-01T00:00:00Z"}}` + "\n"
	for _, line := range []string{"", `{"run":{"manifest":1}}`, `{"owed":{"key":"k","source":"s","tries":1}}`, `{"written_off":{"key":"k","source":"s","at":"2026-03-01T00:00:00Z"}}`,
		`{"lookup":{"source":"lookup://","through":"2026-03-01T00:00:00Z"}}`,
		`{"folder":{"source":"s","base":"b","page":{"through":"2026-03-01T00:05:00Z","from":"2026-03-01","tail":"AAAAAAAAAAE="}}}`,
		`{"pending":{"ID":"a","Time":"2026-03-01T00:00:00Z"}}`, `{"baseline":{"x":1}}`, `{"baseline":null}`} {
		f.Add([]byte(head + line + "\n"))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		j, err := decodeState(body)
		if err != nil {
			return
		}
		first, err := j.encode(true)
		if err != nil {
			t.Fatalf("decoded, but not encoded: %v", err)
		}
		again, err := decodeState(first)
		if err != nil {
			t.Fatalf("encoded, but not decoded: %v\n%s", err, first)
		}
		second, err := again.encode(true)
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%v\n%s\n%s", err, first, second)
		}
	})
}

// TestStateSize holds a whole state to what is said of 49 million objects a day,
// at a thousandth of it: 170 accounts and Regions, each with 288 objects a day.
// That the books are no larger than here is a matter of trail's own tests.
func TestStateSize(t *testing.T) {
	const folders, perDay = 170, 288
	sizes := map[string]int{}
	for name, day := range map[string]int{"second day": 2, "after a year": 365} {
		r := rand.New(rand.NewPCG(uint64(day), 49))
		begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, day)
		j := newState("0123456789ab")
		j.head.Since, j.head.Settled, j.head.Newest = begin.AddDate(0, 0, -day), begin.AddDate(0, 0, -1), begin
		entries := ingest.Checkpoint{}
		for i := range folders {
			entries[fmt.Sprintf("AWSLogs/o-exampleorgid/%012d/CloudTrail/ap-southeast-2/", 111122223333+i)] = encodeFolder(t, randomFolder(r, begin, perDay/24))
		}
		j.checkpoints["s3://example-trail-bucket"] = entries
		body, err := j.encode(true)
		if err != nil {
			t.Fatal(err)
		}
		books, err := json.Marshal(entries)
		if err != nil {
			t.Fatal(err)
		}
		sizes[name] = len(body)
		t.Logf("%s: %d bytes of state, of which %d are checkpoints: %d a folder", name, len(body), len(books), len(body)/folders)
		if most := 71_000; len(body) > most {
			t.Errorf("%s: %d bytes, want at most %d", name, len(body), most)
		}
	}
	if a, b := sizes["second day"], sizes["after a year"]; 100*b > 101*a {
		t.Errorf("the state grows: %d bytes on the second day, %d after a year", a, b)
	}
}
