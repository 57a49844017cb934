// Package flagvalue reads the values of flags: times, ages and sizes. It takes texts as
// the user wrote them. It gives values, or errors that say what may be written. It does
// not know which flag a text belongs to, and takes the present time from its caller.
package flagvalue

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseTime reads a time: RFC 3339, a UTC day, or an age before now in the form of
// ParseAge. An empty text is the zero time. The result is in UTC. If an age is given,
// the result is cut to whole seconds.
func ParseTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range [...]string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	if age, ok := ParseAge(s); ok {
		return now.Add(-age).UTC().Truncate(time.Second), nil
	}
	return time.Time{}, fmt.Errorf("%q is not a time: use RFC 3339 (2026-03-01T08:00:00Z), a UTC day (2026-03-01), or an age (90d, 36h)", s)
}

// ParseAge reads an age that is not negative: a duration as Go writes it, or a whole
// number of days (90d) or weeks (2w). It returns false if the text is not such an age.
func ParseAge(s string) (time.Duration, bool) {
	if d, err := time.ParseDuration(s); err == nil {
		return d, d >= 0
	}
	for unit, d := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if digits, ok := strings.CutSuffix(s, unit); ok {
			n, err := strconv.ParseInt(digits, 10, 64)
			return time.Duration(n) * d, err == nil && n >= 0 && n <= int64(math.MaxInt64/d)
		}
	}
	return 0, false
}

// ParseSize reads a number of bytes above zero, with an optional unit. The units with an
// i are powers of 1024, the others are powers of 1000.
func ParseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "kKMGTiB")
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is not a size: use a number of bytes, or a unit as in 500MB or 1GiB", s)
	}
	units := [...]struct {
		name  string
		bytes int64
	}{{"", 1}, {"B", 1}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}}
	for _, u := range units {
		if s[len(digits):] == u.name && n <= (1<<62)/u.bytes {
			return n * u.bytes, nil
		}
	}
	return 0, fmt.Errorf("%q is not a size: use a number of bytes, or a unit as in 500MB or 1GiB", s)
}
