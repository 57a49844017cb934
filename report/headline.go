package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// How much of a long list a line of prose names.
const (
	proseAccounts = 5
	proseRegions  = 6
)

// listedOnly is the reason in Objects.LeftOutBy for what a survey lists.
const listedOnly = "listed-only"

// headline is the run in a sentence or two.
func headline(s Summary) []line {
	var b strings.Builder
	if s.SignIns == 0 {
		b.WriteString("No console sign-ins were found.")
	} else {
		fmt.Fprintf(&b, "%s by %s in %s", plural(s.SignIns, "sign-in"), plural(s.Principals, "principal"),
			plural(len(s.Accounts), "account"))
		if !s.First.IsZero() && !s.Last.IsZero() {
			from, to := DateOf(s.First).String(), DateOf(s.Last).String()
			b.WriteString(", " + from)
			if from != to {
				b.WriteString(" to " + to)
			}
		}
		fmt.Fprintf(&b, ": %s regional, %s global, %s unknown; %s failed.", thousands(s.Scopes.Regional),
			thousands(s.Scopes.Global), thousands(s.Scopes.Unknown), thousands(s.Failures))
	}
	all := []line{{b.String(), strong}}
	if w := window(s); w != "" {
		all = append(all, line{w, plain})
	}
	return append(all, judgement(s)...)
}

func window(s Summary) string {
	var parts []string
	if !s.Since.IsZero() {
		parts = append(parts, "from "+moment(s.Since))
	}
	if !s.Until.IsZero() {
		parts = append(parts, "until "+moment(s.Until))
	}
	if parts == nil {
		return ""
	}
	return "Asked for: " + strings.Join(parts, " ") + " UTC."
}

func judgement(s Summary) []line {
	var all []line
	switch {
	case s.Findings > 0:
		text := plural(s.Findings, "finding")
		var parts []string
		for _, severity := range [...]string{"critical", "high", "medium", "low"} {
			if n := s.Severities[severity]; n > 0 {
				parts = append(parts, thousands(n)+" "+severity)
			}
		}
		if parts != nil {
			text += ": " + strings.Join(parts, ", ")
		}
		all = append(all, line{text + ".", bad})
	case s.Judged:
		all = append(all, line{"No findings.", good})
	}
	if s.NotJudged > 0 {
		verb := " were not judged."
		if s.NotJudged == 1 {
			verb = " was not judged."
		}
		all = append(all, line{plural(s.NotJudged, "sign-in") + verb, plain})
	}
	return all
}

// coverageLines say how complete the run is. A survey lists objects and is not
// to read them.
func coverageLines(c Coverage, survey bool) []line {
	o, r := c.Objects, c.Records
	text := fmt.Sprintf("Read %s of %s (%s packed, %s of JSON)", thousands(o.Read), plural(o.Listed, "object"),
		volume(c.Bytes.Packed), volume(c.Bytes.Inflated))
	failed := "read, or not to their end"
	if survey {
		text = "Listed, but did not read, " + plural(o.Listed, "object")
		failed = "listed"
	}
	if len(c.Sources) > 0 {
		text += " from " + list(c.Sources)
	}
	all := []line{{text + ".", plain}}
	if c.Partial {
		all = append(all, line{"PARTIAL: the run was interrupted; what follows is what was read until then.", bad})
	}
	var lost []string
	if o.Skipped > 0 {
		lost = append(lost, fmt.Sprintf("%s of %s could not be %s%s",
			thousands(o.Skipped), plural(o.Listed, "object"), failed, inParens(tally(o.SkippedBy))))
	}
	if r.Skipped > 0 {
		lost = append(lost, fmt.Sprintf("%s of a sign-in could not be read%s",
			plural(r.Skipped, "record"), inParens(tally(r.SkippedBy))))
	}
	switch {
	case lost != nil:
		all = append(all, line{"INCOMPLETE: " + strings.Join(lost, "; ") + ".", bad})
	case survey:
	case c.Complete && o.Excluded > 0:
		all = append(all, line{"Everything that was listed was read, but for what was left out.", good})
	case c.Complete:
		all = append(all, line{"Everything that was listed was read.", good})
	case !c.Partial:
		all = append(all, line{"INCOMPLETE: not everything that was listed was read.", bad})
	}
	for _, text := range []string{leftOut(o, survey), surplus(r)} {
		if text != "" {
			all = append(all, line{text, plain})
		}
	}
	return all
}

func inParens(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

func leftOut(o Objects, survey bool) string {
	var parts []string
	n, by := o.Excluded, maps.Clone(o.LeftOutBy)
	if survey {
		n -= by[listedOnly]
		delete(by, listedOnly)
	}
	if n > 0 {
		parts = append(parts, plural(n, "object")+inParens(tally(by)))
	}
	if n := total(o.FoldersBy); n > 0 {
		parts = append(parts, plural(n, "folder")+inParens(tally(o.FoldersBy)))
	}
	if parts == nil {
		return ""
	}
	return "Left out: " + list(parts) + "."
}

// surplus explains why more records were seen than are in the result.
func surplus(r Records) string {
	var parts []string
	for _, p := range [...]struct {
		n    int
		what string
	}{
		{r.Duplicates, "further copies"}, {r.Outside, "outside the window"},
		{r.Filtered, "of accounts or Regions not asked for"},
	} {
		if p.n > 0 {
			parts = append(parts, thousands(p.n)+" "+p.what)
		}
	}
	if parts == nil {
		return ""
	}
	return fmt.Sprintf("Of %s seen, %s left out: %s.", plural(r.Seen, "sign-in record"),
		thousands(r.Seen-r.SignIns), list(parts))
}

// Absences says in words which Regions have no log files; verbose: all of them.
// Empty: there are none.
func Absences(all []Absence, verbose bool) string {
	if len(all) == 0 {
		return ""
	}
	var parts []string
	cut := false
	for i, a := range all {
		if !verbose && i == proseAccounts {
			parts = append(parts, "and "+plural(len(all)-i, "account")+" more")
			cut = true
			break
		}
		regions := a.Regions
		if extra := len(regions) - proseRegions; !verbose && extra > 0 {
			regions = append(slices.Clone(regions[:proseRegions]), thousands(extra)+" more")
			cut = true
		}
		parts = append(parts, a.AccountID+": "+list(regions))
	}
	text := "No log files, so a sign-in there would not have been seen: " + strings.Join(parts, "; ")
	if cut {
		text += " (--verbose lists all)"
	}
	return text + "."
}
