package lake_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trailgate/report/lake"
)

type ctx = context.Context

const (
	runA = "aaaaaaaaaaaa"
	runB = "bbbbbbbbbbbb"
)

// part returns the key of a file that a run adds.
func part(generation int64, run string) string {
	return (&lake.Table{Name: "signins"}).Key(lake.Partition{Day: 20513}, generation, run)
}

// all lists every key of a store.
func all(t *testing.T, s lake.Store) []string {
	t.Helper()
	out := []string{}
	for item, err := range s.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, item.Key)
	}
	return out
}

// A run may end between any two of its steps. Recover must clean up what it left.
func TestRecover(t *testing.T) {
	old, mine := part(1, runA), part(2, runB)
	for _, c := range []struct {
		name     string
		commits  []string // the runs that committed generations 1, 2, ...
		damage   int64    // this generation's file
		prune    bool     // all but the last
		announce bool
		files    []string
		replaced []string
		want     []string // in the lake
		taken    []string
	}{
		{"nothing was announced", []string{runA}, 0, false, false, []string{old}, nil, []string{old}, nil},
		{"announced, nothing added", []string{runA}, 0, false, true, []string{old}, nil, []string{old}, []string{mine}},
		{"added, not committed", []string{runA}, 0, false, true, []string{old, mine}, nil, []string{old}, []string{mine}},
		{"committed, not settled", []string{runA, runB}, 0, false, true, []string{old, mine}, []string{old}, []string{mine}, nil},
		{"committed by another", []string{runA, runA}, 0, false, true, []string{old, mine}, nil, []string{old}, []string{mine}},
		{"by another, who has gone on since", []string{runA, runA, runA}, 0, false, true, []string{old, mine}, nil, []string{old}, []string{mine}},
		{"by this run, and another has gone on since", []string{runA, runB, runA}, 0, false, true, []string{old, mine}, nil, []string{old, mine}, nil},
		{"it is not known any more by whom", []string{runA, runA, runA}, 0, true, true, []string{old, mine}, nil, []string{old, mine}, nil},
		{"its generation is damaged: it is not known by whom", []string{runA, runA}, 2, false, true, []string{old, mine}, nil, []string{old, mine}, nil},
		{"nothing has been committed ever", nil, 0, false, true, []string{mine}, nil, []string{}, []string{mine}},
		{"replaced files are gone already", []string{runA, runB}, 0, false, false, []string{mine}, []string{old}, []string{mine}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			state, files := stored(t), stored(t, c.files...)
			log := lake.Log{Store: state}
			for i, run := range c.commits {
				if err := log.Commit(t.Context(), int64(i+1), run, []byte("body")); err != nil {
					t.Fatal(err)
				}
			}
			if c.damage > 0 {
				put(t, state, fmt.Sprintf("generation-%010d.jsonl", c.damage), "{")
			}
			if c.prune {
				if err := log.Prune(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
			}
			if c.announce {
				if err := lake.WriteIntent(t.Context(), state, 2, runB, []string{mine}); err != nil {
					t.Fatal(err)
				}
			}
			now, err := log.Latest(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time there is nothing left to do
				taken, err := lake.Recover(t.Context(), state, files, now, c.replaced)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(c.taken, taken); d != "" {
					t.Errorf("taken back (- want, + got):\n%s", d)
				}
				if d := cmp.Diff(c.want, all(t, files)); d != "" {
					t.Errorf("in the lake (- want, + got):\n%s", d)
				}
				for _, key := range all(t, state) {
					if strings.HasPrefix(key, "intent-") {
						t.Errorf("in the state: %s", key)
					}
				}
				c.taken = nil
			}
		})
	}
}

func TestSettle(t *testing.T) {
	mine := part(2, runB)
	for _, committed := range []bool{false, true} {
		state, files := stored(t), stored(t, mine)
		if err := lake.WriteIntent(t.Context(), state, 2, runB, []string{mine}); err != nil {
			t.Fatal(err)
		}
		if err := lake.WriteIntent(t.Context(), state, 2, runB, []string{part(2, runA)}); !errors.Is(err, lake.ErrConflict) {
			t.Errorf("announced twice: %v", err)
		}
		for range 2 {
			if err := lake.ClearIntent(t.Context(), state, files, 2, runB, []string{mine}, committed); err != nil {
				t.Fatal(err)
			}
		}
		if left := all(t, state); len(left) > 0 {
			t.Errorf("in the state: %v", left)
		}
		if stays := slices.Contains(all(t, files), mine); stays != committed {
			t.Errorf("committed %t, and the file is there: %t", committed, stays)
		}
	}
}

// A damaged intent is rebuilt from its name. An intent with files that are not of its run
// is an error.
func TestRecoverDamaged(t *testing.T) {
	const key = "intent-0000000002-" + runB + ".json"
	mine := part(2, runB)
	now := lake.Snapshot{Number: 1, From: 1, Run: runA}
	for _, c := range []struct {
		name, key, body string
		want            string // error; empty: taken back
	}{
		{"cut off", key, `{"trailgate_intent":1,"gener`, ""},
		{"empty", key, "", ""},
		{"of another name", key, `{"trailgate_intent":1,"generation":3,"run":"` + runB + `","add":[]}`, ""},
		{"a name that is none", "intent-x.json", "", "its name is not the name of an intent"},
		{"files of somebody else", key, `{"trailgate_intent":1,"generation":2,"run":"` + runB + `","add":["` + part(1, runA) + `"]}`, "is not a file of its run"},
		{"the mark of the lake", key, `{"trailgate_intent":1,"generation":2,"run":"` + runB + `","add":["_trailgate/lake.json"]}`, "is not a file of its run"},
		{"a way out", key, `{"trailgate_intent":1,"generation":2,"run":"` + runB + `","add":["../../part-0000000002-` + runB + `.parquet"]}`, "delete uncommitted file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			state, files := stored(t), stored(t, part(1, runA), mine, "_trailgate/lake.json")
			if _, err := state.Put(t.Context(), c.key, []byte(c.body), lake.Absent()); err != nil {
				t.Fatal(err)
			}
			_, err := lake.Recover(t.Context(), state, files, now, nil)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff([]string{"_trailgate/lake.json", part(1, runA)}, all(t, files)); d != "" {
					t.Errorf("in the lake (- want, + got):\n%s", d)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if d := cmp.Diff([]string{"_trailgate/lake.json", part(1, runA), mine}, all(t, files)); d != "" {
				t.Errorf("in the lake (- want, + got):\n%s", d)
			}
		})
	}
}

