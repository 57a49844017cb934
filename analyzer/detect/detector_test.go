package detect_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/analyzer"
	"trailgate/analyzer/detect"
	"trailgate/ingest/signin"
)

// TestBatchesChangeNothing judges a stream in one run, and in many runs that save
// and load the baseline. Both must find the same.
func TestBatchesChangeNothing(t *testing.T) {
	for seed := range uint64(4) {
		events := randomSignIns(seed, 1500)
		whole := &detect.Detector{}
		want := detectAll(whole, events)
		if len(want) < 30 {
			t.Fatalf("only %d findings to compare", len(want))
		}
		r := rand.New(rand.NewPCG(seed, 2))
		var saved []byte
		byID := map[string]detect.Finding{}
		for rest := events; len(rest) > 0; {
			n := min(1+r.IntN(200), len(rest))
			j := &detect.Detector{}
			if saved != nil {
				var err error
				if j.Baseline, err = detect.ParseBaseline(saved); err != nil {
					t.Fatal(err)
				}
			}
			for _, f := range detectAll(j, rest[:n]) {
				byID[f.ID] = f
			}
			if j.Late() != 0 {
				t.Fatalf("%d sign-ins came late", j.Late())
			}
			var err error
			if saved, err = json.Marshal(j.Baseline); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		var got []detect.Finding
		for _, f := range want {
			got = append(got, byID[f.ID])
			delete(byID, f.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: at once -, in runs +\n%s", seed, diff)
		}
		if len(byID) > 0 {
			t.Fatalf("seed %d: %d findings of the runs are not among those of one run", seed, len(byID))
		}
		once, err := json.Marshal(whole.Baseline)
		if err != nil {
			t.Fatal(err)
		}
		if string(once) != string(saved) {
			t.Fatalf("seed %d: the saved states differ", seed)
		}
	}
}

// TestMoreHistoryMoreSurprise checks that another endpoint surprises more, the more
// often somebody has used the usual one.
func TestMoreHistoryMoreSurprise(t *testing.T) {
	tell := parsePolicy(t, "detections: {endpoint.new: {threshold: 0.000001, count: 1}, endpoint.first-in-account: {enabled: false}}")
	for seed := range uint64(2) {
		others := randomSignIns(seed, 200)
		last := 0.0
		for n := 1; n < 40; n++ {
			h := newTrail()
			h.events = slices.Clone(others)
			h.now = others[len(others)-1].Time
			h.advance(time.Hour)
			begin := h.now
			for i := range n {
				h.now = begin.Add(time.Duration(i) * 24 * time.Hour)
				h.signIn("alice", "eu-west-1")
			}
			h.now = begin.Add(70 * 24 * time.Hour)
			id := h.signIn("alice", "us-west-2").ID
			for _, f := range detectAll(&detect.Detector{Policy: tell}, h.events) {
				if f.Event.ID != id || f.Surprise == nil {
					continue
				}
				if *f.Surprise < last-1e-9 {
					t.Fatalf("seed %d: %d sign-ins: %.6f bits, fewer %.6f", seed, n, *f.Surprise, last)
				}
				last = *f.Surprise
			}
		}
		if last < 6 {
			t.Fatalf("seed %d: %.1f bits at the end", seed, last)
		}
	}
}

func TestLearnUntil(t *testing.T) {
	h := newTrail()
	h.signIns(3, "alice", "eu-west-1")
	h.events[1].MFA = signin.MFANo
	h.events[2].MFA = signin.MFANo
	j := &detect.Detector{LearnUntil: h.events[2].Time}
	if diff := cmp.Diff([]string{"mfa.absent medium 000002 x1"}, summarize(detectAll(j, h.events))); diff != "" {
		t.Error(diff)
	}
	if j.Judged() != 1 {
		t.Errorf("%d judged", j.Judged())
	}
}

// TestHiddenNames checks that a sign-in with a hidden name is not judged and not
// learned, because it may be anybody's.
func TestHiddenNames(t *testing.T) {
	h := newTrail()
	for range 4 {
		failed(h.signIn(signin.Hidden, "eu-west-1"))
		h.advance(3 * time.Hour)
	}
	h.signIn("alice", "us-east-1").Host = ""
	j := &detect.Detector{Policy: parsePolicy(t, "rules: [{name: none, allow: [us-west-2]}]")}
	if found := detectAll(j, h.events); len(found) != 0 {
		t.Errorf("found %v", summarize(found))
	}
	if j.NotJudged() != 5 || j.Baseline.Principals() != 1 {
		t.Errorf("%d not judged, %d principals", j.NotJudged(), j.Baseline.Principals())
	}
}

// TestAgain runs twice over the same sign-ins. The second run finds what needs no
// history again, with the same ids. It learns nothing twice.
func TestAgain(t *testing.T) {
	h := newTrail()
	h.signIns(40, "alice", "eu-west-1")
	h.signIns(100, "bob", "us-west-2")
	h.signIn("alice", "us-west-2")
	asRoot(h.signIn("", analyzer.Global))
	first := &detect.Detector{}
	found := detectAll(first, h.events)
	before, err := json.Marshal(first.Baseline)
	if err != nil {
		t.Fatal(err)
	}
	again := &detect.Detector{Baseline: first.Baseline}
	if diff := cmp.Diff(summarize(found[len(found)-1:]), summarize(detectAll(again, h.events))); diff != "" {
		t.Error(diff)
	}
	if again.Late() != len(h.events) {
		t.Errorf("%d late", again.Late())
	}
	after, err := json.Marshal(first.Baseline)
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) {
		t.Error("something was learned twice")
	}
}

// TestReadTwice gives a second run some sign-ins that the first one has learned, and
// some new ones. It must find the same as one run over all of them.
func TestReadTwice(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(h *trailBuilder)
		from int // the first sign-in that is read again
		many int // sign-ins of the first run
	}{
		{"a burst that goes on", func(h *trailBuilder) {
			for range 3 {
				asRoot(h.signIn("", analyzer.Global))
				h.advance(9 * time.Hour)
			}
		}, 1, 2},
		{"its first sign-in", func(h *trailBuilder) {
			for range 3 {
				asRoot(h.signIn("", analyzer.Global))
				h.advance(9 * time.Hour)
			}
		}, 0, 2},
		{"a second factor left off", func(h *trailBuilder) {
			h.signIn("alice", "eu-west-1")
			for range 3 {
				h.signIn("alice", "eu-west-1").MFA = signin.MFANo
			}
		}, 2, 3},
		{"a rule of habit", func(h *trailBuilder) {
			h.signIns(40, "bob", "us-west-2")
			h.signIns(40, "alice", "eu-west-1")
			for range 3 {
				h.signIn("alice", "us-west-2").Host = "us-west-2.signin.aws.amazon.com.example"
			}
		}, 81, 82},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newTrail()
			c.make(h)
			want := detectAll(&detect.Detector{}, h.events)
			first := &detect.Detector{}
			detectAll(first, h.events[:c.many])
			saved, err := json.Marshal(first.Baseline)
			if err != nil {
				t.Fatal(err)
			}
			b, err := detect.ParseBaseline(saved)
			if err != nil {
				t.Fatal(err)
			}
			got := detectAll(&detect.Detector{Baseline: b}, h.events[c.from:])
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("at once -, read twice +\n%s", diff)
			}
		})
	}
}

func TestExplainJudgement(t *testing.T) {
	h := newTrail()
	h.signIns(10, "alice", "eu-west-1")
	j := &detect.Detector{Policy: parsePolicy(t, "rules: [{name: west, match: {user: alice}, allow: [us-west-2]}]")}
	detectAll(j, h.events)
	e := *h.signIn("alice", "eu-west-1")
	text := strings.Join(j.Explain(&e, analyzer.Classify(e)), "\n")
	for _, want := range []string{`does not allow it: rule "west" (line 2) allows us-west-2`, "knows 10 sign-ins of this principal, 10 of them at this endpoint", "Rule endpoint.policy (medium)"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
}
