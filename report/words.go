package report

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// thousands writes a count with separators: 1,204.
func thousands(n int) string {
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

// plural counts things in words: "1 sign-in", "1,204 sign-ins".
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + one + "s"
}

// volume writes bytes in decimal units: "999 B", "1.2 GB".
func volume(n int64) string {
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

// list joins words: "a", "a and b", "a, b and c".
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// tally writes counts by word, most first: "2 truncated, 1 access-denied".
func tally(m map[string]int) string {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		if m[a] != m[b] {
			return m[b] - m[a]
		}
		return strings.Compare(a, b)
	})
	parts := make([]string, 0, len(keys))
	for _, k := range keys {
		parts = append(parts, thousands(m[k])+" "+k)
	}
	return strings.Join(parts, ", ")
}

func total(m map[string]int) int {
	n := 0
	for _, v := range m {
		n += v
	}
	return n
}

// moment writes a moment for people: 2026-03-01 10:00:07, in UTC.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateTime)
}

// gaps writes sorted days as ranges: 2026-03-05…07, 2026-03-30…04-02.
func gaps(days []Date) []string {
	var out []string
	for i := 0; i < len(days); {
		j := i + 1
		for j < len(days) && days[j] == days[j-1]+1 {
			j++
		}
		out = append(out, span(days[i], days[j-1]))
		i = j
	}
	return out
}

func span(from, to Date) string {
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
