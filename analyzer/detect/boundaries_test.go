package detect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"trailgate/analyzer"
	"trailgate/analyzer/detect"
	"trailgate/ingest/signin"
)

// failAt adds failed sign-ins of one user, each so long after the present time of
// the trail. The present time moves to the last of them.
func (h *trailBuilder) failAt(user string, offsets ...time.Duration) {
	begin := h.now
	for _, offset := range offsets {
		h.now = begin.Add(offset)
		failed(h.signIn(user, "eu-west-1"))
	}
	h.now = begin.Add(offsets[len(offsets)-1])
}

// spray adds one failed sign-in of each user from an address that is not the
// office, a minute apart.
func (h *trailBuilder) spray(users ...string) {
	for _, user := range users {
		failed(h.signIn(user, analyzer.Global)).SourceIP = unknownIP
		h.advance(-59 * time.Minute)
	}
}

// withoutHabits is a policy that leaves the rules about places out, so that a test
// of another rule needs no history.
const withoutHabits = "detections: {endpoint.new: {enabled: false}, endpoint.first-in-account: {enabled: false}}"

// TestRuleBoundaries has the nearest case on both sides of each condition of a
// rule.
func TestRuleBoundaries(t *testing.T) {
	const minute = time.Minute
	for _, c := range []ruleCase{
		{"auth.bruteforce: eight failures in exactly an hour", "", func(h *trailBuilder) {
			h.failAt("alice", 0, 30*minute, 30*minute, 30*minute, 30*minute, 30*minute, 30*minute, 60*minute)
		}, []string{"auth.bruteforce medium 000007 x1"}},
		{"auth.bruteforce: eight failures in an hour and a second", "", func(h *trailBuilder) {
			h.failAt("alice", 0, 30*minute, 30*minute, 30*minute, 30*minute, 30*minute, 30*minute, 60*minute+time.Second)
		}, nil},
		{"auth.bruteforce: a success starts the count again", "", func(h *trailBuilder) {
			h.failAt("alice", 0, 0, 0, 0, 0, 0, 0)
			h.signIn("alice", "eu-west-1")
			h.advance(-59 * minute)
			h.failAt("alice", 0)
		}, nil},
		{"auth.bruteforce: failures of two users do not add up", "", func(h *trailBuilder) {
			h.failAt("alice", 0, 0, 0, 0)
			h.failAt("bob", 0, 0, 0, 0)
		}, nil},
		{"auth.bruteforce: a sign-in that a policy denies is not a guess", "", func(h *trailBuilder) {
			h.failAt("alice", 0, 0, 0, 0, 0, 0, 0)
			failed(h.signIn("alice", "eu-west-1")).ErrorCode = "AccessDenied"
		}, []string{"auth.denied-by-policy medium 000007 x1"}},
		{"auth.bruteforce: an outcome that is not known is neither", "detections: {auth.bruteforce: {count: 1}}", func(h *trailBuilder) {
			h.signIn("alice", "eu-west-1").Outcome = signin.OutcomeUnknown
		}, nil},
		{"auth.spray: four principals are too few", "", func(h *trailBuilder) { h.spray("a", "b", "c", "d") }, nil},
		{"auth.spray: five principals", "", func(h *trailBuilder) { h.spray("a", "b", "c", "d", "e") }, []string{"auth.spray medium 000004 x1"}},
		{"auth.spray: one principal who fails five times is one", "", func(h *trailBuilder) { h.spray("a", "a", "a", "a", "a") }, nil},
		{"auth.spray: somebody who has signed in from there does not count", withoutHabits, func(h *trailBuilder) {
			h.signIn("e", analyzer.Global).SourceIP = unknownIP
			h.spray("a", "b", "c", "d", "e")
		}, nil},
		{"auth.spray: five principals in exactly an hour", "", func(h *trailBuilder) {
			h.spray("a", "b", "c", "d")
			h.advance(56 * minute)
			h.spray("e")
		}, []string{"auth.spray medium 000004 x1"}},
		{"auth.spray: five principals in an hour and a second", "", func(h *trailBuilder) {
			h.spray("a", "b", "c", "d")
			h.advance(56*minute + time.Second)
			h.spray("e")
		}, nil},
		{"auth.unknown-user: four hidden names are too few", "", func(h *trailBuilder) { h.spray(signin.Hidden, signin.Hidden, signin.Hidden, signin.Hidden) }, nil},
		{"auth.unknown-user: those of two accounts do not add up", "", func(h *trailBuilder) {
			h.spray(signin.Hidden, signin.Hidden, signin.Hidden, signin.Hidden, signin.Hidden)
			h.events[0].Account = "444455556666"
		}, nil},
		{"auth.unknown-user: those of two addresses do not add up", "", func(h *trailBuilder) {
			h.spray(signin.Hidden, signin.Hidden, signin.Hidden, signin.Hidden, signin.Hidden)
			h.events[0].SourceIP = homeIP
		}, nil},
		{"auth.denied-by-policy: another error is not a denial", "", func(h *trailBuilder) { failed(h.signIn("alice", "eu-west-1")).ErrorCode = "Unavailable" }, nil},
		{"auth.denied-by-policy: hidden names from two addresses are two bursts", "", func(h *trailBuilder) {
			for _, address := range []string{officeIP, homeIP} {
				e := failed(h.signIn(signin.Hidden, "eu-west-1"))
				e.ErrorCode, e.SourceIP = "AccessDenied", address
			}
		}, []string{"auth.denied-by-policy medium 000000 x1", "auth.denied-by-policy medium 000001 x1"}},
		{"endpoint.hop: exactly an hour", withoutHabits, func(h *trailBuilder) {
			h.signIn("alice", "eu-west-1")
			h.signIn("alice", "us-west-2").SourceIP = homeIP
		}, []string{"endpoint.hop medium 000001 x1"}},
		{"endpoint.hop: an hour and a second", withoutHabits, func(h *trailBuilder) {
			h.signIn("alice", "eu-west-1")
			h.advance(time.Second)
			h.signIn("alice", "us-west-2").SourceIP = homeIP
		}, nil},
		{"endpoint.hop: the same endpoint", withoutHabits, func(h *trailBuilder) {
			h.signIn("alice", "eu-west-1")
			h.signIn("alice", "eu-west-1").SourceIP = homeIP
		}, nil},
		{"endpoint.hop: the second one failed", withoutHabits, func(h *trailBuilder) {
			h.signIn("alice", "eu-west-1")
			failed(h.signIn("alice", "us-west-2")).SourceIP = homeIP
		}, nil},
		{"endpoint.hop: an address is missing", withoutHabits, func(h *trailBuilder) {
			h.signIn("alice", "eu-west-1").SourceIP = ""
			h.signIn("alice", "us-west-2").SourceIP = homeIP
		}, nil},
		{"endpoint.hop: somebody who uses both", withoutHabits, func(h *trailBuilder) {
			for range 6 {
				h.signIn("alice", "eu-west-1")
				h.signIn("alice", "us-west-2")
			}
			h.signIn("alice", "eu-west-1").SourceIP = homeIP
		}, nil},
		{"mfa.absent: more severe after a second factor", "", func(h *trailBuilder) {
			h.signIn("alice", "eu-west-1")
			h.signIn("alice", "eu-west-1").MFA = signin.MFANo
		}, []string{"mfa.absent medium 000001 x1"}},
		{"mfa.absent: not if the policy sets the severity", "detections: {mfa.absent: {severity: low}}", func(h *trailBuilder) {
			h.signIn("alice", "eu-west-1")
			h.signIn("alice", "eu-west-1").MFA = signin.MFANo
		}, []string{"mfa.absent low 000001 x1"}},
		{"mfa.absent: it is not known whether there was one", "", func(h *trailBuilder) { h.signIn("alice", "eu-west-1").MFA = signin.MFAUnknown }, nil},
		{"endpoint.new: two sign-ins are too little history", "", func(h *trailBuilder) {
			h.signIns(40, "bob", "us-west-2")
			h.signIns(2, "alice", "eu-west-1")
			h.signIn("alice", "ap-south-1")
		}, nil},
		{"endpoint.new: three sign-ins are enough", "", func(h *trailBuilder) {
			h.signIns(40, "bob", "us-west-2")
			h.signIns(3, "alice", "eu-west-1")
			h.signIn("alice", "ap-south-1")
		}, []string{"endpoint.new medium 000043 x1"}},
		{"endpoint.new: a high threshold", "detections: {endpoint.new: {threshold: 40}}", func(h *trailBuilder) {
			h.signIns(40, "bob", "us-west-2")
			h.signIns(3, "alice", "eu-west-1")
			h.signIn("alice", "ap-south-1")
		}, nil},
		{"endpoint.first-in-account: after 99 sign-ins", "detections: {endpoint.new: {enabled: false}}", func(h *trailBuilder) {
			h.signIns(99, "bob", "us-west-2")
			h.signIn("alice", "ap-south-1")
		}, nil},
		{"endpoint.first-in-account: after 100 sign-ins", "detections: {endpoint.new: {enabled: false}}", func(h *trailBuilder) {
			h.signIns(100, "bob", "us-west-2")
			h.signIn("alice", "ap-south-1")
		}, []string{"endpoint.first-in-account medium 000100 x1"}},
		{"endpoint.first-in-account: usual for the person in another account", "detections: {endpoint.new: {enabled: false}}", func(h *trailBuilder) {
			h.signIns(100, "bob", "us-west-2")
			for range 5 {
				e := h.signIn("", "eu-west-1")
				asIdentityCenter(e, "eu-west-1", "carol")
				e.Account = "444455556666"
			}
			asIdentityCenter(h.signIn("", "eu-west-1"), "eu-west-1", "carol")
		}, nil},
		{"endpoint.region-mismatch: without a Region there is nothing to compare", "", func(h *trailBuilder) { h.signIn("alice", "eu-west-1").Region = "" }, nil},
		{"endpoint.policy: a hidden name is not judged", "rules: [{allow: [us-west-2]}]", func(h *trailBuilder) { failed(h.signIn(signin.Hidden, "eu-west-1")) }, nil},
		{"endpoint.policy: the detection's severity is above the rule's", "rules: [{allow: [us-west-2], severity: low}]\ndetections: {endpoint.policy: {severity: high}}",
			func(h *trailBuilder) { h.signIn("alice", "eu-west-1") }, []string{"endpoint.policy high 000000 x1"}},
		{"root.signin: the usual endpoint of root is not new", "", func(h *trailBuilder) {
			h.signIns(120, "bob", "us-west-2")
			asRoot(h.signIn("", analyzer.Global))
		}, []string{"root.signin medium 000120 x1"}},
	} {
		t.Run(c.name, c.check)
	}
}

