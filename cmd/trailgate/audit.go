package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"trailgate/analyzer"
	"trailgate/ingest"
	"trailgate/ingest/lookup"
	"trailgate/report"
)

// auditFormats are what audit can write.
const auditFormats = "table, json, jsonl, csv, markdown, html, parquet"

func newAudit(p *process) *cobra.Command {
	var read readFlags
	var out outFlags
	var expect judgeFlags
	cmd := &cobra.Command{
		Use:   "audit SOURCE...",
		Short: "Read, classify, judge and report the console sign-ins of one or more sources",
		Long: `Audit reads the sources, finds the console sign-ins, each once, says through
which endpoint each one came, who came through one that was not expected, and
what could not be read.

What is expected comes from a policy (--policy) and from history: what the sign-ins
before each one show, and with --baseline what earlier runs have learned.

A source is s3://BUCKET[/PREFIX], a folder (a copy of a trail bucket, or any
CloudTrail JSON), a file, or - for standard input. Without access to a bucket it is
lookup://, the Event history of the last 90 days in all enabled Regions, or
lookup://REGION,REGION.`,
		Example: `  trailgate audit s3://my-trail-bucket --since 30d
  trailgate audit ./trail --format csv -o signins.csv
  trailgate audit lookup:// --resume audit.state
  trailgate audit s3://my-trail-bucket/AWSLogs/111122223333/ --rows principals
  trailgate audit s3://my-trail-bucket --since 1d --policy policy.yaml --fail-on high \
      --baseline learned.json --save-baseline learned.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := out.check(p, cmd.Flags(), "table", "json", "jsonl", "csv", "markdown", "html", "parquet"); err != nil {
				return err
			}
			window, err := read.window(p.now())
			if err != nil {
				return err
			}
			if err := read.lookup.apart(out.out, expect.saveBaseline); err != nil {
				return err
			}
			judgement, err := expect.open(p, read.table)
			if err != nil {
				return err
			}
			return audit(cmd.Context(), p, args, &read, &out, window, judgement)
		},
	}
	read.register(cmd.Flags())
	out.register(cmd.Flags(), auditFormats)
	out.registerRows(cmd.Flags())
	expect.register(cmd.Flags())
	return cmd
}

// audit is the ad-hoc run: read, classify, judge, report.
func audit(ctx context.Context, p *process, args []string, read *readFlags, out *outFlags, w ingest.Window, j *judgement) error {
	bar := p.newProgress(read)
	sources, err := p.sources(ctx, args, read, bar.show)
	if err != nil {
		return err
	}
	streams := make([]ingest.Stream, len(sources))
	for i, s := range sources {
		streams[i] = s.Open(ctx, w)
	}
	if w, err = boundWindow(sources, w); err != nil {
		return err
	}
	m, failed := ingest.MergeStreams(ctx, w, streams...)
	bar.done()
	var window *lookup.WindowError
	if failed != nil && ctx.Err() == nil && (m.Coverage.Read == 0 || errors.As(failed, &window)) {
		return failed // nothing usable, or nothing that was asked for
	}
	r := newResult(m, w, p.now(), read, j)
	j.describe(&r.document, out.rows == "" && slices.Contains([]string{"table", "markdown", "html"}, out.format))
	err = out.write(p, m.Coverage.Partial, func(to io.Writer) error { return r.write(to, out, out.options(p, read)) })
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if text := report.Absences(r.document.Coverage.Absent, read.verbose); text != "" && !read.quiet && out.rowsOnly() {
		p.complain("incomplete: " + text)
	}
	p.tellSkips(&m.Coverage, read)
	if err := p.letGo(sources, &m.Coverage, read); err != nil {
		return err
	}
	p.tellProblems(j.tally.Exceptions())
	if ctx.Err() != nil {
		return failed // and the baseline stays what it was
	}
	// What a source that failed would have told must not be passed by.
	if failed != nil && j.save != "" {
		p.complain("the baseline was not saved, since a source could not be read: " + failed.Error())
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

// result is what a run has found, ready to be written in any format.
type result struct {
	merged   *ingest.Merger
	classify analyzer.Classifier
	summary  analyzer.Summary
	document report.Document
}

func newResult(m *ingest.Merger, w ingest.Window, now time.Time, read *readFlags, j *judgement) *result {
	r := &result{merged: m, classify: analyzer.Classifier{Table: read.table}}
	for e := range m.Events() {
		v := r.classify.Classify(e)
		r.summary.Add(&e, v)
		j.add(&e, v)
	}
	j.conclude()
	r.document = report.Document{
		Summary:    summary(&r.summary, w, m.Coverage.Partial),
		Coverage:   coverage(&m.Coverage, w, now, read.table),
		SignIns:    signIns(m.Events(), r.classify),
		Endpoints:  endpoints(&r.summary),
		Principals: principals(&r.summary),
	}
	return r
}

// write writes the format that was asked for.
func (r *result) write(to io.Writer, out *outFlags, o report.Options) error {
	d := r.document
	switch out.format {
	case "table":
		return report.WriteTable(to, d, o)
	case "json":
		return report.WriteJSON(to, d)
	case "markdown":
		return report.WriteMarkdown(to, d, o)
	case "html":
		return report.WriteHTML(to, d, o)
	}
	switch report.Kind(out.rows) {
	case report.Findings:
		return writeRows(to, out.format, d.Findings, r.metadata())
	case report.Endpoints:
		return writeRows(to, out.format, each(d.Endpoints), r.metadata())
	case report.Principals:
		return writeRows(to, out.format, each(d.Principals), r.metadata())
	}
	return writeRows(to, out.format, d.SignIns, r.metadata())
}

// metadata stands in Parquet files: whoever finds one can tell what made it,
// and what it does not hold.
func (r *result) metadata() map[string]string {
	m := map[string]string{
		"trailgate.version":         version,
		"trailgate.complete":        fmt.Sprint(r.document.Coverage.Complete),
		"trailgate.objects_skipped": fmt.Sprint(r.document.Coverage.Objects.Skipped),
		"trailgate.records_skipped": fmt.Sprint(r.document.Coverage.Records.Skipped),
	}
	for name, t := range map[string]time.Time{"since": r.document.Summary.Since, "until": r.document.Summary.Until} {
		if !t.IsZero() {
			m["trailgate."+name] = t.Format(time.RFC3339)
		}
	}
	return m
}

// writeRows writes rows in one of the formats of rows.
func writeRows[R report.Row](to io.Writer, format string, rows iter.Seq[R], metadata map[string]string) error {
	switch format {
	case "jsonl":
		return report.WriteJSONL(to, rows)
	case "csv":
		return report.WriteCSV(to, rows)
	case "parquet":
		return report.WriteParquet(to, rows, report.ParquetOptions{Version: version, Metadata: metadata})
	}
	return errors.New("no such format of rows")
}

func each[R any](rows []R) iter.Seq[R] {
	return func(yield func(R) bool) {
		for _, r := range rows {
			if !yield(r) {
				return
			}
		}
	}
}
