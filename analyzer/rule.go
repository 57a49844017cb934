package analyzer

import "time"

// The ids of the rules. They stand in outputs and in policy files.
const (
	RulePolicy       = "endpoint.policy"
	RuleForeignHost  = "endpoint.foreign-host"
	RuleRootRegional = "root.regional"
	RuleRoot         = "root.signin"
	RuleIDCHome      = "endpoint.idc-home"
	RuleFirst        = "endpoint.first-in-account"
	RuleNew          = "endpoint.new"
	RuleHop          = "endpoint.hop"
	RuleMismatch     = "endpoint.region-mismatch"
	RuleMFA          = "mfa.absent"
	RuleBruteForce   = "auth.bruteforce"
	RuleSpray        = "auth.spray"
	RuleUnknownUser  = "auth.unknown-user"
	RuleDenied       = "auth.denied-by-policy"
)

// family says which rules make one finding where they meet in one sign-in.
type family uint8

const (
	placeFamily family = iota // where it came through, and root
	mfaFamily
	forceFamily
	sprayFamily
	namesFamily
	deniedFamily
	families
)

// detector is a rule of findings at its default settings. Of those of a family that meet in
// one sign-in with equal severity the one that stands first in the list leads.
type detector struct {
	id        string
	family    family
	severity  Severity
	threshold float64       // bits of surprise
	count     int           // what is counted is said in the list
	window    time.Duration // likewise
	fold      time.Duration // a burst goes on while no longer than this lies between two
}

const (
	day       = 24 * time.Hour
	placeFold = 14 * day
)

// ruleList lists the rules. The tuned fields mean:
//
//	endpoint.idc-home          count: people whose sign-ins make a pair of home and endpoint ordinary
//	endpoint.first-in-account  count: sign-ins an account must have had
//	endpoint.new               threshold: bits; count: sign-ins a principal must have had, unless its account has a hundred
//	endpoint.hop               window: two Regions within it
//	auth.bruteforce            count: failures of one principal within window
//	auth.spray                 count: principals that fail from one address within window
//	auth.unknown-user          count: hidden names from one address in one account within window
//
// For the others window is the fold: how long after the last one a further
// sign-in belongs to the same burst.
func ruleList() [14]detector {
	return [14]detector{
		{id: RulePolicy, severity: SeverityMedium, fold: placeFold},
		{id: RuleForeignHost, severity: SeverityHigh, fold: placeFold},
		{id: RuleRootRegional, severity: SeverityHigh, fold: day},
		{id: RuleRoot, severity: SeverityMedium, fold: day},
		{id: RuleIDCHome, severity: SeverityMedium, count: 5, fold: placeFold},
		{id: RuleFirst, severity: SeverityMedium, count: 100, fold: placeFold},
		{id: RuleNew, severity: SeverityMedium, threshold: 6, count: 3, fold: placeFold},
		{id: RuleHop, severity: SeverityMedium, window: time.Hour, fold: placeFold},
		{id: RuleMismatch, severity: SeverityLow, fold: placeFold},
		{id: RuleMFA, family: mfaFamily, severity: SeverityLow, fold: 30 * day},
		{id: RuleBruteForce, family: forceFamily, severity: SeverityMedium, count: 8, window: time.Hour, fold: time.Hour},
		{id: RuleSpray, family: sprayFamily, severity: SeverityMedium, count: 5, window: time.Hour, fold: 6 * time.Hour},
		{id: RuleUnknownUser, family: namesFamily, severity: SeverityLow, count: 5, window: time.Hour, fold: 6 * time.Hour},
		{id: RuleDenied, family: deniedFamily, severity: SeverityMedium, fold: day},
	}
}

// RuleIDs lists the ids of all rules, in the order in which they lead where
// several meet in one sign-in. The slice is the caller's own.
func RuleIDs() []string {
	var ids []string
	for _, r := range ruleList() {
		ids = append(ids, r.id)
	}
	return ids
}
