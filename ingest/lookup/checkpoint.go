package lookup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"trailgate/ingest"
	"trailgate/ingest/signin"
)

// checkpointKey is the key of the only entry of a checkpoint. Its value is a time: all
// sign-ins before it were read.
const checkpointKey = ""

// CheckpointName is the name of the Event history in a state file.
func (s *Source) CheckpointName() (string, error) { return s.Name(), nil }

// DeliveredAt is zero: the Event history has no objects with keys.
func (s *Source) DeliveredAt(string) time.Time { return time.Time{} }

// Resume makes a stream that begins at the end of the last complete run, minus the
// look-back, or at w.Since if that is later. It ends at ResumePoint.Now; w.Until is
// ignored. See ingest.Resumable.
func (s *Source) Resume(ctx context.Context, w ingest.Window, from ingest.ResumePoint) ingest.ResumedStream {
	r := &resumedRun{from: from}
	through, err := decodeCheckpoint(from.Checkpoint)
	if err != nil {
		r.err = fmt.Errorf("source %q: %w", s.Name(), err)
	}
	if start := through.Add(-from.LookBack); !through.IsZero() && start.After(w.Since) {
		w.Since = start
	}
	w.Until = from.Now
	r.lookupRun = s.newRun(ctx, w)
	return r
}

// resumedRun is a lookupRun that remembers whether it was complete.
type resumedRun struct {
	*lookupRun
	from       ingest.ResumePoint
	err        error // of the checkpoint
	incomplete bool  // something was skipped or failed
}

// Events yields what is new; see ingest.Stream. It also notes whether anything was
// skipped or failed. If the checkpoint could not be read, it yields only that
// error.
func (r *resumedRun) Events() iter.Seq2[signin.Event, error] {
	return func(yield func(signin.Event, error) bool) {
		if r.err != nil {
			yield(signin.Event{}, r.err)
			return
		}
		for e, err := range r.lookupRun.Events() {
			r.incomplete = r.incomplete || err != nil
			if !yield(e, err) {
				return
			}
		}
	}
}

// Outcome returns a checkpoint at the end of the run if the run was complete, and
// the old checkpoint otherwise; see ingest.ResumedStream.
func (r *resumedRun) Outcome() ingest.Outcome {
	if r.err != nil || r.incomplete || r.coverage.Partial {
		return ingest.Outcome{Checkpoint: r.from.Checkpoint}
	}
	through := json.RawMessage(strconv.Quote(r.from.Now.Format(time.RFC3339Nano)))
	return ingest.Outcome{Checkpoint: ingest.Checkpoint{checkpointKey: through}}
}

// decodeCheckpoint returns the time in a checkpoint: all sign-ins before it were
// read. The time is zero without an entry. An entry that is not a time is an error.
func decodeCheckpoint(entries ingest.Checkpoint) (time.Time, error) {
	var through time.Time
	entry, ok := entries[checkpointKey]
	if !ok {
		return through, nil
	}
	if err := json.Unmarshal(entry, &through); err != nil {
		return time.Time{}, errors.New("the checkpoint is not a time")
	}
	return through, nil
}
