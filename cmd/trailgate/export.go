package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"trailgate/analyzer/policy"
	"trailgate/cmd/trailgate/internal/batch"
	"trailgate/cmd/trailgate/internal/runlog"
	"trailgate/ingest"
	"trailgate/ingest/trail"
)

// exportFlags say what an export writes, and how it goes on.
type exportFlags struct {
	partitionBy []string
	settle      time.Duration
	lookBack    time.Duration
	logFormat   string
	metricsFile string
	adopt       bool
}

func (f *exportFlags) registerExport(s *pflag.FlagSet) {
	s.StringSliceVar(&f.partitionBy, "partition-by", nil, "divide the tables by this `column` too, besides event_date: account_id")
	s.DurationVar(&f.settle, "settle", 24*time.Hour, "how late a sign-in may be delivered and still be judged in order of time")
	s.DurationVar(&f.lookBack, "look-back", trail.DefaultLookBack, "how long after its time stamp a log file may appear in the bucket and still be read")
	s.StringVar(&f.logFormat, "log-format", "auto", "how standard error is written: "+strings.Join(runlog.Formats(), ", ")+" (auto is plain lines)")
	s.StringVar(&f.metricsFile, "metrics-file", "", "write the figures of the run to this `file` in the Prometheus text format")
	s.BoolVar(&f.adopt, "adopt", false, "use a lake whose state was lost: everything is read again, nothing is stored twice")
}

// validate refuses negative times, and columns that the tables cannot be divided by.
func (f *exportFlags) validate() error {
	if f.settle < 0 || f.lookBack < 0 {
		return usagef("--settle and --look-back cannot be negative")
	}
	for _, column := range f.partitionBy {
		if column != "event_date" && column != "account_id" {
			return usagef("--partition-by %q: give account_id; event_date is always there", column)
		}
	}
	return nil
}

// partitionColumns are the columns that the tables are divided by.
func (f *exportFlags) partitionColumns() []string {
	if slices.Contains(f.partitionBy, "account_id") {
		return []string{"event_date", "account_id"}
	}
	return []string{"event_date"}
}

func newExport(p *process) *cobra.Command {
	x := &exportRun{p: p, read: defaultReadFlags()}
	cmd := &cobra.Command{
		Use:   "export SOURCE... --to LAKE",
		Short: "Add what is new to a lake of Parquet files, each sign-in once",
		Long: `Export is the batch run. It reads what is new since the last run and judges it with
what it has learned. It adds the result to two tables of Parquet files, signins/ and
findings/, with a folder for each day. You can repeat, interrupt or kill it at any
moment: each sign-in is stored once, under its own day, even if it comes late.

Log files that cannot be read stay in the backlog. Each run tries them again, until it
can read them or you write them off with trailgate state forgive.

The first run begins 30 days back, or at --since.`,
		Example: `  trailgate export s3://my-trail-bucket --to /var/lib/trailgate/lake
  trailgate export s3://my-trail-bucket --to s3://my-lake/trailgate --policy policy.yaml
  trailgate schema --ddl duckdb --to /var/lib/trailgate/lake | duckdb`,
		RunE: func(cmd *cobra.Command, args []string) error { return x.run(cmd.Context(), args) },
	}
	s := cmd.Flags()
	x.read.windowFlags.registerPeriod(s)
	s.Lookup("until").Usage = "only log files delivered before this `time`, as if the run were made then"
	x.read.windowFlags.registerFilters(s)
	x.read.readingFlags.registerReading(s)
	x.read.lookupFlags.registerLimits(s)
	x.read.messageFlags.registerMessages(s)
	x.read.awsFlags.registerAWS(s)
	x.read.awsFlags.registerRoles(s)
	x.expect.registerJob(s)
	x.lake.registerLake(s)
	x.lock.registerLock(s)
	x.flags.registerExport(s)
	cmd.SetFlagErrorFunc(refuseFlags(map[string]string{
		"resume":   "an export keeps its own state and does not use a resume file",
		"lateness": "an export reads all log files, even if they were delivered late; --look-back says how late one may appear",
	}))
	return cmd
}

// exportRun is one command line of export.
type exportRun struct {
	p      *process
	read   readFlags
	expect judgeFlags
	lake   lakeFlags
	lock   lockFlags
	flags  exportFlags
}

