package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"trailgate/analyzer"
	"trailgate/ingest"
	"trailgate/ingest/signin"
	"trailgate/report"
	"trailgate/report/lake"
)

// maxHold is how long history waits for what is owed before it closes over
// it.
const maxHold = 7 * 24 * time.Hour

// judge judges the new sign-ins, and again all since history was settled, in
// order of time: so a sign-in that came late is judged, and learned, as if it
// had come in time. Then history is settled up to a later moment.
func (x *exporter) judge(arrivals []arrival, c *ingest.Coverage) error {
	head := &x.job.head
	j := x.judgement
	j.judge.Baseline = &analyzer.Baseline{}
	if len(x.job.baseline) > 0 {
		known, err := analyzer.ParseBaseline(x.job.baseline)
		if err != nil {
			return fmt.Errorf("state %q: %w", x.stateName, err)
		}
		j.judge.Baseline = known
	}
	before := j.judge.Baseline.Ongoing()
	until := x.settleTo(arrivals, c)
	classify := analyzer.Classifier{Table: x.read.table}
	var pending []signin.Event
	var learned json.RawMessage
	var settled []analyzer.Finding
	settle := func() (err error) {
		if learned == nil {
			settled = j.judge.Baseline.Ongoing()
			learned, err = json.Marshal(j.judge.Baseline)
		}
		return err
	}
	for e := range together(x.job.pending, arrivals) {
		if e.Time.After(until) {
			if err := settle(); err != nil {
				return fmt.Errorf("keep the baseline: %w", err)
			}
			pending = append(pending, *e)
		}
		j.add(e, classify.Classify(*e))
	}
	if err := settle(); err != nil {
		return fmt.Errorf("keep the baseline: %w", err)
	}
	j.conclude()
	x.shrink(before, settled)
	x.p.tellProblems(j.tally.Exceptions())
	x.job.pending, x.job.baseline = pending, learned
	head.Settled = until
	x.account.Settled = until
	return nil
}

// shrink brings back findings of bursts from before history was settled, to
// which an earlier run added sign-ins that do not belong to them any more, as
// they were when it was settled; and notes those to which this run has added.
func (x *exporter) shrink(before, settled []analyzer.Finding) {
	found := map[string]int{}
	for _, f := range x.judgement.found {
		found[f.ID] = f.Count
	}
	for _, f := range before {
		if found[f.ID] == 0 && slices.Contains(x.job.head.Grown, f.ID) {
			x.judgement.found = append(x.judgement.found, f)
		}
	}
	x.job.head.Grown = nil
	for _, f := range settled {
		if found[f.ID] > f.Count {
			x.job.head.Grown = append(x.job.head.Grown, f.ID)
		}
	}
}

// together yields what is to be judged, in order of time.
func together(pending []signin.Event, arrivals []arrival) iter.Seq[*signin.Event] {
	return func(yield func(*signin.Event) bool) {
		i := 0
		for _, a := range arrivals {
			if !a.judge {
				continue
			}
			for ; i < len(pending) && compareEvents(&pending[i], a.Event) < 0; i++ {
				if !yield(&pending[i]) {
					return
				}
			}
			if !yield(a.Event) {
				return
			}
		}
		for ; i < len(pending); i++ {
			if !yield(&pending[i]) {
				return
			}
		}
	}
}

// settleTo is the moment up to which history is settled after this run:
// --settle before the newest delivery. It waits for what is owed and for
// folders that could not be listed, though not for ever, and never goes back.
func (x *exporter) settleTo(arrivals []arrival, c *ingest.Coverage) time.Time {
	head := &x.job.head
	head.Newest = x.newest(arrivals)
	if head.Newest.IsZero() {
		return head.Settled
	}
	to := head.Newest.Add(-x.flags.settle)
	if x.failed != nil || c.Skipped[ingest.CauseListing] > 0 {
		to = earlier(to, head.Settled)
	}
	for _, o := range x.job.owed {
		if at := x.deliveredAt(o); !at.IsZero() {
			to = earlier(to, at.Add(-x.flags.settle))
		}
	}
	return later(head.Settled, later(to, head.Newest.Add(-x.flags.settle-maxHold)))
}

