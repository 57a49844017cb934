package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"trailgate/cmd/trailgate/internal/batch"
	"trailgate/fixtures"
	"trailgate/fixtures/company"
	"trailgate/fixtures/s3"
	"trailgate/fixtures/suite"
	"trailgate/ingest/trail"
	"trailgate/report/lake"
	"trailgate/report/row"
)

// coming is a trail whose log files come one after the other, not always in
// the order of what is in them.
type coming struct {
	begin time.Time
	days  int
	files []comingFile    // in the order in which they come
	ids   map[string]bool // of all sign-ins that can be read some time, each by its first id
	twice map[string]bool // of them, those of which there is another copy
	never string          // key of the file that can never be read

	buf bytes.Buffer
	z   gzip.Writer
}

// comingFile is a log file.
type comingFile struct {
	key     string
	comes   time.Time
	mended  time.Time // from when on it can be read
	records []json.RawMessage
}

// body is a file as it should be. The bytes hold until the next call.
func (c *coming) body(t testing.TB, f *comingFile) []byte {
	t.Helper()
	c.buf.Reset()
	c.z.Reset(&c.buf)
	if err := json.NewEncoder(&c.z).Encode(map[string]any{"Records": f.records}); err != nil {
		t.Fatal(err)
	}
	if err := c.z.Close(); err != nil {
		t.Fatal(err)
	}
	return c.buf.Bytes()
}

// loose is a record without a file.
type loose struct {
	at          time.Time
	id, account string
	signIn      bool
	raw         json.RawMessage
}

