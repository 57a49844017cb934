package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"trailgate/report/lake"
	"trailgate/report/row"
)

func newCompact(p *process) *cobra.Command {
	var read readFlags
	var flags exportFlags
	cmd := &cobra.Command{
		Use:   "compact --to LAKE",
		Short: "Fold the small files of a lake's partitions into one each",
		Long: `Compact writes one file for each partition that has several, commits it, and then
removes those it replaces. A reader that lists the folder misses no row at any
moment; between the commit and the removal it can meet rows in both. Killed at any
moment, the next run of export or compact brings things in order. On a disk it
also removes the temporaries, which no reader sees, of runs that were killed.`,
		Example: "  trailgate compact --to /var/lib/trailgate/lake",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.check(); err != nil {
				return err
			}
			err := p.compact(cmd.Context(), &flags, &read)
			if err != nil && cmd.Context().Err() != nil {
				err = hinted{err, "what was folded by then is committed; the next compaction goes on"}
			}
			return err
		},
	}
	flags.registerPlaces(cmd.Flags())
	flags.registerLock(cmd.Flags())
	read.registerAWS(cmd.Flags())
	return cmd
}

// compactor folds the files of a lake.
type compactor struct {
	*hold
	job      *job
	folded   int // files
	into     int
	rows     int
	twice    int // rows that were there twice
	from, to int64
}

func (p *process) compact(ctx context.Context, f *exportFlags, read *readFlags) error {
	h, err := p.holdFilled(ctx, f, &clients{flags: read})
	if err != nil {
		return err
	}
	defer h.release()
	ctx, stop := h.keep(ctx)
	defer stop()
	c := &compactor{hold: h}
	if c.job, err = h.committed(ctx); err != nil {
		return err
	}
	mark, _, err := lake.ReadInfo(ctx, h.lake)
	if err != nil {
		return err
	}
	if mark.Job != c.job.head.ID {
		return hinted{usagef("lake %q is not filled by state %q", f.to, h.stateName), fmt.Sprintf("give its own --state: it was %q", mark.State)}
	}
	if err := h.recover(ctx, c.job.head.Replaced); err != nil {
		return err
	}
	byAccount := len(mark.PartitionBy) > 1
	err = foldTable(ctx, c, &lake.Table{Store: h.lake, Name: string(row.SignIns), ByAccount: byAccount, RolledBack: h.gone}, compareSignIns)
	if err == nil {
		err = foldTable(ctx, c, &lake.Table{Store: h.lake, Name: string(row.Findings), ByAccount: byAccount, RolledBack: h.gone}, compareFindings)
	}
	if err == nil {
		err = c.sweep(ctx)
	}
	if c.into > 0 || err == nil {
		_, told := fmt.Fprintf(p.stdout, "folded %s into %d: %d rows, %d bytes before, %d after\n", counted(c.folded, "file"), c.into, c.rows, c.from, c.to)
		err = errors.Join(err, told)
	}
	if c.twice > 0 {
		p.complain(fmt.Sprintf("%s stood in two files and stand in one now", counted(c.twice, "row")))
	}
	return h.reason(ctx, err)
}

// sweep removes the temporaries of runs that were killed.
func (c *compactor) sweep(ctx context.Context) error {
	for _, store := range [...]lake.Store{c.lake, c.state} {
		if disk, is := store.(lake.Disk); is {
			if err := disk.Sweep(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func compareSignIns(a, b row.SignIn) int {
	if c := a.EventTime.Compare(b.EventTime); c != 0 {
		return c
	}
	return strings.Compare(a.EventID, b.EventID)
}

// foldTable folds every partition that has more than one file.
func foldTable[R row.Row](ctx context.Context, c *compactor, t *lake.Table, compare func(a, b R) int) error {
	files, err := t.Files(ctx, 0, 0)
	if err != nil {
		return err
	}
	parts := map[lake.Partition][]lake.File{}
	for _, f := range files {
		parts[f.Partition] = append(parts[f.Partition], f)
	}
	for _, part := range slices.SortedFunc(maps.Keys(parts), lake.Partition.Compare) {
		if len(parts[part]) < 2 {
			continue
		}
		if err := fold(ctx, c, t, compare, part, parts[part]); err != nil {
			return err
		}
	}
	return nil
}

// fold folds one partition, with a commit of its own, so that its rows stand
// in two places for as short a time as can be.
func fold[R row.Row](ctx context.Context, c *compactor, t *lake.Table, compare func(a, b R) int, part lake.Partition, files []lake.File) error {
	generation := c.snapshot.Number + 1
	keys := []string{t.Key(part, generation, c.run)}
	var replaced []string
	var before int64
	for _, f := range files {
		replaced = append(replaced, f.Key)
		before += f.Size
	}
	if err := lake.WriteIntent(ctx, c.state, generation, c.run, keys); err != nil {
		return err
	}
	var added []fileAccount
	twice := 0
	err := func() (err error) {
		rows := unique(joined(ctx, t, files, compare), compare, &twice)
		added, err = addAll(ctx, []addition{{t, keys[0], func() (encoded, error) { return encodeRows(t.Name, rows) }}})
		if err != nil {
			return err
		}
		c.job.head.Replaced = replaced
		body, err := c.job.encode(true)
		if err != nil {
			return err
		}
		return c.commit(ctx, body)
	}()
	if err != nil {
		return errors.Join(fmt.Errorf("compact: %w", err), c.undo(err, keys))
	}
	c.folded += len(replaced)
	c.into++
	c.twice += twice
	c.from += before
	for _, f := range added {
		c.rows += f.Rows
		c.to += f.Bytes
	}
	err = c.tidy(replaced, keys)
	c.snapshot.Number, c.snapshot.From, c.snapshot.Run = generation, generation, c.run
	return err
}

// joined yields the rows of several files in one order, each file being in
// that order; of equal rows that of the later file comes last.
func joined[R row.Row](ctx context.Context, t *lake.Table, files []lake.File, compare func(a, b R) int) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		type cursor struct {
			row  R
			next func() (R, error, bool)
		}
		var open []*cursor
		for _, f := range files {
			next, stop := iter.Pull2(rowsOf[R](ctx, t, f))
			defer stop()
			open = append(open, &cursor{next: next})
		}
		ready := open[:0]
		for _, c := range open {
			row, err, ok := c.next()
			if err != nil {
				yield(row, err)
				return
			}
			if c.row = row; ok {
				ready = append(ready, c)
			}
		}
		for len(ready) > 0 {
			at := 0
			for i := range ready {
				if compare(ready[i].row, ready[at].row) < 0 {
					at = i
				}
			}
			c := ready[at]
			if !yield(c.row, nil) {
				return
			}
			row, err, ok := c.next()
			if err != nil {
				yield(row, err)
				return
			}
			if c.row = row; !ok {
				ready = slices.Delete(ready, at, at+1)
			}
		}
	}
}

// unique yields of rows that are equal the last, and counts the others.
func unique[R row.Row](rows iter.Seq2[R, error], compare func(a, b R) int, twice *int) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		var held R
		any := false
		for row, err := range rows {
			switch {
			case err != nil:
				yield(row, err)
				return
			case any && compare(held, row) == 0:
				*twice++
			case any && !yield(held, nil):
				return
			}
			held, any = row, true
		}
		if any {
			yield(held, nil)
		}
	}
}