// TestReasonVariants has reasons that depend on more than the rule.
func TestReasonVariants(t *testing.T) {
	for _, c := range []struct {
		policy string
		make   func(h *trailBuilder)
		reason string
	}{
		{"rules: [{name: west, allow: [us-west-2]}]\nexceptions: [{match: {user: alice}, allow: [eu-west-1], until: 2026-01-31, reason: moving}]",
			func(h *trailBuilder) { h.signIn("alice", "eu-west-1") },
			`came through eu-west-1; policy rule "west" (line 2) allows us-west-2; exception "moving (line 3)" has expired`},
		{"rules: [{name: none, allow: []}]", func(h *trailBuilder) { h.signIn("alice", "eu-west-1") },
			`came through eu-west-1; policy rule "none" (line 2) allows nothing`},
		{"detections: {auth.spray: {count: 2}, auth.unknown-user: {enabled: false}}", func(h *trailBuilder) { h.spray(signin.Hidden, signin.Hidden, "a", "b") },
			`2 principals failed from "198.51.100.9" within 60 minutes; the baseline does not know any of them at this address; 2 attempts with names that do not exist`},
		{"", func(h *trailBuilder) {
			e := failed(h.signIn("alice", "eu-west-1"))
			e.ErrorCode, e.ErrorMessage = "AccessDenied", "denied\nby a policy"
		}, `AWS denied the sign-in by policy, from "192.0.2.1": "denied\nby a policy"`},
	} {
		h := newTrail()
		c.make(h)
		found := detectAll(&detect.Detector{Policy: parsePolicy(t, c.policy)}, h.events)
		if len(found) != 1 || found[0].Reason != c.reason {
			t.Errorf("want one finding: %s", c.reason)
			for _, f := range found {
				t.Errorf("found %s: %s", f.Rule, f.Reason)
			}
		}
	}
}