// run makes the export. At the end it logs what the run did and writes the metrics. It
// does neither after a usage error, which is an error of the command line.
func (x *exportRun) run(ctx context.Context, args []string) error {
	if err := x.p.openLog(x.flags.logFormat, x.read.quiet); err != nil {
		return err
	}
	began := x.p.now()
	bar := x.p.newProgress(&x.read.messageFlags)
	options, err := x.options(ctx, args, bar)
	var usage usageError
	if err != nil && !errors.As(err, &usage) {
		// The run failed before it had a lock. It is reported all the same, because
		// monitoring must see it.
		summary := batch.Summary{Manifest: batch.ManifestVersion, Trailgate: version, Run: batch.NewRunName(), Started: began.UTC(), Sources: args,
			Lake: x.lake.to, State: x.lake.state, Status: batch.StatusFailed, Error: err.Error(), Seconds: x.p.now().Sub(began).Seconds()}
		return x.conclude(&summary, err)
	}
	if err != nil {
		return err
	}
	summary, err := batch.Run(ctx, options)
	bar.done()
	if err = asUsage(err); errors.As(err, &usage) {
		return err
	}
	return x.conclude(&summary, err)
}

// options validates the flags and makes the options of the run from them. For this it
// reads the policy, and opens the sources, the lake and the state. bar shows the
// progress of the sources.
func (x *exportRun) options(ctx context.Context, args []string, bar *progress) (batch.Options, error) {
	var o batch.Options
	for _, validate := range [...]func() error{x.lake.validate, x.flags.validate, x.lock.validate} {
		if err := validate(); err != nil {
			return o, err
		}
	}
	window, err := x.read.window(x.p.now())
	if err != nil {
		return o, err
	}
	o.Window, o.Until = window, window.Until
	o.Window.Until = time.Time{}
	judgement, err := x.expect.open(x.p, x.read.table)
	if err != nil {
		return o, err
	}
	o.Detector, o.Tally, o.FailOn, o.Regions = judgement.judge, &judgement.tally, judgement.failOn, x.read.table
	if o.Sources, err = x.p.sources(ctx, args, &x.read, bar.show); err != nil {
		return o, err
	}
	if o.Location, err = x.p.openLocation(ctx, &x.lake, &x.lock, x.read.awsFlags.clients(x.read.workers)); err != nil {
		return o, err
	}
	o.PartitionBy, o.Settle, o.LookBack, o.Adopt = x.flags.partitionColumns(), x.flags.settle, x.flags.lookBack, x.flags.adopt
	o.Version, o.Observer = version, &batchObserver{p: x.p, read: &x.read, bar: bar}
	return o, nil
}

// conclude logs the run, writes the metrics, and gives the error that sets the exit
// status. If only the metrics could not be written, that error is errSkipped.
func (x *exportRun) conclude(s *batch.Summary, err error) error {
	switch {
	case s.Status == batch.StatusInterrupted && s.CommitUnknown:
		err = hinted{err, "it is not known whether the run was committed; the next run finds out"}
	case s.Status == batch.StatusInterrupted:
		err = hinted{err, "nothing was committed; the next run begins where this one began"}
	case s.Status == batch.StatusFindings:
		err = errFindings
	case s.Status == batch.StatusSkipped:
		err = errSkipped
	}
	x.p.log.Run(s, x.read.verbose)
	if x.flags.metricsFile == "" {
		return err
	}
	if failed := runlog.WriteMetrics(x.flags.metricsFile, s, statusCode(s.Status), x.p.now()); failed != nil {
		x.p.complain("error: " + failed.Error())
		if err == nil {
			return errSkipped
		}
	}
	return err
}

// statusCode is the exit status that goes with the status of a run.
func statusCode(status string) int {
	switch status {
	case batch.StatusComplete:
		return exitComplete
	case batch.StatusSkipped:
		return exitSkipped
	case batch.StatusFindings:
		return exitFindings
	case batch.StatusInterrupted:
		return exitInterrupted
	}
	return exitFailed
}

// batchObserver reports on standard error what a run meets. It is a batch.Observer.
type batchObserver struct {
	p    *process
	read *readFlags
	bar  *progress
}

// Skipped removes the progress bar and names what could not be read.
func (o *batchObserver) Skipped(c *ingest.Coverage) {
	o.bar.done()
	o.p.tellSkips(c, &o.read.messageFlags)
}

// Problems shows the problems with the exceptions of the policy.
func (o *batchObserver) Problems(all policy.Problems) { o.p.tellProblems(all) }

// SourceFailed writes what helps against the error of a source, if that is known.
// Skipped has named the error itself.
func (o *batchObserver) SourceFailed(err error) {
	if hint := hintFor(err); hint != "" {
		o.p.log.Hint(hint)
	}
}

// openLog sets up the log of a job. From then on all messages of the process go through
// it. If the log is made of records, no progress bar is shown. An unknown format is a
// usage error.
func (p *process) openLog(format string, quiet bool) error {
	l, err := runlog.New(p.stderr, format, quiet, p.now)
	if err != nil {
		return usagef("--log-format %w", err)
	}
	if l.Structured() {
		p.errTTY = false // records leave no room for a progress bar
	}
	p.log = l
	return nil
}
