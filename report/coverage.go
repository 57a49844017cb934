package report

import (
	"slices"
	"strings"

	"trailgate/report/row"
)

// maxRanges is the largest number of ranges of days in a cell for people.
const maxRanges = 6

// coverageSections returns the report of the coverage verb: for each account and
// Region, which log files exist and which days have none.
func coverageSections(c Coverage, n notation, verbose bool) []section {
	all := []section{{lines: append([]line{{extentText(c), strong}}, coverageLines(c, true)...)}}
	if len(c.Places) > 0 {
		all = append(all, section{title: "Log files", grid: coverageGrid(c.Places, n, verbose)})
	}
	return append(all, skipSections(c, n, verbose)...)
}

// extentText returns the headline: how many accounts, Regions and days have log
// files.
func extentText(c Coverage) string {
	with := slices.DeleteFunc(slices.Clone(c.Places), func(p row.Coverage) bool { return p.Objects == 0 })
	switch {
	case len(c.Places) == 0:
		return "No log files in a trail's layout were found."
	case len(with) == 0:
		return "No log files of " + placeCounts(c.Places) + " in the window."
	}
	var from, to row.Date
	holes := 0
	for _, p := range with {
		if from == 0 || p.FirstDay != 0 && p.FirstDay < from {
			from = p.FirstDay
		}
		to = max(to, p.LastDay)
		if len(p.DaysWithoutFiles) > 0 {
			holes++
		}
	}
	text := "Log files of " + placeCounts(with)
	if from != 0 {
		text += ", " + from.String()
		if from != to {
			text += " to " + to.String()
		}
	}
	switch {
	case holes > 0:
		text += "; days are missing in " + countNoun(holes, "place") + "."
	default:
		text += ", and no day is missing."
	}
	return text
}

// placeCounts says how many different accounts and Regions the places have:
// "2 accounts in 3 Regions".
func placeCounts(places []row.Coverage) string {
	accounts, regions := map[string]bool{}, map[string]bool{}
	for _, p := range places {
		accounts[p.AccountID], regions[p.Region] = true, true
	}
	return countNoun(len(accounts), "account") + " in " + countNoun(len(regions), "Region")
}

func coverageGrid(all []row.Coverage, n notation, verbose bool) grid {
	return grid{
		head:  []string{"account_id", "region", "objects", "first_day", "last_day", "days", "days_without_files"},
		right: []int{2, 5},
		prose: 6,
		rows: gridRows(slices.Values(all), func(p row.Coverage) []string {
			ranges := dayRanges(p.DaysWithoutFiles)
			if extra := len(ranges) - maxRanges; extra > 0 && n.people && !verbose {
				ranges = append(ranges[:maxRanges], "… and "+groupDigits(extra)+" more (--verbose lists all)")
			}
			return []string{p.AccountID, p.Region, n.count(p.Objects), p.FirstDay.String(), p.LastDay.String(),
				n.count(p.DaysWithFiles), strings.Join(ranges, ", ")}
		}),
	}
}
