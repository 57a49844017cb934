package detect_test

import (
	"encoding/json"
	"strings"
	"testing"

	"trailgate/analyzer"
	"trailgate/analyzer/detect"
	"trailgate/ingest/signin"
)

// TestExplainSentences checks what Explain says about policy, baseline and rules.
func TestExplainSentences(t *testing.T) {
	const west = "rules: [{name: west, match: {user: alice}, allow: [us-west-2]}]\n"
	usual := func(h *trailBuilder) *signin.Event { return h.signIn("alice", "eu-west-1") }
	for _, c := range []struct {
		name, policy string
		make         func(h *trailBuilder) *signin.Event
		says         []string
		not          string
	}{
		{"without a policy", "", usual, []string{"The baseline knows 4 sign-ins of this principal, 4 of them at this endpoint. It knows 6 of the account, 67 % of them at this endpoint",
			"No rule is broken."}, "policy"},
		{"allowed", "rules: [{name: europe, allow: [eu-west-1]}]", usual, []string{`The policy allows it: rule "europe" (line 2) allows eu-west-1.`, "No rule is broken."}, "exception"},
		{"not allowed", west, usual, []string{`The policy does not allow it: rule "west" (line 2) allows us-west-2.`, "Rule endpoint.policy (medium): came through eu-west-1"}, "No rule"},
		{"allowed by an exception", west + "exceptions: [{match: {user: alice}, allow: [eu-west-1], until: 2026-12-31, reason: moving}]", usual,
			[]string{`The policy allows it by exception "moving (line 3)". Rule "west" (line 2) does not allow it.`}, "endpoint.policy"},
		{"not decided", west, func(h *trailBuilder) *signin.Event { return h.signIn("bob", "us-west-2") },
			[]string{"The policy does not decide: no rule of the policy matches this person."}, "allows"},
		{"an endpoint that is not known", west, func(h *trailBuilder) *signin.Event {
			e := h.signIn("alice", "us-east-1")
			e.Host = ""
			return e
		}, []string{"The policy does not decide: the endpoint is not known."}, "baseline"},
		{"two families", "", func(h *trailBuilder) *signin.Event {
			e := h.signIn("alice", "eu-west-1")
			e.Host, e.MFA = "signin.example.com", signin.MFANo
			return e
		}, []string{"Rule endpoint.foreign-host (high)", "Rule mfa.absent (medium)"}, "No rule"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newTrail()
			h.signIns(4, "alice", "eu-west-1")
			h.signIns(2, "bob", "us-west-2")
			d := &detect.Detector{Policy: parsePolicy(t, c.policy)}
			detectAll(d, h.events)
			before, err := json.Marshal(d.Baseline)
			if err != nil {
				t.Fatal(err)
			}
			e := c.make(h)
			said := strings.Join(d.Explain(e, analyzer.Classify(*e)), "\n")
			for _, want := range c.says {
				if !strings.Contains(said, want) {
					t.Errorf("does not say %q:\n%s", want, said)
				}
			}
			if c.not != "" && strings.Contains(said, c.not) {
				t.Errorf("says %q:\n%s", c.not, said)
			}
			after, err := json.Marshal(d.Baseline)
			if err != nil {
				t.Fatal(err)
			}
			if string(before) != string(after) {
				t.Error("Explain has changed the baseline")
			}
		})
	}
}

// TestExplainLate explains a sign-in that the baseline has learned already.
func TestExplainLate(t *testing.T) {
	h := newTrail()
	h.signIns(4, "alice", "eu-west-1")
	d := &detect.Detector{}
	detectAll(d, h.events)
	e := &h.events[1]
	said := strings.Join(d.Explain(e, analyzer.Classify(*e)), "\n")
	if want := "so the rules that compare with earlier sign-ins do not apply"; !strings.Contains(said, want) {
		t.Errorf("does not say %q:\n%s", want, said)
	}
}
