package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"trailgate/analyzer"
	"trailgate/ingest"
	"trailgate/ingest/trail"
	"trailgate/report"
	"trailgate/report/lake"
)

// firstReach is how far back the first export begins without --since.
const firstReach = 30 * 24 * time.Hour

// exportFlags say what an export writes, where, and how it goes on.
type exportFlags struct {
	to, state   string
	partitionBy []string
	settle      time.Duration
	lookBack    time.Duration
	lockWait    time.Duration
	lease       time.Duration
	logFormat   string
	metricsFile string
	adopt       bool
}

func (f *exportFlags) register(s *pflag.FlagSet) {
	f.registerPlaces(s)
	f.registerLock(s)
	s.StringSliceVar(&f.partitionBy, "partition-by", nil, "divide the tables by event_date and by this `column` as well: account_id")
	s.DurationVar(&f.settle, "settle", 24*time.Hour, "how late a sign-in may come and still be judged in its order")
	s.DurationVar(&f.lookBack, "look-back", trail.DefaultLookBack, "how long after its time stamp a log file may appear in the bucket and still be found")
	s.StringVar(&f.logFormat, "log-format", "auto", "how standard error is written: auto (plain lines), text or json")
	s.StringVar(&f.metricsFile, "metrics-file", "", "write the run's figures to this `file`, in Prometheus' text format")
	s.BoolVar(&f.adopt, "adopt", false, "go on with a lake that another state has filled, when that state is lost")
}

// registerPlaces registers what every verb takes that touches a lake.
func (f *exportFlags) registerPlaces(s *pflag.FlagSet) {
	s.StringVar(&f.to, "to", "", "the lake: a `folder` or s3://BUCKET/PREFIX")
	s.StringVar(&f.state, "state", "", "where the job keeps its books: a `folder` or s3://BUCKET/PREFIX (default: "+lake.Metadata+"/state in the lake)")
}

// registerLock registers what every verb takes that changes one.
func (f *exportFlags) registerLock(s *pflag.FlagSet) {
	s.DurationVar(&f.lockWait, "lock-wait", 2*time.Minute, "how long to wait for another run on the same state")
	s.DurationVar(&f.lease, "lease", time.Minute, "for how long a run holds the state before it has to say that it is alive; a dead one's hold ends then")
}

// check validates the flags.
func (f *exportFlags) check() error {
	switch {
	case f.to == "":
		return usagef("--to is missing: say where the lake is, a folder or s3://BUCKET/PREFIX")
	case f.settle < 0 || f.lookBack < 0 || f.lockWait < 0:
		return usagef("--settle, --look-back and --lock-wait cannot be negative")
	}
	for _, column := range f.partitionBy {
		if column != "event_date" && column != "account_id" {
			return usagef("--partition-by %q: give account_id; event_date is always there", column)
		}
	}
	return f.checkLease()
}

func (f *exportFlags) checkLease() error {
	if f.lease < 100*time.Millisecond {
		return usagef("--lease %v: give 100ms at least", f.lease)
	}
	return nil
}

func newExport(p *process) *cobra.Command {
	var read readFlags
	var expect judgeFlags
	var flags exportFlags
	cmd := &cobra.Command{
		Use:   "export SOURCE... --to LAKE",
		Short: "Bring what is new into a lake of Parquet files, each sign-in once",
		Long: `Export is the batch run. It reads what is new since the run before, judges it
with what it has learned, and adds it to two tables of Parquet files, signins/ and
findings/, in folders by day. It can be repeated, interrupted and killed at any
moment: each sign-in is filed once, under its own day, however late it comes. What
cannot be read is owed: it is tried again by every run until it is read, or written
off with trailgate state forgive.

The first run begins 30 days back, or at --since.`,
		Example: `  trailgate export s3://my-trail-bucket --to /var/lib/trailgate/lake
  trailgate export s3://my-trail-bucket --to s3://my-lake/trailgate --policy policy.yaml
  trailgate schema --ddl duckdb --to /var/lib/trailgate/lake | duckdb`,
		RunE: func(cmd *cobra.Command, args []string) error {
			x := &exporter{p: p, read: &read, expect: &expect, flags: &flags, given: cmd.Flags().Changed}
			return x.report(cmd.Context(), x.export(cmd.Context(), args))
		},
	}
	read.register(cmd.Flags())
	cmd.Flags().Lookup("until").Usage = "only log files delivered before this `time`, as if the run were made then"
	expect.registerJob(cmd.Flags())
	flags.register(cmd.Flags())
	return cmd
}

