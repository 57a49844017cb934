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

// Finding is one sign-in that broke a rule, or the first sign-in of a burst. Its
// slices are shared, so the caller must not write to them.
type Finding struct {
	ID       string // stable: the same rule and the same sign-in have the same id
	Rule     string // one of rule.IDs
	Severity rule.Severity
	Reason   string   // in words, one line; text of the record is quoted
	Observed string   // what was seen: an endpoint, a host, or what the rule counts
	Expected []string // what was expected instead; empty if the rule expects nothing
	Surprise *float64 // in bits; nil if the baseline does not give one
	Count    int      // sign-ins of the burst, this one included
	Event    signin.Event
	Verdict  analyzer.Verdict
}

// findingID returns the stable id of a finding: the same rule and the same event
// always give the same id.
func findingID(rule, event string) string {
	sum := sha256.Sum256([]byte(rule + "\x00" + event))
	return "f-" + hex.EncodeToString(sum[:10])
}

// compareFindings orders findings by time, event id and rule, as all outputs do.
// The account and the finding id make the order total.
func compareFindings(a, b Finding) int {
	return cmp.Or(a.Event.Time.Compare(b.Event.Time), strings.Compare(a.Event.ID, b.Event.ID),
		strings.Compare(a.Rule, b.Rule), strings.Compare(a.Event.Account, b.Event.Account), strings.Compare(a.ID, b.ID))
}
