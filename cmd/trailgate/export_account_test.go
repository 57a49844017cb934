package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// randomAccount makes an account of a run, of every status, that adds up.
func randomAccount(seed uint64) *runAccount {
	r := rand.New(rand.NewPCG(seed, 1))
	n := func() int { return r.IntN(4) * r.IntN(50) }
	split := func(n int, names ...string) map[string]int {
		by := map[string]int{}
		for _, name := range names {
			by[name] = r.IntN(n + 1)
			n -= by[name]
		}
		by["rest"] = n
		return by
	}
	started := time.Date(2026, 3, 1, 1, 15, r.IntN(60), 0, time.UTC)
	a := &runAccount{
		Manifest: accountVersion, Trailgate: version, Run: fmt.Sprintf("%012x", r.Uint64()>>16), Generation: 1 + r.Int64N(400), Committed: r.IntN(3) > 0,
		Status:  []string{statusComplete, statusSkipped, statusFindings, statusFailed, statusInterrupted}[r.IntN(5)],
		Started: started, Seconds: r.Float64() * 100, Since: started.AddDate(0, 0, -30), Settled: started.AddDate(0, 0, -1),
		Sources: []string{"s3://example-trail"}, Lake: "lake", State: "lake/_trailgate/state",
		Objects: objectAccount{Read: n(), Packed: r.Int64N(1 << 30), Inflated: r.Int64N(1 << 33)},
		Records: recordAccount{SignIns: n(), Duplicates: n(), Outside: n(), Filtered: n()},
	}
	if a.Status != statusComplete {
		a.Objects.Skipped = 1 + n()
		for i := range r.IntN(5) {
			a.Owed = append(a.Owed, owedAccount{Key: fmt.Sprintf("AWSLogs/%d.json.gz", i), Source: "s3://example-trail", Cause: "corrupt", Since: started, Tries: 1 + i})
		}
	}
	if a.Status == statusFailed {
		a.Error = "list \"s3://example-trail\": access denied"
	}
	a.Objects.SkippedBy = split(a.Objects.Skipped, "corrupt", "truncated")
	a.Objects.Excluded = n()
	a.Objects.ExcludedBy = split(a.Objects.Excluded, "digest", "known")
	a.Objects.Listed = a.Objects.Read + a.Objects.Skipped + a.Objects.Excluded
	a.Records.Seen = a.Records.SignIns + a.Records.Duplicates + a.Records.Outside + a.Records.Filtered
	a.SignIns.Known = a.Records.SignIns
	a.Findings.Standing = 1
	if !a.Committed {
		return a
	}
	a.SignIns.New = r.IntN(a.Records.SignIns + 1)
	a.SignIns.Known = a.Records.SignIns - a.SignIns.New
	a.SignIns.Late = r.IntN(a.SignIns.New + 1)
	a.Findings = findingAccount{New: n(), Changed: n(), Withdrawn: n()}
	a.Findings.Standing = 1 + a.Findings.New + a.Findings.Changed + n()
	a.Findings.BySeverity = split(a.Findings.New+a.Findings.Changed, "low", "high")
	for rows := a.SignIns.New; rows > 0; {
		some := 1 + r.IntN(rows)
		rows -= some
		a.Files = append(a.Files, fileAccount{"signins", fmt.Sprintf("signins/event_date=2026-03-%02d/part-%d.parquet", 1+len(a.Files)%28, len(a.Files)), some, 4096})
	}
	a.Files = append(a.Files, fileAccount{"findings", "findings/event_date=2026-03-01/part-1.parquet", 3, 900})
	a.Replaced = []string{"findings/event_date=2026-03-01/part-0.parquet"}
	return a
}

