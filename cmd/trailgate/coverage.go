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
		Short: "Tell which accounts, Regions and days have log files, and where the gaps are",
		Long: `Coverage lists a trail bucket, or a copy of one on disk, without reading the
log files, and tells for each account and Region how many there are, from when
to when, and which days have none. A sign-in in a gap would not be seen.

Days are days of delivery, the folders of the trail.`,
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
		"region": "coverage tells of every Region of a trail, since a sign-in may be recorded in any; the rows of the others do not change",
		"resume": "coverage only lists what is there, so an interrupted run has nothing to continue from",
	}))
	return cmd
}

// survey lists the sources and reports what they hold.
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
			return hinted{usagef("source %q is not laid out as a trail: it has no accounts, Regions and days to cover", args[i]),
				"give a trail bucket, or a folder with AWSLogs somewhere below"}
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
