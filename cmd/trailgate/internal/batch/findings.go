package batch

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
	"trailgate/analyzer/detect"
	"trailgate/ingest"
	"trailgate/ingest/signin"
	"trailgate/report/convert"
	"trailgate/report/lake"
	"trailgate/report/row"
)

// maxBacklogWait is how long the settled time waits for an unread object. Sign-ins up
// to the settled time are not judged again. After this wait it passes the object, so
// that one broken file cannot stop the learning for ever.
const maxBacklogWait = 7 * 24 * time.Hour

// judge judges the new sign-ins, and once more all sign-ins after the settled time, in
// order of time. So a sign-in that comes late, but after the settled time, is judged
// and learned as if it had come in time. Then it moves the settled time forward. It
// stores the findings in x.found. It stores the baseline, the sign-ins that are not
// settled and the settled time in x.state. It also tells the Observer the problems with
// the policy.
func (x *exporter) judge(arrivals []arrival, c *ingest.Coverage) error {
	head := &x.state.head
	detector := x.Detector
	detector.Baseline = &detect.Baseline{}
	if len(x.state.baseline) > 0 {
		known, err := detect.ParseBaseline(x.state.baseline)
		if err != nil {
			return fmt.Errorf("state %q: %w", x.StateName, err)
		}
		detector.Baseline = known
	}
	before := detector.Baseline.Ongoing()
	until := x.nextSettled(arrivals, c)
	classify := x.classifier()
	var pending []signin.Event
	var learned json.RawMessage
	var settled []detect.Finding
	settle := func() (err error) {
		if learned == nil {
			settled = detector.Baseline.Ongoing()
			learned, err = json.Marshal(detector.Baseline)
		}
		return err
	}
	for e := range mergeByTime(x.state.pending, arrivals) {
		if e.Time.After(until) {
			if err := settle(); err != nil {
				return fmt.Errorf("keep the baseline: %w", err)
			}
			pending = append(pending, *e)
		}
		x.addSignIn(e, classify.Classify(*e))
	}
	if err := settle(); err != nil {
		return fmt.Errorf("keep the baseline: %w", err)
	}
	x.found = detector.Findings()
	x.restoreSettledFindings(before, settled)
	x.Observer.Problems(x.Tally.Exceptions())
	x.state.pending, x.state.baseline = pending, learned
	head.Settled = until
	x.summary.Settled = until
	return nil
}

// addSignIn judges one sign-in, and the baseline learns it. If there is a policy, it
// also counts what the policy decides.
func (x *exporter) addSignIn(e *signin.Event, v analyzer.Verdict) {
	x.Detector.Add(e, v)
	if x.Tally.Policy != nil {
		x.Tally.Add(e, x.Tally.Policy.Decide(e, v))
	}
}

// restoreSettledFindings corrects findings of bursts (several sign-ins that make one
// finding) that began before the settled time. Such a burst may have grown in an
// earlier run and not in this one. Its finding is then put back to its form at the
// settled time. It stores in x.state the ids of the findings that grew in this run. The
// arguments are the open bursts at the old and the new settled time.
func (x *exporter) restoreSettledFindings(before, settled []detect.Finding) {
	found := map[string]int{}
	for _, f := range x.found {
		found[f.ID] = f.Count
	}
	for _, f := range before {
		if found[f.ID] == 0 && slices.Contains(x.state.head.Grown, f.ID) {
			x.found = append(x.found, f)
		}
	}
	x.state.head.Grown = nil
	for _, f := range settled {
		if found[f.ID] > f.Count {
			x.state.head.Grown = append(x.state.head.Grown, f.ID)
		}
	}
}

