package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

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
	var read readFlags
	var flags exportFlags
	var out outFlags
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show how far an export has come and which objects it owes",
		Example: "  trailgate state show --to /var/lib/trailgate/lake",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := out.check(p, cmd.Flags(), "table", "json"); err != nil {
				return err
			}
			h, j, err := p.state(cmd.Context(), &flags, &read)
			if err != nil {
				return err
			}
			return out.write(p, false, func(w io.Writer) error {
				if out.format == "json" {
					return h.showJSON(w, j)
				}
				return h.show(w, j)
			})
		},
	}
	flags.registerPlaces(cmd.Flags())
	read.registerAWS(cmd.Flags())
	out.register(cmd.Flags(), "table, json")
	return cmd
}

// state reads the state of a job without taking the lock.
func (p *process) state(ctx context.Context, f *exportFlags, read *readFlags) (*hold, *job, error) {
	h, err := p.places(ctx, f, &clients{flags: read})
	if err != nil {
		return nil, nil, err
	}
	j, err := h.committed(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, said := range h.snapshot.Damaged {
		p.complain("state: " + said)
	}
	return h, j, nil
}

// stateView is what state show tells.
type stateView struct {
	State      string        `json:"state"`
	Generation int64         `json:"generation"`
	Job        string        `json:"job"`
	Since      time.Time     `json:"since"`
	Settled    time.Time     `json:"settled"`
	Newest     time.Time     `json:"newest"`
	Folders    int           `json:"folders"`
	Pending    int           `json:"pending"`
	Bytes      int           `json:"bytes"`
	Owed       []owedAccount `json:"owed"`
	WrittenOff []writtenOff  `json:"written_off"`
	Last       *runAccount   `json:"last_run"`
}

func (h *hold) view(j *job) stateView {
	v := stateView{State: h.stateName, Generation: h.snapshot.Number, Job: j.head.ID, Since: j.head.Since, Settled: j.head.Settled, Newest: j.head.Newest,
		Pending: len(j.pending), Bytes: len(h.snapshot.Body), Owed: j.debts(), WrittenOff: j.losses(), Last: j.last}
	for _, c := range j.checkpoints {
		v.Folders += len(c)
		if c[""] != nil {
			v.Folders-- // not a folder: see remember
		}
	}
	return v
}

func (h *hold) showJSON(w io.Writer, j *job) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(h.view(j))
}

func (h *hold) show(w io.Writer, j *job) error {
	v := h.view(j)
	var b strings.Builder
	fmt.Fprintf(&b, "State %s, generation %d, %d bytes.\n", v.State, v.Generation, v.Bytes)
	fmt.Fprintf(&b, "The lake holds sign-ins since %s; the newest log file read is of %s.\n", day(v.Since), day(v.Newest))
	fmt.Fprintf(&b, "History is settled up to %s; %s after that will be judged again.\n", day(v.Settled), counted(v.Pending, "sign-in"))
	fmt.Fprintf(&b, "Books are kept of %s.\n", counted(v.Folders, "folder"))
	if v.Last != nil {
		fmt.Fprintf(&b, "Last commit: %s, begun at %s.\n", v.Last.line(), day(v.Last.Started))
	}
	switch {
	case len(v.Owed) > 0:
		fmt.Fprintf(&b, "%s owed: sign-ins in them have not been seen. Each run tries again; trailgate state forgive KEY writes one off.\n\n", objectsAre(len(v.Owed)))
	case len(v.WrittenOff) > 0:
		b.WriteString("Nothing is owed: all that was found has been read or written off.\n")
	default:
		b.WriteString("Nothing is owed: all that was found has been read.\n")
	}
	if _, err := io.WriteString(w, cleanLines(b.String())); err != nil {
		return err
	}
	lines := [][]string{{"since", "tries", "cause", "key", "reason"}}
	for _, o := range v.Owed {
		lines = append(lines, []string{day(o.Since), fmt.Sprint(o.Tries), o.Cause, o.Key, o.Reason})
	}
	if err := columns(w, lines); err != nil || len(v.WrittenOff) == 0 {
		return err
	}
	if _, err := fmt.Fprintf(w, "\n%s written off; their sign-ins are not in the lake, unless they came in another file:\n\n", objectsAre(len(v.WrittenOff))); err != nil {
		return err
	}
	lines = [][]string{{"written off", "cause", "key", "reason"}}
	for _, o := range v.WrittenOff {
		lines = append(lines, []string{day(o.At), o.Cause, o.Key, o.Reason})
	}
	return columns(w, lines)
}

// columns aligns lines below a heading; nothing for a heading alone.
func columns(w io.Writer, lines [][]string) error {
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

func day(t time.Time) string {
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
	var read readFlags
	var flags exportFlags
	cmd := &cobra.Command{
		Use:   "forgive KEY...",
		Short: "Write off objects that cannot be read: no run will try them again",
		Long: `Forgive writes off objects that are owed, by their keys as trailgate state show
prints them. No run takes them up again: not when their day is listed once more,
and not when they can be read by then. The sign-ins in them will never be in the
lake, unless the log file comes again under another key. State show lists what was
written off; a state begun anew knows nothing of it.`,
		Example: "  trailgate state forgive AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/01/111122223333_CloudTrail_eu-west-1_20260301T0005Z_UniqueString0001.json.gz --to lake",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("%s takes at least one key", cmd.CommandPath())
			}
			if err := flags.checkLease(); err != nil {
				return err
			}
			return p.forgive(cmd.Context(), args, &flags, &read)
		},
	}
	flags.registerPlaces(cmd.Flags())
	flags.registerLock(cmd.Flags())
	read.registerAWS(cmd.Flags())
	return cmd
}

// forgive takes objects off what is owed, and commits that.
func (p *process) forgive(ctx context.Context, keys []string, f *exportFlags, read *readFlags) error {
	h, err := p.holdFilled(ctx, f, &clients{flags: read})
	if err != nil {
		return err
	}
	defer h.release()
	ctx, stop := h.keep(ctx)
	defer stop()
	j, err := h.committed(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, key := range keys {
		found := j.owing(key)
		if len(found) == 0 {
			return hinted{usagef("key %q is not owed", key), "trailgate state show lists the keys that are"}
		}
		names = append(names, found...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	j.forgive(names, p.now().UTC().Truncate(time.Second))
	body, err := j.encode(true)
	if err != nil {
		return err
	}
	if err := h.commit(ctx, body); err != nil {
		return fmt.Errorf("commit generation %d: %w", h.snapshot.Number+1, h.reason(ctx, err))
	}
	_, err = fmt.Fprintf(p.stdout, "%s written off; %s still owed\n", counted(len(names), "object"), objectsAre(len(j.owed)))
	return errors.Join(err, h.log.Prune(ctx, keptGenerations))
}

// owing gives the names under which an object is owed: one for each source in
// which it lies.
func (j *job) owing(key string) []string {
	var names []string
	for name, o := range j.owed {
		if o.Key == key || strings.HasSuffix(key, "/"+o.Key) && strings.HasPrefix(key, "s3://") {
			names = append(names, name)
		}
	}
	return names
}

// forgive writes off what is owed under these names.
func (j *job) forgive(names []string, at time.Time) {
	for _, name := range names {
		o := j.owed[name]
		delete(j.owed, name)
		j.off[name] = writtenOff{Key: o.Key, Source: o.Source, Cause: o.Cause, Reason: o.Reason, At: at}
	}
}
