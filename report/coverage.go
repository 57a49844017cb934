package report

import (
	"slices"
	"strings"
)

// proseGaps is how many ranges of days without files a table names.
const proseGaps = 6

// coverageSections is the report of the coverage verb: what is there, by
// account and Region, and what is not.
func coverageSections(c Coverage, n notation, verbose bool) []section {
	all := []section{{lines: append([]line{{extent(c), strong}}, coverageLines(c, true)...)}}
	if len(c.Places) > 0 {
		all = append(all, section{title: "Log files", grid: placeGrid(c.Places, n, verbose)})
	}
	return append(all, skipSections(c, n, verbose)...)
}

// extent is the headline: how many accounts, Regions and days have log files.
func extent(c Coverage) string {
	with := slices.DeleteFunc(slices.Clone(c.Places), func(p Place) bool { return p.Objects == 0 })
	switch {
	case len(c.Places) == 0:
		return "No log files in a trail's layout were found."
	case len(with) == 0:
		return "No log files in the window, of " + breadth(c.Places) + "."
	}
	var from, to Date
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
	text := "Log files of " + breadth(with)
	if from != 0 {
		text += ", " + from.String()
		if from != to {
			text += " to " + to.String()
		}
	}
	switch {
	case holes > 0:
		text += "; days are missing in " + plural(holes, "place") + "."
	default:
		text += ", without a missing day."
	}
	return text
}

// breadth counts accounts and Regions.
func breadth(places []Place) string {
	accounts, regions := map[string]bool{}, map[string]bool{}
	for _, p := range places {
		accounts[p.AccountID], regions[p.Region] = true, true
	}
	return plural(len(accounts), "account") + " in " + plural(len(regions), "Region")
}

func placeGrid(all []Place, n notation, verbose bool) grid {
	return grid{
		head:  []string{"account_id", "region", "objects", "first_day", "last_day", "days", "days_without_files"},
		right: []int{2, 5},
		prose: 6,
		rows: cells(slices.Values(all), func(p Place) []string {
			ranges := gaps(p.DaysWithoutFiles)
			if extra := len(ranges) - proseGaps; extra > 0 && n.people && !verbose {
				ranges = append(ranges[:proseGaps], "… and "+thousands(extra)+" more (--verbose lists all)")
			}
			return []string{p.AccountID, p.Region, n.count(p.Objects), p.FirstDay.String(), p.LastDay.String(),
				n.count(p.DaysWithFiles), strings.Join(ranges, ", ")}
		}),
	}
}