// looseRecords are the records of a simulated organization, in order of time.
func looseRecords(t testing.TB, seed uint64, days int) []loose {
	t.Helper()
	var mu sync.Mutex
	var out []loose
	_, err := company.Simulate(t.Context(), company.Scenario{Seed: seed, People: 50, Accounts: 2, Days: max(days, company.QuietDays+30), Put: func(_ string, body []byte) error {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return err
		}
		plain, err := io.ReadAll(z)
		if err != nil {
			return err
		}
		var file struct{ Records []json.RawMessage }
		if err := json.Unmarshal(plain, &file); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for _, raw := range file.Records {
			var r struct {
				EventTime                              time.Time
				EventID, EventName, RecipientAccountID string
			}
			if err := json.Unmarshal(raw, &r); err != nil {
				return err
			}
			out = append(out, loose{r.EventTime, r.EventID, r.RecipientAccountID, r.EventName == "ConsoleLogin", raw})
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(out, func(a, b loose) int { return cmp.Or(a.at.Compare(b.at), strings.Compare(a.id, b.id)) })
	return out
}

// comeLate makes a trail of so many days. Nothing in it becomes readable later
// than 24 hours after its sign-in but for copies, and for what is owed:
//
//   - most sign-ins lie in a file for six hours of an account and Region, that
//     comes within minutes of its stamp, before or after its neighbours;
//   - one in 50 is delivered up to a day later, one in 50 lies in a file that
//     appears up to a day after its stamp;
//   - one in 30 comes again: the same record days later, or in another Region's
//     folder, or delivered anew with an addendum; one in 200 after ten months.
func comeLate(t testing.TB, seed uint64, days int) *coming {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 365))
	c := &coming{days: days, ids: map[string]bool{}, twice: map[string]bool{}}
	regions := []string{"eu-west-1", "us-east-1", "us-east-2", "ap-southeast-2"}
	within := func(from, to time.Duration) time.Duration { return from + time.Duration(rng.Int64N(int64(to-from))) }
	records := looseRecords(t, seed, days)
	c.begin = records[0].at.Truncate(24 * time.Hour)
	end := c.begin.AddDate(0, 0, days)
	add := func(account, region string, stamp, comes time.Time, records ...json.RawMessage) {
		key := fmt.Sprintf("AWSLogs/%s/%s/CloudTrail/%s/%s/%s_CloudTrail_%s_%s_%016d.json.gz", fixtures.OrganizationID, account, region,
			stamp.Format("2006/01/02"), account, region, stamp.Format("20060102T1504Z"), len(c.files))
		c.files = append(c.files, comingFile{key: key, comes: comes, records: records})
	}
	slots := map[string]int{}
	for i, r := range records {
		region := regions[i%len(regions)]
		// The day's last hours are left free, so that all has come by its end.
		if r.at.After(end.Add(-25 * time.Hour)) {
			break
		}
		if !r.signIn {
			continue
		}
		c.ids[r.id] = true
		slot := fmt.Sprint(r.account, region, r.at.Unix()/21600)
		at, known := slots[slot]
		chance := rng.IntN(100)
		switch {
		case chance < 2:
			stamp := r.at.Add(within(time.Hour, 23*time.Hour+40*time.Minute))
			add(r.account, region, stamp, stamp.Add(within(0, 10*time.Minute)), r.raw)
		case chance < 4:
			add(r.account, region, r.at.Add(5*time.Minute), r.at.Add(within(time.Hour, 23*time.Hour+50*time.Minute)), r.raw)
		case known:
			c.files[at].records = append(c.files[at].records, r.raw)
		default:
			slots[slot] = len(c.files)
			stamp := r.at.Truncate(6 * time.Hour).Add(6*time.Hour + within(0, 10*time.Minute))
			add(r.account, region, stamp, stamp.Add(within(0, 15*time.Minute)), r.raw)
		}
		chance = rng.IntN(1000)
		again := r.at.Add(within(24*time.Hour, 96*time.Hour))
		raw := r.raw
		switch {
		case chance >= 38:
			continue
		case chance < 5:
			again = r.at.AddDate(0, 0, 304)
		case chance < 15:
			raw = anew(t, r)
		case chance < 25:
			region = regions[(i+1)%len(regions)]
		}
		if again.Before(end.Add(-25 * time.Hour)) {
			c.twice[r.id] = true
			add(r.account, region, again, again.Add(time.Minute), raw)
		}
	}
	c.everyDay(regions, records, add)
	slices.SortStableFunc(c.files, func(a, b comingFile) int { return a.comes.Compare(b.comes) })
	return c
}

// anew is a record delivered anew, under an id of its own.
func anew(t testing.TB, r loose) json.RawMessage {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(r.raw, &members); err != nil {
		t.Fatal(err)
	}
	members["eventID"] = "f" + r.id[1:]
	members["addendum"] = map[string]any{"reason": "DELIVERY_DELAY", "originalEventID": r.id}
	raw, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// everyDay adds a file without a sign-in for each day of each folder, as trails
// have them.
func (c *coming) everyDay(regions []string, records []loose, add func(account, region string, stamp, comes time.Time, records ...json.RawMessage)) {
	accounts := map[string]json.RawMessage{}
	for _, r := range records {
		if !r.signIn {
			accounts[r.account] = r.raw
		}
	}
	for day := range c.days {
		for _, account := range slices.Sorted(maps.Keys(accounts)) {
			for _, region := range regions {
				at := c.begin.AddDate(0, 0, day).Add(5 * time.Minute)
				add(account, region, at, at.Add(3*time.Minute), accounts[account])
			}
		}
	}
}

// breakSome makes now and then a file unreadable for one to three days, and one
// for ever.
func (c *coming) breakSome(seed uint64) *coming {
	rng := rand.New(rand.NewPCG(seed, 72))
	for day := 6; day < c.days-11; day += 11 {
		for i := range c.files {
			f := &c.files[i]
			if f.comes.Before(c.begin.AddDate(0, 0, day)) || len(f.records) < 3 {
				continue
			}
			f.mended = f.comes.Add(20*time.Hour + time.Duration(rng.IntN(50))*time.Hour)
			if c.never == "" {
				c.never = f.key
				f.mended = c.begin.AddDate(10, 0, 0)
				for _, raw := range f.records {
					var r struct{ EventID string }
					if json.Unmarshal(raw, &r) == nil && !c.twice[r.EventID] {
						delete(c.ids, r.EventID)
					}
				}
			}
			break
		}
	}
	return c
}

// bucket is where the files come to. One that is broken cannot be read until it
// is put whole.
type bucket interface {
	put(key string, body []byte, broken bool)
	source() (arg string, flags []string)
}

// folderBucket is a copy of a bucket on disk, in which broken files are cut off.
type folderBucket struct {
	t    testing.TB
	root string
}

func (b folderBucket) put(key string, body []byte, broken bool) {
	b.t.Helper()
	if broken {
		body = body[:len(body)/2]
	}
	path := filepath.Join(b.root, filepath.FromSlash(key))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, body, 0o600)); err != nil {
		b.t.Fatal(err)
	}
}

