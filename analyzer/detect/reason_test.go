package detect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/analyzer"
	"trailgate/analyzer/detect"
	"trailgate/analyzer/rule"
	"trailgate/ingest/signin"
)

// addFailures adds failures of one user, one minute apart.
func (h *trailBuilder) addFailures(n int, user string) {
	for range n {
		failed(h.signIn(user, "eu-west-1"))
		h.advance(-59 * time.Minute)
	}
}

// ruleFinding returns the only finding of a rule.
func ruleFinding(t *testing.T, all []detect.Finding, id string) detect.Finding {
	t.Helper()
	var found []detect.Finding
	for _, f := range all {
		if f.Rule == id {
			found = append(found, f)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d findings of %s, want 1: %v", len(found), id, summarize(all))
	}
	return found[0]
}

// TestReasonOfEachRule checks what each rule says about one typical sign-in: the
// reason, what was observed and what was expected.
func TestReasonOfEachRule(t *testing.T) {
	for _, c := range []struct {
		rule     string
		policy   string
		make     func(h *trailBuilder)
		reason   string
		observed string
		expected []string
	}{
		{rule.EndpointPolicy, "rules: [{name: west, allow: [us-west-2, global]}]", func(h *trailBuilder) { h.signIn("alice", "eu-west-1") },
			`came through eu-west-1; policy rule "west" (line 2) allows us-west-2, global`, "eu-west-1", []string{"us-west-2", "global"}},
		{rule.EndpointForeignHost, "", func(h *trailBuilder) { h.signIn("alice", "eu-west-1").Host = "signin.example.com" },
			`the browser asked for the host "signin.example.com", which is not an AWS sign-in host`, "signin.example.com", nil},
		{rule.RootRegional, "", func(h *trailBuilder) { asRoot(h.signIn("", "eu-west-1")) },
			`the root user of account 111122223333 came through eu-west-1 from "192.0.2.1"; root is documented to use the global endpoint; together with root.signin`,
			"eu-west-1", []string{"global"}},
		{rule.RootSignin, "", func(h *trailBuilder) { failed(asRoot(h.signIn("", analyzer.Global))) },
			`the root user of account 111122223333 failed to sign in from "192.0.2.1", second factor: no`, "global", nil},
		{rule.EndpointIDCHome, "", func(h *trailBuilder) { asIdentityCenter(h.signIn("", "us-west-2"), "eu-west-1", "carol") },
			"the home Region of Identity Center is eu-west-1, but this sign-in came through us-west-2; nobody used this endpoint before",
			"us-west-2", []string{"eu-west-1"}},
		{rule.EndpointFirstInAccount, "detections: {endpoint.new: {enabled: false}}", func(h *trailBuilder) {
			h.signIns(100, "alice", "eu-west-1")
			h.signIn("alice", "af-south-1")
		}, "first sign-in at af-south-1 in account 111122223333, after 100 at other endpoints", "af-south-1", []string{"eu-west-1"}},
		{rule.EndpointNew, "", func(h *trailBuilder) {
			h.signIns(50, "bob", "us-west-2")
			h.signIns(50, "alice", "eu-west-1")
			h.signIn("alice", "us-west-2")
		}, "first sign-in at us-west-2 in 51; 50 % of account 111122223333's sign-ins used it; 9.7 bits of surprise (threshold 6)", "us-west-2", []string{"eu-west-1"}},
		{rule.EndpointHop, "detections: {endpoint.new: {enabled: false}}", func(h *trailBuilder) {
			h.signIns(20, "bob", "us-west-2")
			h.signIns(20, "alice", "eu-west-1")
			h.advance(-50 * time.Minute)
			h.signIn("alice", "us-west-2").SourceIP = unknownIP
		}, `signed in at us-west-2 from "198.51.100.9" only 10 minutes after eu-west-1 from "192.0.2.1"; together with address "198.51.100.9" is new for this principal`,
			"us-west-2", []string{"eu-west-1"}},
		{rule.EndpointRegionMismatch, "", func(h *trailBuilder) { h.signIn("alice", "eu-west-1").Region = "eu-west-2" },
			`the host "eu-west-1.signin.aws.amazon.com" and the recorded Region "eu-west-2" disagree`, "eu-west-1", nil},
		{rule.MFAAbsent, "", func(h *trailBuilder) {
			h.signIn("alice", "eu-west-1")
			h.signIn("alice", "eu-west-1").MFA = signin.MFANo
		}, "an IAM user signed in without a second factor, having used one 60 minutes before", "no second factor", []string{"second factor"}},
		{rule.AuthBruteforce, "", func(h *trailBuilder) { h.addFailures(8, "alice") },
			"8 failures within 60 minutes", "8 failures", []string{"fewer than 8"}},
		{rule.AuthSpray, "detections: {auth.spray: {count: 2}}", func(h *trailBuilder) { h.addFailures(1, "alice"); h.addFailures(1, "bob") },
			`2 principals failed from "192.0.2.1" within 60 minutes; the baseline does not know any of them at this address`, "2 principals", []string{"fewer than 2"}},
		{rule.AuthUnknownUser, "", func(h *trailBuilder) { h.addFailures(5, signin.Hidden) },
			`5 failures with names that account 111122223333 does not have, from "192.0.2.1" within 60 minutes`, "5 hidden names", []string{"fewer than 5"}},
		{rule.AuthDeniedByPolicy, "", func(h *trailBuilder) { failed(h.signIn("alice", "eu-west-1")).ErrorCode = "AccessDenied" },
			`AWS denied the sign-in by policy, from "192.0.2.1": "Failed authentication"`, "AccessDenied", nil},
	} {
		t.Run(c.rule, func(t *testing.T) {
			h := newTrail()
			c.make(h)
			f := ruleFinding(t, detectAll(&detect.Detector{Policy: parsePolicy(t, c.policy)}, h.events), c.rule)
			if f.Reason != c.reason {
				t.Errorf("reason\n%s, want\n%s", f.Reason, c.reason)
			}
			if f.Observed != c.observed {
				t.Errorf("observed %q, want %q", f.Observed, c.observed)
			}
			if diff := cmp.Diff(c.expected, f.Expected); diff != "" {
				t.Errorf("expected (-want +got):\n%s", diff)
			}
			if !strings.HasPrefix(f.ID, "f-") || len(f.ID) != 22 {
				t.Errorf("id %q", f.ID)
			}
		})
	}
}

// TestReasonsOfSuccesses checks that a success after failures says so and is more
// severe than the failures.
func TestReasonsOfSuccesses(t *testing.T) {
	h := newTrail()
	h.addFailures(8, "alice")
	h.signIn("alice", "eu-west-1")
	d := &detect.Detector{LearnUntil: h.events[8].Time}
	f := ruleFinding(t, detectAll(d, h.events), rule.AuthBruteforce)
	if f.Severity != rule.High || f.Reason != `a success after 8 failures within 60 minutes, from "192.0.2.1"` {
		t.Errorf("%s: %s", f.Severity, f.Reason)
	}

	h = newTrail()
	for i := range 5 {
		failed(h.signIn(fmt.Sprint("user-", i), analyzer.Global)).SourceIP = unknownIP
		h.advance(-59 * time.Minute)
	}
	failed(h.signIn(signin.Hidden, analyzer.Global)).SourceIP = unknownIP
	h.advance(-59 * time.Minute)
	h.signIn("user-4", analyzer.Global).SourceIP = unknownIP
	d = &detect.Detector{LearnUntil: h.events[6].Time}
	f = ruleFinding(t, detectAll(d, h.events), rule.AuthSpray)
	const want = `a success from "198.51.100.9", where 5 principals failed within 60 minutes; 1 attempt with names that do not exist`
	if f.Severity != rule.High || f.Reason != want {
		t.Errorf("%s: %s", f.Severity, f.Reason)
	}
}

// TestBurstGetsWorse checks that a later sign-in raises the severity of its burst,
// and that the reason says when and why.
func TestBurstGetsWorse(t *testing.T) {
	h := newTrail()
	h.signIns(40, "bob", "us-west-2")
	h.signIns(40, "alice", "eu-west-1")
	failed(h.signIn("alice", "us-west-2"))
	h.signIn("alice", "us-west-2")
	f := ruleFinding(t, detectAll(&detect.Detector{}, h.events), rule.EndpointNew)
	if f.Severity != rule.Medium || f.Event.ID != "000080" || !strings.Contains(f.Reason, "; medium since the sign-in at 2026-03-05T17:00:00Z: first sign-in at us-west-2 in 41") {
		t.Errorf("%s %s: %s", f.Severity, f.Event.ID, f.Reason)
	}
}