// breakers are ways in which an account can be wrong; each says whether it has
// changed anything.
func breakers() map[string]func(*runAccount) bool {
	always := func(f func(*runAccount)) func(*runAccount) bool {
		return func(a *runAccount) bool { f(a); return true }
	}
	return map[string]func(*runAccount) bool{
		"one more listed":         always(func(a *runAccount) { a.Objects.Listed++ }),
		"one more read":           always(func(a *runAccount) { a.Objects.Read++ }),
		"one more skipped":        always(func(a *runAccount) { a.Objects.Skipped++; a.Objects.Listed++ }),
		"one more cause":          always(func(a *runAccount) { a.Objects.SkippedBy["denied"]++ }),
		"one more excluded":       always(func(a *runAccount) { a.Objects.Excluded++; a.Objects.Listed++ }),
		"one more reason":         always(func(a *runAccount) { a.Objects.ExcludedBy["foreign"]++ }),
		"a negative reason":       always(func(a *runAccount) { a.Objects.ExcludedBy["foreign"]--; a.Objects.ExcludedBy["digest"]++ }),
		"one more seen":           always(func(a *runAccount) { a.Records.Seen++ }),
		"one more duplicate":      always(func(a *runAccount) { a.Records.Duplicates++ }),
		"one more outside":        always(func(a *runAccount) { a.Records.Outside++ }),
		"one more filtered":       always(func(a *runAccount) { a.Records.Filtered++ }),
		"one more new":            always(func(a *runAccount) { a.SignIns.New++ }),
		"one more known":          always(func(a *runAccount) { a.SignIns.Known++ }),
		"late beyond new":         always(func(a *runAccount) { a.SignIns.Late = a.SignIns.New + 1 }),
		"one more severity":       always(func(a *runAccount) { a.Findings.New++; a.Findings.Standing++ }),
		"fewer stand than change": always(func(a *runAccount) { a.Findings.Standing = a.Findings.New + a.Findings.Changed - 1 }),
		"negative":                always(func(a *runAccount) { a.Objects.Packed = -1 }),
		"negative time":           always(func(a *runAccount) { a.Seconds = -0.1 }),
		"no time":                 always(func(a *runAccount) { a.Seconds = math.NaN() }),
		"no status":               always(func(a *runAccount) { a.Status = "done" }),
		"no version":              always(func(a *runAccount) { a.Manifest = 0 }),
		"not a run":               always(func(a *runAccount) { a.Run = "../../etc" }),
		"generation zero":         func(a *runAccount) bool { a.Generation = 0; return a.Committed },
		"row lost": func(a *runAccount) bool {
			if a.SignIns.New == 0 {
				return false
			}
			a.Files[0].Rows++
			return true
		},
		"file named twice": func(a *runAccount) bool {
			a.Files = append(a.Files, a.Files...)
			return a.Committed
		},
		"file of no table": func(a *runAccount) bool {
			a.Files = append(a.Files, fileAccount{"people", "people/1", 1, 1})
			return true
		},
		"empty file":               always(func(a *runAccount) { a.Files = append(a.Files, fileAccount{"findings", "findings/2", 0, 1}) }),
		"added and replaced":       func(a *runAccount) bool { a.Replaced = append(a.Replaced, keyOf(a.Files)); return true },
		"complete with a skip":     func(a *runAccount) bool { a.Records.Skipped++; return a.Status == statusComplete },
		"skipped with none":        func(a *runAccount) bool { a.Objects, a.Owed = objectAccount{}, nil; return a.Status == statusSkipped },
		"failed without an error":  func(a *runAccount) bool { a.Error = ""; return a.Status == statusFailed },
		"done with an error":       func(a *runAccount) bool { a.Error = "x"; return a.ended() },
		"findings with none":       func(a *runAccount) bool { a.Findings = findingAccount{}; return a.Status == statusFindings },
		"owed twice":               func(a *runAccount) bool { a.Owed = append(a.Owed, a.Owed...); return len(a.Owed) > 0 },
		"owed without a cause":     always(func(a *runAccount) { a.Owed = append(a.Owed, owedAccount{Key: "k", Since: a.Started, Tries: 1}) }),
		"files without a commit":   func(a *runAccount) bool { a.Committed = false; return len(a.Files) > 0 },
		"changed without a commit": func(a *runAccount) bool { a.Findings.Withdrawn++; return !a.Committed && a.ended() },
	}
}

func keyOf(files []fileAccount) string {
	for _, f := range files {
		return f.Key
	}
	return ""
}

func TestAccountAddsUp(t *testing.T) {
	tried := map[string]int{}
	for seed := range uint64(300) {
		if wrong := randomAccount(seed).check(); len(wrong) > 0 {
			t.Fatalf("seed %d: %q", seed, wrong)
		}
		for name, breaks := range breakers() {
			a := randomAccount(seed)
			before := fmt.Sprintf("%s, committed %t", a.Status, a.Committed)
			if !breaks(a) {
				continue
			}
			tried[name]++
			wrong := a.check()
			switch {
			case name == "one more known" && !strings.Contains(before, "true") && !a.ended() && a.SignIns.New+a.SignIns.Known <= a.Records.SignIns:
			case len(wrong) == 0:
				t.Errorf("seed %d (%s): %q goes unnoticed", seed, before, name)
			case !strings.HasPrefix(wrong[0], "does not add up: "):
				t.Errorf("seed %d: %q", seed, wrong)
			}
		}
	}
	for name := range breakers() {
		if tried[name] < 10 {
			t.Errorf("%q was tried %d times", name, tried[name])
		}
	}
}

