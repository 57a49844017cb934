package batch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"trailgate/report/lake"
	"trailgate/report/row"
)

// Compaction says what Compact did.
type Compaction struct {
	Files  int   // files that were merged
	Into   int   // files that they were merged into
	Rows   int   // rows in those files
	Twice  int   // rows that were dropped, because another file had the same row
	Before int64 // bytes of the files that were merged
	After  int64 // bytes of the files that they were merged into
}

// Compact merges all files of each partition of a lake into one. It takes the lock on
// the state for this. At the end it removes temporary files that killed runs have left
// on a disk. Each partition is committed by itself. So after an error the partitions
// that were merged before it stay merged, and the Compaction counts them. The error is
// an *OtherStateError if the lake is not that of the state, and an *EmptyStateError if
// nothing was committed. Otherwise it is that of the lock, of the state or of the lake,
// or the cause of the context.
func Compact(ctx context.Context, l Location, version string) (Compaction, error) {
	s, err := openFilled(ctx, &l)
	if err != nil {
		return Compaction{}, err
	}
	defer s.release()
	ctx, stop := s.renewLease(ctx)
	defer stop()
	c := &compactor{session: s, version: version}
	err = c.compactTables(ctx)
	return c.done, s.causeOf(ctx, err)
}

// compactor merges the files of a lake.
type compactor struct {
	*session
	state   *State
	version string
	done    Compaction
}

// compactTables merges the files of both tables, and then removes the temporary files
// of runs that were killed. Before that, it checks that the lake belongs to the state,
// and completes or undoes what an earlier run has left.
func (c *compactor) compactTables(ctx context.Context) error {
	var err error
	if c.state, err = c.committed(ctx); err != nil {
		return err
	}
	mark, _, err := lake.ReadInfo(ctx, c.Lake)
	if err != nil {
		return err
	}
	if mark.Job != c.state.head.ID {
		return &OtherStateError{Lake: c.LakeName, State: mark.State, Ours: c.StateName}
	}
	if err := c.recover(ctx, c.state.head.Replaced); err != nil {
		return err
	}
	byAccount := len(mark.PartitionBy) > 1
	signIns := &lake.Table{Store: c.Lake, Name: string(row.SignIns), ByAccount: byAccount, RolledBack: c.rolledBack}
	if err := compactTable(ctx, c, signIns, compareSignIns); err != nil {
		return err
	}
	findings := &lake.Table{Store: c.Lake, Name: string(row.Findings), ByAccount: byAccount, RolledBack: c.rolledBack}
	if err := compactTable(ctx, c, findings, compareFindings); err != nil {
		return err
	}
	return c.removeTemporaries(ctx)
}

// temporaryFiles is a store that may hold temporary files of runs that were killed.
// Sweep removes them.
type temporaryFiles interface {
	Sweep(ctx context.Context) error
}

// removeTemporaries removes the temporary files of runs that were killed.
func (c *compactor) removeTemporaries(ctx context.Context) error {
	for _, store := range [...]lake.Store{c.Lake, c.State} {
		if files, ok := store.(temporaryFiles); ok {
			if err := files.Sweep(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// compareSignIns is the order of rows in the table of sign-ins: by event time and event
// id.
func compareSignIns(a, b row.SignIn) int {
	if c := a.EventTime.Compare(b.EventTime); c != 0 {
		return c
	}
	return strings.Compare(a.EventID, b.EventID)
}

// compactTable merges each partition of one table that has more than one file. compare
// is the order of the rows in its files.
func compactTable[R row.Row](ctx context.Context, c *compactor, t *lake.Table, compare func(a, b R) int) error {
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
		if err := compactPartition(ctx, c, t, compare, part, parts[part]); err != nil {
			return err
		}
	}
	return nil
}

// compactPartition merges the files of one partition into one file, and commits that.
// Then it removes the old files. Each partition has a commit of its own, so that
// readers see its rows twice only for a short time. After an error before the commit it
// removes the new file. After the commit it adds the figures to c.done.
func compactPartition[R row.Row](ctx context.Context, c *compactor, t *lake.Table, compare func(a, b R) int, part lake.Partition, files []lake.File) error {
	generation := c.snapshot.Number + 1
	keys := []string{t.Key(part, generation, c.runName)}
	var replaced []string
	var before int64
	for _, f := range files {
		replaced = append(replaced, f.Key)
		before += f.Size
	}
	if err := lake.WriteIntent(ctx, c.State, generation, c.runName, keys); err != nil {
		return err
	}
	var added []AddedFile
	twice := 0
	err := func() (err error) {
		rows := dropTwins(mergeFiles(ctx, t, files, compare), compare, &twice)
		added, err = addFiles(ctx, []addition{{t, keys[0], func() (encoded, error) { return encodeRows(t.Name, c.version, rows) }}})
		if err != nil {
			return err
		}
		c.state.head.Replaced = replaced
		body, err := c.state.encode(true)
		if err != nil {
			return err
		}
		return c.commit(ctx, body)
	}()
	if err != nil {
		return errors.Join(fmt.Errorf("compact: %w", err), c.rollBack(err, keys))
	}
	c.done.Files += len(replaced)
	c.done.Into++
	c.done.Twice += twice
	c.done.Before += before
	for _, f := range added {
		c.done.Rows += f.Rows
		c.done.After += f.Bytes
	}
	err = c.cleanUp(replaced, keys)
	c.snapshot.Number, c.snapshot.From, c.snapshot.Run = generation, generation, c.runName
	return err
}

// mergeFiles yields the rows of several files in the order of compare. Each file must
// be in that order. Of equal rows, that of the later file comes last. An error is the
// last thing yielded.
func mergeFiles[R row.Row](ctx context.Context, t *lake.Table, files []lake.File, compare func(a, b R) int) iter.Seq2[R, error] {
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

// dropTwins yields one of the rows that follow each other and are equal: the last. It
// adds the number of the others to *twice. An error is the last thing yielded.
func dropTwins[R row.Row](rows iter.Seq2[R, error], compare func(a, b R) int, twice *int) iter.Seq2[R, error] {
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
