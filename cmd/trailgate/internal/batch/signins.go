package batch

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"trailgate/ingest"
	"trailgate/ingest/signin"
	"trailgate/report/convert"
	"trailgate/report/lake"
	"trailgate/report/row"
)

// arrival is a sign-in of this run, and what the run must do with it.
type arrival struct {
	*signin.Event
	isNew bool // it is not in the lake
	judge bool // this run has to judge it
}

// splitNewAndKnown returns all sign-ins of the run in order, and says of each whether
// it is new, that is, not in the lake. It counts them in the summary. New sign-ins are
// judged. A known one after the settled time is also judged if the state does not have
// it among the pending ones. That happens if an older generation of the state is in
// use.
func (x *exporter) splitNewAndKnown(ctx context.Context, m *ingest.Merger) ([]arrival, error) {
	events := m.Sorted()
	held, err := x.idsInLake(ctx, events)
	if err != nil {
		return nil, x.causeOf(ctx, err)
	}
	pending := map[string]bool{}
	for i := range x.state.pending {
		e := &x.state.pending[i]
		pending[e.ID], pending[cmp.Or(e.OriginalID, e.ID)] = true, true
	}
	out := make([]arrival, 0, len(events))
	count := &x.summary.SignIns
	for _, e := range events {
		a := arrival{Event: e, isNew: !held[e.ID] && !held[e.OriginalID]}
		late := !e.Time.After(x.state.head.Settled)
		a.judge = a.isNew || !late && !pending[e.ID] && !pending[cmp.Or(e.OriginalID, e.ID)]
		switch {
		case !a.isNew:
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

// idsInLake says for each event id, and each original event id, of the sign-ins whether
// it is in the lake. It reads only the files of the days of the sign-ins.
func (x *exporter) idsInLake(ctx context.Context, events []*signin.Event) (map[string]bool, error) {
	held := map[string]bool{}
	var days []row.Date
	for _, e := range events {
		held[e.ID] = false
		if e.OriginalID != "" {
			held[e.OriginalID] = false
		}
		if day := row.DateOf(e.Time); len(days) == 0 || days[len(days)-1] != day {
			days = append(days, day)
		}
	}
	table := x.table(row.SignIns)
	files, err := table.FilesOf(ctx, days)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		err := forEachID(ctx, table, f, func(id string) {
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

// planSignIns plans one file for each partition (a day, or a day and an account) that
// has new sign-ins. The file has their rows.
func (x *exporter) planSignIns(arrivals []arrival, changes *plan) {
	table := x.table(row.SignIns)
	parts := map[lake.Partition][]*signin.Event{}
	for _, a := range arrivals {
		if a.isNew {
			p := table.PartitionOf(row.DateOf(a.Time), a.Account)
			parts[p] = append(parts[p], a.Event)
		}
	}
	classify := x.classifier()
	for _, p := range slices.SortedFunc(maps.Keys(parts), lake.Partition.Compare) {
		key := table.Key(p, x.snapshot.Number+1, x.runName)
		rows := convert.SignIns(func(yield func(signin.Event) bool) {
			for _, e := range parts[p] {
				if !yield(*e) {
					return
				}
			}
		}, classify)
		addToPlan(changes, table, key, x.Version, rows)
	}
}
