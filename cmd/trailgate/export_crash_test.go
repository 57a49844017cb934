package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/cmd/trailgate/internal/batch"
	"trailgate/report/lake"
)

// scenario is a command that a test disturbs, called the victim.
type scenario struct {
	name   string
	before []string // verbs that run before it, each after a new batch
	victim string
}

func victimScenarios() []scenario {
	return []scenario{
		{name: "the first run of all", victim: "export"},
		{name: "a later run", before: []string{"export"}, victim: "export"},
		{name: "compaction", before: []string{"export", "export"}, victim: "compact"},
	}
}

// preparedScenario is a scenario in which all is done up to the victim.
type preparedScenario struct {
	*exportHarness
	scenario
	now    time.Time
	end    outcome // of an undisturbed victim
	before rows
	after  rows // of an undisturbed victim
	files  int  // then
	owed   string
}

// prepareScenario runs a scenario up to its victim, as the lake "base", and an
// undisturbed victim, as the lake "whole".
func prepareScenario(t testing.TB, bin string, places *lakeLocations, s scenario) *preparedScenario {
	t.Helper()
	r := &preparedScenario{exportHarness: newExportHarness(t, bin, places), scenario: s, now: runTime(len(s.before))}
	all := batches()
	for i, verb := range s.before {
		r.arrive(t, all[i])
		if o := r.run(t, runTime(i), r.args(verb, "base")...); o.code != exitComplete && o.code != exitSkipped {
			t.Fatalf("%s: %v", verb, o)
		}
	}
	if s.victim == "export" {
		r.arrive(t, all[len(s.before)])
	}
	r.before = r.rows(t, "base")
	r.copyLake(t, "base", "whole")
	r.end = r.run(t, r.now, r.args(s.victim, "whole")...)
	r.after = r.rows(t, "whole")
	if r.end.code != exitComplete && r.end.code != exitSkipped || len(r.after.signIns) == 0 || len(r.after.findings) == 0 {
		t.Fatalf("undisturbed: %v", r.end)
	}
	r.files = len(r.keys(t, "whole", ".parquet"))
	for _, o := range r.state(t, "whole").Owed {
		r.owed = o.Key
	}
	return r
}

// keys gives the keys of a lake and its state that contain a text.
func (r *exportHarness) keys(t testing.TB, name, text string) []string {
	t.Helper()
	var out []string
	for item, err := range r.places.store(name).List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(item.Key, text) {
			out = append(out, item.Key)
		}
	}
	return out
}

// stateOf gives the store of the state of a lake.
func (r *exportHarness) stateOf(name string) lake.Store {
	return r.places.store(name + "/" + lake.Metadata + "/state")
}

