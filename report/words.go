package report

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"trailgate/report/row"
)

// groupDigits writes a count with separators: 1,204.
func groupDigits(n int) string {
	s := strconv.Itoa(n)
	head := (len(s)-1)%3 + 1
	if n < 0 {
		head = (len(s)-2)%3 + 2
	}
	var b strings.Builder
	b.WriteString(s[:head])
	for s = s[head:]; s != ""; s = s[3:] {
		b.WriteByte(',')
		b.WriteString(s[:3])
	}
	return b.String()
}

// countNoun writes a count with its noun: "1 sign-in", "1,204 sign-ins".
func countNoun(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return groupDigits(n) + " " + noun + "s"
}

// byteCount writes a number of bytes in decimal units: "999 B", "1.2 GB".
func byteCount(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f := float64(n)
	for _, unit := range [...]string{"kB", "MB", "GB", "TB"} {
		f /= 1000
		if f < 999.95 {
			return strconv.FormatFloat(f, 'f', 1, 64) + " " + unit
		}
	}
	return strconv.FormatFloat(f/1000, 'f', 1, 64) + " PB"
}

// joinWords joins words as in a sentence: "a", "a and b", "a, b and c".
func joinWords(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// joinCounts writes counts with their names, the largest first: "2 truncated, 1
// access-denied".
func joinCounts(m map[string]int) string {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		if m[a] != m[b] {
			return m[b] - m[a]
		}
		return strings.Compare(a, b)
	})
	parts := make([]string, 0, len(keys))
	for _, k := range keys {
		parts = append(parts, groupDigits(m[k])+" "+k)
	}
	return strings.Join(parts, ", ")
}

func sumCounts(m map[string]int) int {
	n := 0
	for _, v := range m {
		n += v
	}
	return n
}

// humanTime writes a moment as people write it, in UTC: 2026-03-01 10:00:07. The
// zero time is an empty text.
func humanTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateTime)
}

// dayRanges writes sorted days as ranges: 2026-03-05…07, 2026-03-30…04-02.
func dayRanges(days []row.Date) []string {
	var out []string
	for i := 0; i < len(days); {
		j := i + 1
		for j < len(days) && days[j] == days[j-1]+1 {
			j++
		}
		out = append(out, dayRange(days[i], days[j-1]))
		i = j
	}
	return out
}

// dayRange writes a range of days. The second day does not repeat the year and the
// month if the first has the same.
func dayRange(from, to row.Date) string {
	a, b := from.String(), to.String()
	switch {
	case a == b:
		return a
	case a[:7] == b[:7]:
		return a + "…" + b[8:]
	case a[:4] == b[:4]:
		return a + "…" + b[5:]
	}
	return a + "…" + b
}