func (b folderBucket) source() (string, []string) { return b.root, nil }

// standInBucket is a bucket of the stand-in, in which broken files are denied.
type standInBucket struct {
	server *s3.Server
	url    string

	mu     sync.Mutex
	denied map[string]bool
}

func newStandInBucket(t *testing.T) *standInBucket {
	b := &standInBucket{denied: map[string]bool{}}
	b.server = &s3.Server{Hook: func(c s3.Call) s3.Fault {
		b.mu.Lock()
		defer b.mu.Unlock()
		if c.Op == s3.GetObject && b.denied[c.Key] {
			return s3.Fault{Code: s3.AccessDenied}
		}
		return s3.Fault{}
	}}
	h := httptest.NewServer(b.server)
	t.Cleanup(h.Close)
	b.url = h.URL
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": s3.AccessKey, "AWS_SECRET_ACCESS_KEY": s3.SecretKey, "AWS_REGION": "us-east-1",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": filepath.Join(t.TempDir(), "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(t.TempDir(), "none")} {
		t.Setenv(name, value)
	}
	return b
}

func (b *standInBucket) put(key string, body []byte, broken bool) {
	b.mu.Lock()
	b.denied[key] = broken
	b.mu.Unlock()
	b.server.Put("trail", key, body, nil)
}

func (b *standInBucket) source() (string, []string) {
	return "s3://trail", []string{"--endpoint-url", b.url}
}

// upTo gives what comes after one moment and up to another, and what is mended
// then.
func (c *coming) upTo(t testing.TB, after, now time.Time, to bucket) {
	t.Helper()
	for i := range c.files {
		f := &c.files[i]
		if f.comes.After(now) {
			break
		}
		if f.comes.After(after) || f.mended.After(after) && !f.mended.After(now) {
			to.put(f.key, c.body(t, f), f.mended.After(now))
		}
	}
}

