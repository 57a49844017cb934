package rule

import (
	"fmt"
	"strings"
)

// Severity grades a finding. The zero Severity stands for the default of a rule
// where a policy may set a severity.
type Severity uint8

// The values of the severity column, rising.
const (
	Low Severity = iota + 1
	Medium
	High
	Critical
)

// String gives the word of the severity column, "none" for the zero Severity.
func (s Severity) String() string {
	switch s {
	case Low:
		return "low"
	case Medium:
		return "medium"
	case High:
		return "high"
	case Critical:
		return "critical"
	}
	return "none"
}

// ParseSeverity reads the word that String gives, in any letter case. It does not
// accept "none", the word of the zero Severity.
func ParseSeverity(s string) (Severity, error) {
	for v := Low; v <= Critical; v++ {
		if strings.EqualFold(s, v.String()) {
			return v, nil
		}
	}
	return 0, fmt.Errorf("severity %.60q: want low, medium, high or critical", s)
}
