package rule

import "time"

// How much a baseline remembers at most. A policy cannot set a count or a window
// beyond it.
const (
	MaxFailures   = 1000    // failures of one principal, and from one address
	MaxWindow     = 7 * day // how far back failures are counted
	MaxHomePeople = 100     // people for one pair of Identity Center home and endpoint
)

// Settings lists the keys that a policy may have under the rule.
func (s Spec) Settings() []string {
	keys := []string{"enabled", "severity"}
	if s.Threshold > 0 {
		keys = append(keys, "threshold")
	}
	if s.Count > 0 {
		keys = append(keys, "count")
	}
	return append(keys, "window")
}

// Limits gives the largest count and the longest window that a policy may set for
// the rule. Zero means no limit.
func (s Spec) Limits() (count int, window time.Duration) {
	switch {
	case s.Family == BruteForceFamily, s.Family == SprayFamily, s.Family == UnknownUserFamily:
		return MaxFailures, MaxWindow
	case s.ID == EndpointIDCHome:
		return MaxHomePeople, 0
	}
	return 0, 0
}
