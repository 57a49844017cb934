// Package batch is the incremental export as a library. It takes sources, a lake, a
// state and options. It writes Parquet files to the lake and a new generation of the
// state, and returns a Summary of the run. Each sign-in is stored once, however often a
// run is repeated, interrupted or killed. The package prints nothing, parses no flags,
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

// FirstReach is how far before its own time the first run of a state begins to read. It
// is used only if Options.Window has no Since.
const FirstReach = 30 * 24 * time.Hour

// Observer receives what a run meets. Run calls its methods from the goroutine that
// called Run.
type Observer interface {
	// Skipped receives the Coverage of all sources, which names what could not be
	// read. The run calls it once, after its commit, and also if it had nothing to
	// commit. A run that fails does not call it.
	Skipped(c *ingest.Coverage)
	// Problems receives warnings about exceptions of the policy that have expired or
	// were never used. The run calls it once, after it has judged the sign-ins. The
	// list may be empty.
	Problems(all policy.Problems)
	// SourceFailed receives the first error of a source that failed as a whole. The
	// run calls it after Skipped. It has used everything else that it could read.
	SourceFailed(err error)
}

// Options say what a run reads, how it judges, and where it writes. Location (with
// Lake, State and Now), Version, Detector, Tally and Observer are required.
type Options struct {
	Location Location

	Sources []ingest.Source
	Window  ingest.Window // Since, Accounts and Regions; no Since: where the state begins
	Until   time.Time     // read only what was delivered before this time; zero: no bound

	Regions  region.Table
	Detector *detect.Detector // Run replaces its Baseline by that of the state
	Tally    *policy.Tally    // counts what the detector's policy decides; its Policy is nil without one
	FailOn   rule.Severity    // findings from this severity on make the status StatusFindings; zero: none do

	PartitionBy []string      // event_date, and account_id if wanted
	Settle      time.Duration // how late a sign-in may come and still be judged in order of time
	LookBack    time.Duration // how late a log file may appear and still be found
	Adopt       bool          // take over a lake that another state has filled; false: such a lake is an error

	Version  string // of the command, for the files
	Observer Observer
}

// Run makes one incremental export. It takes the lock, reads what is new, judges it,
// writes files, and commits a new generation of the state. If nothing has changed, it
// neither adds files nor commits. The Summary says what the run did, also after an
// error.
//
// After an error nothing was committed, with two exceptions. If CommitUnknown is set in
// the Summary, the store did not answer, and the commit may have been made. If the
// error wraps lake.ErrLost, another run may have continued from the commit of this one.
//
// If the options do not fit the lake or the state, the error is one of these:
// *FilterChangedError, *PartitionMismatchError, *OtherStateError, *UnmarkedLakeError,
// *SameSourceError. Otherwise it is that of a source, of the lock, of the state or of
// the lake, or the cause of the context.
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

// exporter holds the data of one call of Run, from its options to its Summary.
type exporter struct {
	Options
	*session // lake, state and the lock on it

	began        time.Time
	window       ingest.Window
	sources      []*resumedSource
	state        *State
	before       []byte // the state as it was at the beginning, encoded without a summary
	summary      Summary
	readCoverage *ingest.Coverage // of all sources, once they have been read
	failed       error            // the first error of a source that failed as a whole, if the run went on; or nil
	found        []detect.Finding // all findings that this run made
	changed      []row.Finding    // those of them that are new or changed in the lake
}

// run does the work of Run: it takes the lock, loads the state and reads the sources.
// It then finds the new sign-ins, judges, plans the changes, writes and commits. At its
// end it gives the lock back, also after an error. Without an error it tells the
// Observer what was skipped.
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

// now is the time of the run: when it began, or Until if that is earlier. A delivery
// with a later time stamp does not count as the newest one.
func (x *exporter) now() time.Time {
	if !x.Until.IsZero() && x.Until.Before(x.began) {
		return x.Until
	}
	return x.began
}

// read reads what is new in all sources and merges it. It puts the counts into the
// summary. It fails if the context has ended, or if every source failed and no object
// could be read. If only some sources failed, it keeps the first error in x.failed.
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

// countRead puts the counts of objects and records, and the remarks of the sources,
// into the summary.
func (x *exporter) countRead(m *ingest.Merger) {
	a, c := &x.summary, &m.Coverage
	a.Objects = ObjectCounts{Listed: c.Listed, Read: c.Read, Skipped: ingest.Total(c.Skipped), Excluded: ingest.Total(c.Excluded),
		SkippedBy: convert.CauseCounts(c.Skipped), ExcludedBy: c.Excluded, Packed: c.Packed, Inflated: c.Inflated}
	a.Records = RecordCounts{Seen: c.Seen, SignIns: c.SignIns, Duplicates: c.Duplicates, Outside: c.Outside, Filtered: c.Filtered,
		Skipped: ingest.Total(c.SkippedRecords)}
	a.Remarks = append(a.Remarks, c.Remarks...)
}

// outcome is the status of a run that reached its end. It is StatusFindings if a new or
// changed finding has the severity FailOn or a higher one. Otherwise it is
// StatusSkipped if something was skipped or the backlog is not empty. Otherwise it is
// StatusComplete. The backlog is the objects that no run could read yet.
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

// setOutcome sets the status and the duration in a summary. If the run failed and was
// not interrupted, it also sets the text of the error.
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

// addRemark adds a sentence to the remarks of the summary, which the reader needs
// beside the figures.
func (x *exporter) addRemark(words string) {
	x.summary.Remarks = append(x.summary.Remarks, words)
}

// resume loads the state. It completes or undoes what an earlier run has left in the
// lake. Then it calls begin, and keeps the encoded state in x.before. It adds remarks
// about damaged generations and removed files.
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

// begin sets the window of the run, and the time from which the lake holds sign-ins. If
// Window.Since is before the beginning of earlier runs, it drops all checkpoints, so
// that everything is read again. The error is a *FilterChangedError if the accounts or
// Regions are not those of earlier runs. Then it checks, as checkOwnership does, that
// the lake belongs to this state.
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

// classifier gives the Classifier that decides the endpoint of each sign-in. It uses
// the table of Regions of the options.
func (x *exporter) classifier() analyzer.Classifier { return analyzer.Classifier{Table: x.Regions} }

// table gives one table of the lake: the sign-ins or the findings.
func (x *exporter) table(kind row.Kind) *lake.Table {
	return &lake.Table{Store: x.Lake, Name: string(kind), ByAccount: len(x.PartitionBy) > 1, RolledBack: x.rolledBack}
}