// TestSeverityOfSigns checks when signs that come together raise a severity. Signs
// that imply each other do not.
func TestSeverityOfSigns(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(e *signin.Event)
		want   string
		reason string
	}{
		{"a new endpoint alone", func(*signin.Event) {}, "endpoint.new medium", "(threshold 6)"},
		{"from a new address", func(e *signin.Event) { e.SourceIP = unknownIP }, "endpoint.new medium", `together with address "198.51.100.9" is new for this principal`},
		{"without a second factor", func(e *signin.Event) { e.MFA = signin.MFANo }, "endpoint.new medium", "together with no second factor"},
		{"both", func(e *signin.Event) { e.SourceIP, e.MFA = unknownIP, signin.MFANo }, "endpoint.new high", "hence high instead of medium"},
		{"at a strange host", func(e *signin.Event) { e.Host = "signin.example.com" }, "endpoint.foreign-host critical", "together with endpoint.new, hence critical instead of high"},
		{"a strange host and both", func(e *signin.Event) { e.Host, e.SourceIP, e.MFA = "signin.example.com", unknownIP, signin.MFANo },
			"endpoint.foreign-host critical", "hence critical instead of high"},
		{"a failure", func(e *signin.Event) { failed(e) }, "endpoint.new low", "(threshold 6)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newTrail()
			h.signIns(40, "bob", "us-west-2")
			h.signIns(40, "alice", "eu-west-1")
			h.advance(24 * time.Hour)
			c.change(h.signIn("alice", "us-west-2"))
			found := detectAll(&detect.Detector{}, h.events)
			if len(found) == 0 {
				t.Fatal("nothing found")
			}
			if got := fmt.Sprint(found[0].Rule, " ", found[0].Severity); got != c.want || !strings.Contains(found[0].Reason, c.reason) {
				t.Errorf("%s: %s", got, found[0].Reason)
			}
		})
	}
}
