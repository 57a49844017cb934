package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"

	"trailgate/analyzer"
	"trailgate/ingest"
	"trailgate/ingest/signin"
	"trailgate/report"
	"trailgate/report/lake"
)

// plan is what a run is about to change in the lake.
type plan struct {
	add      []addition
	replaced []string // keys
}

// addition is a file that is to be added to a table.
type addition struct {
	table  *lake.Table
	key    string
	encode func() (encoded, error)
}

// keys are those of the files to add.
func (p *plan) keys() []string {
	var out []string
	for _, a := range p.add {
		out = append(out, a.key)
	}
	return out
}

func (x *exporter) table(kind report.Kind) *lake.Table {
	return &lake.Table{Store: x.lake, Name: string(kind), ByAccount: len(x.flags.divided()) > 1, Gone: x.gone}
}

// file brings what was read into the lake: first all is decided, then the
// files are written, and then one commit makes them count.
func (x *exporter) file(ctx context.Context, m *ingest.Merger) error {
	x.book()
	arrivals, err := x.sortOut(ctx, m)
	if err != nil {
		return err
	}
	var todo plan
	x.planSignIns(arrivals, &todo)
	before := x.job.head.Settled
	if err := x.judge(arrivals, &m.Coverage); err != nil {
		return err
	}
	if err := x.planFindings(ctx, before, &todo); err != nil {
		return x.reason(ctx, err)
	}
	after, err := x.job.encode(false)
	if err != nil {
		return err
	}
	if len(todo.add)+len(todo.replaced) == 0 && string(after) == string(x.before) {
		return x.noteLast(ctx)
	}
	return x.apply(ctx, m, &todo)
}

// noteLast makes up for a manifest that the run before could not write any
// more.
func (x *exporter) noteLast(ctx context.Context) error {
	if x.job.last == nil {
		return nil
	}
	if err := x.note(ctx, x.job.last); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return nil
}

// apply writes the files and commits.
func (x *exporter) apply(ctx context.Context, m *ingest.Merger, todo *plan) error {
	if err := x.noteLast(ctx); err != nil {
		return err
	}
	keys := todo.keys()
	if len(keys) > 0 {
		if err := lake.Announce(ctx, x.state, x.snapshot.Number+1, x.run, keys); err != nil {
			return err
		}
	}
	if err := x.write(ctx, m, todo); err != nil {
		x.account.Files = nil
		if failed := x.undo(err, keys); failed != nil {
			x.remark("what the run had written is left to the next: " + failed.Error())
		}
		if x.unsure {
			x.remark("no answer came to a write, which may yet be done; the next run waits until the lock has run out, and puts that in order")
		}
		return x.reason(ctx, err)
	}
	a := &x.account
	a.Generation, a.Committed, a.Replaced = x.snapshot.Number+1, true, todo.replaced
	if err := x.tidy(todo.replaced, keys); err != nil {
		x.remark("committed, but not all could be cleared away; the next run does it: " + err.Error())
	}
	if err := x.note(x.late, x.job.last); err != nil {
		x.remark("committed, but the manifest could not be written; the next run does it: " + err.Error())
	}
	return nil
}

func (x *exporter) write(ctx context.Context, m *ingest.Merger, todo *plan) error {
	var err error
	if x.account.Files, err = addAll(ctx, todo.add); err != nil {
		return err
	}
	x.job.head.Replaced = todo.replaced
	last := x.account
	last.Generation, last.Committed, last.Replaced = x.snapshot.Number+1, true, todo.replaced
	x.job.last = &last
	x.conclude(ctx, &last, x.verdict(&m.Coverage))
	body, err := x.job.encode(true)
	if err != nil {
		return err
	}
	if err := x.commit(ctx, body); err != nil {
		return fmt.Errorf("commit generation %d: %w", last.Generation, err)
	}
	return nil
}

// reason gives the reason for which a run was told to stop, if it was, or was
// overtaken: files that are gone are a sign of that.
func (h *hold) reason(ctx context.Context, err error) error {
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

// arrival is a sign-in of this run, and what is to become of it.
type arrival struct {
	*signin.Event
	fresh bool // the lake lacks it
	judge bool // it has not been judged yet
}

// sortOut asks the lake which of the sign-ins it has. What it has and this
// state has not judged, since an older generation of it is in use, is judged.
func (x *exporter) sortOut(ctx context.Context, m *ingest.Merger) ([]arrival, error) {
	events := m.Sorted()
	held, err := x.held(ctx, events)
	if err != nil {
		return nil, x.reason(ctx, err)
	}
	pending := map[string]bool{}
	for i := range x.job.pending {
		e := &x.job.pending[i]
		pending[e.ID], pending[cmp.Or(e.OriginalID, e.ID)] = true, true
	}
	out := make([]arrival, 0, len(events))
	count := &x.account.SignIns
	for _, e := range events {
		a := arrival{Event: e, fresh: !held[e.ID] && !held[e.OriginalID]}
		late := !e.Time.After(x.job.head.Settled)
		a.judge = a.fresh || !late && !pending[e.ID] && !pending[cmp.Or(e.OriginalID, e.ID)]
		switch {
		case !a.fresh:
			count.Known++
		case late:
			count.Late++
			count.New++
		default:
			count.New++
		}
		out = append(out, a)
	}
	return out, nil
}

// held tells which of the sign-ins' ids the lake has in the partitions to
// which they belong.
func (x *exporter) held(ctx context.Context, events []*signin.Event) (map[string]bool, error) {
	held := map[string]bool{}
	var days []lake.Day
	for _, e := range events {
		held[e.ID] = false
		if e.OriginalID != "" {
			held[e.OriginalID] = false
		}
		if day := lakeDay(report.DateOf(e.Time)); len(days) == 0 || days[len(days)-1] != day {
			days = append(days, day)
		}
	}
	table := x.table(report.SignIns)
	files, err := table.FilesOf(ctx, days)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		err := idsOf(ctx, table, f, func(id string) {
			if _, asked := held[id]; asked {
				held[id] = true
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return held, nil
}

// planSignIns plans a file for each partition that has a new sign-in.
func (x *exporter) planSignIns(arrivals []arrival, todo *plan) {
	table := x.table(report.SignIns)
	parts := map[lake.Partition][]*signin.Event{}
	for _, a := range arrivals {
		if a.fresh {
			p := table.Place(lakeDay(report.DateOf(a.Time)), a.Account)
			parts[p] = append(parts[p], a.Event)
		}
	}
	classify := analyzer.Classifier{Table: x.read.table}
	for _, p := range slices.SortedFunc(maps.Keys(parts), lake.Partition.Compare) {
		key := table.Key(p, x.snapshot.Number+1, x.run)
		rows := signIns(func(yield func(signin.Event) bool) {
			for _, e := range parts[p] {
				if !yield(*e) {
					return
				}
			}
		}, classify)
		planAdd(todo, table, key, rows)
	}
}

func planAdd[R report.Row](todo *plan, table *lake.Table, key string, rows iter.Seq[R]) {
	todo.add = append(todo.add, addition{table, key, func() (encoded, error) { return encodeRows(table.Name, certain(rows)) }})
}

// certain are rows that come without errors.
func certain[R any](rows iter.Seq[R]) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

func sameTexts(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

func filters(h *jobHead) string {
	return fmt.Sprintf("--account %s, --region %s", strings.Join(h.Accounts, ","), strings.Join(h.Regions, ","))
}
