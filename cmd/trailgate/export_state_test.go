package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/testscript"

	"trailgate/fixtures/s3"
	"trailgate/ingest"
	"trailgate/ingest/signin"
	"trailgate/ingest/trail"
	"trailgate/report"
	"trailgate/report/lake"
)

// lakeToFile is the script command rows LAKE TABLE FILE: it writes the rows of a
// table of a lake to a file as JSON lines, in the order of the table.
func lakeToFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: rows LAKE TABLE FILE")
	}
	var store lake.Store = lake.Disk{Root: ts.MkAbs(args[0])}
	if place, ok := strings.CutPrefix(args[0], "s3://"); ok {
		bucket, prefix, _ := strings.Cut(place, "/")
		store = lake.S3{Bucket: bucket, Prefix: prefix, Client: awss3.New(awss3.Options{
			BaseEndpoint: aws.String(ts.Getenv("AWS_ENDPOINT_URL_S3")), UsePathStyle: true, Region: "us-east-1",
			Credentials: credentials.NewStaticCredentialsProvider(s3.AccessKey, s3.SecretKey, "")})}
	}
	table := &lake.Table{Store: store, Name: args[1]}
	files, err := table.Files(context.Background(), 0, 0)
	ts.Check(err)
	var lines []string
	for _, f := range files {
		if table.Name == string(report.SignIns) {
			lines = append(lines, linesOf[report.SignIn](ts, table, f)...)
		} else {
			lines = append(lines, linesOf[report.Finding](ts, table, f)...)
		}
	}
	slices.Sort(lines) // by time and id, or by id
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(strings.Join(lines, "")), 0o600))
}

func linesOf[R report.Row](ts *testscript.TestScript, table *lake.Table, f lake.File) []string {
	var out []string
	for row, err := range rowsOf[R](context.Background(), table, f) {
		ts.Check(err)
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false) // as --format jsonl
		ts.Check(encoder.Encode(row))
		out = append(out, line.String())
	}
	return out
}

// sortLines is the script command sorted FILE: it puts the lines in order.
func sortLines(ts *testscript.TestScript, _ bool, args []string) {
	lines := slices.Sorted(strings.Lines(ts.ReadFile(args[0])))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(lines, "")), 0o600))
}

