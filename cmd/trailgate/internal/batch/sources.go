package batch

import (
	"context"
	"maps"
	"slices"
	"time"

	"trailgate/ingest"
)

// resumedSource is a source of a run. A resumable source reads what is new to the
// state, and the backlog (the objects that earlier runs could not read). Other sources,
// such as files and standard input, are read whole every time. Their sign-ins are still
// stored once, because the run looks for each of them in the lake.
type resumedSource struct {
	ingest.Source
	name    string               // in the state; empty: the source cannot be resumed
	ability ingest.Resumable     // the source, if it can be resumed; otherwise nil
	from    ingest.ResumePoint   // where it continues
	stream  ingest.ResumedStream // nil before Open
	newest  time.Time            // newest delivery that was read
}

// Open starts a reading of the source. A resumable source continues from its checkpoint
// in the state, and another one is read whole.
func (s *resumedSource) Open(ctx context.Context, w ingest.Window) ingest.Stream {
	if s.ability == nil {
		return s.Source.Open(ctx, w)
	}
	s.stream = s.ability.Resume(ctx, w, s.from)
	return s.stream
}

// loadCheckpoints fills x.sources: it gives each source its checkpoint and its backlog
// from the state. If two sources have the same name in the state, the error is a
// *SameSourceError.
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

// resumePoint says from where the source with this name in the state continues. It has
// the checkpoint, the backlog and the written-off keys of the source, and the times of
// the run.
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

// saveCheckpoints puts the new checkpoint of each source into x.state. It also updates
// the backlog: objects that were read now leave it. Those that could not be read are
// added, or get one more try. The summary gets the new backlog.
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

// deliveredAt is when an object of the backlog was delivered. It is zero if no source
// of this run can find that time in its key. The source of the object need not be one
// of this run. The settled time must wait for the object all the same. In that case the
// first other source that finds a time decides.
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
