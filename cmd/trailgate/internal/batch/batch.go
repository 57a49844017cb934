// Package batch is the incremental export as a library. It takes sources, a lake, a
// state and options. It writes Parquet files to the lake and a new generation of the
// state, and returns a Summary of the run. Each sign-in is stored once, however often a run
// is repeated, interrupted or killed. The package prints nothing, parses no flags,
// and reads the clock only through Options.
package batch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"trailgate/analyzer"
	"trailgate/analyzer/detect"
	"trailgate/analyzer/policy"
	"trailgate/analyzer/rule"
	"trailgate/analyzer/text"
	"trailgate/ingest"
	"trailgate/ingest/aws/region"
	"trailgate/report"
	"trailgate/report/convert"
	"trailgate/report/lake"
	"trailgate/report/row"
)

// FirstReach is how far back the first run of a state begins if the window has no
// beginning.
const FirstReach = 30 * 24 * time.Hour

// Observer receives what a run meets. The run calls it from its own goroutine.
type Observer interface {
	// Skipped receives what could not be read. The run calls it once, after its commit.
	Skipped(c *ingest.Coverage)
	// Problems receives the problems with the exceptions of the policy.
	Problems(all policy.Problems)
	// SourceFailed receives the error of a source that failed as a whole. The run has
	// used the other sources.
	SourceFailed(err error)
}

// Options say what a run reads, how it judges, and where it writes. Location, Now,
// Version, Detector, Tally and Observer are required.
type Options struct {
	Location Location

	Sources []ingest.Source
	Window  ingest.Window // Since, Accounts and Regions; no Since: where the state begins
	Until   time.Time     // read only what was delivered before this time; zero: no bound

	Regions  region.Table
	Detector *detect.Detector // its Baseline comes from the state
	Tally    *policy.Tally    // of the detector's policy, if there is one
	FailOn   rule.Severity    // zero: no finding makes the status StatusFindings

	PartitionBy []string      // event_date, and account_id if wanted
	Settle      time.Duration // how late a sign-in may come and still be judged in its order
	LookBack    time.Duration // how late a log file may appear and still be found
	Adopt       bool          // use a lake that another state has filled

	Version  string // of the command, for the files
	Observer Observer
}

// Run makes one incremental export. It takes the lock, reads what is new, judges it,
// writes files, and commits. The Summary says what the run did, also after an error.
// After an error nothing was committed. There is one exception: if CommitUnknown is set
// in the Summary, the store did not answer, and the commit may have been made. The error is a *FilterChangedError, a
// *PartitionMismatchError, an *OtherStateError, an *UnmarkedLakeError or a
// *SameSourceError if the options do not fit the lake or the state; otherwise it is
// that of a source, of the lake, or the context's.
func Run(ctx context.Context, o Options) (Summary, error) {
	x := &exporter{Options: o, began: o.Location.Now().UTC()}
	x.summary = Summary{Manifest: ManifestVersion, Trailgate: o.Version, Run: NewRunName(), Status: StatusFailed,
		Started: x.began, Lake: o.Location.LakeName, State: o.Location.StateName}
	for _, s := range o.Sources {
		x.summary.Sources = append(x.summary.Sources, s.Name())
	}
	err := x.run(ctx)
	x.setOutcome(ctx, &x.summary, x.readCoverage, err)
	x.summary.CommitUnknown = x.session != nil && x.commitUnknown
	return x.summary, err
}

// exporter is one run.
type exporter struct {
	Options
	*session // lake, state and the lock on it

	began        time.Time
	window       ingest.Window
	sources      []*resumedSource
	state        *State
	before       []byte // the state as it was, encoded
	summary      Summary
	readCoverage *ingest.Coverage // of all sources, once they have been read
	failed       error            // of one source among several
	found        []detect.Finding
	changed      []row.Finding // new and changed ones
}

// run goes through the stages: lock, state, read, decide, judge, plan, write, commit.
func (x *exporter) run(ctx context.Context) error {
	var err error
	if x.session, err = openSession(ctx, &x.Options.Location, x.summary.Run); err != nil {
		return err
	}
	defer x.release()
	ctx, stop := x.renewLease(ctx)
	defer stop()
	if err := x.resume(ctx); err != nil {
		return err
	}
	if err := x.loadCheckpoints(); err != nil {
		return err
	}
	m, err := x.read(ctx)
	if err != nil {
		return err
	}
	x.saveCheckpoints()
	arrivals, err := x.splitNewAndKnown(ctx, m)
	if err != nil {
		return err
	}
	var changes plan
	x.planSignIns(arrivals, &changes)
	settledBefore := x.state.head.Settled
	if err := x.judge(arrivals, &m.Coverage); err != nil {
		return err
	}
	if err := x.planFindings(ctx, settledBefore, &changes); err != nil {
		return x.causeOf(ctx, err)
	}
	if err := x.apply(ctx, &changes); err != nil {
		return err
	}
	x.Observer.Skipped(&m.Coverage)
	if x.failed != nil {
		x.Observer.SourceFailed(x.failed)
	}
	return nil
}

// now is the time of the run. A delivery with a later time stamp does not count as the
// newest one.
func (x *exporter) now() time.Time {
	if !x.Until.IsZero() && x.Until.Before(x.began) {
		return x.Until
	}
	return x.began
}