// quickFolder is a folder of the test, in memory where that can be had: what
// outlives a crash is not asked here, and hundreds of runs would wait for it.
func quickFolder(t testing.TB) string {
	t.Helper()
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err != nil || !info.IsDir() || runtime.GOOS != "linux" {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(memory, "trailgate-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// strictPolicy is a policy file that finds much, so that bursts of findings go
// on from run to run.
func strictPolicy(t testing.TB, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "policy.yaml")
	const text = `version: 1
defaults: {allow: ["eu-*", us-east-1], severity: medium}
detections:
  endpoint.policy: {window: 36h}
  endpoint.new: {threshold: 2}
  endpoint.hop: {window: 12h}
  auth.bruteforce: {count: 2, window: 12h}
  auth.unknown-user: {count: 2, window: 12h}
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// exporting runs the command over and over, in this process.
type exporting struct {
	t        testing.TB
	to       string
	args     []string     // of export
	stderr   bytes.Buffer // of the last command
	filed    int          // sign-ins that runs say they filed
	statuses map[int]int  // exit statuses of exports
}

func newExporting(t testing.TB, to string, from bucket, args ...string) *exporting {
	source, flags := from.source()
	all := slices.Concat([]string{"export", source, "--to", to, "--log-format", "json"}, flags, args)
	return &exporting{t: t, to: to, args: all, statuses: map[int]int{}}
}

// trailgate runs a command at a moment.
func (x *exporting) trailgate(now time.Time, args ...string) int {
	x.t.Helper()
	x.stderr.Reset()
	return run(x.t.Context(), process{args: args, stdin: strings.NewReader(""), stdout: io.Discard, stderr: &x.stderr,
		getenv: func(string) string { return "" }, now: func() time.Time { return now }})
}

// export runs export at a moment, and wants its account to add up.
func (x *exporting) export(now time.Time, more ...string) {
	x.t.Helper()
	code := x.trailgate(now, append(slices.Clone(x.args), more...)...)
	x.statuses[code]++
	if code != exitComplete && code != exitSkipped {
		x.t.Fatalf("%s: exit status %d\n%s", now.Format(time.RFC3339), code, x.stderr.String())
	}
	if strings.Contains(x.stderr.String(), "does not add up") {
		x.t.Fatalf("%s:\n%s", now.Format(time.RFC3339), x.stderr.String())
	}
	x.filed += x.figure("sign_ins_new")
}

// figure is a number of the last run, from the record about it.
func (x *exporting) figure(name string) int {
	x.t.Helper()
	text := strings.TrimSpace(x.stderr.String())
	var record map[string]any
	if err := json.Unmarshal([]byte(text[strings.LastIndexByte(text, '\n')+1:]), &record); err != nil || record["msg"] != "run" {
		x.t.Fatalf("the last record is not about the run: %v\n%s", err, text)
	}
	n, ok := record[name].(float64)
	if !ok {
		x.t.Fatalf("no %s in %s", name, text)
	}
	return int(n)
}

// manifests wants the manifests of the lake to add up, with themselves and with
// what the runs said.
func (x *exporting) manifests() {
	x.t.Helper()
	paths, err := filepath.Glob(filepath.Join(x.to, lake.Metadata, "runs", "*.json"))
	if err != nil || len(paths) == 0 {
		x.t.Fatalf("%d manifests, %v", len(paths), err)
	}
	filed := 0
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			x.t.Fatal(err)
		}
		var a batch.Summary
		if err := json.Unmarshal(data, &a); err != nil {
			x.t.Fatal(err)
		}
		if wrong := a.Check(); len(wrong) > 0 || !a.Committed {
			x.t.Errorf("%s: %v", filepath.Base(path), wrong)
		}
		filed += a.SignIns.New
	}
	if filed != x.filed {
		x.t.Errorf("the manifests say that %d sign-ins were filed, the runs said %d", filed, x.filed)
	}
}

// lakeRows are the rows of a table by their ids, as JSON, without their origin
// where drop says so.
func lakeRows(t testing.TB, root string, kind row.Kind, id string, drop func(id string) bool) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, line := range rowsIn(t, lake.Disk{Root: root}, kind) {
		_, key, known := strings.Cut(line, `"`+id+`":"`)
		key, _, whole := strings.Cut(key, `"`)
		if !known || !whole {
			t.Fatalf("no %s in %s", id, line)
		}
		if _, twice := out[key]; twice {
			t.Errorf("%s is there twice: %s", kind, line)
		}
		if before, origin, ok := strings.Cut(line, `"origin":"`); ok && drop(key) {
			_, after, _ := strings.Cut(origin, `"`)
			line = before + after
		}
		out[key] = line
	}
	return out
}

// sameLakes wants two lakes to hold the same. Of several copies of a sign-in
// that come in one run the one with the first origin is kept, else the one that
// came first, so that their origin is not compared; the findings' is that of
// their sign-in.
func (c *coming) sameLakes(t testing.TB, want, got string) {
	t.Helper()
	some := func(id string) bool { return c.twice[id] }
	all := func(string) bool { return true }
	for _, table := range []struct {
		kind row.Kind
		id   string
		drop func(string) bool
	}{{row.SignIns, "event_id", some}, {row.Findings, "finding_id", all}} {
		w, g := lakeRows(t, want, table.kind, table.id, table.drop), lakeRows(t, got, table.kind, table.id, table.drop)
		if len(w) == 0 {
			t.Errorf("no %s", table.kind)
		}
		shown := 0
		for _, id := range slices.Sorted(maps.Keys(w)) {
			if w[id] != g[id] && shown < 5 {
				shown++
				t.Errorf("%s %s (- one run, + many):\n%s", table.kind, id, gocmp.Diff(w[id], g[id]))
			}
		}
		for _, id := range slices.Sorted(maps.Keys(g)) {
			if w[id] == "" && shown < 5 {
				shown++
				t.Errorf("%s %s is one too many: %s", table.kind, id, g[id])
			}
		}
		if table.kind == row.SignIns {
			if made, filed := slices.Sorted(maps.Keys(c.ids)), slices.Sorted(maps.Keys(g)); !slices.Equal(made, filed) {
				t.Errorf("ids (- made, + filed):\n%s", gocmp.Diff(made, filed))
			}
		}
		t.Logf("%d %s", len(g), table.kind)
	}
}

// TestExportYear exports a year day by day, and compares the lake with that of
// one run over everything.
func TestExportYear(t *testing.T) {
	t.Parallel()
	days := suite.Size(20, yearDays)
	c := comeLate(t, 1, days).breakSome(1)
	dir := quickFolder(t)
	from := folderBucket{t, filepath.Join(dir, "trail")}
	policy := strictPolicy(t, dir)
	x := newExporting(t, filepath.Join(dir, "lake"), from, "--policy", policy)
	since := c.begin.Format(time.RFC3339)
	var last time.Time
	early, sizes := days/6+5, map[int]int{} // of a week in which nothing is owed, as in the last
	begun := time.Now()
	for day := 1; day <= days; day++ {
		now := c.begin.AddDate(0, 0, day).Add(75 * time.Minute)
		c.upTo(t, last, now, from)
		if day == 1 {
			x.export(now, "--since", since)
		} else {
			x.export(now)
		}
		last = now
		if day%5 == 0 {
			x.forgive(now, c.never)
		}
		if day >= early && day < early+7 || day > days-10 && day <= days-3 {
			sizes[day] = x.stateSize()
		}
	}
	t.Logf("%d runs over %d files in %v: exit statuses %v", days, len(c.files), time.Since(begun), x.statuses)
	c.compare(t, x, newExporting(t, filepath.Join(dir, "whole"), from, "--policy", policy), last)
	first, last7 := 0, 0
	for i := range 7 {
		first, last7 = first+sizes[early+i], last7+sizes[days-3-i]
	}
	t.Logf("state without baseline and last day: %d bytes in the week of day %d, %d in one at the end", first/7, early, last7/7)
	if days == 365 && (10*last7 > 11*first || 10*first > 11*last7) {
		t.Errorf("the state does not stay as it is: %d bytes in the week of day %d, %d in one at the end", first/7, early, last7/7)
	}
}

// compare wants the lake of many runs to be that of one at their end, and one
// run more to change nothing.
func (c *coming) compare(t *testing.T, x, whole *exporting, last time.Time) {
	t.Helper()
	whole.export(last, "--since", c.begin.Format(time.RFC3339))
	c.sameLakes(t, whole.to, x.to)
	x.manifests()
	whole.manifests()
	if x.filed != len(c.ids) || whole.filed != len(c.ids) {
		t.Errorf("%d sign-ins filed by many runs and %d by one, want %d", x.filed, whole.filed, len(c.ids))
	}
	x.export(last.Add(time.Hour))
	for _, name := range []string{"sign_ins_new", "findings_new", "findings_changed", "findings_withdrawn", "files_added", "files_replaced"} {
		if n := x.figure(name); n != 0 {
			t.Errorf("one run more, and %s is %d", name, n)
		}
	}
}

// TestExportAtRandom exports at random intervals, from a minute to three days,
// folds the lake now and then, and compares it with that of one run over
// everything. The trail lies in a bucket.
func TestExportAtRandom(t *testing.T) {
	seeds := []uint64{1, 2}
	days := suite.Size(8, randomDays)
	if days < 40 {
		seeds = seeds[:1]
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint("seed-", seed), func(t *testing.T) {
			c := comeLate(t, 100+seed, days).breakSome(seed)
			dir := quickFolder(t)
			from := newStandInBucket(t)
			flags := []string{"--policy", strictPolicy(t, dir), "--partition-by", "account_id"}
			x := newExporting(t, filepath.Join(dir, "lake"), from, flags...)
			rng := rand.New(rand.NewPCG(seed, 40))
			runs, folds := 0, 0
			var last time.Time
			for now := c.begin.Add(time.Hour); now.Before(c.begin.AddDate(0, 0, c.days+4)); {
				c.upTo(t, last, now, from)
				x.export(now, "--since", c.begin.Format(time.RFC3339))
				runs++
				if rng.IntN(5) == 0 {
					folds++
					if code := x.trailgate(now, "compact", "--to", x.to); code != exitComplete {
						t.Fatalf("compact: exit status %d\n%s", code, x.stderr.String())
					}
				}
				if rng.IntN(20) == 0 {
					x.forgive(now, c.never)
				}
				last = now
				now = now.Add(time.Duration(float64(time.Minute) * math.Pow(3*24*60, rng.Float64())).Truncate(time.Second))
			}
			t.Logf("%d runs over %d files, %d folds: exit statuses %v", runs, len(c.files), folds, x.statuses)
			c.compare(t, x, newExporting(t, filepath.Join(dir, "whole"), from, flags...), last)
		})
	}
}