// mergeByTime yields the pending sign-ins, and the arrivals that are to be judged, in
// order of time. Both arguments must be in that order.
func mergeByTime(pending []signin.Event, arrivals []arrival) iter.Seq[*signin.Event] {
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

// nextSettled is the time up to which sign-ins are settled after this run. Usually that
// is the newest delivery minus Settle. It waits for the objects of the backlog, for
// folders that could not be listed, and for sources that failed. It waits at most
// maxBacklogWait, and it never goes back. It also updates the newest delivery in the
// state.
func (x *exporter) nextSettled(arrivals []arrival, c *ingest.Coverage) time.Time {
	head := &x.state.head
	head.Newest = x.newestDelivery(arrivals)
	if head.Newest.IsZero() {
		return head.Settled
	}
	to := head.Newest.Add(-x.Settle)
	if x.failed != nil || c.Skipped[ingest.CauseListing] > 0 {
		to = earlierOf(to, head.Settled)
	}
	for _, o := range x.state.owed {
		if at := x.deliveredAt(o); !at.IsZero() {
			to = earlierOf(to, at.Add(-x.Settle))
		}
	}
	return laterOf(head.Settled, laterOf(to, head.Newest.Add(-x.Settle-maxBacklogWait)))
}

// newestDelivery is the time of the newest delivery of this and all earlier runs. The
// newest sign-in counts as a delivery at its own time. A time after x.now() counts as
// x.now().
func (x *exporter) newestDelivery(arrivals []arrival) time.Time {
	newest := x.state.head.Newest
	if n := len(arrivals); n > 0 {
		newest = laterOf(newest, earlierOf(arrivals[n-1].Time, x.now()))
	}
	for _, b := range x.sources {
		newest = laterOf(newest, earlierOf(b.newest, x.now()))
	}
	return newest.UTC()
}

func earlierOf(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// planFindings plans the changes to the table of findings. settled is the settled time
// before this run. Every run judges all sign-ins after that time again. So a finding
// after that time that was not made again is withdrawn: its row is removed. It also
// counts the changes in the summary.
func (x *exporter) planFindings(ctx context.Context, settled time.Time, changes *plan) error {
	table := x.table(row.Findings)
	want := map[lake.Partition][]row.Finding{}
	// Findings before the beginning of this state may come from another state. They
	// are not withdrawn.
	settled = laterOf(settled, x.state.head.Since.Add(-time.Millisecond))
	from := row.DateOf(settled)
	first := from
	for row := range convert.Findings(x.found) {
		p := table.PartitionOf(row.EventDate, row.AccountID)
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
		if err := x.planPartition(ctx, table, p, have[p], want[p], settled, changes); err != nil {
			return err
		}
	}
	x.summary.Findings.Standing = len(x.found)
	return nil
}

// planPartition compares the rows in the files of a partition with the findings of this
// run. It adds new rows, replaces changed ones, and drops withdrawn ones. If that
// changes anything, or if a row is there twice, it plans one new file in place of all.
// If no row is left, it plans only to remove the files. It counts the changes in the
// summary.
func (x *exporter) planPartition(ctx context.Context, table *lake.Table, p lake.Partition, files []lake.File, found []row.Finding, settled time.Time, changes *plan) error {
	rows := map[string]row.Finding{}
	twice := false
	for _, f := range files {
		for row, err := range rowsOf[row.Finding](ctx, table, f) {
			if err != nil {
				return err
			}
			_, known := rows[row.FindingID]
			twice = twice || known
			rows[row.FindingID] = row
		}
	}
	count := &x.summary.Findings
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
		count.BySeverity = addOne(count.BySeverity, row.Severity)
		x.changed = append(x.changed, row)
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
		changes.replaced = append(changes.replaced, f.Key)
	}
	if len(rows) > 0 {
		sorted := slices.SortedFunc(maps.Values(rows), compareFindings)
		addToPlan(changes, table, table.Key(p, x.snapshot.Number+1, x.runName), x.Version, slices.Values(sorted))
	}
	return nil
}

func addOne(m map[string]int, key string) map[string]int {
	if m == nil {
		m = map[string]int{}
	}
	m[key]++
	return m
}

// compareFindings is the order of rows in the table of findings: by event time, event
// id, rule and finding id.
func compareFindings(a, b row.Finding) int {
	return cmp.Or(a.EventTime.Compare(b.EventTime), strings.Compare(a.EventID, b.EventID), strings.Compare(a.Rule, b.Rule), strings.Compare(a.FindingID, b.FindingID))
}

// sameFinding reports whether two rows with the same id agree in all fields that may
// change: rule, severity, reason, observed, expected and surprise.
func sameFinding(a, b row.Finding) bool {
	surprise := func(f row.Finding) float64 {
		if f.Surprise == nil {
			return -1
		}
		return *f.Surprise
	}
	return a.Rule == b.Rule && a.Severity == b.Severity && a.Reason == b.Reason && a.Observed == b.Observed &&
		slices.Equal(a.Expected, b.Expected) && surprise(a) == surprise(b)
}