func FuzzRecover(f *testing.F) {
	f.Add([]byte(`{"trailgate_intent":1,"generation":2,"run":"` + runB + `","add":["` + part(2, runB) + `"]}`))
	f.Add([]byte(`{"trailgate_intent":1,"generation":2,"run":"` + runB + `","add":["_trailgate/lake.json"]}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, body []byte) {
		state, files := stored(t), stored(t, part(1, runA), "_trailgate/lake.json")
		if _, err := state.Put(t.Context(), "intent-0000000002-"+runB+".json", body, lake.Absent()); err != nil {
			t.Fatal(err)
		}
		// Files that other runs have committed must stay in any case.
		if _, err := lake.Recover(t.Context(), state, files, lake.Snapshot{Number: 1, From: 1, Run: runA}, nil); err != nil {
			t.Log(err)
		}
		if d := cmp.Diff([]string{"_trailgate/lake.json", part(1, runA)}, all(t, files)); d != "" {
			t.Errorf("in the lake (- want, + got):\n%s", d)
		}
	})
}

func TestMark(t *testing.T) {
	s := stored(t)
	mark, _, err := lake.ReadInfo(t.Context(), s)
	if err != nil || mark.Job != "" {
		t.Fatalf("no mark: %+v, %v", mark, err)
	}
	mine := lake.LakeInfo{Job: "0123456789ab", PartitionBy: []string{"event_date", "account_id"}, State: "elsewhere/state"}
	if err := lake.WriteInfo(t.Context(), s, mine, lake.Absent()); err != nil {
		t.Fatal(err)
	}
	got, tag, err := lake.ReadInfo(t.Context(), s)
	mine.Version = 1
	if d := cmp.Diff(mine, got); d != "" || err != nil {
		t.Fatalf("%v (- want, + got):\n%s", err, d)
	}
	other := lake.LakeInfo{Job: "ba9876543210", PartitionBy: []string{"event_date"}}
	if err := lake.WriteInfo(t.Context(), s, other, lake.Absent()); !errors.Is(err, lake.ErrConflict) {
		t.Errorf("written over: %v", err)
	}
	if err := lake.WriteInfo(t.Context(), s, other, lake.Matches(tag)); err != nil {
		t.Errorf("not adopted: %v", err)
	}
	if err := lake.WriteInfo(t.Context(), s, mine, lake.Matches(tag)); !errors.Is(err, lake.ErrConflict) {
		t.Errorf("adopted twice: %v", err)
	}
}

func TestMarkDamaged(t *testing.T) {
	const key = "_trailgate/lake.json"
	for _, c := range []struct{ name, body, want string }{
		{"cut off", `{"trailgate_lake":1,`, "it is damaged"},
		{"empty", "", "it is damaged"},
		{"something else", `{"name":"a"}`, "it is damaged"},
		{"no job", `{"trailgate_lake":1,"partition_by":["event_date"]}`, "it is damaged"},
		{"newer", `{"trailgate_lake":2,"job":"0123456789ab"}`, "version 2 is newer than this program's, 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := stored(t)
			if _, err := s.Put(t.Context(), key, []byte(c.body), lake.Absent()); err != nil {
				t.Fatal(err)
			}
			mark, _, err := lake.ReadInfo(t.Context(), s)
			if err == nil || !strings.Contains(err.Error(), c.want) || mark.Job != "" {
				t.Errorf("%+v, error %v, want %q", mark, err, c.want)
			}
		})
	}
}

func FuzzMark(f *testing.F) {
	f.Add([]byte(`{"trailgate_lake":1,"job":"0123456789ab","partition_by":["event_date"],"state":"s"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := stored(t)
		if _, err := s.Put(t.Context(), "_trailgate/lake.json", body, lake.Absent()); err != nil {
			t.Fatal(err)
		}
		mark, tag, err := lake.ReadInfo(t.Context(), s)
		if err != nil {
			return
		}
		if mark.Version != 1 || mark.Job == "" || !json.Valid(body) {
			t.Fatalf("%+v of %q", mark, body)
		}
		if err := lake.WriteInfo(t.Context(), s, mark, lake.Matches(tag)); err != nil {
			t.Fatal(err)
		}
		again, _, err := lake.ReadInfo(t.Context(), s)
		if d := cmp.Diff(mark, again); d != "" || err != nil {
			t.Errorf("%v (- before, + after):\n%s", err, d)
		}
	})
}

// Remove ignores files that do not exist.
func TestRemove(t *testing.T) {
	s := stored(t, part(1, runA), part(2, runB))
	for range 2 {
		if err := lake.Remove(t.Context(), s, []string{part(1, runA)}); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([]string{part(2, runB)}, all(t, s)); d != "" {
		t.Errorf("(- want, + got):\n%s", d)
	}
	if _, _, err := s.Get(t.Context(), part(1, runA)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}
