package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"trailgate/ingest"
	"trailgate/report"
	"trailgate/report/convert"
)

func newCoverage(p *process) *cobra.Command {
	read := defaultReadFlags()
	var out outputFlags
	cmd := &cobra.Command{
		Use:   "coverage SOURCE...",
		Short: "List the accounts, Regions and days that have log files, and the gaps",
		Long: `Coverage lists a trail bucket, or a copy of one on disk. It does not read the log
files. For each account and Region it gives the number of log files, the first and the
last day, and the days without log files. A sign-in in such a gap would not be seen.

A day is the day of delivery, which is a folder of the trail.`,
		Example: `  trailgate coverage s3://my-trail-bucket --since 90d`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := out.check(p, cmd.Flags()); err != nil {
				return err
			}
			window, err := read.window(p.now())
			if err != nil {
				return err
			}
			return survey(cmd.Context(), p, args, &read, &out, window)
		},
	}
	s := cmd.Flags()
	read.windowFlags.registerPeriod(s)
	read.windowFlags.registerAccounts(s)
	read.windowFlags.registerLateness(s)
	read.readingFlags.registerReading(s)
	read.lookupFlags.registerLimits(s)
	read.messageFlags.registerMessages(s)
	read.awsFlags.registerAWS(s)
	read.awsFlags.registerRoles(s)
	out.registerOutput(s, p.reportFormats())
	cmd.SetFlagErrorFunc(refuseFlags(map[string]string{
		"region": "coverage lists every Region of a trail, because a sign-in may be recorded in any of them",
		"resume": "coverage only lists what is there, so an interrupted run has nothing to continue from",
	}))
	return cmd
}

// survey lists the sources without reading them, and reports what they hold. It refuses
// a source that does not have the layout of a trail. If an object or folder could not
// be listed, the error is errSkipped.
func survey(ctx context.Context, p *process, args []string, read *readFlags, out *outputFlags, w ingest.Window) error {
	sources, err := p.sources(ctx, args, read, nil)
	if err != nil {
		return err
	}
	var all ingest.Coverage
	var failed error
	for i, s := range sources {
		surveyor, ok := s.(ingest.Surveyor)
		if !ok {
			return hinted{usagef("source %q does not have the layout of a trail, with accounts, Regions and days", args[i]),
				"give a trail bucket, or a folder that has AWSLogs at some level below it"}
		}
		c, err := surveyor.Survey(ctx, w)
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
	document := report.Report{
		Summary:  report.Summary{Version: version},
		Coverage: convert.Coverage(&all, w, p.now(), read.table),
	}
	err = out.write(p, all.Partial, func(to io.Writer) error {
		return report.WriteCoverage(to, out.chosen, document, out.options(p, &read.messageFlags))
	})
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	p.tellSkips(&all, &read.messageFlags)
	switch {
	case failed != nil:
		return failed
	case !all.Complete():
		return errSkipped
	}
	return nil
}
