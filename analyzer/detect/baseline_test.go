package detect_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/analyzer"
	"trailgate/analyzer/detect"
	"trailgate/ingest/signin"
)

// TestBaselineRefused has one damage of each kind, and the error that names it.
func TestBaselineRefused(t *testing.T) {
	const head = `{"trailgate_baseline":1,"at":{"time":"2026-03-02T08:00:00Z","id":"x"},`
	const later = "1772438401" // a second after that time
	for name, c := range map[string]struct{ text, want string }{
		"not JSON":                {"PAR1", "invalid character"},
		"another document":        {`{"findings":[]}`, `unknown field "findings"`},
		"another version":         {`{"trailgate_baseline":7}`, "version 7, want 1"},
		"two documents":           {`{"trailgate_baseline":1}{}`, "more than one JSON document"},
		"negative weight":         {head + `"organization":{"last":1,"seen":1,"at":[{"endpoint":"global","weight":-1,"times":1}]}}`, `counts of "organization": the saved form is damaged`},
		"no sign-ins":             {head + `"organization":{"last":1,"seen":0,"at":[{"endpoint":"global","weight":1,"times":0}]}}`, `counts of "organization": the saved form is damaged`},
		"an endpoint of spaces":   {head + `"organization":{"last":1,"seen":1,"at":[{"endpoint":" ","weight":1,"times":1}]}}`, `counts of "organization": the saved form is damaged`},
		"does not add up":         {head + `"organization":{"last":1,"seen":2,"at":[{"endpoint":"global","weight":1,"times":1}]}}`, "the total is 2, but the endpoints add up to 1"},
		"unsorted":                {head + `"organization":{"last":1,"seen":2,"at":[{"endpoint":"global","weight":1,"times":1},{"endpoint":"eu-west-1","weight":1,"times":1}]}}`, "damaged"},
		"counts of later":         {head + `"roles":{"r":{"last":` + later + `,"seen":1,"at":[{"endpoint":"global","weight":1,"times":1}]}}}`, `counts of "r": later than the baseline`},
		"empty account":           {head + `"accounts":{"111122223333":null}}`, `counts of "111122223333": empty`},
		"empty principal":         {head + `"principals":{"x":null}}`, `principal "x": empty`},
		"damaged principal":       {head + `"principals":{"x":{"places":{"seen":3}}}}`, "the total is 3"},
		"failures out of order":   {head + `"principals":{"x":{"failures":[2,1]}}}`, `principal "x": the saved form is damaged`},
		"a failure to come":       {head + `"principals":{"x":{"failures":[1,` + later + `]}}}`, `principal "x": the saved form is damaged`},
		"a sign-in to come":       {head + `"principals":{"x":{"last":` + later + `}}}`, `principal "x": the saved form is damaged`},
		"fewer than no sign-ins":  {head + `"principals":{"x":{"blind":-1}}}`, `principal "x": the saved form is damaged`},
		"too many addresses":      {head + `"principals":{"x":{"addresses":[` + strings.Repeat(`"a",`, 16) + `"b"]}}}`, `principal "x": the saved form is damaged`},
		"empty address":           {head + `"sources":{"x":null}}`, `address "x": the saved form is damaged`},
		"attempts out of order":   {head + `"sources":{"x":{"fails":[{"who":"a","at":2},{"who":"b","at":1}]}}}`, `address "x": the saved form is damaged`},
		"an attempt to come":      {head + `"sources":{"x":{"hidden":[` + later + `]}}}`, `address "x": the saved form is damaged`},
		"empty times":             {head + `"hidden":{"x":[]}}`, `address "x": the saved form is damaged`},
		"empty burst":             {head + `"bursts":{"x":null}}`, `burst "x": the saved form is damaged`},
		"a burst of nothing":      {head + `"bursts":{"x":{"finding":{"ID":"f-1","Count":0}}}}`, `burst "x": the saved form is damaged`},
		"a burst without finding": {head + `"bursts":{"x":{"until":1}}}`, `burst "x": the saved form is damaged`},
	} {
		_, err := detect.ParseBaseline([]byte(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), "baseline: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// TestBaselineOfAnEarlierVersion reads a file that commit 42315f8 wrote. Saved
// again, it must have the same bytes: both versions may share one baseline.
func TestBaselineOfAnEarlierVersion(t *testing.T) {
	saved, err := os.ReadFile("testdata/baseline-42315f8.json")
	if err != nil {
		t.Fatal(err)
	}
	b, err := detect.ParseBaseline(saved)
	if err != nil {
		t.Fatal(err)
	}
	if b.Principals() != 19 || b.LearnedUntil().Format(time.RFC3339) != "2026-03-06T15:25:16Z" || len(b.Ongoing()) != 11 {
		t.Errorf("%d principals, learned until %v, %d open bursts", b.Principals(), b.LearnedUntil(), len(b.Ongoing()))
	}
	again, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(saved)), string(again)); diff != "" {
		t.Errorf("read -, saved again +\n%s", diff)
	}
}

// TestSavedFormForgetsWhatIsOver checks that a saved baseline has only open bursts
// and failures that a rule can still count.
func TestSavedFormForgetsWhatIsOver(t *testing.T) {
	h := newTrail()
	asRoot(h.signIn("", analyzer.Global))
	h.spray("a", signin.Hidden)
	keys := func(later time.Duration) map[string]int {
		events := slices.Clone(h.events)
		h.now = events[len(events)-1].Time.Add(later)
		events = append(events, *h.signIn("alice", "eu-west-1"))
		h.events = h.events[:len(h.events)-1]
		d := &detect.Detector{}
		detectAll(d, events)
		saved, err := json.Marshal(d.Baseline)
		if err != nil {
			t.Fatal(err)
		}
		var form struct{ Sources, Hidden, Bursts map[string]json.RawMessage }
		if err := json.Unmarshal(saved, &form); err != nil {
			t.Fatal(err)
		}
		return map[string]int{"sources": len(form.Sources), "hidden": len(form.Hidden), "bursts": len(form.Bursts)}
	}
	for later, want := range map[time.Duration]map[string]int{
		time.Minute:         {"sources": 1, "hidden": 1, "bursts": 1},
		2 * 24 * time.Hour:  {"sources": 1, "hidden": 1, "bursts": 0},
		10 * 24 * time.Hour: {"sources": 0, "hidden": 0, "bursts": 0},
	} {
		if diff := cmp.Diff(want, keys(later)); diff != "" {
			t.Errorf("%v later: want -, got +\n%s", later, diff)
		}
	}
}

// TestBaselineOfNothing saves and loads the zero Baseline.
func TestBaselineOfNothing(t *testing.T) {
	b, err := json.Marshal(&detect.Baseline{})
	if err != nil {
		t.Fatal(err)
	}
	back, err := detect.ParseBaseline(b)
	if err != nil {
		t.Fatal(err)
	}
	if back.Principals() != 0 || !back.LearnedUntil().IsZero() {
		t.Errorf("%d principals, through %v", back.Principals(), back.LearnedUntil())
	}
}

// FuzzParseBaseline checks that no input makes ParseBaseline panic. If it accepts a
// baseline, then sign-ins can be judged with it, and it can be saved and read again.
func FuzzParseBaseline(f *testing.F) {
	j := &detect.Detector{}
	detectAll(j, randomSignIns(1, 8))
	seed, err := json.Marshal(j.Baseline)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"trailgate_baseline":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := detect.ParseBaseline(data)
		if err != nil {
			return
		}
		detectAll(&detect.Detector{Baseline: b}, randomSignIns(2, 20))
		again, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := detect.ParseBaseline(again); err != nil {
			t.Fatalf("%v\n%s", err, again)
		}
	})
}

// TestSavedFormIsStable checks that a saved baseline is read back to the same bytes,
// and that it keeps what the rules need: principals, addresses and open bursts.
func TestSavedFormIsStable(t *testing.T) {
	d := &detect.Detector{}
	detectAll(d, randomSignIns(3, 400))
	saved, err := json.Marshal(d.Baseline)
	if err != nil {
		t.Fatal(err)
	}
	back, err := detect.ParseBaseline(saved)
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(back)
	if err != nil {
		t.Fatal(err)
	}
	if string(saved) != string(again) {
		t.Error("the bytes differ")
	}
	if back.Principals() != d.Baseline.Principals() || !back.LearnedUntil().Equal(d.Baseline.LearnedUntil()) {
		t.Errorf("%d principals until %v", back.Principals(), back.LearnedUntil())
	}
	if len(back.Ongoing()) == 0 {
		t.Error("no burst is open after 400 sign-ins")
	}
}
