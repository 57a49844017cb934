package trail

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"trailgate/ingest"
	"trailgate/ingest/signin"
)

// CheckpointName is the name of the trail in a state file: the bucket as it was
// named, or the absolute path of a folder.
func (s *Source) CheckpointName() (string, error) {
	store, ok := s.Store.(localStore)
	if !ok {
		return strings.TrimSuffix(s.Name(), "/"), nil
	}
	name, err := store.absoluteName(s.Prefix)
	if err != nil {
		return "", fmt.Errorf("source %q: %w", s.Name(), err)
	}
	return name, nil
}

// DeliveredAt is the time of delivery in the name of a log file, or zero if the key
// is not that of a log file.
func (s *Source) DeliveredAt(key string) time.Time {
	if k, kind := ParseKey(key); kind == LogFile {
		return k.Delivered
	}
	return time.Time{}
}

// Resume makes a stream of what the checkpoint does not know and of the backlog;
// see ingest.Resumable. The window's end and lateness are not used, since a log file
// is read whole or not at all.
func (s *Source) Resume(ctx context.Context, w ingest.Window, from ingest.ResumePoint) ingest.ResumedStream {
	r := &resumedStream{from: from, backlog: map[string]bool{}}
	checkpoint, err := decodeCheckpoint(from.Checkpoint)
	if err != nil {
		r.err = fmt.Errorf("source %q: %w", s.Name(), err)
		checkpoint = &Checkpoint{}
	}
	for _, key := range from.Backlog {
		r.backlog[key] = true
	}
	lookBack := from.LookBack
	if lookBack == 0 {
		lookBack = DefaultLookBack
	}
	w.Until, w.Lateness = from.Until, -1
	r.Stream = s.Stream(ctx, w, From{Checkpoint: checkpoint, LookBack: lookBack, Now: from.Now, Backlog: from.Backlog})
	return r
}

// resumedStream is a Stream that leaves out what was written off, and remembers
// what became of each object.
type resumedStream struct {
	*Stream
	from       ingest.ResumePoint
	backlog    map[string]bool
	writtenOff ingest.Coverage // what the written-off objects change in the coverage
	outcome    ingest.Outcome
	err        error // of the checkpoint
}

// Events yields what is new; see ingest.Stream.
func (r *resumedStream) Events() iter.Seq2[signin.Event, error] {
	return func(yield func(signin.Event, error) bool) {
		if r.err != nil {
			yield(signin.Event{}, r.err)
			return
		}
		for reading, err := range r.Readings() {
			if err != nil {
				yield(signin.Event{}, err)
				return
			}
			if r.from.WrittenOff[reading.Object.Key] {
				r.passOver(&reading)
				continue
			}
			r.remember(&reading)
			if !reading.yieldAll(yield) {
				return
			}
		}
	}
}

// passOver counts an object that was written off as excluded, whether it could be
// read or not.
func (r *resumedStream) passOver(reading *Reading) {
	r.writtenOff.Exclude(ingest.ExcludedWrittenOff, 1)
	if reading.Skip == nil {
		r.writtenOff.Read--
	}
	r.writtenOff.Packed -= reading.Packed
	r.writtenOff.Inflated -= reading.Inflated
}

// remember notes what became of an object.
func (r *resumedStream) remember(reading *Reading) {
	key := reading.Object.Key
	if at := reading.Object.Name.Delivered; at.After(r.outcome.Newest) {
		r.outcome.Newest = at
	}
	switch {
	case key == "":
	case reading.Skip != nil:
		r.outcome.Failed = append(r.outcome.Failed, ingest.FailedObject{Key: key, Origin: reading.Skip.Origin, Cause: reading.Skip.Cause, Reason: reading.Skip.Err.Error()})
	case r.backlog[key]:
		r.outcome.Recovered = append(r.outcome.Recovered, key)
	}
}

// Coverage says what was read; see ingest.Stream.
func (r *resumedStream) Coverage() ingest.Coverage {
	var c ingest.Coverage
	c.Add(r.Stream.Coverage())
	c.Add(r.writtenOff)
	return c
}

// Outcome says what the next run needs to know; see ingest.ResumedStream.
func (r *resumedStream) Outcome() (ingest.Outcome, error) {
	out := r.outcome
	out.Checkpoint = r.from.Checkpoint
	next := r.Checkpoint()
	if next == nil {
		return out, nil
	}
	var err error
	out.Checkpoint, err = next.encode(r.from.Checkpoint, r.Stream.from.Checkpoint)
	return out, err
}

// decodeCheckpoint reads the entries of a state file.
func decodeCheckpoint(entries ingest.Checkpoint) (*Checkpoint, error) {
	c := &Checkpoint{Folders: make(map[string]FolderCheckpoint, len(entries))}
	for folder, entry := range entries {
		f, err := ParseFolderCheckpoint(entry)
		if err != nil {
			return nil, fmt.Errorf("checkpoint of %q: %w", folder, err)
		}
		c.Folders[folder] = f
	}
	return c, nil
}

// encode writes the entries of a state file. The text of a folder that has not
// changed is kept as it was.
func (c *Checkpoint) encode(texts ingest.Checkpoint, old *Checkpoint) (ingest.Checkpoint, error) {
	out := make(ingest.Checkpoint, len(c.Folders))
	for folder, f := range c.Folders {
		if text, known := texts[folder]; known && f.equal(old.Folders[folder]) {
			out[folder] = text
			continue
		}
		text, err := json.Marshal(f)
		if err != nil {
			return nil, fmt.Errorf("checkpoint of %q: %w", folder, err)
		}
		out[folder] = text
	}
	return out, nil
}

// equal reports whether two checkpoints of a folder say the same.
func (f FolderCheckpoint) equal(o FolderCheckpoint) bool {
	return f.Watermark.Equal(o.Watermark) && f.From == o.From && slices.Equal(f.Days, o.Days) && slices.Equal(f.Recent, o.Recent)
}
