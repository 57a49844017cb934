package report

import (
	"maps"
	"slices"
	"strings"
)

// skipSections tell in plain words what was not read, and what else the
// reader must know.
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
			s.more = func() string { return "… and " + thousands(c.SkipsUnlisted) + " more that were counted only" }
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
					if !yield([]string{cause, n.count(part.by[cause]), part.what, meaning(cause)}) {
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
		rows: cells(slices.Values(skips), func(s Skip) []string {
			what := "object"
			if s.Record {
				what = "record"
			}
			return []string{s.Cause, what, s.Origin, s.Reason}
		}),
	}
}

// meaning puts a cause into plain words; of one that it does not know it says
// the word itself.
func meaning(cause string) string {
	switch cause {
	case "access-denied":
		return "the store refused to hand it out"
	case "vanished":
		return "gone between listing and reading"
	case "transport":
		return "could not be fetched whole, in spite of retries"
	case "truncated":
		return "the gzip stream ends early"
	case "corrupt":
		return "no gzip stream, or a checksum that does not match"
	case "trailing-garbage":
		return "bytes after the end of the gzip stream"
	case "empty":
		return "no bytes at all"
	case "too-large":
		return "over the size cap once inflated"
	case "broken-json":
		return "not JSON, at least from some point on"
	case "unknown-format":
		return "holds no form of CloudTrail records"
	case "throttled":
		return "refused for the rate of requests"
	case "listing":
		return "a folder could not be listed"
	case "source":
		return "a whole source failed"
	case "no-event-id":
		return "a sign-in without eventID"
	case "no-event-time":
		return "a sign-in without a readable eventTime"
	case "broken-record":
		return "a sign-in whose record is broken, or lacks what makes it one"
	}
	return strings.ReplaceAll(cause, "-", " ")
}
