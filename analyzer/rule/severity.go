package rule

import (
	"fmt"
	"strings"
)

// Severity says how serious a finding is. The zero Severity means that none was
// given. In a setting it means the default.
type Severity uint8

// The values of the severity column, from the least to the most serious.
const (
	Low Severity = iota + 1
	Medium
	High
	Critical
)

// String returns the word of the severity column, and "none" for the zero Severity.
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

// ParseSeverity reads a word that String returns, in any letter case. It returns an
// error for any other word, and for "none" too.
func ParseSeverity(s string) (Severity, error) {
	for v := Low; v <= Critical; v++ {
		if strings.EqualFold(s, v.String()) {
			return v, nil
		}
	}
	return 0, fmt.Errorf("severity %.60q: want low, medium, high or critical", s)
}
