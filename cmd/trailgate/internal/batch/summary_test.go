package batch

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

// randomSummary makes an account of a run, of every status, that adds up.
func randomSummary(seed uint64) *Summary {
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
	a := &Summary{
		Manifest: ManifestVersion, Trailgate: "0.1.0", Run: fmt.Sprintf("%012x", r.Uint64()>>16), Generation: 1 + r.Int64N(400), Committed: r.IntN(3) > 0,
		Status:  []string{StatusComplete, StatusSkipped, StatusFindings, StatusFailed, StatusInterrupted}[r.IntN(5)],
		Started: started, Seconds: r.Float64() * 100, Since: started.AddDate(0, 0, -30), Settled: started.AddDate(0, 0, -1),
		Sources: []string{"s3://example-trail"}, Lake: "lake", State: "lake/_trailgate/state",
		Objects: ObjectCounts{Read: n(), Packed: r.Int64N(1 << 30), Inflated: r.Int64N(1 << 33)},
		Records: RecordCounts{SignIns: n(), Duplicates: n(), Outside: n(), Filtered: n()},
	}
	if a.Status != StatusComplete {
		a.Objects.Skipped = 1 + n()
		for i := range r.IntN(5) {
			a.Owed = append(a.Owed, OwedObject{Key: fmt.Sprintf("AWSLogs/%d.json.gz", i), Source: "s3://example-trail", Cause: "corrupt", Since: started, Tries: 1 + i})
		}
	}
	if a.Status == StatusFailed {
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
	a.Findings = FindingCounts{New: n(), Changed: n(), Withdrawn: n()}
	a.Findings.Standing = 1 + a.Findings.New + a.Findings.Changed + n()
	a.Findings.BySeverity = split(a.Findings.New+a.Findings.Changed, "low", "high")
	for rows := a.SignIns.New; rows > 0; {
		some := 1 + r.IntN(rows)
		rows -= some
		a.Files = append(a.Files, AddedFile{"signins", fmt.Sprintf("signins/event_date=2026-03-%02d/part-%d.parquet", 1+len(a.Files)%28, len(a.Files)), some, 4096})
	}
	a.Files = append(a.Files, AddedFile{"findings", "findings/event_date=2026-03-01/part-1.parquet", 3, 900})
	a.Replaced = []string{"findings/event_date=2026-03-01/part-0.parquet"}
	return a
}

// breakers are ways in which an account can be wrong; each says whether it has
// changed anything.
func breakers() map[string]func(*Summary) bool {
	always := func(f func(*Summary)) func(*Summary) bool {
		return func(a *Summary) bool { f(a); return true }
	}
	return map[string]func(*Summary) bool{
		"one more listed":         always(func(a *Summary) { a.Objects.Listed++ }),
		"one more read":           always(func(a *Summary) { a.Objects.Read++ }),
		"one more skipped":        always(func(a *Summary) { a.Objects.Skipped++; a.Objects.Listed++ }),
		"one more cause":          always(func(a *Summary) { a.Objects.SkippedBy["denied"]++ }),
		"one more excluded":       always(func(a *Summary) { a.Objects.Excluded++; a.Objects.Listed++ }),
		"one more reason":         always(func(a *Summary) { a.Objects.ExcludedBy["foreign"]++ }),
		"a negative reason":       always(func(a *Summary) { a.Objects.ExcludedBy["foreign"]--; a.Objects.ExcludedBy["digest"]++ }),
		"one more seen":           always(func(a *Summary) { a.Records.Seen++ }),
		"one more duplicate":      always(func(a *Summary) { a.Records.Duplicates++ }),
		"one more outside":        always(func(a *Summary) { a.Records.Outside++ }),
		"one more filtered":       always(func(a *Summary) { a.Records.Filtered++ }),
		"one more new":            always(func(a *Summary) { a.SignIns.New++ }),
		"one more known":          always(func(a *Summary) { a.SignIns.Known++ }),
		"late beyond new":         always(func(a *Summary) { a.SignIns.Late = a.SignIns.New + 1 }),
		"one more severity":       always(func(a *Summary) { a.Findings.New++; a.Findings.Standing++ }),
		"fewer stand than change": always(func(a *Summary) { a.Findings.Standing = a.Findings.New + a.Findings.Changed - 1 }),
		"negative":                always(func(a *Summary) { a.Objects.Packed = -1 }),
		"negative time":           always(func(a *Summary) { a.Seconds = -0.1 }),
		"no time":                 always(func(a *Summary) { a.Seconds = math.NaN() }),
		"no status":               always(func(a *Summary) { a.Status = "done" }),
		"no version":              always(func(a *Summary) { a.Manifest = 0 }),
		"not a run":               always(func(a *Summary) { a.Run = "../../etc" }),
		"generation zero":         func(a *Summary) bool { a.Generation = 0; return a.Committed },
		"row lost": func(a *Summary) bool {
			if a.SignIns.New == 0 {
				return false
			}
			a.Files[0].Rows++
			return true
		},
		"file named twice": func(a *Summary) bool {
			a.Files = append(a.Files, a.Files...)
			return a.Committed
		},
		"file of no table": func(a *Summary) bool {
			a.Files = append(a.Files, AddedFile{"people", "people/1", 1, 1})
			return true
		},
		"empty file":               always(func(a *Summary) { a.Files = append(a.Files, AddedFile{"findings", "findings/2", 0, 1}) }),
		"added and replaced":       func(a *Summary) bool { a.Replaced = append(a.Replaced, keyOf(a.Files)); return true },
		"complete with a skip":     func(a *Summary) bool { a.Records.Skipped++; return a.Status == StatusComplete },
		"skipped with none":        func(a *Summary) bool { a.Objects, a.Owed = ObjectCounts{}, nil; return a.Status == StatusSkipped },
		"failed without an error":  func(a *Summary) bool { a.Error = ""; return a.Status == StatusFailed },
		"done with an error":       func(a *Summary) bool { a.Error = "x"; return a.Ended() },
		"findings with none":       func(a *Summary) bool { a.Findings = FindingCounts{}; return a.Status == StatusFindings },
		"owed twice":               func(a *Summary) bool { a.Owed = append(a.Owed, a.Owed...); return len(a.Owed) > 0 },
		"owed without a cause":     always(func(a *Summary) { a.Owed = append(a.Owed, OwedObject{Key: "k", Since: a.Started, Tries: 1}) }),
		"files without a commit":   func(a *Summary) bool { a.Committed = false; return len(a.Files) > 0 },
		"changed without a commit": func(a *Summary) bool { a.Findings.Withdrawn++; return !a.Committed && a.Ended() },
	}
}

func keyOf(files []AddedFile) string {
	for _, f := range files {
		return f.Key
	}
	return ""
}

func TestAccountAddsUp(t *testing.T) {
	tried := map[string]int{}
	for seed := range uint64(300) {
		if wrong := randomSummary(seed).Check(); len(wrong) > 0 {
			t.Fatalf("seed %d: %q", seed, wrong)
		}
		for name, breaks := range breakers() {
			a := randomSummary(seed)
			before := fmt.Sprintf("%s, committed %t", a.Status, a.Committed)
			if !breaks(a) {
				continue
			}
			tried[name]++
			wrong := a.Check()
			switch {
			case name == "one more known" && !strings.Contains(before, "true") && !a.Ended() && a.SignIns.New+a.SignIns.Known <= a.Records.SignIns:
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
	a := Summary{Manifest: ManifestVersion, Trailgate: "0.1.0", Status: StatusFailed, Error: "the state is locked"}
	if wrong := a.Check(); len(wrong) > 0 {
		t.Error(wrong)
	}
}

func TestManifest(t *testing.T) {
	a := randomSummary(1)
	b, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var got Summary
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	again, err := got.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(b), string(again)); diff != "" {
		t.Error(diff)
	}

	empty := &Summary{Manifest: ManifestVersion, Run: "0123456789ab", Status: StatusComplete}
	if b, err = empty.Encode(); err != nil {
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
	if b, err = empty.Encode(); err != nil {
		t.Fatal(err)
	}
	if want := "does not add up: objects listed (2) = read (0) + skipped (0) + excluded (0)"; !strings.Contains(string(b), want) {
		t.Errorf("no %q in %s", want, b)
	}
	if len(empty.Remarks) > 0 {
		t.Error("encoding changed the account")
	}
	empty.Seconds = math.Inf(1)
	if _, err := empty.Encode(); err == nil || !strings.Contains(err.Error(), "manifest of run") {
		t.Errorf("error %v", err)
	}
}

func TestRunLine(t *testing.T) {
	a := sampleSummary()
	want := "run 0123456789ab skipped, generation 42 committed: objects: 10 listed, 7 read, 1 skipped, 2 excluded; " +
		"sign-ins: 5 new, 2 known, 1 late, 3 duplicate, 4 outside, 6 filtered, 1 skipped; " +
		"findings: 2 new, 1 changed, 1 withdrawn, 9 standing; owed: 1; files: 2 added, 1 replaced; 1.5 seconds"
	if diff := cmp.Diff(want, a.Line()); diff != "" {
		t.Error(diff)
	}
	a.Committed = false
	if !strings.HasPrefix(a.Line(), "run 0123456789ab skipped, nothing committed, generation 42 stands: ") {
		t.Error(a.Line())
	}
}

// sampleSummary is an account in which every number is told from its
// neighbours.
func sampleSummary() *Summary {
	started := time.Date(2026, 3, 2, 1, 15, 0, 0, time.UTC)
	return &Summary{
		Manifest: ManifestVersion, Trailgate: "0.1.0", Run: "0123456789ab", Generation: 42, Committed: true, Status: StatusSkipped,
		Started: started, Seconds: 1.5, Since: started.AddDate(0, 0, -30), Settled: started.AddDate(0, 0, -1),
		Sources: []string{"s3://example-trail"}, Lake: "s3://example-lake/trailgate", State: "s3://example-lake/trailgate/_trailgate/state",
		Objects: ObjectCounts{Listed: 10, Read: 7, Skipped: 1, Excluded: 2, SkippedBy: map[string]int{"corrupt": 1}, ExcludedBy: map[string]int{"known": 2}, Packed: 1000, Inflated: 7000},
		Records: RecordCounts{Seen: 20, SignIns: 7, Duplicates: 3, Outside: 4, Filtered: 6, Skipped: 1},
		SignIns: SignInCounts{New: 5, Known: 2, Late: 1},
		Findings: FindingCounts{New: 2, Changed: 1, Withdrawn: 1, Standing: 9,
			BySeverity: map[string]int{"low": 1, "critical": 2}},
		Owed: []OwedObject{{Key: "AWSLogs/1.json.gz", Source: "s3://example-trail", Cause: "corrupt", Reason: "checksum", Since: started.AddDate(0, 0, -2), Tries: 3}},
		Files: []AddedFile{
			{"signins", "signins/event_date=2026-03-01/part-0000000042-0123456789ab.parquet", 5, 5000},
			{"findings", "findings/event_date=2026-03-01/part-0000000042-0123456789ab.parquet", 9, 900},
		},
		Replaced: []string{"findings/event_date=2026-03-01/part-0000000041-aaaaaaaaaaaa.parquet"},
		Remarks:  []string{"1 object was read again"},
	}
}
