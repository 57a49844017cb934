package convert

import (
	"slices"
	"time"

	"trailgate/ingest"
	"trailgate/ingest/aws/region"
	"trailgate/report"
	"trailgate/report/row"
)

// Coverage returns the coverage of a run over a window, with the days and Regions
// that have no log files. For the days see expectedDays. The Regions of a partition,
// such as aws or aws-cn, come from table.
//
// It adds remarks about accounts with log files of one Region only, and about a
// window without log files. If the user named only parts of trails, no Region is
// reported as missing.
func Coverage(c *ingest.Coverage, w ingest.Window, now time.Time, table region.Table) report.Coverage {
	out := report.Coverage{
		Complete: c.Complete(), Partial: c.Partial, Sources: c.Sources,
		Objects: report.Objects{Listed: c.Listed, Read: c.Read, Skipped: ingest.Total(c.Skipped), Excluded: ingest.Total(c.Excluded),
			SkippedBy: CauseCounts(c.Skipped), LeftOutBy: c.Excluded, FoldersBy: c.Folders},
		Records: report.Records{Seen: c.Seen, SignIns: c.SignIns, Duplicates: c.Duplicates, Outside: c.Outside, Filtered: c.Filtered,
			Skipped: ingest.Total(c.SkippedRecords), SkippedBy: CauseCounts(c.SkippedRecords)},
		Bytes:         report.Volume{Packed: c.Packed, Inflated: c.Inflated},
		SkipsUnlisted: c.Unlisted,
		Remarks:       c.Remarks,
		Meanings:      meaningsOf(c.Skipped, c.SkippedRecords),
		ListedOnly:    ingest.ReasonListedOnly,
	}
	if !asksForPartsOnly(c.Sources) {
		out.Remarks = slices.Concat(c.Remarks, singleRegionRemarks(c.Shards, table))
		out.Absent = absentRegions(c.Shards, table)
	}
	if countObjects(c.Shards) == 0 && len(c.Shards) > 0 {
		out.Remarks = append(out.Remarks, "the window has no log files, so no sign-in could be seen")
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

// expectedDays returns the first and the last day on which log files are expected:
// those of the window. If the window has no begin or no end, the first or the last
// day that has log files takes its place.
//
// A window with a begin and no end goes at least to yesterday. Days from today on are
// expected only up to the last day that has log files, because later files may not
// have been delivered yet. If from is zero, no day is expected.
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

// coverageRow returns the row of one account and Region. It looks for days without log
// files between the days from and to, both included. If from is zero, it finds none.
func coverageRow(s ingest.Shard, from, to ingest.Day) row.Coverage {
	c := row.Coverage{AccountID: s.Account, Region: s.Region, Objects: s.Objects, DaysWithFiles: len(s.Days)}
	if n := len(s.Days); n > 0 {
		c.FirstDay, c.LastDay = row.Date(s.Days[0]), row.Date(s.Days[n-1])
	}
	for d := from; d <= to && from > 0; d++ {
		if _, has := slices.BinarySearch(s.Days, d); !has {
			c.DaysWithoutFiles = append(c.DaysWithoutFiles, row.Date(d))
		}
	}
	return c
}

// countObjects counts the log files of all shards.
func countObjects(shards []ingest.Shard) int {
	n := 0
	for _, s := range shards {
		n += s.Objects
	}
	return n
}

// CauseCounts returns counts by cause with the causes as texts.
func CauseCounts(m map[ingest.Cause]int) map[string]int {
	out := map[string]int{}
	for cause, n := range m {
		out[string(cause)] = n
	}
	return out
}

// meaningsOf returns the words for each cause that was counted.
func meaningsOf(counts ...map[ingest.Cause]int) map[string]string {
	out := map[string]string{}
	for _, m := range counts {
		for cause := range m {
			out[string(cause)] = cause.Meaning()
		}
	}
	return out
}
