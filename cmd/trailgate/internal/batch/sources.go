package batch

import (
	"context"
	"maps"
	"slices"
	"time"

	"trailgate/ingest"
)

// resumedSource is a source of a run. A resumable source reads what is new to the state,
// and the backlog. Other sources, such as files and standard input, are read whole every
// time. Their sign-ins are still stored once, because the lake is searched for each.
type resumedSource struct {
	ingest.Source
	name    string // in the state; empty: the source cannot be resumed
	ability ingest.Resumable
	from    ingest.ResumePoint
	stream  ingest.ResumedStream // nil before Open
	newest  time.Time            // newest delivery that was read
}

// Open continues from the checkpoint in the state.
func (s *resumedSource) Open(ctx context.Context, w ingest.Window) ingest.Stream {
	if s.ability == nil {
		return s.Source.Open(ctx, w)
	}
	s.stream = s.ability.Resume(ctx, w, s.from)
	return s.stream
}

// loadCheckpoints gives each source its checkpoint and its backlog from the state.
func (x *exporter) loadCheckpoints() error {
	for _, source := range x.Sources {
		s := &resumedSource{Source: source}
		if ability, ok := source.(ingest.Resumable); ok {
			name, err := ability.CheckpointName()
			if err != nil {
				return err
			}
			s.name, s.ability, s.from = name, ability, x.resumePoint(name)
		}
		if s.name != "" && slices.ContainsFunc(x.sources, func(o *resumedSource) bool { return o.name == s.name }) {
			return &SameSourceError{s.name}
		}
		x.sources = append(x.sources, s)
	}
	return nil
}

// resumePoint says from where a source continues.
func (x *exporter) resumePoint(name string) ingest.ResumePoint {
	from := ingest.ResumePoint{Checkpoint: x.state.checkpoints[name], LookBack: x.LookBack, Now: x.now(), Until: x.Until, WrittenOff: map[string]bool{}}
	owed := map[string]bool{}
	for _, o := range x.state.owed {
		if o.Source == name {
			owed[o.Key] = true
		}
	}
	for _, o := range x.state.writtenOff {
		if o.Source == name {
			from.WrittenOff[o.Key] = true
		}
	}
	from.Backlog = slices.Sorted(maps.Keys(owed))
	return from
}

// saveCheckpoints puts the new checkpoint of each source into the state, and updates the
// backlog.
func (x *exporter) saveCheckpoints() {
	for _, s := range x.sources {
		if s.stream == nil {
			continue
		}
		out := s.stream.Outcome()
		if s.newest = out.Newest; len(out.Checkpoint) > 0 {
			x.state.checkpoints[s.name] = out.Checkpoint
		}
		for _, key := range out.Recovered {
			delete(x.state.owed, backlogKey(s.name, key))
		}
		for _, f := range out.Failed {
			o, known := x.state.owed[backlogKey(s.name, f.Key)]
			if !known {
				o = OwedObject{Key: f.Key, Source: s.name, Since: x.began.Truncate(time.Second)}
			}
			o.Cause, o.Reason, o.Origin = string(f.Cause), f.Reason, f.Origin
			o.Tries++
			x.state.owed[backlogKey(s.name, f.Key)] = o
		}
	}
	x.summary.Owed = x.state.backlog()
}

// deliveredAt is when an object of the backlog was delivered, or zero if no source of
// this run understands its key. The source of the object need not be one of this run:
// history must wait for the object all the same. So the other sources are asked as well.
func (x *exporter) deliveredAt(o OwedObject) time.Time {
	var delivered time.Time
	for _, s := range x.sources {
		if s.ability == nil {
			continue
		}
		switch at := s.ability.DeliveredAt(o.Key); {
		case s.name == o.Source:
			return at
		case delivered.IsZero():
			delivered = at
		}
	}
	return delivered
}