// newest is the newest delivery that has come so far, as far as its stamp can
// be believed.
func (x *exporter) newest(arrivals []arrival) time.Time {
	newest := x.job.head.Newest
	if n := len(arrivals); n > 0 {
		newest = later(newest, earlier(arrivals[n-1].Time, x.now()))
	}
	for _, b := range x.sources {
		newest = later(newest, earlier(b.newest, x.now()))
	}
	return newest.UTC()
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// planFindings brings the table of findings in line with what holds now. What
// was found after the moment up to which history had been settled is found
// again by every run, so what is not found any more does not hold.
func (x *exporter) planFindings(ctx context.Context, settled time.Time, todo *plan) error {
	table := x.table(report.Findings)
	want := map[lake.Partition][]report.Finding{}
	// What lies before the beginning is not this job's.
	settled = later(settled, x.job.head.Since.Add(-time.Millisecond))
	from := lakeDay(report.DateOf(settled))
	first := from
	for row := range findings(x.judgement.found) {
		p := table.Place(lakeDay(row.EventDate), row.AccountID)
		want[p] = append(want[p], row)
		first = min(first, p.Day)
	}
	files, err := table.Files(ctx, first, 0)
	if err != nil {
		return err
	}
	have := map[lake.Partition][]lake.File{}
	for _, f := range files {
		have[f.Partition] = append(have[f.Partition], f)
		if _, known := want[f.Partition]; !known && f.Day >= from {
			want[f.Partition] = nil
		}
	}
	for _, p := range slices.SortedFunc(maps.Keys(want), lake.Partition.Compare) {
		if err := x.planPartition(ctx, table, p, have[p], want[p], settled, todo); err != nil {
			return err
		}
	}
	x.account.Findings.Standing = len(x.judgement.found)
	return nil
}

// planPartition compares what a partition has with what holds, and plans one
// file in place of all that it has if they differ.
func (x *exporter) planPartition(ctx context.Context, table *lake.Table, p lake.Partition, files []lake.File, found []report.Finding, settled time.Time, todo *plan) error {
	rows := map[string]report.Finding{}
	twice := false
	for _, f := range files {
		for row, err := range rowsOf[report.Finding](ctx, table, f) {
			if err != nil {
				return err
			}
			_, known := rows[row.FindingID]
			twice = twice || known
			rows[row.FindingID] = row
		}
	}
	count := &x.account.Findings
	changed := twice
	stands := map[string]bool{}
	for _, row := range found {
		stands[row.FindingID] = true
		switch old, known := rows[row.FindingID]; {
		case !known:
			count.New++
		case !sameFinding(old, row):
			count.Changed++
		default:
			continue
		}
		changed = true
		count.BySeverity = increment(count.BySeverity, row.Severity)
		x.news = append(x.news, row)
		rows[row.FindingID] = row
	}
	for id, row := range rows {
		if row.EventTime.After(settled) && !stands[id] {
			delete(rows, id)
			count.Withdrawn++
			changed = true
		}
	}
	if !changed {
		return nil
	}
	for _, f := range files {
		todo.replaced = append(todo.replaced, f.Key)
	}
	if len(rows) > 0 {
		sorted := slices.SortedFunc(maps.Values(rows), compareFindings)
		planAdd(todo, table, table.Key(p, x.snapshot.Number+1, x.run), each(sorted))
	}
	return nil
}

func increment(m map[string]int, key string) map[string]int {
	if m == nil {
		m = map[string]int{}
	}
	m[key]++
	return m
}

// compareFindings is the order of the table.
func compareFindings(a, b report.Finding) int {
	return cmp.Or(a.EventTime.Compare(b.EventTime), strings.Compare(a.EventID, b.EventID), strings.Compare(a.Rule, b.Rule), strings.Compare(a.FindingID, b.FindingID))
}

// sameFinding tells whether two rows of the same id say the same.
func sameFinding(a, b report.Finding) bool {
	surprise := func(f report.Finding) float64 {
		if f.Surprise == nil {
			return -1
		}
		return *f.Surprise
	}
	return a.Rule == b.Rule && a.Severity == b.Severity && a.Reason == b.Reason && a.Observed == b.Observed &&
		slices.Equal(a.Expected, b.Expected) && surprise(a) == surprise(b)
}
