package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"time"

	"trailgate/ingest/signin"
)

// Source is a place that holds sign-ins: a trail bucket, the Event history, or
// files. It is configuration only. Reading changes nothing in it, so it may be
// opened several times, and the streams may be read at the same time.
//
// What else a source can do is asked for by type assertion, as with io.WriterTo:
// see Resumable, Surveyor, Bounded and Journaled.
type Source interface {
	// Name is the source as the user named it.
	Name() string
	// Open prepares one reading of the source. It does no I/O and starts no
	// goroutine: a stream that is never read needs no clean-up. The source may
	// leave objects unread that cannot hold an event of the window. It need
	// not drop every event outside the window; Merge does that.
	Open(ctx context.Context, w Window) Stream
}

// Stream is one reading of a source. It is for one goroutine.
type Stream interface {
	// Events yields every readable sign-in, in no particular order and with
	// duplicates: Merge sorts that out. A *SkipError stands for one object or
	// record that could not be read, and the stream goes on. Any other error,
	// the context's included, is the last thing it yields. The iterator may be
	// left early, which ends all that was started for it. Events can be
	// iterated once; later iterations yield ErrReadTwice and nothing else.
	Events() iter.Seq2[signin.Event, error]
	// Coverage says what was read and what was left out. It is valid once
	// Events has ended. It counts objects and bytes. Merge counts the records
	// and the skips.
	Coverage() Coverage
}

// ErrReadTwice is yielded by a Stream whose events are iterated again. A stream
// is one reading; to read again, open the source again.
var ErrReadTwice = errors.New("a stream can be read only once: open the source again")

// Resumable is a source that can leave out the objects that earlier runs have
// read.
type Resumable interface {
	Source
	// CheckpointName is the name under which a caller keeps the source's
	// checkpoint. It is the same wherever the command is run. It is empty if
	// there is nothing to keep.
	CheckpointName() (string, error)
	// Resume prepares one reading of the objects that are new since from. It
	// does no I/O. A checkpoint that cannot be parsed is an error of the
	// stream.
	Resume(ctx context.Context, w Window, from ResumePoint) ResumedStream
	// DeliveredAt is the time of delivery that the key of an object carries.
	// It is zero if the key carries none.
	DeliveredAt(key string) time.Time
}

// ResumedStream is one reading of the new objects of a source.
type ResumedStream interface {
	Stream
	// Outcome has the checkpoint for the next run, and the failed objects. It
	// is valid once Events has ended.
	Outcome() Outcome
}

// ResumePoint says where earlier runs have stopped. The source does not change
// the maps and slices in it.
type ResumePoint struct {
	Checkpoint Checkpoint      // the Outcome's of the run before; empty: everything is new
	LookBack   time.Duration   // how long after its time of delivery an object may still appear; zero: the source's default
	Now        time.Time       // time of the run: a stamp in its future does not count as the newest delivery, because it would hide objects still to come; zero: no such bound
	Until      time.Time       // objects delivered from then on are left to a later run; zero: no bound
	Backlog    []string        // keys that earlier runs could not read: each is read again, once, wherever it lies
	WrittenOff map[string]bool // keys that are not read any more, and are counted as excluded, ReasonWrittenOff
}

// Outcome is the result of a resumed stream that the next run needs. It belongs
// to the caller. Only its Checkpoint may be shared with the ResumePoint.
type Outcome struct {
	Checkpoint Checkpoint     // for the next run; unchanged after a reading that was left early or ended with an error
	Newest     time.Time      // newest delivery among the objects of this reading, by their stamps; zero: there was none
	Failed     []FailedObject // objects that could not be read now, sorted by key, each once
	Recovered  []string       // keys of the backlog that were read now, sorted
}

// FailedObject is an object that could not be read, or not to its end.
type FailedObject struct {
	Key    string
	Origin string // as its *SkipError names it
	Cause  Cause
	Reason string // the cause in words, with no mention of the key
}

// Checkpoint says which objects of a source have been dealt with. Only the
// source knows the form of the entries and of their keys; trail, for example,
// has one entry for each folder. A caller may store the entries anywhere and in
// any order, and must not change them.
type Checkpoint map[string]json.RawMessage

// Surveyor is a source that can list its objects without reading them.
type Surveyor interface {
	// Survey lists the source. The objects that it finds are counted as listed
	// and excluded, ReasonListedOnly. Objects or folders that could not be
	// listed are counted and named as skips. The error is that of the whole
	// survey; the Coverage then has the objects that were listed before it.
	Survey(ctx context.Context, w Window) (Coverage, error)
}

// Bounded is a source that cannot be asked for every window.
type Bounded interface {
	// Bound gives the window that Open(ctx, w) would ask for now, or the
	// error with which it would refuse. The result has BoundAt set, so that
	// Open reads exactly this window later. A caller that judges events by a
	// window of its own takes this one, or sign-ins at its ends may be
	// missing.
	Bound(w Window) (Window, error)
}

// Journaled is a source that can write the records it reads to files. If a
// reading is interrupted, the next one continues from these files.
type Journaled interface {
	// JournalFiles are the paths of the files, the first as the user named it.
	// The list is empty if the source keeps no files.
	JournalFiles() []string
	// Forget removes the files. Files that do not exist are not an error.
	Forget() error
}