// exporter is one run of export.
type exporter struct {
	p      *process
	read   *readFlags
	expect *judgeFlags
	flags  *exportFlags
	given  func(flag string) bool // on the command line

	*hold     // lake, state and the lock on it
	begun     time.Time
	until     time.Time // read as if it were then; zero: now
	window    ingest.Window
	judgement *judgement
	sources   []*booked
	job       *job
	before    []byte // the job as it was, encoded
	account   runAccount
	failed    error            // of one source among several
	news      []report.Finding // new and changed ones
}

// open validates what the flags say.
func (x *exporter) open(ctx context.Context, args []string) (err error) {
	x.begun = x.p.now().UTC()
	x.account = runAccount{Manifest: accountVersion, Trailgate: version, Run: randomName(), Status: statusFailed, Started: x.begun,
		Lake: x.flags.to, State: x.flags.state}
	if err := x.p.openLog(x.flags.logFormat, x.read.quiet); err != nil {
		return err
	}
	if err := x.flags.check(); err != nil {
		return err
	}
	if x.read.lookup.resume != "" {
		return usagef("--resume: export keeps its own books, and needs no such file")
	}
	if x.given("lateness") {
		return usagef("--lateness: export reads all that was delivered, however late; --look-back says how late it may appear")
	}
	if x.window, err = x.read.window(x.begun); err != nil {
		return err
	}
	x.until, x.window.Until = x.window.Until, time.Time{}
	x.judgement, err = x.expect.open(x.p, x.read.table)
	return err
}

// now is the moment of the run: nothing that is stamped later counts as the
// newest that has come.
func (x *exporter) now() time.Time {
	if !x.until.IsZero() && x.until.Before(x.begun) {
		return x.until
	}
	return x.begun
}

// export is the batch run: take the lock, read what is new, judge, write,
// commit.
func (x *exporter) export(ctx context.Context, args []string) error {
	if err := x.open(ctx, args); err != nil {
		return err
	}
	bar := x.p.newProgress(x.read)
	clients := &clients{flags: x.read}
	x.account.Sources = args
	sources, err := x.p.sources(ctx, args, x.read, bar.show)
	if err != nil {
		return err
	}
	if x.hold, err = x.p.hold(ctx, x.account.Run, x.flags, clients); err != nil {
		return err
	}
	defer x.release()
	ctx, stop := x.keep(ctx)
	defer stop()
	if err := x.resume(ctx); err != nil {
		return err
	}
	streams, err := x.attach(ctx, sources)
	if err != nil {
		return err
	}
	m, failed := ingest.MergeStreams(ctx, x.window, streams...)
	bar.done()
	x.count(m)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if failed != nil && m.Coverage.Read == 0 && m.Coverage.Skipped[ingest.CauseSource] == len(x.sources) {
		return failed // nothing usable; that nothing is new elsewhere is of use
	}
	x.failed = failed
	if err := x.file(ctx, m); err != nil {
		return err
	}
	x.p.tellSkips(&m.Coverage, x.read)
	if failed == nil {
		return x.verdict(&m.Coverage)
	}
	if hint := hintFor(failed); hint != "" {
		x.p.log.say(slog.LevelWarn, "hint: "+hint, "hint", slog.String("hint", hint))
	}
	return x.verdict(&m.Coverage)
}

// verdict is how a run ends that came to its end.
func (x *exporter) verdict(c *ingest.Coverage) error {
	for _, f := range x.news {
		if grave, err := analyzer.ParseSeverity(f.Severity); err == nil && x.judgement.failOn != 0 && grave >= x.judgement.failOn {
			return errFindings
		}
	}
	if !c.Complete() || len(x.job.owed) > 0 {
		return errSkipped
	}
	return nil
}

// conclude puts how a run ended into its account.
func (x *exporter) conclude(ctx context.Context, a *runAccount, err error) {
	switch {
	case err == nil:
		a.Status = statusComplete
	case errors.Is(err, errFindings):
		a.Status = statusFindings
	case errors.Is(err, errSkipped):
		a.Status = statusSkipped
	case ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))):
		a.Status = statusInterrupted
	default:
		a.Status, a.Error = statusFailed, report.Clean(err.Error())
	}
	a.Seconds = x.p.now().Sub(x.begun).Seconds()
}

