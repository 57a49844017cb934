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

// Finding is one sign-in that broke a rule, or the first of a burst of them.
// It owns nothing: its slices are shared and are not to be written to.
type Finding struct {
	ID       string // stable: the same rule and the same sign-in have the same id
	Rule     string // one of RuleIDs
	Severity rule.Severity
	Reason   string   // in words, with the numbers; one line, text of the record quoted
	Observed string   // what was seen: an endpoint, a host, or what the rule counts
	Expected []string // what was expected instead; none where the rule expects nothing
	Surprise *float64 // in bits; nil where the baseline had nothing to say
	Count    int      // sign-ins of the burst, this one included
	Event    signin.Event
	Verdict  analyzer.Verdict
}

// findingID is a stable name for what a rule says of a sign-in.
func findingID(rule, event string) string {
	sum := sha256.Sum256([]byte(rule + "\x00" + event))
	return "f-" + hex.EncodeToString(sum[:10])
}

// compareFindings orders findings as every output has them: by time, then event id,
// then rule. The account and the id complete the key.
func compareFindings(a, b Finding) int {
	return cmp.Or(a.Event.Time.Compare(b.Event.Time), strings.Compare(a.Event.ID, b.Event.ID),
		strings.Compare(a.Rule, b.Rule), strings.Compare(a.Event.Account, b.Event.Account), strings.Compare(a.ID, b.ID))
}
