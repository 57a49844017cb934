package detect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/analyzer"
	"trailgate/analyzer/detect"
	"trailgate/ingest/signin"
)

func TestRules(t *testing.T) {
	for _, c := range []ruleCase{
		{"a user at the usual endpoint", "", func(h *trailBuilder) { h.signIns(30, "alice", "eu-west-1") }, nil},
		{"new endpoint", "", func(h *trailBuilder) {
			h.signIns(40, "bob", "us-west-2")
			h.signIns(40, "alice", "eu-west-1")
			h.signIn("alice", "us-west-2")
		}, []string{"endpoint.new medium 000080 x1"}},
		{"new endpoint, new address, no second factor", "", func(h *trailBuilder) {
			h.signIns(40, "bob", "us-west-2")
			h.signIns(40, "alice", "eu-west-1")
			h.advance(time.Hour)
			h.signIn("alice", "us-west-2").SourceIP = unknownIP
			h.events[80].MFA = signin.MFANo
		}, []string{"endpoint.new high 000080 x1", "mfa.absent medium 000080 x1"}},
		{"a failure there weighs less, and a success soon after more", "", func(h *trailBuilder) {
			h.signIns(40, "bob", "us-west-2")
			h.signIns(40, "alice", "eu-west-1")
			failed(h.signIn("alice", "us-west-2"))
			h.signIn("alice", "us-west-2")
		}, []string{"endpoint.new medium 000080 x2"}},
		{"somebody who moved is flagged once", "", func(h *trailBuilder) {
			h.signIns(60, "bob", "us-west-2")
			h.signIns(60, "alice", "eu-west-1")
			for range 60 {
				h.signIn("alice", "us-west-2")
				h.advance(23 * time.Hour)
			}
		}, []string{"endpoint.new medium 000120 x1"}},
		{"first in account", "", func(h *trailBuilder) {
			h.signIns(40, "alice", "eu-west-1")
			h.signIns(100, "bob", "us-west-2")
			h.signIn("alice", "af-south-1")
		}, []string{"endpoint.first-in-account medium 000140 x1"}},
		{"the three proxied Regions are the global endpoint to IAM users", "", func(h *trailBuilder) {
			h.signIns(40, "alice", analyzer.Global)
			h.signIns(120, "bob", "us-west-2")
			h.signIn("alice", "us-east-2")
			h.signIn("alice", "eu-north-1")
			h.signIn("alice", "ap-southeast-2")
		}, nil},
		{"the proxied Regions are not the global endpoint to a role session", "", func(h *trailBuilder) {
			for range 40 {
				asIdentityCenter(h.signIn("", "eu-north-1"), "eu-north-1", "carol")
			}
			h.signIns(120, "bob", "us-west-2")
			asIdentityCenter(h.signIn("", "us-east-2"), "eu-north-1", "carol")
		}, []string{"endpoint.idc-home medium 000160 x1"}},
		{"an additional Region of Identity Center becomes ordinary", "detections: {endpoint.new: {enabled: false}, endpoint.first-in-account: {enabled: false}}", func(h *trailBuilder) {
			for i := range 9 {
				asIdentityCenter(h.signIn("", "us-west-2"), "eu-west-1", fmt.Sprint("person-", i))
			}
		}, []string{"endpoint.idc-home medium 000000 x1", "endpoint.idc-home medium 000001 x1", "endpoint.idc-home medium 000002 x1",
			"endpoint.idc-home medium 000003 x1", "endpoint.idc-home medium 000004 x1"}},
		{"an additional Region that the policy names", `rules: [{allow: ["idc-home+[us-west-2]"]}]`, func(h *trailBuilder) {
			asIdentityCenter(h.signIn("", "us-west-2"), "eu-west-1", "carol")
		}, nil},
		{"a Region that the policy names beside the home", `rules: [{allow: [idc-home, us-west-2]}]`, func(h *trailBuilder) { asIdentityCenter(h.signIn("", "us-west-2"), "eu-west-1", "carol") }, nil},
		{"a Region that the policy allows by an exception", "rules: [{allow: [idc-home]}]\nexceptions: [{match: {session: carol}, allow: [us-west-2], until: 2026-12-31, reason: r}]", func(h *trailBuilder) {
			asIdentityCenter(h.signIn("", "us-west-2"), "eu-west-1", "carol")
		}, nil},
		{"a glob does not name a Region", `rules: [{allow: ["*"]}]`, func(h *trailBuilder) { asIdentityCenter(h.signIn("", "us-west-2"), "eu-west-1", "carol") },
			[]string{"endpoint.idc-home medium 000000 x1"}},
		{"a policy that names another Region", `rules: [{allow: ["idc-home+[us-east-2]"]}]`, func(h *trailBuilder) { asIdentityCenter(h.signIn("", "us-west-2"), "eu-west-1", "carol") },
			[]string{"endpoint.policy high 000000 x1"}},
		{"a user whose name is unknown", "", func(h *trailBuilder) {
			h.signIns(40, "bob", "us-west-2")
			h.signIns(40, "unknown", "eu-west-1")
			h.signIn("unknown", "us-west-2")
		}, []string{"endpoint.new medium 000080 x1"}},
		{"a session whose name is unknown", `rules: [{match: {session: unknown}, allow: [us-east-2]}]`, func(h *trailBuilder) {
			asIdentityCenter(h.signIn("", "eu-west-1"), "eu-west-1", "unknown")
			e := h.signIn("", "eu-west-1")
			e.MFA = signin.MFAUnknown
			e.Identity = signin.Identity{Type: signin.TypeAssumedRole, Account: testAccount, ARN: "arn:aws:sts::" + testAccount + ":assumed-role/Dev/unknown"}
		}, []string{"endpoint.policy medium 000000 x1", "endpoint.policy medium 000001 x1"}},
		{"a high count is kept", "detections: {endpoint.first-in-account: {count: 1200}, endpoint.new: {enabled: false}}", func(h *trailBuilder) {
			h.signIns(1100, "bob", "us-west-2")
			h.signIn("alice", "eu-west-1")
		}, nil},
		{"a failure does not teach", "", func(h *trailBuilder) {
			h.signIns(40, "bob", "us-west-2")
			h.signIns(40, "alice", "eu-west-1")
			for range 3 {
				failed(h.signIn("alice", "us-west-2"))
			}
			h.advance(48 * time.Hour)
			h.signIn("alice", "us-west-2")
		}, []string{"endpoint.new low 000080 x3", "endpoint.new medium 000083 x1"}},
		{"the account decides for somebody new", "", func(h *trailBuilder) {
			h.signIns(90, "bob", "us-west-2")
			h.signIns(30, "alice", "eu-west-1")
			h.signIn("dora", "eu-west-1")
			h.signIn("emil", "us-west-2")
		}, nil},
		{"hop", "detections: {endpoint.new: {enabled: false}}", func(h *trailBuilder) {
			h.signIns(20, "bob", "us-west-2")
			h.signIns(20, "alice", "eu-west-1")
			h.advance(-55 * time.Minute)
			h.signIn("alice", "us-west-2").SourceIP = unknownIP
		}, []string{"endpoint.hop medium 000040 x1"}},
		{"no hop from one address, nor after hours", "detections: {endpoint.new: {enabled: false}}", func(h *trailBuilder) {
			h.signIns(20, "bob", "us-west-2")
			h.signIns(20, "alice", "eu-west-1")
			h.advance(-55 * time.Minute)
			h.signIn("alice", "us-west-2")
			h.advance(5 * time.Hour)
			h.signIn("alice", "eu-west-1").SourceIP = homeIP
		}, nil},
		{"foreign host", "", func(h *trailBuilder) { h.signIn("alice", "eu-west-1").Host = "signin.example.com" }, []string{"endpoint.foreign-host high 000000 x1"}},
		{"host and Region disagree", "", func(h *trailBuilder) { h.signIn("alice", "eu-west-1").Region = "eu-west-2" }, []string{"endpoint.region-mismatch low 000000 x1"}},
		{"root", "", func(h *trailBuilder) { asRoot(h.signIn("", analyzer.Global)) }, []string{"root.signin medium 000000 x1"}},
		{"root through a Region", "", func(h *trailBuilder) { asRoot(h.signIn("", "eu-west-1")) }, []string{"root.regional high 000000 x1"}},
		{"no second factor", "", func(h *trailBuilder) { h.signIn("alice", "eu-west-1").MFA = signin.MFANo }, []string{"mfa.absent low 000000 x1"}},
		{"federated principals and failures need no second factor", "", func(h *trailBuilder) {
			asIdentityCenter(h.signIn("", "eu-west-1"), "eu-west-1", "carol")
			h.events[0].MFA = signin.MFANo
			failed(h.signIn("alice", "eu-west-1"))
		}, nil},
		{"brute force", "", func(h *trailBuilder) {
			for range 12 {
				failed(h.signIn("alice", "eu-west-1"))
				h.advance(-59 * time.Minute)
			}
		}, []string{"auth.bruteforce medium 000007 x5"}},
		{"brute force that got in", "", func(h *trailBuilder) {
			for range 8 {
				failed(h.signIn("alice", "eu-west-1"))
				h.advance(-59 * time.Minute)
			}
			h.signIn("alice", "eu-west-1")
		}, []string{"auth.bruteforce high 000007 x2"}},
		{"seven failures are too few", "", func(h *trailBuilder) {
			for range 7 {
				failed(h.signIn("alice", "eu-west-1"))
				h.advance(-59 * time.Minute)
			}
			h.signIn("alice", "eu-west-1")
		}, nil},
		{"spray", "", func(h *trailBuilder) {
			for i := range 6 {
				failed(h.signIn(fmt.Sprint("user-", i), analyzer.Global)).SourceIP = unknownIP
				h.advance(-59 * time.Minute)
			}
		}, []string{"auth.spray medium 000004 x2"}},
		{"a spray that got in with the last of them", "", func(h *trailBuilder) {
			for i := range 5 {
				failed(h.signIn(fmt.Sprint("user-", i), analyzer.Global)).SourceIP = unknownIP
				h.advance(-59 * time.Minute)
			}
			h.signIn("user-4", analyzer.Global).SourceIP = unknownIP
		}, []string{"auth.spray high 000004 x2"}},
		{"a spray of one", "detections: {auth.spray: {count: 1}}", func(h *trailBuilder) {
			failed(h.signIn("alice", analyzer.Global)).SourceIP = unknownIP
		}, []string{"auth.spray medium 000000 x1"}},
		{"people who mistype in their own office", "", func(h *trailBuilder) {
			for i := range 9 {
				h.signIn(fmt.Sprint("user-", i), analyzer.Global)
			}
			for i := range 9 {
				failed(h.signIn(fmt.Sprint("user-", i), analyzer.Global))
				h.advance(-59 * time.Minute)
			}
		}, nil},
		{"names that do not exist", "", func(h *trailBuilder) {
			for range 7 {
				failed(h.signIn(signin.Hidden, analyzer.Global))
				h.advance(-59 * time.Minute)
			}
		}, []string{"auth.unknown-user low 000004 x3"}},
		{"denied by policy", "", func(h *trailBuilder) { failed(h.signIn("alice", "eu-west-1")).ErrorCode = "AccessDenied" }, []string{"auth.denied-by-policy medium 000000 x1"}},
		{"policy", "rules: [{name: west, match: {user: alice}, allow: [us-west-2], severity: critical}]", func(h *trailBuilder) { h.signIn("alice", "eu-west-1"); h.signIn("bob", "eu-west-1") },
			[]string{"endpoint.policy critical 000000 x1"}},
		{"an exception stops the rules of history too", "rules: [{name: all, allow: [eu-west-1, us-west-2]}]\nexceptions: [{match: {user: alice}, allow: [af-south-1], until: 2027-01-01, reason: travelling}]",
			func(h *trailBuilder) {
				h.signIns(40, "alice", "eu-west-1")
				h.signIns(100, "bob", "us-west-2")
				h.signIn("alice", "af-south-1")
			}, nil},
		{"a detection regraded, retuned and switched off", "detections: {mfa.absent: {severity: critical}, auth.bruteforce: {count: 3}, endpoint.region-mismatch: {enabled: false}}", func(h *trailBuilder) {
			h.signIn("alice", "eu-west-1").MFA = signin.MFANo
			h.signIn("bob", "eu-west-1").Region = "eu-west-2"
			for range 3 {
				failed(h.signIn("bob", "eu-west-1"))
				h.advance(-59 * time.Minute)
			}
		}, []string{"mfa.absent critical 000000 x1", "auth.bruteforce medium 000004 x1"}},
		{"an endpoint that is not known", "rules: [{name: west, allow: [us-west-2]}]", func(h *trailBuilder) { h.signIn("alice", "us-east-1").Host = "" }, nil},
	} {
		t.Run(c.name, c.check)
	}
}