// remark keeps what the reader must know beside the figures, to be told with
// them.
func (x *exporter) remark(text string) {
	x.account.Remarks = append(x.account.Remarks, text)
}

// report says at the end of a run what it did: one line, and the metrics.
func (x *exporter) report(ctx context.Context, err error) error {
	if x.account.Manifest == 0 {
		return err // before there was a run
	}
	var usage usageError
	if errors.As(err, &usage) {
		return err
	}
	x.conclude(ctx, &x.account, err)
	if x.account.Status == statusInterrupted {
		words := "nothing was committed; the next run begins where this one began"
		if x.hold != nil && x.unsure {
			words = "whether the run was committed is not known; the next one finds out"
		}
		err = hinted{err, words}
	}
	x.p.tellRun(&x.account, x.read)
	if x.flags.metricsFile == "" {
		return err
	}
	if failed := x.p.writeMetrics(x.flags.metricsFile, &x.account); failed != nil {
		x.p.complain("error: " + failed.Error())
		if err == nil {
			return errSkipped
		}
	}
	return err
}

// count puts what was read into the account.
func (x *exporter) count(m *ingest.Merger) {
	a, c := &x.account, &m.Coverage
	a.Objects = objectAccount{Listed: c.Listed, Read: c.Read, Skipped: ingest.Total(c.Skipped), Excluded: ingest.Total(c.Excluded),
		SkippedBy: words(c.Skipped), ExcludedBy: c.Excluded, Packed: c.Packed, Inflated: c.Inflated}
	a.Records = recordAccount{Seen: c.Seen, SignIns: c.SignIns, Duplicates: c.Duplicates, Outside: c.Outside, Filtered: c.Filtered,
		Skipped: ingest.Total(c.SkippedRecords)}
	a.Remarks = append(a.Remarks, c.Remarks...)
}

// resume takes up the state, and puts in order what an earlier run has left.
func (x *exporter) resume(ctx context.Context) error {
	a := &x.account
	a.State = x.stateName
	var err error
	if x.job, err = x.load(ctx); err != nil {
		return err
	}
	a.Generation, a.Owed = x.snapshot.Number, x.job.debts()
	for _, said := range x.snapshot.Damaged {
		x.remark("state: " + said)
	}
	if err := x.recover(ctx, x.job.head.Replaced); err != nil {
		return err
	}
	if len(x.gone) > 0 {
		x.remark(fmt.Sprintf("an earlier run ended before its commit: up to %s that it left in the lake were taken back", counted(len(x.gone), "file")))
	}
	if err := x.begin(ctx); err != nil {
		return err
	}
	x.before, err = x.job.encode(false)
	return err
}

// begin settles from when on the lake holds sign-ins, and that this job is the
// one that fills it.
func (x *exporter) begin(ctx context.Context) error {
	h := &x.job.head
	if x.snapshot.Number == 0 {
		h.Accounts, h.Regions, h.Since = x.window.Accounts, x.window.Regions, x.window.Since
		if h.Since.IsZero() {
			h.Since = x.now().Add(-firstReach).Truncate(time.Second)
			x.remark("the first export of this state: it begins 30 days back, at " + h.Since.Format(time.RFC3339) + "; --since says otherwise")
		}
	} else if !sameTexts(h.Accounts, x.window.Accounts) || !sameTexts(h.Regions, x.window.Regions) {
		return hinted{usagef("--account and --region are not those of the runs before (%s): what those left out is booked as read", filters(h)),
			"give the same as before, or another --state and --to for another selection"}
	}
	if since := x.window.Since; !since.IsZero() && since.Before(h.Since) {
		x.remark(fmt.Sprintf("--since %s is before the beginning so far, %s: all from then on is read again, and what the lake has is not filed again",
			since.Format(time.RFC3339), h.Since.Format(time.RFC3339)))
		h.Since = since
		clear(x.job.checkpoints)
	}
	x.window.Since = h.Since
	x.account.Since, x.account.Settled = h.Since, h.Settled
	return x.claim(ctx)
}
