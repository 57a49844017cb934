package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"trailgate/ingest"
	"trailgate/report"
)

func newCoverage(p *process) *cobra.Command {
	var read readFlags
	var out outFlags
	cmd := &cobra.Command{
		Use:   "coverage SOURCE...",
		Short: "Tell which accounts, Regions and days have log files, and where the gaps are",
		Long: `Coverage lists a trail bucket, or a copy of one on disk, without reading the
log files, and tells for each account and Region how many there are, from when
to when, and which days have none. A sign-in in a gap would not be seen.

Days are days of delivery, the folders of the trail.`,
		Example: `  trailgate coverage s3://my-trail-bucket --since 90d`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := out.check(p, cmd.Flags(), "table", "json", "jsonl", "csv", "markdown", "html", "parquet"); err != nil {
				return err
			}
			window, err := read.window(p.now())
			switch {
			case err != nil:
				return err
			case len(window.Regions) > 0:
				return usagef("--region: coverage tells of every Region of a trail, since a sign-in may be recorded in any; the rows of the others do not change")
			}
			return survey(cmd.Context(), p, args, &read, &out, window)
		},
	}
	read.register(cmd.Flags())
	out.register(cmd.Flags(), auditFormats)
	return cmd
}

// survey lists the sources and reports what they hold.
func survey(ctx context.Context, p *process, args []string, read *readFlags, out *outFlags, w ingest.Window) error {
	sources, err := p.sources(ctx, args, read, nil)
	if err != nil {
		return err
	}
	var all ingest.Coverage
	var failed error
	for i, s := range sources {
		trail, ok := s.(ingest.Surveyor)
		if !ok {
			return hinted{usagef("source %q is not laid out as a trail: it has no accounts, Regions and days to cover", args[i]),
				"give a trail bucket, or a folder with AWSLogs somewhere below"}
		}
		c, err := trail.Survey(ctx, w)
		all.Add(c)
		if err != nil {
			failed = err
			all.Partial = ctx.Err() != nil
			break
		}
	}
	if failed != nil && (ctx.Err() == nil || all.Listed == 0) {
		return failed
	}
	c := coverage(&all, w, p.now(), read.table)
	err = out.write(p, all.Partial, func(to io.Writer) error { return writeCoverage(to, c, out, out.options(p, read)) })
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	p.tellSkips(&all, read)
	switch {
	case failed != nil:
		return failed
	case !all.Complete():
		return errSkipped
	}
	return nil
}

func writeCoverage(to io.Writer, c report.Coverage, out *outFlags, o report.Options) error {
	switch out.format {
	case "table":
		return report.WriteCoverage(to, c, o)
	case "json":
		return report.WriteCoverageJSON(to, c)
	case "markdown":
		return report.WriteCoverageMarkdown(to, c, o)
	case "html":
		return report.WriteCoverageHTML(to, c, o)
	}
	return writeRows(to, out.format, each(c.Places), map[string]string{"trailgate.version": version})
}