// read merges what is new in all sources. It fails if no source could be used.
func (x *exporter) read(ctx context.Context) (*ingest.Merger, error) {
	var sources []ingest.Source
	for _, s := range x.sources {
		sources = append(sources, s)
	}
	m, failed := ingest.Merge(ctx, x.window, sources...)
	x.countRead(m)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if failed != nil && m.Coverage.Read == 0 && m.Coverage.Skipped[ingest.CauseSource] == len(x.sources) {
		return nil, failed // all sources failed; a source without news would have been useful
	}
	x.failed, x.readCoverage = failed, &m.Coverage
	return m, nil
}

// countRead puts what was read into the summary.
func (x *exporter) countRead(m *ingest.Merger) {
	a, c := &x.summary, &m.Coverage
	a.Objects = ObjectCounts{Listed: c.Listed, Read: c.Read, Skipped: ingest.Total(c.Skipped), Excluded: ingest.Total(c.Excluded),
		SkippedBy: convert.CauseCounts(c.Skipped), ExcludedBy: c.Excluded, Packed: c.Packed, Inflated: c.Inflated}
	a.Records = RecordCounts{Seen: c.Seen, SignIns: c.SignIns, Duplicates: c.Duplicates, Outside: c.Outside, Filtered: c.Filtered,
		Skipped: ingest.Total(c.SkippedRecords)}
	a.Remarks = append(a.Remarks, c.Remarks...)
}

// outcome is the status of a run that reached its end.
func (x *exporter) outcome(c *ingest.Coverage) string {
	for _, f := range x.changed {
		if severity, err := rule.ParseSeverity(f.Severity); err == nil && x.FailOn != 0 && severity >= x.FailOn {
			return StatusFindings
		}
	}
	if !c.Complete() || len(x.state.owed) > 0 {
		return StatusSkipped
	}
	return StatusComplete
}

// setOutcome puts into a summary how the run ended.
func (x *exporter) setOutcome(ctx context.Context, s *Summary, c *ingest.Coverage, err error) {
	switch {
	case err == nil:
		s.Status = x.outcome(c)
	case ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))):
		s.Status = StatusInterrupted
	default:
		s.Status, s.Error = StatusFailed, report.Clean(err.Error())
	}
	s.Seconds = x.Options.Location.Now().Sub(x.began).Seconds()
}

// addRemark adds a sentence that the reader needs beside the figures.
func (x *exporter) addRemark(words string) {
	x.summary.Remarks = append(x.summary.Remarks, words)
}

// resume reads the state. It also completes or undoes what an earlier run has left.
func (x *exporter) resume(ctx context.Context) error {
	a := &x.summary
	var err error
	if x.state, err = x.load(ctx); err != nil {
		return err
	}
	a.Generation, a.Owed = x.snapshot.Number, x.state.backlog()
	for _, damage := range x.snapshot.Damaged {
		x.addRemark("state: " + damage)
	}
	if err := x.recover(ctx, x.state.head.Replaced); err != nil {
		return err
	}
	if len(x.rolledBack) > 0 {
		x.addRemark(fmt.Sprintf("an earlier run ended before its commit: up to %s that it left in the lake were removed", text.Count(len(x.rolledBack), "file")))
	}
	if err := x.begin(ctx); err != nil {
		return err
	}
	x.before, err = x.state.encode(false)
	return err
}

// begin decides the time from which the lake holds sign-ins. It also checks that the lake
// belongs to this state.
func (x *exporter) begin(ctx context.Context) error {
	h := &x.state.head
	x.window = x.Window
	if x.snapshot.Number == 0 {
		h.Accounts, h.Regions, h.Since = x.window.Accounts, x.window.Regions, x.window.Since
		if h.Since.IsZero() {
			h.Since = x.now().Add(-FirstReach).Truncate(time.Second)
			x.addRemark("the first export of this state: it begins 30 days back, at " + h.Since.Format(time.RFC3339) + "; --since says otherwise")
		}
	} else if !sameTexts(h.Accounts, x.window.Accounts) || !sameTexts(h.Regions, x.window.Regions) {
		return &FilterChangedError{Accounts: h.Accounts, Regions: h.Regions}
	}
	if since := x.window.Since; !since.IsZero() && since.Before(h.Since) {
		x.addRemark(fmt.Sprintf("--since %s is before the beginning so far, %s: everything since then is read again, and what the lake has is not stored again",
			since.Format(time.RFC3339), h.Since.Format(time.RFC3339)))
		h.Since = since
		clear(x.state.checkpoints)
	}
	x.window.Since = h.Since
	x.summary.Since, x.summary.Settled = h.Since, h.Settled
	return x.checkOwnership(ctx)
}

// classifier makes the verdicts of the run.
func (x *exporter) classifier() analyzer.Classifier { return analyzer.Classifier{Table: x.Regions} }

// table is one table of the lake.
func (x *exporter) table(kind row.Kind) *lake.Table {
	return &lake.Table{Store: x.Lake, Name: string(kind), ByAccount: len(x.PartitionBy) > 1, RolledBack: x.rolledBack}
}
