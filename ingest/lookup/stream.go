package lookup

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"trailgate/ingest"
	"trailgate/ingest/signin"
)

// stream is one reading of the Event history.
type stream struct {
	source *Source
	ctx    context.Context
	window ingest.Window
	from   *ingest.ResumePoint // nil: the window alone counts

	used     bool
	coverage ingest.Coverage
	outcome  ingest.Outcome
}

// Open prepares to ask all Regions at once, each at its own pace. A Region that
// refuses, or that gives no new page for RegionTimeout, is a *ingest.SkipError,
// as is an account that cannot be entered. Any other error is a *WindowError
// for a window that cannot be asked for, a *ResumeError for a resume file that
// is not for this question, a *RefusedError where nothing at all could be read,
// an error of writing the resume file, or the context's.
//
// The objects of its Coverage are Regions, one for each account; an account
// that could not be entered is one object. The remarks say which Regions were
// asked, and for what.
func (s *Source) Open(ctx context.Context, w ingest.Window) ingest.Stream {
	return &stream{source: s, ctx: ctx, window: w}
}

// checkpointKey is the key of the only entry of a checkpoint. Its value is the
// time up to which all Regions have been read completely, as a JSON string in
// RFC 3339.
const checkpointKey = ""

// Resume is Open for the time from LookBack before the checkpoint to from.Now,
// or from the window's Since if that is later. There is no backlog, since
// Regions are not objects that could be read again one by one. The checkpoint
// moves on if every Region was read to its end and no record was skipped.
func (s *Source) Resume(ctx context.Context, w ingest.Window, from ingest.ResumePoint) ingest.ResumedStream {
	w.Until = from.Now
	return &stream{source: s, ctx: ctx, window: w, from: &from, outcome: ingest.Outcome{Checkpoint: from.Checkpoint}}
}

// CheckpointName is the name of the source.
func (s *Source) CheckpointName() (string, error) { return s.Name(), nil }

// DeliveredAt is always zero: the Event history has no objects with keys.
func (s *Source) DeliveredAt(string) time.Time { return time.Time{} }

// Coverage is complete once Events has ended.
func (st *stream) Coverage() ingest.Coverage { return st.coverage }

// Outcome is complete once Events has ended.
func (st *stream) Outcome() ingest.Outcome { return st.outcome }

// Events yields what comes; see Open and ingest.Stream.
func (st *stream) Events() iter.Seq2[signin.Event, error] {
	return func(yield func(signin.Event, error) bool) {
		if st.used {
			yield(signin.Event{}, ingest.ErrReadTwice)
			return
		}
		st.used = true
		s := st.source
		st.coverage = ingest.Coverage{Sources: []string{s.Name()}}
		p, err := st.plan()
		if err == nil {
			err = st.ctx.Err()
		}
		if err != nil {
			st.coverage.Partial = st.ctx.Err() != nil
			yield(signin.Event{}, err)
			return
		}
		run := &run{source: s, plan: p, yield: yield, began: s.Now(), coverage: &st.coverage}
		run.stream(st.ctx)
		if st.from != nil && run.complete {
			st.advance()
		}
	}
}

// plan makes the window as it will be asked for.
func (st *stream) plan() (plan, error) {
	w := st.window
	if st.from != nil {
		if form := st.from.Checkpoint[checkpointKey]; form != nil {
			var through time.Time
			if err := json.Unmarshal(form, &through); err != nil {
				return plan{}, fmt.Errorf("checkpoint of %q: %w", st.source.Name(), err)
			}
			if reach := through.Add(-st.from.LookBack); reach.After(w.Since) {
				w.Since = reach
			}
		}
	}
	return st.source.plan(w)
}

// advance makes the checkpoint after a complete run.
func (st *stream) advance() {
	form, err := json.Marshal(st.from.Now)
	if err != nil {
		return // a year beyond 9999: the next run reads the same again
	}
	st.outcome.Checkpoint = ingest.Checkpoint{checkpointKey: form}
}

var _ interface {
	ingest.Resumable
	ingest.Bounded
	ingest.Journaled
} = (*Source)(nil)
