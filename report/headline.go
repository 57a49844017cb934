package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"trailgate/report/row"
)

// The largest numbers of accounts, and of Regions of one account, that Absences names
// unless it is verbose.
const (
	proseAccounts = 5
	proseRegions  = 6
)

// summaryLines returns the run in one or a few sentences.
func summaryLines(s Summary) []line {
	var b strings.Builder
	if s.SignIns == 0 {
		b.WriteString("No console sign-ins were found.")
	} else {
		fmt.Fprintf(&b, "%s by %s in %s", countNoun(s.SignIns, "sign-in"), countNoun(s.Principals, "principal"),
			countNoun(len(s.Accounts), "account"))
		if !s.First.IsZero() && !s.Last.IsZero() {
			from, to := row.DateOf(s.First).String(), row.DateOf(s.Last).String()
			b.WriteString(", " + from)
			if from != to {
				b.WriteString(" to " + to)
			}
		}
		fmt.Fprintf(&b, ": %s regional, %s global, %s unknown; %s failed.", groupDigits(s.Scopes.Regional),
			groupDigits(s.Scopes.Global), groupDigits(s.Scopes.Unknown), groupDigits(s.Failures))
	}
	all := []line{{b.String(), strong}}
	if w := windowText(s); w != "" {
		all = append(all, line{w, plain})
	}
	return append(all, findingLines(s)...)
}

func windowText(s Summary) string {
	var parts []string
	if !s.Since.IsZero() {
		parts = append(parts, "from "+humanTime(s.Since))
	}
	if !s.Until.IsZero() {
		parts = append(parts, "until "+humanTime(s.Until))
	}
	if parts == nil {
		return ""
	}
	return "Asked for: " + strings.Join(parts, " ") + " UTC."
}

func findingLines(s Summary) []line {
	var all []line
	switch {
	case s.Findings > 0:
		text := countNoun(s.Findings, "finding")
		var parts []string
		for _, severity := range [...]string{"critical", "high", "medium", "low"} {
			if n := s.Severities[severity]; n > 0 {
				parts = append(parts, groupDigits(n)+" "+severity)
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
		all = append(all, line{countNoun(s.NotJudged, "sign-in") + verb, plain})
	}
	return all
}

// coverageLines say how complete the run is: what was read, what could not be read,
// and what was left out. survey means that the run only listed objects and did not
// read them. Then the lines say less.
func coverageLines(c Coverage, survey bool) []line {
	o, r := c.Objects, c.Records
	text := fmt.Sprintf("Read %s of %s (%s packed, %s of JSON)", groupDigits(o.Read), countNoun(o.Listed, "object"),
		byteCount(c.Bytes.Packed), byteCount(c.Bytes.Inflated))
	failed := "read, or not to their end"
	if survey {
		text = "Listed " + countNoun(o.Listed, "object")
		failed = "listed"
	}
	if len(c.Sources) > 0 {
		text += " from " + joinWords(c.Sources)
	}
	if survey {
		text += " without reading them"
	}
	all := []line{{text + ".", plain}}
	if c.Partial {
		all = append(all, line{"PARTIAL: the run was interrupted; what follows is what was read until then.", bad})
	}
	var lost []string
	if o.Skipped > 0 {
		lost = append(lost, fmt.Sprintf("%s of %s could not be %s%s",
			groupDigits(o.Skipped), countNoun(o.Listed, "object"), failed, inParens(joinCounts(o.SkippedBy))))
	}
	if r.Skipped > 0 {
		lost = append(lost, fmt.Sprintf("%s of a sign-in could not be read%s",
			countNoun(r.Skipped, "record"), inParens(joinCounts(r.SkippedBy))))
	}
	switch {
	case lost != nil:
		all = append(all, line{"INCOMPLETE: " + strings.Join(lost, "; ") + ".", bad})
	case survey:
	case c.Complete && o.Excluded > 0:
		all = append(all, line{"Everything that was listed was read, except what was left out.", good})
	case c.Complete:
		all = append(all, line{"Everything that was listed was read.", good})
	case !c.Partial:
		all = append(all, line{"INCOMPLETE: not everything that was listed was read.", bad})
	}
	for _, text := range []string{leftOutText(c, survey), surplusText(r)} {
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

func leftOutText(c Coverage, survey bool) string {
	var parts []string
	o := c.Objects
	n, by := o.Excluded, maps.Clone(o.LeftOutBy)
	if survey {
		n -= by[c.ListedOnly]
		delete(by, c.ListedOnly)
	}
	if n > 0 {
		parts = append(parts, countNoun(n, "object")+inParens(joinCounts(by)))
	}
	if n := sumCounts(o.FoldersBy); n > 0 {
		parts = append(parts, countNoun(n, "folder")+inParens(joinCounts(o.FoldersBy)))
	}
	if parts == nil {
		return ""
	}
	return "Left out: " + joinWords(parts) + "."
}

// surplusText explains why the run saw more records than the result has. It returns
// an empty text if it did not.
func surplusText(r Records) string {
	var parts []string
	for _, p := range [...]struct {
		n    int
		what string
	}{
		{r.Duplicates, "further copies"}, {r.Outside, "outside the window"},
		{r.Filtered, "of accounts or Regions not asked for"},
	} {
		if p.n > 0 {
			parts = append(parts, groupDigits(p.n)+" "+p.what)
		}
	}
	if parts == nil {
		return ""
	}
	return fmt.Sprintf("Of %s seen, %s left out: %s.", countNoun(r.Seen, "sign-in record"),
		groupDigits(r.Seen-r.SignIns), joinWords(parts))
}

// Absences returns a sentence with the Regions that have no log files, or an empty
// text if all is empty. If verbose, it names all accounts and Regions. Otherwise it
// names at most proseAccounts accounts and proseRegions Regions of each.
func Absences(all []Absence, verbose bool) string {
	if len(all) == 0 {
		return ""
	}
	var parts []string
	cut := false
	for i, a := range all {
		if !verbose && i == proseAccounts {
			parts = append(parts, "and "+countNoun(len(all)-i, "account")+" more")
			cut = true
			break
		}
		regions := a.Regions
		if extra := len(regions) - proseRegions; !verbose && extra > 0 {
			regions = append(slices.Clone(regions[:proseRegions]), groupDigits(extra)+" more")
			cut = true
		}
		parts = append(parts, a.AccountID+": "+joinWords(regions))
	}
	text := "No log files, so a sign-in there would not have been seen: " + strings.Join(parts, "; ")
	if cut {
		text += " (--verbose lists all)"
	}
	return text + "."
}
