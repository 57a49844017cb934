// Package rule lists the rules of findings with their default settings. In come
// ids, out come families, severities, thresholds and how far a policy may tune
// them. It imports nothing of the module, so that policies and detection can share
// it.
package rule

import "time"

// The ids of the rules. Outputs and policy files contain them, so they do not
// change.
const (
	EndpointPolicy         = "endpoint.policy"
	EndpointForeignHost    = "endpoint.foreign-host"
	RootRegional           = "root.regional"
	RootSignin             = "root.signin"
	EndpointIDCHome        = "endpoint.idc-home"
	EndpointFirstInAccount = "endpoint.first-in-account"
	EndpointNew            = "endpoint.new"
	EndpointHop            = "endpoint.hop"
	EndpointRegionMismatch = "endpoint.region-mismatch"
	MFAAbsent              = "mfa.absent"
	AuthBruteforce         = "auth.bruteforce"
	AuthSpray              = "auth.spray"
	AuthUnknownUser        = "auth.unknown-user"
	AuthDeniedByPolicy     = "auth.denied-by-policy"
)

// Family groups rules. If several rules of one family match one sign-in, they make
// one finding.
type Family uint8

// The families. PlaceFamily contains the rules about the endpoint and about root.
const (
	PlaceFamily Family = iota
	MFAFamily
	BruteForceFamily
	SprayFamily
	UnknownUserFamily
	DeniedFamily
	Families // the number of families
)

// Spec is one rule with its default settings.
type Spec struct {
	ID        string
	Family    Family
	Severity  Severity
	Threshold float64       // bits of surprise; zero: the rule has no threshold
	Count     int           // see All for what is counted; zero: the rule counts nothing
	Window    time.Duration // see All; zero: the rule has no window
	Fold      time.Duration // a burst continues while two of its sign-ins are at most this far apart
}

const (
	day       = 24 * time.Hour
	placeFold = 14 * day
)

// All lists the rules. If several rules of a family match one sign-in with the same
// severity, the finding takes the first in this list. The caller owns the slice.
// The settings mean:
//
//	endpoint.idc-home          Count: people whose sign-ins make a pair of home and endpoint ordinary
//	endpoint.first-in-account  Count: sign-ins that an account must have had
//	endpoint.new               Threshold: bits; Count: sign-ins that a principal must have had, unless its account has a hundred
//	endpoint.hop               Window: two Regions within it
//	auth.bruteforce            Count: failures of one principal within Window
//	auth.spray                 Count: principals that fail from one address within Window
//	auth.unknown-user          Count: hidden names from one address in one account within Window
//
// For the other rules the window of a policy sets Fold.
func All() []Spec {
	return []Spec{
		{ID: EndpointPolicy, Severity: Medium, Fold: placeFold},
		{ID: EndpointForeignHost, Severity: High, Fold: placeFold},
		{ID: RootRegional, Severity: High, Fold: day},
		{ID: RootSignin, Severity: Medium, Fold: day},
		{ID: EndpointIDCHome, Severity: Medium, Count: 5, Fold: placeFold},
		{ID: EndpointFirstInAccount, Severity: Medium, Count: 100, Fold: placeFold},
		{ID: EndpointNew, Severity: Medium, Threshold: 6, Count: 3, Fold: placeFold},
		{ID: EndpointHop, Severity: Medium, Window: time.Hour, Fold: placeFold},
		{ID: EndpointRegionMismatch, Severity: Low, Fold: placeFold},
		{ID: MFAAbsent, Family: MFAFamily, Severity: Low, Fold: 30 * day},
		{ID: AuthBruteforce, Family: BruteForceFamily, Severity: Medium, Count: 8, Window: time.Hour, Fold: time.Hour},
		{ID: AuthSpray, Family: SprayFamily, Severity: Medium, Count: 5, Window: time.Hour, Fold: 6 * time.Hour},
		{ID: AuthUnknownUser, Family: UnknownUserFamily, Severity: Low, Count: 5, Window: time.Hour, Fold: 6 * time.Hour},
		{ID: AuthDeniedByPolicy, Family: DeniedFamily, Severity: Medium, Fold: day},
	}
}

// IDs lists the ids of all rules in the order of All. The caller owns the slice.
func IDs() []string {
	var ids []string
	for _, r := range All() {
		ids = append(ids, r.ID)
	}
	return ids
}
