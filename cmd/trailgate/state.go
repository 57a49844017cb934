package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"trailgate/analyzer/text"
	"trailgate/cmd/trailgate/internal/batch"
	"trailgate/report"
)

func newState(p *process) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Show what an export has done and owes, and write off what it cannot read",
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
			location, err := p.openLocation(cmd.Context(), &lake, nil, &clients{flags: &aws})
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
				return writeState(w, &view)
			})
		},
	}
	lake.register(cmd.Flags())
	aws.register(cmd.Flags())
	out.register(cmd.Flags(), tableAndJSON())
	return cmd
}

func writeStateJSON(w io.Writer, v *batch.StateView) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(v)
}

// writeState writes a state for people.
func writeState(w io.Writer, v *batch.StateView) error {
	var b strings.Builder
	fmt.Fprintf(&b, "State %s, generation %d, %d bytes.\n", v.State, v.Generation, v.Bytes)
	fmt.Fprintf(&b, "The lake holds sign-ins since %s; the newest log file read is of %s.\n", formatMoment(v.Since), formatMoment(v.Newest))
	fmt.Fprintf(&b, "History is settled up to %s; %s after that will be judged again.\n", formatMoment(v.Settled), text.Count(v.Pending, "sign-in"))
	fmt.Fprintf(&b, "There are checkpoints of %s.\n", text.Count(v.Folders, "folder"))
	if v.Last != nil {
		fmt.Fprintf(&b, "Last commit: %s, begun at %s.\n", v.Last.Line(), formatMoment(v.Last.Started))
	}
	switch {
	case len(v.Owed) > 0:
		fmt.Fprintf(&b, "%s in the backlog: sign-ins in them have not been seen. Each run tries again; trailgate state forgive KEY writes one off.\n\n", objectsAre(len(v.Owed)))
	case len(v.WrittenOff) > 0:
		b.WriteString("No unread objects: everything that was found has been read or written off.\n")
	default:
		b.WriteString("No unread objects: everything that was found has been read.\n")
	}
	if _, err := io.WriteString(w, cleanLines(b.String())); err != nil {
		return err
	}
	lines := [][]string{{"since", "tries", "cause", "key", "reason"}}
	for _, o := range v.Owed {
		lines = append(lines, []string{formatMoment(o.Since), fmt.Sprint(o.Tries), o.Cause, o.Key, o.Reason})
	}
	if err := writeColumns(w, lines); err != nil || len(v.WrittenOff) == 0 {
		return err
	}
	if _, err := fmt.Fprintf(w, "\n%s written off; their sign-ins are not in the lake, unless they came in another file:\n\n", objectsAre(len(v.WrittenOff))); err != nil {
		return err
	}
	lines = [][]string{{"written off", "cause", "key", "reason"}}
	for _, o := range v.WrittenOff {
		lines = append(lines, []string{formatMoment(o.At), o.Cause, o.Key, o.Reason})
	}
	return writeColumns(w, lines)
}

// writeColumns aligns lines below a heading; nothing for a heading alone.
func writeColumns(w io.Writer, lines [][]string) error {
	if len(lines) == 1 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, cells := range lines {
		for i := range cells {
			cells[i] = report.Clean(cells[i])
		}
		if _, err := io.WriteString(t, strings.Join(cells, "\t")+"\n"); err != nil {
			return err
		}
	}
	return t.Flush()
}

func objectsAre(n int) string {
	if n == 1 {
		return "1 object is"
	}
	return fmt.Sprintf("%d objects are", n)
}

func formatMoment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format(time.RFC3339)
}

// cleanLines makes every line harmless for a terminal.
func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = report.Clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

func newStateForgive(p *process) *cobra.Command {
	var aws awsFlags
	var lake lakeFlags
	var lock lockFlags
	cmd := &cobra.Command{
		Use:   "forgive KEY...",
		Short: "Write off objects that cannot be read: no run will try them again",
		Long: `Forgive writes off objects of the backlog, by their keys as trailgate state show prints
them. No run reads them again: not if their day is listed once more, and not if they
can be read by then. Their sign-ins will not be in the lake, unless the log file comes
again under another key. State show lists what was written off. A new state knows
nothing of it.`,
		Example: "  trailgate state forgive AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/01/111122223333_CloudTrail_eu-west-1_20260301T0005Z_UniqueString0001.json.gz --to lake",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("%s takes at least one key", cmd.CommandPath())
			}
			if err := lock.validate(); err != nil {
				return err
			}
			location, err := p.openLocation(cmd.Context(), &lake, &lock, &clients{flags: &aws})
			if err != nil {
				return err
			}
			done, left, err := batch.WriteOff(cmd.Context(), location, args)
			if done > 0 {
				_, told := fmt.Fprintf(p.stdout, "%s written off; %s still in the backlog\n", text.Count(done, "object"), objectsAre(left))
				err = errors.Join(err, told)
			}
			return asUsage(err)
		},
	}
	lake.register(cmd.Flags())
	lock.register(cmd.Flags())
	aws.register(cmd.Flags())
	return cmd
}
