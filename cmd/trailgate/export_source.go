package main

import (
	"context"
	"slices"
	"time"

	"trailgate/ingest"
)

// booked is a source of an export: it reads what its checkpoint does not know
// and what is owed. A source that cannot be resumed, files and standard input,
// is read whole every time; the lake knows what it has.
type booked struct {
	source ingest.Source
	name   string               // of its checkpoint; empty: it has none
	stream ingest.ResumedStream // nil: it has no checkpoint
	newest time.Time            // delivery that came
}

// attach opens each source at what the job knows of it.
func (x *exporter) attach(ctx context.Context, sources []ingest.Source) ([]ingest.Stream, error) {
	var out []ingest.Stream
	for _, s := range sources {
		b := &booked{source: s}
		r, ok := s.(ingest.Resumable)
		if ok {
			var err error
			if b.name, err = r.CheckpointName(); err != nil {
				return nil, err
			}
		}
		if b.name != "" && slices.ContainsFunc(x.sources, func(o *booked) bool { return o.name == b.name }) {
			return nil, usagef("source %q is named twice", b.name)
		}
		x.sources = append(x.sources, b)
		if b.name == "" {
			out = append(out, s.Open(ctx, x.window))
			continue
		}
		b.stream = r.Resume(ctx, x.window, x.resumePoint(b.name))
		out = append(out, b.stream)
	}
	return out, nil
}

// resumePoint is what the job knows of a source.
func (x *exporter) resumePoint(name string) ingest.ResumePoint {
	from := ingest.ResumePoint{Checkpoint: x.job.checkpoints[name], LookBack: x.flags.lookBack, Now: x.now(), Until: x.until, WrittenOff: map[string]bool{}}
	for _, o := range x.job.owed {
		if o.Source == name {
			from.Backlog = append(from.Backlog, o.Key)
		}
	}
	slices.Sort(from.Backlog)
	for _, o := range x.job.off {
		if o.Source == name {
			from.WrittenOff[o.Key] = true
		}
	}
	return from
}

// book takes what was read into the job: the checkpoints, and what is owed
// from now on.
func (x *exporter) book() {
	for _, b := range x.sources {
		if b.stream == nil {
			continue
		}
		out := b.stream.Outcome()
		b.newest = out.Newest
		x.job.checkpoints[b.name] = out.Checkpoint
		for _, key := range out.Recovered {
			delete(x.job.owed, owedKey(b.name, key))
		}
		for _, f := range out.Failed {
			o, known := x.job.owed[owedKey(b.name, f.Key)]
			if !known {
				o = owedAccount{Key: f.Key, Source: b.name, Since: x.begun.Truncate(time.Second)}
			}
			o.Cause, o.Reason = string(f.Cause), f.Reason
			o.Tries++
			x.job.owed[owedKey(b.name, f.Key)] = o
		}
	}
	x.account.Owed = x.job.debts()
}

// deliveredAt is when an owed object was delivered, as far as its source, or
// else any source, can tell.
func (x *exporter) deliveredAt(o owedAccount) time.Time {
	var at time.Time
	for _, b := range x.sources {
		if r, ok := b.source.(ingest.Resumable); ok && (at.IsZero() || b.name == o.Source) {
			at = r.DeliveredAt(o.Key)
		}
	}
	return at
}