// TestExportAnyOrder lets the same log files come in many orders, each within
// the look-back, and wants the same lake of all of them.
func TestExportAnyOrder(t *testing.T) {
	t.Parallel()
	const days = 12
	orders := suite.Size(2, orders)
	c := comeLate(t, 7, days)
	dir := quickFolder(t)
	policy := strictPolicy(t, dir)
	first := ""
	for order := range orders {
		rng := rand.New(rand.NewPCG(uint64(order), days))
		for i := range c.files {
			f := &c.files[i]
			name, _ := trail.ParseKey(f.key)
			wait := 24*time.Hour - name.Delivered.Sub(f.oldest(t))
			if wait <= 0 || wait > 24*time.Hour {
				wait = 24 * time.Hour // it holds a copy, which is not judged, or no sign-in
			}
			f.comes = name.Delivered.Add(time.Duration(rng.Int64N(int64(wait))))
		}
		slices.SortStableFunc(c.files, func(a, b comingFile) int { return a.comes.Compare(b.comes) })
		from := folderBucket{t, filepath.Join(dir, "trail")}
		if err := os.RemoveAll(from.root); err != nil {
			t.Fatal(err)
		}
		x := newExporting(t, filepath.Join(dir, fmt.Sprint("lake-", order)), from, "--policy", policy)
		var last time.Time
		for now := c.begin.Add(26 * time.Hour); now.Before(c.begin.AddDate(0, 0, days+3)); now = now.Add(time.Duration(1+rng.IntN(24)) * time.Hour) {
			c.upTo(t, last, now, from)
			x.export(now, "--since", c.begin.Format(time.RFC3339))
			last = now
		}
		x.manifests()
		if order == 0 {
			first = x.to
			continue
		}
		c.sameLakes(t, first, x.to)
	}
}

