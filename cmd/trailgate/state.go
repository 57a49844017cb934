package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"trailgate/analyzer/text"
	"trailgate/cmd/trailgate/internal/batch"
	"trailgate/cmd/trailgate/internal/runlog"
	"trailgate/report"
)

func newState(p *process) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Show what an export has done and could not read, and write off unreadable log files",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStateShow(p), newStateForgive(p))
	return cmd
}

func newStateShow(p *process) *cobra.Command {
	var aws awsFlags
	var lake lakeFlags
	var out outputFlags
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show how far an export has come and which log files it could not read",
		Example: "  trailgate state show --to /var/lib/trailgate/lake",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := out.check(p, cmd.Flags()); err != nil {
				return err
			}
			location, err := p.openLocation(cmd.Context(), &lake, nil, aws.clients(0))
			if err != nil {
				return err
			}
			view, err := batch.Show(cmd.Context(), location)
			if err != nil {
				return err
			}
			for _, damage := range view.Damaged {
				p.complain("state: " + damage)
			}
			return out.write(p, false, func(w io.Writer) error {
				if out.format == report.JSON {
					return writeStateJSON(w, &view)
				}
				return runlog.WriteState(w, &view)
			})
		},
	}
	lake.registerLake(cmd.Flags())
	aws.registerAWS(cmd.Flags())
	out.registerOutput(cmd.Flags(), tableAndJSON())
	return cmd
}

// writeStateJSON writes a state as one JSON document.
func writeStateJSON(w io.Writer, v *batch.StateView) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(v)
}

func newStateForgive(p *process) *cobra.Command {
	var aws awsFlags
	var lake lakeFlags
	var lock lockFlags
	cmd := &cobra.Command{
		Use:   "forgive KEY...",
		Short: "Write off objects that cannot be read, so that no run tries them again",
		Long: `Forgive writes off objects of the backlog. Name them by their keys, as trailgate state
show prints them. No run reads them again, even if they can be read later. Their
sign-ins will not be in the lake, unless the log file comes again under another key.
State show lists what was written off. A new state does not know of it.`,
		Example: "  trailgate state forgive AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/01/111122223333_CloudTrail_eu-west-1_20260301T0005Z_UniqueString0001.json.gz --to lake",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("%s takes at least one key", cmd.CommandPath())
			}
			if err := lock.validate(); err != nil {
				return err
			}
			location, err := p.openLocation(cmd.Context(), &lake, &lock, aws.clients(0))
			if err != nil {
				return err
			}
			done, left, err := batch.WriteOff(cmd.Context(), location, args)
			if done > 0 {
				_, told := fmt.Fprintf(p.stdout, "%s written off; %s still in the backlog\n", text.Count(done, "object"), runlog.ObjectsAre(left))
				err = errors.Join(err, told)
			}
			return asUsage(err)
		},
	}
	lake.registerLake(cmd.Flags())
	lock.registerLock(cmd.Flags())
	aws.registerAWS(cmd.Flags())
	return cmd
}