// randomJob makes a job of which every kind of line may be there.
func randomJob(t *testing.T, seed uint64) *job {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 6))
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	moment := func() time.Time { return begin.Add(time.Duration(r.IntN(1e9)) * time.Millisecond) }
	word := func() string {
		return []string{"", "alice", "<b>&\u2028", "\x1b[31m", "naïve/日本", "a\nb", `"\`}[r.IntN(7)] + fmt.Sprint(r.IntN(100))
	}
	j := newJob(fmt.Sprintf("%012x", r.Uint64()>>16))
	j.head.Since = begin
	if r.IntN(4) > 0 {
		j.head.Settled, j.head.Newest, j.head.Accounts = moment(), moment(), []string{"111122223333"}
	}
	for range r.IntN(4) {
		j.head.Replaced = append(j.head.Replaced, word())
	}
	for range r.IntN(3) {
		source := "s3://" + word()
		for range r.IntN(4) + 1 {
			j.remember(source, word(), entry(t, randomPage(r, begin, r.IntN(20))))
		}
		o := owedAccount{Key: word(), Source: source, Cause: word(), Reason: word(), Since: moment(), Tries: r.IntN(9)}
		j.owed[owedKey(source, o.Key)] = o
		off := writtenOff{Key: word(), Source: source, Cause: word(), Reason: word(), At: moment()}
		j.off[owedKey(source, off.Key)] = off
		j.remember(word(), "", entry(t, moment()))
	}
	for i := range r.IntN(5) {
		j.pending = append(j.pending, signin.Event{ID: fmt.Sprint(i, word()), Time: moment(), Account: word(), Updated: r.IntN(2) > 0, Identity: signin.Identity{ARN: word(), UserName: word()},
			Outcome: signin.Outcome(r.IntN(3)), MFA: signin.MFA(r.IntN(3)), Mobile: signin.Flag(r.IntN(3)), Carrier: signin.Carrier(r.IntN(4)), Origin: word(), Malformed: r.IntN(2) > 0})
	}
	sortEvents(j.pending)
	if r.IntN(2) > 0 {
		j.baseline = json.RawMessage(`{"trailgate_baseline":1,"x":[1,2.5,"a"]}`)
		j.last = randomAccount(seed)
	}
	return j
}

// randomPage is a page of the books with so many objects in its tail.
func randomPage(r *rand.Rand, day time.Time, tail int) trail.FolderCheckpoint {
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

// entry is a value as it stands in a checkpoint.
func entry(t *testing.T, v any) json.RawMessage {
	t.Helper()
	form, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return form
}

func TestJobRoundTrip(t *testing.T) {
	for seed := range uint64(300) {
		j := randomJob(t, seed)
		body, err := j.encode(true)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeJob(body)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, body)
		}
		if d := gocmp.Diff(j, got, gocmp.AllowUnexported(job{}), cmpopts.EquateEmpty()); d != "" {
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

func TestDecodeJobRefuses(t *testing.T) {
	const head = `{"job":{"id":"0123456789ab","since":"2026-03-01T00:00:00Z"}}` + "\n"
	for _, c := range []struct{ name, body, want string }{
		{"nothing", "", "there is no job in it"},
		{"no head", `{"owed":{"key":"k","source":"s"}}` + "\n", "there is no job in it"},
		{"cut off", head + `{"owed":{"key":"k"`, "line 3: "},
		{"another kind of line", head + `{"later":{}}` + "\n", `line 3: json: unknown field "later"`},
		{"an empty object", head + "{}\n", "line 3: nothing that is known in it"},
		{"another member in a known line", head + `{"owed":{"key":"k","colour":"red"}}` + "\n", `unknown field "colour"`},
		{"another member in what was written off", head + `{"written_off":{"key":"k","tries":1}}` + "\n", `unknown field "tries"`},
		{"an empty line", head + "\n" + head, "line 3: "},
		{"a page that is none", head + `{"folder":{"source":"s","base":"b","page":{"through":"2026-03-01T00:00:30Z","from":"2026-03-01"}}}` + "\n", "line 3: "},
		{"something behind a line", head[:len(head)-1] + " {}\n", "line 2: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, err := decodeJob([]byte(c.body))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%+v, error %v, want %q", j, err, c.want)
			}
		})
	}
}

func FuzzDecodeJob(f *testing.F) {
	const head = `{"job":{"id":"0123456789ab","since":"2026-03-01T00:00:00Z"}}` + "\n"
	for _, line := range []string{"", `{"run":{"manifest":1}}`, `{"owed":{"key":"k","source":"s","tries":1}}`, `{"written_off":{"key":"k","source":"s","at":"2026-03-01T00:00:00Z"}}`,
		`{"lookup":{"source":"lookup://","through":"2026-03-01T00:00:00Z"}}`,
		`{"folder":{"source":"s","base":"b","page":{"through":"2026-03-01T00:05:00Z","from":"2026-03-01","tail":"AAAAAAAAAAE="}}}`,
		`{"pending":{"ID":"a","Time":"2026-03-01T00:00:00Z"}}`, `{"baseline":{"x":1}}`, `{"baseline":null}`} {
		f.Add([]byte(head + line + "\n"))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		j, err := decodeJob(body)
		if err != nil {
			return
		}
		first, err := j.encode(true)
		if err != nil {
			t.Fatalf("decoded, but not encoded: %v", err)
		}
		again, err := decodeJob(first)
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
		j := newJob("0123456789ab")
		j.head.Since, j.head.Settled, j.head.Newest = begin.AddDate(0, 0, -day), begin.AddDate(0, 0, -1), begin
		const source = "s3://example-trail-bucket"
		for i := range folders {
			j.remember(source, fmt.Sprintf("AWSLogs/o-exampleorgid/%012d/CloudTrail/ap-southeast-2/", 111122223333+i), entry(t, randomPage(r, begin, perDay/24)))
		}
		body, err := j.encode(true)
		if err != nil {
			t.Fatal(err)
		}
		books, err := json.Marshal(j.checkpoints[source])
		if err != nil {
			t.Fatal(err)
		}
		sizes[name] = len(body)
		t.Logf("%s: %d bytes of state, of which %d are books: %d a folder", name, len(body), len(books), len(body)/folders)
		if most := 71_000; len(body) > most {
			t.Errorf("%s: %d bytes, want at most %d", name, len(body), most)
		}
	}
	if a, b := sizes["second day"], sizes["after a year"]; 100*b > 101*a {
		t.Errorf("the state grows: %d bytes on the second day, %d after a year", a, b)
	}
}