// oldest is when the first sign-in in a file was.
func (f *comingFile) oldest(t testing.TB) time.Time {
	t.Helper()
	var r struct{ EventTime time.Time }
	if err := json.Unmarshal(f.records[0], &r); err != nil {
		t.Fatal(err)
	}
	return r.EventTime
}

// stateLog is the log of the lake's state.
func (x *exporting) stateLog() lake.Log {
	return lake.Log{Store: lake.Disk{Root: filepath.Join(x.to, lake.Metadata, "state")}}
}

// forgive writes an object off, if it is owed.
func (x *exporting) forgive(now time.Time, key string) {
	x.t.Helper()
	if !strings.Contains(x.stderr.String(), key) {
		return
	}
	view, err := batch.Show(x.t.Context(), batch.Location{State: x.stateLog().Store, StateName: x.to})
	if err != nil {
		x.t.Fatal(err)
	}
	for _, o := range view.Owed {
		if o.Key != key {
			continue
		}
		if code := x.trailgate(now, "state", "forgive", key, "--to", x.to); code != exitComplete {
			x.t.Fatalf("forgive: exit status %d\n%s", code, x.stderr.String())
		}
	}
}

// stateSize is the size of the state without the baseline, which grows with the
// principals, and without the sign-ins of the last day, of which some days have
// more than others.
func (x *exporting) stateSize() int {
	x.t.Helper()
	log := x.stateLog()
	snapshot, err := log.Latest(context.Background())
	if err != nil {
		x.t.Fatal(err)
	}
	size := 0
	for line := range bytes.Lines(snapshot.Body) {
		if !bytes.HasPrefix(line, []byte(`{"baseline":`)) && !bytes.HasPrefix(line, []byte(`{"pending":`)) {
			size += len(line)
		}
	}
	return size
}
