package convert

import (
	"slices"
	"time"

	"trailgate/analyzer/endpoint"
	"trailgate/ingest"
	"trailgate/report"
)

// Coverage makes the coverage of a report, with the days and Regions that have no
// log files. Now is the time of the run: today's log files need not be there yet.
func Coverage(c *ingest.Coverage, w ingest.Window, now time.Time, table endpoint.Table) report.Coverage {
	out := report.Coverage{
		Complete: c.Complete(), Partial: c.Partial, Sources: c.Sources,
		Objects: report.Objects{Listed: c.Listed, Read: c.Read, Skipped: ingest.Total(c.Skipped), Excluded: ingest.Total(c.Excluded),
			SkippedBy: CountsByText(c.Skipped), LeftOutBy: c.Excluded, FoldersBy: c.Folders},
		Records: report.Records{Seen: c.Seen, SignIns: c.SignIns, Duplicates: c.Duplicates, Outside: c.Outside, Filtered: c.Filtered,
			Skipped: ingest.Total(c.SkippedRecords), SkippedBy: CountsByText(c.SkippedRecords)},
		Bytes:         report.Volume{Packed: c.Packed, Inflated: c.Inflated},
		SkipsUnlisted: c.Unlisted,
		Remarks:       c.Remarks,
	}
	if !asksForPartsOnly(c.Sources) {
		out.Remarks = slices.Concat(c.Remarks, singleRegionTrails(c.Shards, table))
		out.Absent = absentRegions(c.Shards, table)
	}
	if countFiles(c.Shards) == 0 && len(c.Shards) > 0 {
		out.Remarks = append(out.Remarks, "no log file lies in the window: no sign-in could have been seen")
	}
	for _, s := range c.Skips {
		out.Skips = append(out.Skips, report.Skip{Cause: string(s.Cause), Origin: s.Origin, Reason: s.Err.Error(), Record: s.Record})
	}
	from, to := expectedDays(c.Shards, w, now)
	for _, s := range c.Shards {
		out.Places = append(out.Places, coverageRow(s, from, to))
	}
	return out
}

// CountsByText gives counts by cause with the causes as texts.
func CountsByText(m map[ingest.Cause]int) map[string]int {
	out := map[string]int{}
	for cause, n := range m {
		out[string(cause)] = n
	}
	return out
}

// expectedDays is the range of days in which log files are to be expected: the
// window's, and where that is open, from the first to the last day of any. A
// window that is open at its end reaches to yesterday: today's files may not
// be there yet.
func expectedDays(shards []ingest.Shard, w ingest.Window, now time.Time) (from, to ingest.Day) {
	first := true
	for _, s := range shards {
		for _, d := range s.Days {
			if first {
				from, to, first = d, d, false
			}
			from, to = min(from, d), max(to, d)
		}
	}
	yesterday := ingest.DayOf(now) - 1
	if !w.Since.IsZero() {
		from, to = ingest.DayOf(w.Since), max(to, yesterday)
	}
	if !w.Until.IsZero() {
		to = min(ingest.DayOf(w.Until.Add(-time.Nanosecond)), max(to, yesterday))
	}
	return from, to
}

func coverageRow(s ingest.Shard, from, to ingest.Day) report.Place {
	p := report.Place{AccountID: s.Account, Region: s.Region, Objects: s.Objects, DaysWithFiles: len(s.Days)}
	if n := len(s.Days); n > 0 {
		p.FirstDay, p.LastDay = report.Date(s.Days[0]), report.Date(s.Days[n-1])
	}
	for d := from; d <= to && from > 0; d++ {
		if _, has := slices.BinarySearch(s.Days, d); !has {
			p.DaysWithoutFiles = append(p.DaysWithoutFiles, report.Date(d))
		}
	}
	return p
}

// countFiles counts the log files of all shards.
func countFiles(shards []ingest.Shard) int {
	n := 0
	for _, s := range shards {
		n += s.Objects
	}
	return n
}
