package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"trailgate/analyzer/text"
	"trailgate/cmd/trailgate/internal/batch"
)

func newCompact(p *process) *cobra.Command {
	var aws awsFlags
	var lake lakeFlags
	var lock lockFlags
	cmd := &cobra.Command{
		Use:   "compact --to LAKE",
		Short: "Merge the small files of each partition of a lake into one",
		Long: `Compact writes one file for each partition that has several, commits it, and then
removes the files that it replaces. A reader that lists the folder misses no row at
any moment. Between the commit and the removal it can see rows twice. If compact is killed
at any moment, the next export or compact completes or undoes its work. On a disk it
also removes the temporary files of runs that were killed. No reader sees those.`,
		Example: "  trailgate compact --to /var/lib/trailgate/lake",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(lake.validate(), lock.validate()); err != nil {
				return err
			}
			location, err := p.openLocation(cmd.Context(), &lake, &lock, aws.clients(0))
			if err != nil {
				return err
			}
			err = p.compact(cmd.Context(), location)
			if err != nil && cmd.Context().Err() != nil {
				err = hinted{err, "the partitions that were merged are committed; the next compact continues"}
			}
			return err
		},
	}
	lake.registerLake(cmd.Flags())
	lock.registerLock(cmd.Flags())
	aws.registerAWS(cmd.Flags())
	return cmd
}

// compact merges the files of a lake and says on standard output what it did, also if
// it failed after some partitions.
func (p *process) compact(ctx context.Context, l batch.Location) error {
	done, err := batch.Compact(ctx, l, version)
	if done.Into > 0 || err == nil {
		_, told := fmt.Fprintf(p.stdout, "folded %s into %d: %d rows, %d bytes before, %d after\n", text.Count(done.Files, "file"), done.Into, done.Rows, done.Before, done.After)
		err = errors.Join(err, told)
	}
	if done.Twice > 0 {
		p.complain(fmt.Sprintf("the lake had %s in two files; each is now in one", text.Count(done.Twice, "row")))
	}
	return asUsage(err)
}
