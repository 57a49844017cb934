package detect

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"trailgate/analyzer"
	"trailgate/analyzer/rule"
	"trailgate/ingest/signin"
)

// Finding is one sign-in that broke a rule, or the first of a burst of them. Its
// slices and its pointer are shared with the Detector. Do not write to them.
type Finding struct {
	ID       string // the same rule and the same sign-in always have the same id
	Rule     string // one of rule.IDs
	Severity rule.Severity
	Reason   string   // in words, with the numbers; one line, text of the record in quotes
	Observed string   // what was seen: an endpoint, a host, or what the rule counts
	Expected []string // what was expected instead; nil if the rule expects nothing
	Surprise *float64 // in bits; nil if the rule does not use the baseline's endpoints
	Count    int      // sign-ins of the burst, this one included
	Event    signin.Event
	Verdict  analyzer.Verdict
}

// findingID makes the id of a finding from the rule's id and the event id.
func findingID(rule, event string) string {
	sum := sha256.Sum256([]byte(rule + "\x00" + event))
	return "f-" + hex.EncodeToString(sum[:10])
}

// compareFindings orders findings as every output does: by time, then event id,
// then rule. Account and finding id come last, so that no two are equal.
func compareFindings(a, b Finding) int {
	return cmp.Or(a.Event.Time.Compare(b.Event.Time), strings.Compare(a.Event.ID, b.Event.ID),
		strings.Compare(a.Rule, b.Rule), strings.Compare(a.Event.Account, b.Event.Account), strings.Compare(a.ID, b.ID))
}