func (r *exportHarness) latest(t testing.TB, name string) lake.Snapshot {
	t.Helper()
	log := lake.Log{Store: r.stateOf(name)}
	snapshot, err := log.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

// state is what a lake's state says to people.
func (r *exportHarness) state(t testing.TB, name string) batch.StateView {
	t.Helper()
	v, err := batch.Show(t.Context(), batch.Location{State: r.stateOf(name), StateName: name})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// readers fails the test if a reader of the lake would miss a row that must stay, or would
// see a row that must not come.
func (r *preparedScenario) readers(t testing.TB, name, when string) {
	t.Helper()
	got := r.rows(t, name) // fails the test if a file is not complete
	for what, want := range map[string][]string{
		"missing sign-ins": missingRows(r.before.signIns, got.signIns),
		"missing findings": missingRows(commonRows(r.before.findings, r.after.findings), got.findings),
		"strange sign-ins": missingRows(got.signIns, append(slices.Clone(r.before.signIns), r.after.signIns...)),
		"strange findings": missingRows(got.findings, append(slices.Clone(r.before.findings), r.after.findings...)),
	} {
		if len(want) > 0 {
			t.Errorf("%s: %s\n%s", when, what, strings.Join(want, ""))
		}
	}
}

// goesOn runs further commands after a disturbed victim. The lake must then be as after an
// undisturbed one.
func (r *preparedScenario) goesOn(t testing.TB, name, when string, verbs ...string) {
	t.Helper()
	for i, verb := range verbs {
		now := r.now.Add(time.Duration(2+2*i) * time.Hour)
		if verb == "forgive" {
			o := r.run(t, now, append([]string{"state"}, r.args("forgive", name, r.owed)...)...)
			if o.code == exitComplete || o.code == exitUsage || r.latest(t, name).Number == 0 {
				continue // it was done, or the object is not in the backlog yet
			}
			t.Errorf("%s: %v", when, o)
			continue
		}
		o := r.run(t, now, r.args(verb, name)...)
		if o.code == exitComplete || o.code == exitSkipped || verb == "compact" && strings.Contains(o.stderr, "no export has committed anything here") {
			continue
		}
		t.Errorf("%s, then %s: %v", when, verb, o)
	}
	when += ", then " + strings.Join(verbs, ", ")
	got := r.rows(t, name)
	if diff := cmp.Diff(r.after.signIns, got.signIns); diff != "" {
		t.Errorf("%s: sign-ins: %s", when, diff)
	}
	if diff := cmp.Diff(r.after.findings, got.findings); diff != "" {
		t.Errorf("%s: findings: %s", when, diff)
	}
	r.inOrder(t, name, when)
	if slices.Equal(verbs, []string{r.victim}) && len(r.keys(t, name, ".parquet")) != r.files {
		t.Errorf("%s: %d files, want %d", when, len(r.keys(t, name, ".parquet")), r.files)
	}
	if left := r.strays(t, name); len(left) > 0 && slices.Contains(verbs, "compact") {
		t.Errorf("%s: temporaries: %s", when, left)
	}
}

// inOrder fails the test if a run that died has left anything.
func (r *exportHarness) inOrder(t testing.TB, name, when string) {
	t.Helper()
	if left := r.keys(t, name, "/intent-"); len(left) > 0 {
		t.Errorf("%s: left: %s", when, left)
	}
	s := r.latest(t, name)
	if len(s.Damaged) > 0 || s.From != s.Number {
		t.Errorf("%s: state: %+v", when, s)
	}
	last := r.state(t, name).Last
	manifests := r.keys(t, name, "/runs/")
	if !slices.ContainsFunc(manifests, func(key string) bool {
		return strings.HasSuffix(key, fmt.Sprintf("%010d-%s.json", last.Generation, last.Run))
	}) {
		t.Errorf("%s: no manifest of generation %d by %s among %s", when, last.Generation, last.Run, manifests)
	}
	if wrong := last.Check(); len(wrong) > 0 {
		t.Errorf("%s: %s", when, wrong)
	}
}

// strays gives the temporary files on disk.
func (r *exportHarness) strays(t testing.TB, name string) []string {
	t.Helper()
	if r.places.env != nil {
		return nil
	}
	var out []string
	err := filepath.WalkDir(r.places.url(name), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(d.Name(), ".tmp-") {
			out = append(out, path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// age makes the temporary files so old that they count as those of a dead run.
func (r *exportHarness) age(t testing.TB, name string) {
	t.Helper()
	for _, path := range r.strays(t, name) {
		long := time.Now().Add(-2 * time.Hour)
		if err := os.Chtimes(path, long, long); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKilledAtEachStep kills the command before each step that writes to the disk. Readers
// must then find complete files. The next runs must leave what an undisturbed run leaves.
func TestKilledAtEachStep(t *testing.T) {
	t.Parallel()
	bin := commandAt(t)
	for _, s := range victimScenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			r := prepareScenario(t, bin, lakesOnDisk(t), s)
			for n := 1; ; n += stepInterval(1) {
				dead, when := fmt.Sprintf("dead-%d", n), fmt.Sprintf("killed before step %d", n)
				r.copyLake(t, "base", dead)
				o := r.child(t, r.now, n, "kill", r.args(s.victim, dead)...)
				if o.code != killed {
					if o.code != r.end.code || n < 20 {
						t.Errorf("%s: %v", when, o)
					}
					t.Logf("%d steps", n-1)
					return
				}
				r.readers(t, dead, when)
				then := [][]string{{s.victim}}
				switch n % 8 { // several steps in a row leave the same files, so a part of them is enough
				case 0:
					then = append(then, []string{"compact", "export", "compact"})
				case 4:
					then = append(then, []string{"forgive", "export"})
				}
				for i, verbs := range then {
					name := fmt.Sprintf("%s-%d", dead, i)
					r.copyLake(t, dead, name)
					r.age(t, name)
					r.goesOn(t, name, when, verbs...)
				}
				if t.Failed() {
					t.Fatalf("%v", o)
				}
			}
		})
	}
}
