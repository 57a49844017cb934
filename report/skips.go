package report

import (
	"maps"
	"slices"
	"strings"
)

// skipSections say in plain words what could not be read, by cause, which Regions
// have no log files, and what else the reader has to know. If verbose, they also
// list every skip.
func skipSections(c Coverage, n notation, verbose bool) []section {
	var all []section
	if len(c.Objects.SkippedBy)+len(c.Records.SkippedBy) > 0 {
		s := section{title: "Not read", grid: causeGrid(c, n)}
		if !verbose {
			s.more = func() string { return "--verbose lists each." }
		}
		all = append(all, s)
	}
	if verbose && len(c.Skips) > 0 {
		s := section{title: "Not read, one by one", grid: skipGrid(c.Skips)}
		if c.SkipsUnlisted > 0 {
			s.more = func() string { return "… and " + groupDigits(c.SkipsUnlisted) + " more that were counted only" }
		}
		all = append(all, s)
	}
	var notes []line
	if text := Absences(c.Absent, verbose); text != "" {
		notes = append(notes, line{text, plain})
	}
	for _, r := range c.Remarks {
		notes = append(notes, line{r, plain})
	}
	if notes != nil {
		all = append(all, section{title: "Note", lines: notes})
	}
	return all
}

func causeGrid(c Coverage, n notation) grid {
	return grid{
		head:  []string{"cause", "count", "what", "meaning"},
		right: []int{1},
		rows: func(yield func([]string) bool) {
			for _, part := range [...]struct {
				by   map[string]int
				what string
			}{{c.Objects.SkippedBy, "objects"}, {c.Records.SkippedBy, "records"}} {
				for _, cause := range slices.Sorted(maps.Keys(part.by)) {
					if !yield([]string{cause, n.count(part.by[cause]), part.what, c.causeMeaning(cause)}) {
						return
					}
				}
			}
		},
	}
}

func skipGrid(skips []Skip) grid {
	return grid{
		head:  []string{"cause", "what", "origin", "reason"},
		whole: true,
		rows: gridRows(slices.Values(skips), func(s Skip) []string {
			what := "object"
			if s.Record {
				what = "record"
			}
			return []string{s.Cause, what, s.Origin, s.Reason}
		}),
	}
}

// causeMeaning returns the words that Meanings has for a cause. If it has none, the
// result is the cause with spaces for its hyphens.
func (c Coverage) causeMeaning(cause string) string {
	if words, ok := c.Meanings[cause]; ok {
		return words
	}
	return strings.ReplaceAll(cause, "-", " ")
}
