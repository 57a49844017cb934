package batch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"

	"trailgate/report/lake"
	"trailgate/report/row"
)

// plan is the list of changes that a run will make in the lake.
type plan struct {
	add      []addition
	replaced []string // keys of files to remove after the commit: added files have the rows that stay
}

// addition is a file that the run will add to a table.
type addition struct {
	table  *lake.Table
	key    string
	encode func() (encoded, error)
}

// keys gives the keys of the files to add.
func (p *plan) keys() []string {
	var out []string
	for _, a := range p.add {
		out = append(out, a.key)
	}
	return out
}

// addToPlan adds a file with this key and these rows to the planned changes. The rows
// are read and encoded later, when the file is written.
func addToPlan[R row.Row](changes *plan, table *lake.Table, key, version string, rows iter.Seq[R]) {
	changes.add = append(changes.add, addition{table, key, func() (encoded, error) { return encodeRows(table.Name, version, withoutErrors(rows)) }})
}

// withoutErrors adds a nil error to each row.
func withoutErrors[R any](rows iter.Seq[R]) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// writeLastManifest writes the manifest (the Summary as JSON) of the last commit, if
// its run could not. It does nothing if the manifest exists or nothing was committed.
func (x *exporter) writeLastManifest(ctx context.Context) error {
	if x.state.last == nil {
		return nil
	}
	if err := x.writeManifest(ctx, x.state.last); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return nil
}

// apply makes the planned changes: it writes the files, commits, and removes the
// replaced files. Then it writes the manifest. Without a change, and with the same
// state as before, it does not commit. In both cases it first writes the manifest of
// the last commit, if that is missing. If the commit fails, it removes the files that
// it has written. A failure after the commit is a remark in the summary, not an error.
func (x *exporter) apply(ctx context.Context, changes *plan) error {
	after, err := x.state.encode(false)
	if err != nil {
		return err
	}
	if len(changes.add)+len(changes.replaced) == 0 && string(after) == string(x.before) {
		return x.writeLastManifest(ctx)
	}
	if err := x.writeLastManifest(ctx); err != nil {
		return err
	}
	keys := changes.keys()
	if len(keys) > 0 {
		if err := lake.WriteIntent(ctx, x.State, x.snapshot.Number+1, x.runName, keys); err != nil {
			return err
		}
	}
	if err := x.writeAndCommit(ctx, changes); err != nil {
		x.summary.Files = nil
		if failed := x.rollBack(err, keys); failed != nil {
			x.addRemark("the files of this run could not be removed; the next run removes them: " + failed.Error())
		}
		if x.commitUnknown {
			x.addRemark("the store did not answer a write, which may still be done; the next run waits until the lock has expired, and then finds out")
		}
		return x.causeOf(ctx, err)
	}
	a := &x.summary
	a.Generation, a.Committed, a.Replaced = x.snapshot.Number+1, true, changes.replaced
	if err := x.cleanUp(changes.replaced, keys); err != nil {
		x.addRemark("committed, but the replaced files could not all be removed; the next run removes them: " + err.Error())
	}
	if err := x.writeManifest(x.graceCtx, x.state.last); err != nil {
		x.addRemark("committed, but the manifest could not be written; the next run writes it: " + err.Error())
	}
	return nil
}

// writeAndCommit writes the files and commits the next generation of the state. The
// state has the summary of the run in it, as it is if the commit succeeds.
func (x *exporter) writeAndCommit(ctx context.Context, changes *plan) error {
	var err error
	if x.summary.Files, err = addFiles(ctx, changes.add); err != nil {
		return err
	}
	x.state.head.Replaced = changes.replaced
	last := x.summary
	last.Generation, last.Committed, last.Replaced = x.snapshot.Number+1, true, changes.replaced
	x.state.last = &last
	x.setOutcome(ctx, &last, x.readCoverage, nil)
	body, err := x.state.encode(true)
	if err != nil {
		return err
	}
	if err := x.commit(ctx, body); err != nil {
		return fmt.Errorf("commit generation %d: %w", last.Generation, err)
	}
	return nil
}

// causeOf gives the reason behind an error. If err came from the end of the context, it
// is the cause of the context. If a file does not exist, another run may have taken the
// lock. causeOf then renews the lock, and if it is lost, returns that error, which
// wraps lake.ErrLost. In all other cases it returns err.
func (h *session) causeOf(ctx context.Context, err error) error {
	switch {
	case err == nil:
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return context.Cause(ctx)
	case errors.Is(err, fs.ErrNotExist):
		if lost := h.lease.Renew(ctx); errors.Is(lost, lake.ErrLost) {
			return lost
		}
	}
	return err
}

// sameTexts reports whether two lists hold the same texts, in any order.
func sameTexts(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}