// A run that failed before its lock has an account, too.
func TestAccountOfNoRun(t *testing.T) {
	a := runAccount{Manifest: accountVersion, Trailgate: version, Status: statusFailed, Error: "the state is locked"}
	if wrong := a.check(); len(wrong) > 0 {
		t.Error(wrong)
	}
}

func TestManifest(t *testing.T) {
	a := randomAccount(1)
	b, err := a.encode()
	if err != nil {
		t.Fatal(err)
	}
	var got runAccount
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	again, err := got.encode()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(b), string(again)); diff != "" {
		t.Error(diff)
	}

	empty := &runAccount{Manifest: accountVersion, Run: "0123456789ab", Status: statusComplete}
	if b, err = empty.encode(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"owed": []`, `"files": []`, `"replaced": []`, `"remarks": []`, `"sources": []`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
	if strings.Contains(string(b), `"error"`) {
		t.Errorf("an error in %s", b)
	}

	empty.Objects.Listed = 2
	if b, err = empty.encode(); err != nil {
		t.Fatal(err)
	}
	if want := "does not add up: objects listed (2) = read (0) + skipped (0) + excluded (0)"; !strings.Contains(string(b), want) {
		t.Errorf("no %q in %s", want, b)
	}
	if len(empty.Remarks) > 0 {
		t.Error("encoding changed the account")
	}
	empty.Seconds = math.Inf(1)
	if _, err := empty.encode(); err == nil || !strings.Contains(err.Error(), "manifest of run") {
		t.Errorf("error %v", err)
	}
}

func TestRunLine(t *testing.T) {
	a := sampleAccount()
	want := "run 0123456789ab skipped, generation 42 committed: objects: 10 listed, 7 read, 1 skipped, 2 excluded; " +
		"sign-ins: 5 new, 2 known, 1 late, 3 duplicate, 4 outside, 6 filtered, 1 skipped; " +
		"findings: 2 new, 1 changed, 1 withdrawn, 9 standing; owed: 1; files: 2 added, 1 replaced; 1.5 seconds"
	if diff := cmp.Diff(want, a.line()); diff != "" {
		t.Error(diff)
	}
	a.Committed = false
	if !strings.HasPrefix(a.line(), "run 0123456789ab skipped, nothing committed, generation 42 stands: ") {
		t.Error(a.line())
	}
}

// sampleAccount is an account in which every number is told from its
// neighbours.
func sampleAccount() *runAccount {
	started := time.Date(2026, 3, 2, 1, 15, 0, 0, time.UTC)
	return &runAccount{
		Manifest: accountVersion, Trailgate: version, Run: "0123456789ab", Generation: 42, Committed: true, Status: statusSkipped,
		Started: started, Seconds: 1.5, Since: started.AddDate(0, 0, -30), Settled: started.AddDate(0, 0, -1),
		Sources: []string{"s3://example-trail"}, Lake: "s3://example-lake/trailgate", State: "s3://example-lake/trailgate/_trailgate/state",
		Objects: objectAccount{Listed: 10, Read: 7, Skipped: 1, Excluded: 2, SkippedBy: map[string]int{"corrupt": 1}, ExcludedBy: map[string]int{"known": 2}, Packed: 1000, Inflated: 7000},
		Records: recordAccount{Seen: 20, SignIns: 7, Duplicates: 3, Outside: 4, Filtered: 6, Skipped: 1},
		SignIns: signInAccount{New: 5, Known: 2, Late: 1},
		Findings: findingAccount{New: 2, Changed: 1, Withdrawn: 1, Standing: 9,
			BySeverity: map[string]int{"low": 1, "critical": 2}},
		Owed: []owedAccount{{Key: "AWSLogs/1.json.gz", Source: "s3://example-trail", Cause: "corrupt", Reason: "checksum", Since: started.AddDate(0, 0, -2), Tries: 3}},
		Files: []fileAccount{
			{"signins", "signins/event_date=2026-03-01/part-0000000042-0123456789ab.parquet", 5, 5000},
			{"findings", "findings/event_date=2026-03-01/part-0000000042-0123456789ab.parquet", 9, 900},
		},
		Replaced: []string{"findings/event_date=2026-03-01/part-0000000041-aaaaaaaaaaaa.parquet"},
		Remarks:  []string{"1 object was read again"},
	}
}
