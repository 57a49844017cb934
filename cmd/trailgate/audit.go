package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"trailgate/analyzer"
	"trailgate/ingest"
	"trailgate/ingest/lookup"
	"trailgate/report"
	"trailgate/report/convert"
)

func newAudit(p *process) *cobra.Command {
	read := defaultReadFlags()
	var out outputFlags
	var expect judgeFlags
	cmd := &cobra.Command{
		Use:   "audit SOURCE...",
		Short: "Read, classify, judge and report the console sign-ins of one or more sources",
		Long: `Audit reads the sources and finds the console sign-ins, each once. It says through
which endpoint each one came, and names the people who came through an endpoint that
was not expected. It also names what could not be read.

A policy (--policy) says what is expected. So does history: the sign-ins before each
one, and with --baseline what earlier runs have learned.

A source is s3://BUCKET[/PREFIX], a folder (a copy of a trail bucket, or any
CloudTrail JSON), a file, or - for standard input. If you cannot read the bucket, use
lookup://. It reads the Event history of the last 90 days in all enabled Regions.
lookup://REGION,REGION reads some Regions only.`,
		Example: `  trailgate audit s3://my-trail-bucket --since 30d
  trailgate audit ./trail --format csv -o signins.csv
  trailgate audit lookup:// --resume audit.state
  trailgate audit s3://my-trail-bucket/AWSLogs/111122223333/ --rows principals
  trailgate audit s3://my-trail-bucket --since 1d --policy policy.yaml --fail-on high \
      --baseline learned.json --save-baseline learned.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := out.check(p, cmd.Flags()); err != nil {
				return err
			}
			window, err := read.window(p.now())
			if err != nil {
				return err
			}
			judgement, err := expect.open(p, read.table)
			if err != nil {
				return err
			}
			return audit(cmd.Context(), p, args, &read, &out, window, judgement)
		},
	}
	read.registerAll(cmd.Flags())
	out.registerOutput(cmd.Flags(), p.reportFormats())
	out.registerRows(cmd.Flags())
	expect.registerJudging(cmd.Flags())
	return cmd
}

// audit is the run of the verb audit: read, classify, judge, report. It also saves the
// baseline, unless the run was interrupted or a source failed. The error is
// errFindings, errNothing or errSkipped if the report was written and the exit status
// must say more.
func audit(ctx context.Context, p *process, args []string, read *readFlags, out *outputFlags, w ingest.Window, j *judgement) error {
	bar := p.newProgress(&read.messageFlags)
	sources, err := p.sources(ctx, args, read, bar.show)
	if err != nil {
		return err
	}
	if err := checkResumePaths(sources, &read.lookupFlags, out.out, j.save); err != nil {
		return err
	}
	if w, err = boundWindow(sources, w); err != nil {
		return err
	}
	m, failed := ingest.Merge(ctx, w, sources...)
	bar.done()
	var window *lookup.WindowError
	if failed != nil && ctx.Err() == nil && (m.Coverage.Read == 0 || errors.As(failed, &window)) {
		return failed // nothing was read, or the window cannot be read
	}
	r := newResult(m, w, p.now(), read, j)
	j.describe(&r.document, out.grouped())
	err = out.write(p, m.Coverage.Partial, func(to io.Writer) error {
		return report.Write(to, out.chosen, r.document, out.options(p, &read.messageFlags))
	})
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if text := report.Absences(r.document.Coverage.Absent, read.verbose); text != "" && !read.quiet && out.rowsOnly() {
		p.complain("incomplete: " + text)
	}
	p.tellSkips(&m.Coverage, &read.messageFlags)
	if err := p.finishResume(sources, &m.Coverage, &read.messageFlags); err != nil {
		return err
	}
	p.tellProblems(j.tally.Exceptions())
	if ctx.Err() != nil {
		return failed // without a change to the saved baseline
	}
	// A baseline must not miss the sign-ins of a source that failed: it would never learn
	// them, because later runs take them for older than what it knows.
	if failed != nil && j.save != "" {
		p.complain("the baseline was not saved, because a source could not be read: " + failed.Error())
	} else if err := j.writeBaseline(); err != nil {
		return err
	}
	verdict := j.verdict()
	switch {
	case verdict != nil:
		return verdict
	case m.Coverage.Read == 0 && m.Coverage.Seen == 0 && !m.Coverage.Complete():
		return errNothing
	case !m.Coverage.Complete():
		return errSkipped
	}
	return nil
}

// result is what a run has found. Its document can be written in any format.
type result struct {
	merged   *ingest.Merger
	classify analyzer.Classifier
	summary  analyzer.Summary
	document report.Report
}

func newResult(m *ingest.Merger, w ingest.Window, now time.Time, read *readFlags, j *judgement) *result {
	r := &result{merged: m, classify: analyzer.Classifier{Table: read.table}}
	for e := range m.Events() {
		v := r.classify.Classify(e)
		r.summary.Add(&e, v)
		j.add(&e, v)
	}
	j.conclude()
	r.document = report.Report{
		Summary:    convert.Summary(&r.summary, w),
		Coverage:   convert.Coverage(&m.Coverage, w, now, read.table),
		SignIns:    convert.SignIns(m.Events(), r.classify),
		Endpoints:  convert.Endpoints(&r.summary),
		Principals: convert.Principals(&r.summary),
	}
	s := &r.document.Summary
	s.Tool, s.Version, s.Partial = "trailgate", version, m.Coverage.Partial
	return r
}