func TestReasons(t *testing.T) {
	h := newTrail()
	h.signIn("bob", "us-west-2")
	h.signIns(142, "alice", "eu-west-1")
	h.signIns(99, "bob", "us-west-2")
	h.signIn("alice", "us-west-2").SourceIP = unknownIP
	h.events[242].MFA = signin.MFANo
	found := detectAll(&detect.Detector{}, h.events)
	if len(found) == 0 {
		t.Fatal("nothing found")
	}
	f := found[0]
	for _, want := range []string{"first sign-in at us-west-2 in 143", " % of account 111122223333's", "bits of surprise (threshold 6)",
		`address "198.51.100.9" is new`, "no second factor", "hence high instead of medium"} {
		if !strings.Contains(f.Reason, want) {
			t.Errorf("%q lacks %q", f.Reason, want)
		}
	}
	if diff := cmp.Diff([]string{"eu-west-1"}, f.Expected); diff != "" || f.Observed != "us-west-2" || f.Surprise == nil {
		t.Errorf("expected %v, observed %q, surprise %v", f.Expected, f.Observed, f.Surprise)
	}
}

// TestNumbersInReasons checks that all columns of a finding have the same numbers,
// and that the reason says no more than the baseline knows.
func TestNumbersInReasons(t *testing.T) {
	failuresOf := func(h *trailBuilder, n int) time.Time {
		for range n {
			failed(h.signIn("alice", "eu-west-1"))
			h.advance(-59 * time.Minute)
		}
		return h.events[n-1].Time
	}
	for _, c := range []struct {
		name, policy  string
		make          func(h *trailBuilder) (learnUntil time.Time)
		observed      string
		reason, lacks string
	}{
		{"the first that is flagged is the eleventh", "", func(h *trailBuilder) time.Time { return failuresOf(h, 11) }, "11 failures", "11 failures within 60 minutes", "10"},
		{"one failure", "detections: {auth.bruteforce: {count: 1}}", func(h *trailBuilder) time.Time { failuresOf(h, 1); return time.Time{} }, "1 failure", "1 failure within 60 minutes", "failures"},
		{"a spray that got in", "detections: {auth.spray: {count: 2}}", func(h *trailBuilder) time.Time {
			for _, who := range []string{"alice", "bob"} {
				failed(h.signIn(who, analyzer.Global)).SourceIP = unknownIP
				h.advance(-59 * time.Minute)
			}
			h.signIn("bob", analyzer.Global).SourceIP = unknownIP
			return h.events[2].Time
		}, "2 principals", `a success from "198.51.100.9", where 2 principals failed within 60 minutes`, "others"},
		{"a window of 150 minutes", "detections: {auth.bruteforce: {window: 150m}}", func(h *trailBuilder) time.Time { failuresOf(h, 8); return time.Time{} }, "8 failures", "8 failures within 2 h 30 min", "hours"},
		{"a window that is not in whole minutes", "detections: {auth.bruteforce: {window: 2h59m59s}}", func(h *trailBuilder) time.Time { failuresOf(h, 8); return time.Time{} }, "8 failures", "8 failures within 3 hours", ""},
		{"a window of seconds", "detections: {auth.bruteforce: {window: 90s, count: 1}}", func(h *trailBuilder) time.Time { failuresOf(h, 1); return time.Time{} }, "1 failure", "1 failure within 90 seconds", ""},
		{"root, nobody knows how", "", func(h *trailBuilder) time.Time {
			asRoot(h.signIn("", analyzer.Global)).Outcome = signin.OutcomeUnknown
			return time.Time{}
		},
			"global", "tried to sign in with an unknown outcome from", "failed"},
		{"sign-ins at an endpoint that is not known, then one that is", "", func(h *trailBuilder) time.Time {
			h.signIn("bob", "eu-west-1")
			h.signIns(180, "bob", "us-west-2")
			for range 30 {
				h.signIn("alice", "us-east-1").Host = ""
			}
			h.signIn("alice", "eu-west-1")
			return h.events[211].Time
		}, "eu-west-1", "first sign-in of this principal whose endpoint is known came through eu-west-1", "this principal came"},
		{"the same among others", "detections: {endpoint.new: {threshold: 3}}", func(h *trailBuilder) time.Time {
			h.signIns(20, "bob", "us-west-2")
			for range 30 {
				h.signIn("alice", "us-east-1").Host = ""
			}
			h.signIns(4, "alice", "eu-west-1")
			h.advance(3 * time.Hour)
			h.signIn("alice", "us-west-2")
			return h.events[54].Time
		}, "us-west-2", "first sign-in at us-west-2 in 5 whose endpoint is known", ""},
		{"the account's share counts what the counts count", "", func(h *trailBuilder) time.Time {
			h.signIns(60, "bob", "us-west-2")
			h.advance(540 * 24 * time.Hour)
			h.signIns(60, "alice", "eu-west-1")
			h.signIn("alice", "us-west-2")
			return h.events[120].Time
		}, "us-west-2", "50 % of account", ""},
		{"more addresses than are remembered", "", func(h *trailBuilder) time.Time {
			h.signIns(20, "bob", "us-west-2")
			for i := range 40 {
				h.signIn("alice", "eu-west-1").SourceIP = fmt.Sprint("192.0.2.", 100+i%20)
			}
			h.signIn("alice", "us-west-2").SourceIP = "192.0.2.100"
			return time.Time{}
		}, "us-west-2", "first sign-in at us-west-2 in 41", "is new for"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newTrail()
			found := detectAll(&detect.Detector{LearnUntil: c.make(h), Policy: parsePolicy(t, c.policy)}, h.events)
			if len(found) != 1 {
				t.Fatalf("found %v", summarize(found))
			}
			f := found[0]
			if f.Observed != c.observed || !strings.Contains(f.Reason, c.reason) || c.lacks != "" && strings.Contains(f.Reason, c.lacks) {
				t.Errorf("observed %q, reason %q", f.Observed, f.Reason)
			}
		})
	}
}
