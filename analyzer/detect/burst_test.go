package detect_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/analyzer"
	"trailgate/analyzer/detect"
	"trailgate/ingest/signin"
)

// TestBurst checks which sign-ins belong to one finding: those of the same
// principal, and of what the rule adds, as long as two of them are near enough.
func TestBurst(t *testing.T) {
	const day = 24 * time.Hour
	root := func(gaps ...time.Duration) func(h *trailBuilder) {
		return func(h *trailBuilder) {
			asRoot(h.signIn("", analyzer.Global))
			for _, gap := range gaps {
				h.advance(gap - time.Hour)
				asRoot(h.signIn("", analyzer.Global))
			}
		}
	}
	for _, c := range []struct {
		name   string
		policy string
		make   func(h *trailBuilder)
		want   []string
	}{
		{"each within a day of the one before", "", root(23*time.Hour, 23*time.Hour, 23*time.Hour), []string{"root.signin medium 000000 x4"}},
		{"exactly a day later", "", root(day), []string{"root.signin medium 000000 x2"}},
		{"a day and a second later", "", root(day + time.Second), []string{"root.signin medium 000000 x1", "root.signin medium 000001 x1"}},
		{"the window of the policy", "detections: {root.signin: {window: 2h}}", root(2*time.Hour, 2*time.Hour+time.Second),
			[]string{"root.signin medium 000000 x2", "root.signin medium 000002 x1"}},
		{"another address", "", func(h *trailBuilder) {
			asRoot(h.signIn("", analyzer.Global))
			asRoot(h.signIn("", analyzer.Global)).SourceIP = homeIP
			asRoot(h.signIn("", analyzer.Global))
		}, []string{"root.signin medium 000000 x2", "root.signin medium 000001 x1"}},
		{"another account", "", func(h *trailBuilder) {
			asRoot(h.signIn("", analyzer.Global))
			asRoot(h.signIn("", analyzer.Global)).Identity.Account = "444455556666"
		}, []string{"root.signin medium 000000 x1", "root.signin medium 000001 x1"}},
		{"another endpoint", "rules: [{allow: [us-west-2]}]", func(h *trailBuilder) {
			h.signIn("alice", "eu-west-1")
			h.signIn("alice", "eu-west-2")
			h.signIn("alice", "eu-west-1")
		}, []string{"endpoint.policy medium 000000 x2", "endpoint.policy medium 000001 x1"}},
		{"the proxied Regions of an IAM user", "rules: [{allow: [us-west-2]}]", func(h *trailBuilder) {
			h.signIn("alice", analyzer.Global)
			h.signIn("alice", "us-east-2")
			h.signIn("alice", "eu-north-1")
		}, []string{"endpoint.policy medium 000000 x3"}},
		{"two hosts", "", func(h *trailBuilder) {
			h.signIn("alice", "eu-west-1").Host = "one.example"
			h.signIn("alice", "eu-west-1").Host = "two.example"
		}, []string{"endpoint.foreign-host high 000000 x1", "endpoint.foreign-host high 000001 x1"}},
		{"a success two days after a failure", "rules: [{allow: [us-west-2]}]", func(h *trailBuilder) {
			failed(h.signIn("alice", "eu-west-1"))
			h.advance(47 * time.Hour)
			h.signIn("alice", "eu-west-1")
		}, []string{"endpoint.policy low 000000 x1", "endpoint.policy medium 000001 x1"}},
		{"a success within a day of a failure", "rules: [{allow: [us-west-2]}]", func(h *trailBuilder) {
			failed(h.signIn("alice", "eu-west-1"))
			h.advance(22 * time.Hour)
			h.signIn("alice", "eu-west-1")
		}, []string{"endpoint.policy medium 000000 x2"}},
		{"with and without an earlier second factor", "", func(h *trailBuilder) {
			h.signIn("alice", "eu-west-1").MFA = signin.MFANo
			h.signIn("alice", "eu-west-1")
			h.signIn("alice", "eu-west-1").MFA = signin.MFANo
		}, []string{"mfa.absent low 000000 x1", "mfa.absent medium 000002 x1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newTrail()
			c.make(h)
			d := &detect.Detector{Policy: parsePolicy(t, c.policy)}
			if diff := cmp.Diff(c.want, summarize(detectAll(d, h.events))); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
		})
	}
}

// TestReasonOfABurst checks what the reason says about further sign-ins: how many
// there are, and why the severity rose.
func TestReasonOfABurst(t *testing.T) {
	h := newTrail()
	h.failAt("alice", 0, 0, 0, 0, 0, 0, 0, 0, 10*time.Minute)
	h.now = h.now.Add(10 * time.Minute)
	h.signIn("alice", "eu-west-1")
	found := detectAll(&detect.Detector{}, h.events)
	const want = "8 failures within 60 minutes; 3 sign-ins in this burst, the last at 2026-03-02T08:20:00Z; " +
		`high since the sign-in at 2026-03-02T08:20:00Z: a success after 9 failures within 60 minutes, from "192.0.2.1"`
	if len(found) != 1 || found[0].Reason != want || found[0].Observed != "8 failures" {
		t.Errorf("want %s", want)
		for _, f := range found {
			t.Errorf("found %s, observed %s", f.Reason, f.Observed)
		}
	}
}

// TestOngoing checks that open bursts are listed before and after the baseline is
// saved, and that a burst of an earlier run is reported only if it grows.
func TestOngoing(t *testing.T) {
	h := newTrail()
	asRoot(h.signIn("", analyzer.Global))
	h.signIn("alice", "eu-west-1").Host = "signin.example.com"
	first := &detect.Detector{}
	found := detectAll(first, h.events)
	if diff := cmp.Diff(found, first.Baseline.Ongoing()); diff != "" {
		t.Errorf("found -, ongoing +\n%s", diff)
	}
	saved, err := json.Marshal(first.Baseline)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := detect.ParseBaseline(saved)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(found, loaded.Ongoing()); diff != "" {
		t.Errorf("found -, ongoing after loading +\n%s", diff)
	}
	second := &detect.Detector{Baseline: loaded}
	if again := second.Findings(); len(again) != 0 {
		t.Errorf("a run without sign-ins found %v", summarize(again))
	}
	asRoot(h.signIn("", analyzer.Global))
	got := summarize(detectAll(second, h.events[2:]))
	if diff := cmp.Diff([]string{"root.signin medium 000000 x2"}, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}

// TestFindingsMayBeAskedForTwice checks that Findings changes nothing, and that
// later sign-ins are in a later answer.
func TestFindingsMayBeAskedForTwice(t *testing.T) {
	h := newTrail()
	asRoot(h.signIn("", analyzer.Global))
	d := &detect.Detector{}
	once := detectAll(d, h.events)
	if diff := cmp.Diff(once, d.Findings()); diff != "" {
		t.Errorf("first answer -, second +\n%s", diff)
	}
	asRoot(h.signIn("", analyzer.Global))
	d.Add(&h.events[1], analyzer.Classify(h.events[1]))
	if got := strings.Join(summarize(d.Findings()), ""); got != "root.signin medium 000000 x2" {
		t.Errorf("after another sign-in: %s", got)
	}
	if once[0].Count != 1 {
		t.Error("an answer given before has changed")
	}
}
