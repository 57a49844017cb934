package ingest

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"trailgate/ingest/record"
)

// MaxListedSkips is the number of skips that a Coverage lists one by one. The
// others are only counted.
const MaxListedSkips = 10_000

// Coverage says what a run has read, what it has skipped and why, and which
// days have no files. Two equations always hold:
//
//	objects listed = read + skipped + excluded
//	records seen   = sign-ins + duplicates + outside window + filtered
//
// Records that could not be read are counted separately, in SkippedRecords. The
// zero value is empty and ready. It is for one goroutine.
type Coverage struct {
	Sources []string // the sources, as the user named them

	Listed   int            // objects found
	Read     int            // objects read to their end
	Skipped  map[Cause]int  // objects not read, or not to their end
	Excluded map[string]int // objects left out on purpose, by reason
	Folders  map[string]int // folders not listed on purpose, by reason

	Seen           int           // readable sign-ins found
	SignIns        int           // of these, the sign-ins in the result
	Duplicates     int           // of these, further copies
	Outside        int           // of these, outside the window
	Filtered       int           // of these, of other accounts or Regions
	SkippedRecords map[Cause]int // sign-ins found that could not be read

	Packed   int64 // bytes as stored
	Inflated int64 // bytes of JSON

	Shards   []Shard     // account × Region, sorted
	Skips    []SkipError // the first MaxListedSkips by origin and offset, sorted; but see Skip
	Unlisted int         // number of the other skips
	Remarks  []string    // other facts that the reader must know, in words
	Partial  bool        // the run was interrupted
}

// Shard counts the log files that a trail holds for one account and Region.
type Shard struct {
	Account string
	Region  string
	Objects int
	Days    []Day // days of delivery that have files, sorted, each once
}

// Day is a UTC day, counted from 1970-01-01.
type Day int32

// DayOf is the UTC day of a moment.
func DayOf(t time.Time) Day {
	s := t.Unix()
	d := s / 86400
	if s%86400 < 0 {
		d--
	}
	return Day(d)
}

// Time is the first moment of the day.
func (d Day) Time() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// String gives the day as YYYY-MM-DD.
func (d Day) String() string { return d.Time().Format(time.DateOnly) }

// Skip counts one skip, and lists it if it is one of the first by origin. Until
// the next Add, Skips may hold up to twice MaxListedSkips, in any order.
func (c *Coverage) Skip(s *SkipError) {
	if s.Record {
		c.SkippedRecords = addCount(c.SkippedRecords, s.Cause, 1)
	} else {
		c.Skipped = addCount(c.Skipped, s.Cause, 1)
	}
	c.Skips = append(c.Skips, *s)
	if len(c.Skips) >= 2*MaxListedSkips {
		c.sortSkips()
	}
}

// Exclude counts n objects that were left out on purpose.
func (c *Coverage) Exclude(reason string, n int) { c.Excluded = addCount(c.Excluded, reason, n) }

// ExcludeFolder counts one folder that was not listed on purpose.
func (c *Coverage) ExcludeFolder(reason string) { c.Folders = addCount(c.Folders, reason, 1) }

// Complete reports whether everything that was found was also read: the run was not
// interrupted, and nothing was skipped. What was left out on purpose does not
// count.
func (c *Coverage) Complete() bool {
	return !c.Partial && Total(c.Skipped) == 0 && Total(c.SkippedRecords) == 0
}

// Total adds up the counts of a map by cause or reason.
func Total[K comparable](m map[K]int) int {
	n := 0
	for _, v := range m {
		n += v
	}
	return n
}

// Add adds the coverage of another source. Shards of the same account and Region
// become one. Skips beyond MaxListedSkips are dropped from the list and only
// counted.
func (c *Coverage) Add(o Coverage) {
	c.Sources = append(c.Sources, o.Sources...)
	c.Listed += o.Listed
	c.Read += o.Read
	c.Skipped = joinCounts(c.Skipped, o.Skipped)
	c.Excluded = joinCounts(c.Excluded, o.Excluded)
	c.Folders = joinCounts(c.Folders, o.Folders)
	c.Seen += o.Seen
	c.SignIns += o.SignIns
	c.Duplicates += o.Duplicates
	c.Outside += o.Outside
	c.Filtered += o.Filtered
	c.SkippedRecords = joinCounts(c.SkippedRecords, o.SkippedRecords)
	c.Packed += o.Packed
	c.Inflated += o.Inflated
	c.Shards = mergeShards(append(c.Shards, o.Shards...))
	c.Unlisted += o.Unlisted
	c.Skips = append(c.Skips, o.Skips...)
	c.sortSkips()
	c.Remarks = append(c.Remarks, o.Remarks...)
	c.Partial = c.Partial || o.Partial
}

// sortSkips sorts the skips by all their fields. It drops those beyond
// MaxListedSkips and counts them in Unlisted. The result does not depend on the
// order of arrival.
func (c *Coverage) sortSkips() {
	slices.SortFunc(c.Skips, func(a, b SkipError) int {
		if by := cmp.Compare(a.Origin, b.Origin); by != 0 {
			return by
		}
		return cmp.Or(cmp.Compare(a.recordOffset(), b.recordOffset()), cmp.Compare(a.Cause, b.Cause),
			cmp.Compare(a.Err.Error(), b.Err.Error()), cmp.Compare(boolOrder(a.Record), boolOrder(b.Record)))
	})
	if extra := len(c.Skips) - MaxListedSkips; extra > 0 {
		c.Skips, c.Unlisted = c.Skips[:MaxListedSkips], c.Unlisted+extra
	}
}

// recordOffset is the byte offset in the object at which the error occurred, or
// zero if it is not known.
func (e *SkipError) recordOffset() int64 {
	var at *record.Error
	if errors.As(e.Err, &at) {
		return at.Offset
	}
	return 0
}

func mergeShards(all []Shard) []Shard {
	slices.SortStableFunc(all, func(a, b Shard) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region))
	})
	var out []Shard
	for _, s := range all {
		if n := len(out) - 1; n >= 0 && out[n].Account == s.Account && out[n].Region == s.Region {
			out[n].Objects += s.Objects
			out[n].Days = append(out[n].Days, s.Days...)
			continue
		}
		s.Days = slices.Clone(s.Days)
		out = append(out, s)
	}
	for i := range out {
		slices.Sort(out[i].Days)
		out[i].Days = slices.Compact(out[i].Days)
	}
	return out
}

func addCount[K comparable](m map[K]int, k K, n int) map[K]int {
	if n == 0 {
		return m
	}
	if m == nil {
		m = map[K]int{}
	}
	m[k] += n
	return m
}

func joinCounts[K comparable](a, b map[K]int) map[K]int {
	for k, v := range maps.All(b) {
		a = addCount(a, k, v)
	}
	return a
}
