package record

import (
	"strconv"
	"strings"
	"time"

	"trailgate/ingest/signin"
)

// parseOutcome reads the text of responseElements.ConsoleLogin: Success or Failure,
// in upper or lower case. Any other text gives OutcomeUnknown.
func parseOutcome(s string) signin.Outcome {
	switch {
	case strings.EqualFold(s, "Success"):
		return signin.Success
	case strings.EqualFold(s, "Failure"):
		return signin.Failure
	}
	return signin.OutcomeUnknown
}

// parseFlag reads the Yes and No of additionalEventData, and the true and false
// that some tools make of them, in upper or lower case. Any other text gives Unset.
func parseFlag(s string) signin.Flag {
	switch {
	case strings.EqualFold(s, "Yes"), strings.EqualFold(s, "true"):
		return signin.Yes
	case strings.EqualFold(s, "No"), strings.EqualFold(s, "false"):
		return signin.No
	}
	return signin.Unset
}

// parseTime reads a time and returns it in UTC. It accepts RFC 3339 as CloudTrail
// writes it, and the form with a space that databases use. A time without an offset
// is taken as UTC. It also accepts a number: below 1e11 it is seconds since 1970,
// from there on milliseconds. It returns the zero time for any other text, and for
// a year that boundYear refuses.
func parseTime(b []byte) time.Time {
	s := strings.ToUpper(strings.TrimSpace(string(b)))
	for _, layout := range [...]string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05",
		"2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z07"} {
		if t, err := time.Parse(layout, s); err == nil {
			return boundYear(t.UTC())
		}
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n < 0 || n > 1e14 {
		return time.Time{}
	}
	if n < 1e11 {
		n *= 1000
	}
	return boundYear(time.UnixMilli(int64(n + 0.5)).UTC())
}

// boundYear returns t, or the zero time if the year is before 2000 or after 9999.
// CloudTrail has no such events, and some encodings cannot hold such years.
func boundYear(t time.Time) time.Time {
	if y := t.Year(); y < 2000 || y > 9999 {
		return time.Time{}
	}
	return t
}
