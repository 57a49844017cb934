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
func (h *signInStream) addFailures(n int, user string) {
	for range n {
		failSignIn(h.addSignIn(user, "eu-west-1"))
		h.advanceTime(-59 * time.Minute)
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
		t.Fatalf("%d findings of %s, want 1: %v", len(found), id, summarizeFindings(all))
	}
	return found[0]
}

// TestReasonOfEachRule checks what each rule says about one typical sign-in: the
// reason, what was observed and what was expected.
func TestReasonOfEachRule(t *testing.T) {
	for _, c := range []struct {
		rule     string
		policy   string
		make     func(h *signInStream)
		reason   string
		observed string
		expected []string
	}{
		{rule.EndpointPolicy, "rules: [{name: west, allow: [us-west-2, global]}]", func(h *signInStream) { h.addSignIn("alice", "eu-west-1") },
			`came through eu-west-1; policy rule "west" (line 2) allows us-west-2, global`, "eu-west-1", []string{"us-west-2", "global"}},
		{rule.EndpointForeignHost, "", func(h *signInStream) { h.addSignIn("alice", "eu-west-1").Host = "signin.example.com" },
			`the browser asked for the host "signin.example.com", which is not an AWS sign-in host`, "signin.example.com", nil},
		{rule.RootRegional, "", func(h *signInStream) { useRoot(h.addSignIn("", "eu-west-1")) },
			`the root user of account 111122223333 came through eu-west-1 from "192.0.2.1"; root is documented to use the global endpoint; together with root.signin`,
			"eu-west-1", []string{"global"}},
		{rule.RootSignin, "", func(h *signInStream) { failSignIn(useRoot(h.addSignIn("", analyzer.Global))) },
			`the root user of account 111122223333 failed to sign in from "192.0.2.1", second factor: no`, "global", nil},
		{rule.EndpointIDCHome, "", func(h *signInStream) { useCenterRole(h.addSignIn("", "us-west-2"), "eu-west-1", "carol") },
			"the home Region of Identity Center is eu-west-1, but this sign-in came through us-west-2; nobody used this endpoint before",
			"us-west-2", []string{"eu-west-1"}},
		{rule.EndpointFirstInAccount, "detections: {endpoint.new: {enabled: false}}", func(h *signInStream) {
			h.addSignIns(100, "alice", "eu-west-1")
			h.addSignIn("alice", "af-south-1")
		}, "first sign-in at af-south-1 in account 111122223333, after 100 at other endpoints", "af-south-1", []string{"eu-west-1"}},
		{rule.EndpointNew, "", func(h *signInStream) {
			h.addSignIns(50, "bob", "us-west-2")
			h.addSignIns(50, "alice", "eu-west-1")
			h.addSignIn("alice", "us-west-2")
		}, "first sign-in at us-west-2 in 51; 50 % of account 111122223333's; 9.7 bits of surprise (threshold 6)", "us-west-2", []string{"eu-west-1"}},
		{rule.EndpointHop, "detections: {endpoint.new: {enabled: false}}", func(h *signInStream) {
			h.addSignIns(20, "bob", "us-west-2")
			h.addSignIns(20, "alice", "eu-west-1")
			h.advanceTime(-50 * time.Minute)
			h.addSignIn("alice", "us-west-2").SourceIP = unknownIP
		}, `signed in at us-west-2 from "198.51.100.9" only 10 minutes after eu-west-1 from "192.0.2.1"; together with address "198.51.100.9" is new for this principal`,
			"us-west-2", []string{"eu-west-1"}},
		{rule.EndpointRegionMismatch, "", func(h *signInStream) { h.addSignIn("alice", "eu-west-1").Region = "eu-west-2" },
			`the host "eu-west-1.signin.aws.amazon.com" and the recorded Region "eu-west-2" disagree`, "eu-west-1", nil},
		{rule.MFAAbsent, "", func(h *signInStream) {
			h.addSignIn("alice", "eu-west-1")
			h.addSignIn("alice", "eu-west-1").MFA = signin.MFANo
		}, "an IAM user signed in without a second factor, having used one 60 minutes before", "no second factor", []string{"second factor"}},
		{rule.AuthBruteforce, "", func(h *signInStream) { h.addFailures(8, "alice") },
			"8 failures within 60 minutes", "8 failures", []string{"fewer than 8"}},
		{rule.AuthSpray, "detections: {auth.spray: {count: 2}}", func(h *signInStream) { h.addFailures(1, "alice"); h.addFailures(1, "bob") },
			`2 principals failed from "192.0.2.1" within 60 minutes; the baseline does not know any of them at this address`, "2 principals", []string{"fewer than 2"}},
		{rule.AuthUnknownUser, "", func(h *signInStream) { h.addFailures(5, signin.Hidden) },
			`5 failures with names that account 111122223333 does not have, from "192.0.2.1" within 60 minutes`, "5 hidden names", []string{"fewer than 5"}},
		{rule.AuthDeniedByPolicy, "", func(h *signInStream) { failSignIn(h.addSignIn("alice", "eu-west-1")).ErrorCode = "AccessDenied" },
			`AWS denied the sign-in by policy, from "192.0.2.1": "Failed authentication"`, "AccessDenied", nil},
	} {
		t.Run(c.rule, func(t *testing.T) {
			h := newStream()
			c.make(h)
			j := &detect.Detector{}
			if c.policy != "" {
				j.Policy = parsePolicy(t, c.policy)
			}
			f := ruleFinding(t, findingsOf(j, h.events), c.rule)
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
	h := newStream()
	h.addFailures(8, "alice")
	h.addSignIn("alice", "eu-west-1")
	j := &detect.Detector{LearnUntil: h.events[8].Time}
	f := ruleFinding(t, findingsOf(j, h.events), rule.AuthBruteforce)
	if f.Severity != rule.High || f.Reason != `a success after 8 failures within 60 minutes, from "192.0.2.1"` {
		t.Errorf("%s: %s", f.Severity, f.Reason)
	}

	h = newStream()
	for i := range 5 {
		failSignIn(h.addSignIn(fmt.Sprint("user-", i), analyzer.Global)).SourceIP = unknownIP
		h.advanceTime(-59 * time.Minute)
	}
	failSignIn(h.addSignIn(signin.Hidden, analyzer.Global)).SourceIP = unknownIP
	h.advanceTime(-59 * time.Minute)
	h.addSignIn("user-4", analyzer.Global).SourceIP = unknownIP
	j = &detect.Detector{LearnUntil: h.events[6].Time}
	f = ruleFinding(t, findingsOf(j, h.events), rule.AuthSpray)
	const want = `a success from "198.51.100.9", where 5 principals failed within 60 minutes; 1 attempt with names that do not exist`
	if f.Severity != rule.High || f.Reason != want {
		t.Errorf("%s: %s", f.Severity, f.Reason)
	}
}

// TestWindows checks that a failure on the border of the window counts and that an
// older one does not.
func TestWindows(t *testing.T) {
	for _, c := range []struct {
		gap  time.Duration
		want int
	}{{time.Hour, 1}, {time.Hour + time.Second, 0}} {
		h := newStream()
		h.addFailures(1, "alice")
		h.now = h.events[0].Time.Add(c.gap)
		h.addFailures(1, "alice")
		j := &detect.Detector{Policy: parsePolicy(t, "detections: {auth.bruteforce: {count: 2}}")}
		if found := findingsOf(j, h.events); len(found) != c.want {
			t.Errorf("after %v: %v, want %d findings", c.gap, summarizeFindings(found), c.want)
		}
	}
}

// TestHopWindow checks the border of the window of endpoint.hop.
func TestHopWindow(t *testing.T) {
	for _, c := range []struct {
		gap  time.Duration
		want int
	}{{time.Hour, 1}, {time.Hour + time.Second, 0}} {
		h := newStream()
		h.addSignIns(20, "bob", "us-west-2")
		h.addSignIns(20, "alice", "eu-west-1")
		h.now = h.events[39].Time.Add(c.gap)
		h.addSignIn("alice", "us-west-2").SourceIP = unknownIP
		j := &detect.Detector{Policy: parsePolicy(t, "detections: {endpoint.new: {enabled: false}}")}
		if found := findingsOf(j, h.events); len(found) != c.want {
			t.Errorf("after %v: %v, want %d findings", c.gap, summarizeFindings(found), c.want)
		}
	}
}

// TestBurstEnds checks that sign-ins of one kind make one finding while they are
// close in time, and a second finding after the burst has ended.
func TestBurstEnds(t *testing.T) {
	h := newStream()
	for _, hours := range []int{0, 23, 46, 71} {
		h.now = newStream().now.Add(time.Duration(hours) * time.Hour)
		useRoot(h.addSignIn("", analyzer.Global))
	}
	found := findingsOf(&detect.Detector{}, h.events)
	want := []string{"root.signin medium 000000 x3", "root.signin medium 000003 x1"}
	if diff := cmp.Diff(want, summarizeFindings(found)); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if want := "; 3 sign-ins in this burst, the last at 2026-03-04T06:00:00Z"; !strings.HasSuffix(found[0].Reason, want) {
		t.Errorf("reason %q lacks %q", found[0].Reason, want)
	}
	if found[0].ID == found[1].ID {
		t.Error("two bursts have the same id")
	}
}

// TestBurstsAreSeparate checks what keeps bursts apart: the address for root, and
// the principal for a missing second factor.
func TestBurstsAreSeparate(t *testing.T) {
	h := newStream()
	useRoot(h.addSignIn("", analyzer.Global))
	useRoot(h.addSignIn("", analyzer.Global)).SourceIP = unknownIP
	useRoot(h.addSignIn("", analyzer.Global))
	h.addSignIn("alice", "eu-west-1").MFA = signin.MFANo
	h.addSignIn("bob", "eu-west-1").MFA = signin.MFANo
	want := []string{"root.signin medium 000000 x2", "root.signin medium 000001 x1", "mfa.absent low 000003 x1", "mfa.absent low 000004 x1"}
	if diff := cmp.Diff(want, summarizeFindings(findingsOf(&detect.Detector{}, h.events))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestBurstGetsWorse checks that a later sign-in raises the severity of its burst,
// and that the reason says when and why.
func TestBurstGetsWorse(t *testing.T) {
	h := newStream()
	h.addSignIns(40, "bob", "us-west-2")
	h.addSignIns(40, "alice", "eu-west-1")
	failSignIn(h.addSignIn("alice", "us-west-2"))
	h.addSignIn("alice", "us-west-2")
	f := ruleFinding(t, findingsOf(&detect.Detector{}, h.events), rule.EndpointNew)
	if f.Severity != rule.Medium || f.Event.ID != "000080" || !strings.Contains(f.Reason, "; medium since the one at 2026-03-05T17:00:00Z: first sign-in at us-west-2 in 41") {
		t.Errorf("%s %s: %s", f.Severity, f.Event.ID, f.Reason)
	}
}

// TestOngoing checks that the baseline lists open bursts in their present state.
func TestOngoing(t *testing.T) {
	h := newStream()
	useRoot(h.addSignIn("", analyzer.Global))
	h.advanceTime(40 * 24 * time.Hour)
	h.addSignIn("alice", "eu-west-1").MFA = signin.MFANo
	h.addSignIn("alice", "eu-west-1").MFA = signin.MFANo
	j := &detect.Detector{}
	all := findingsOf(j, h.events)
	if diff := cmp.Diff(all[1:], j.Baseline.Ongoing()); diff != "" || len(all) != 2 {
		t.Errorf("%d findings, open bursts (-want +got):\n%s", len(all), diff)
	}
	if got := j.Baseline.LearnedUntil(); !got.Equal(h.events[2].Time) {
		t.Errorf("learned until %v", got)
	}
}

// TestExplain checks what Explain says of a policy, of the baseline and of the rules.
func TestExplain(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy string
		change func(e *signin.Event)
		want   []string
	}{
		{"no policy, nothing learned", "", func(*signin.Event) {}, []string{"No rule is broken."}},
		{"allowed", "rules: [{name: eu, allow: [eu-west-1]}]", func(*signin.Event) {},
			[]string{`The policy allows it: rule "eu" (line 2) allows eu-west-1.`, "No rule is broken."}},
		{"allowed by an exception", "rules: [{name: west, allow: [us-west-2]}]\nexceptions: [{match: {user: alice}, allow: [eu-west-1], until: 2026-12-31, reason: travelling}]", func(*signin.Event) {},
			[]string{`The policy allows it by exception "travelling (line 3)"; rule "west" (line 2) does not.`, "No rule is broken."}},
		{"not decided", "rules: [{name: bob, match: {user: bob}, allow: [us-west-2]}]", func(*signin.Event) {},
			[]string{"The policy does not decide: no rule of the policy matches this person.", "No rule is broken."}},
		{"not allowed", "rules: [{name: closed, allow: []}]", func(*signin.Event) {},
			[]string{`The policy does not allow it: rule "closed" (line 2) allows nothing.`,
				`Rule endpoint.policy (medium): came through eu-west-1; policy rule "closed" (line 2) allows nothing.`}},
		{"two rules of one family", "", func(e *signin.Event) { useRoot(e) },
			[]string{`Rule root.regional (high): the root user of account 111122223333 came through eu-west-1 from "192.0.2.1"; root is documented to use the global endpoint; together with root.signin.`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newStream().addSignIn("alice", "eu-west-1")
			c.change(e)
			j := &detect.Detector{}
			if c.policy != "" {
				j.Policy = parsePolicy(t, c.policy)
			}
			for range 2 { // Explain must not learn
				if diff := cmp.Diff(c.want, j.Explain(e, analyzer.Classify(*e))); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestExplainKnownSignIn explains a sign-in that the baseline has learned already.
func TestExplainKnownSignIn(t *testing.T) {
	h := newStream()
	h.addSignIns(3, "alice", "eu-west-1")
	j := &detect.Detector{}
	findingsOf(j, h.events)
	want := []string{
		"The baseline knows 3 sign-ins of this principal, 3 of them at this endpoint. It knows 3 of the account, 100 % of them at this endpoint: 0.0 bits of surprise.",
		"The baseline already knows this sign-in or later ones, so the rules that compare with earlier sign-ins do not apply.",
		"No rule is broken.",
	}
	if diff := cmp.Diff(want, j.Explain(&h.events[0], analyzer.Classify(h.events[0]))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
