package ingest

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"trailgate/ingest/signin"
)

// Source is one place that holds sign-ins: a bucket, a folder, an API. It holds
// configuration only. Everything that a run produces belongs to the Stream, so a
// Source may have several streams at once.
type Source interface {
	// Name is the place as the user named it.
	Name() string
	// Open makes a stream of the sign-ins of the place. It reads nothing yet. The
	// window lets the source leave unread what cannot hold a wanted event. The
	// source need not drop the rest.
	Open(ctx context.Context, w Window) Stream
}

// Stream is one reading of a Source. It is for one goroutine.
type Stream interface {
	// Events yields every readable sign-in once or more, in no particular order:
	// Merge removes the duplicates. A *SkipError stands for one object or record
	// that could not be read, and the stream goes on. Any other error, the
	// context's included, is the last thing that it yields. Events is called once.
	// The caller may leave the iteration early.
	Events() iter.Seq2[signin.Event, error]
	// Coverage says what was read, once Events has ended: objects, bytes, Regions.
	// Merge counts the records. Skips are only in Listed: the caller has them as
	// errors and counts them.
	Coverage() Coverage
}

// Surveyor is a Source that can say what it holds without reading it.
type Surveyor interface {
	Source
	// Survey lists the place. The error is that of the whole run. The coverage is
	// then that of what was listed before.
	Survey(ctx context.Context, w Window) (Coverage, error)
}

// Bounded is a Source that cannot hold every window.
type Bounded interface {
	Source
	// Bound gives the window that Open will read if it is given this one. It is
	// called before Open, with its result handed to Open.
	Bound(w Window) (Window, error)
}

// Journaled is a Source that can keep what it has read in files, so that the same
// command can continue an interrupted run.
type Journaled interface {
	Source
	// JournalFiles lists the files. It is empty if the source keeps none.
	JournalFiles() []string
	// Forget removes the files.
	Forget() error
}

// Resumable is a Source that can continue where an earlier run ended.
type Resumable interface {
	Source
	// CheckpointName is the name of the place in a state file. It is the same
	// wherever the command is run.
	CheckpointName() (string, error)
	// Resume makes a stream of what the earlier runs did not deal with. It reads
	// nothing yet. The end of the window is not used: see ResumePoint.Until.
	Resume(ctx context.Context, w Window, from ResumePoint) ResumedStream
	// DeliveredAt is the time of delivery that the key of an object carries, or
	// zero if it carries none.
	DeliveredAt(key string) time.Time
}

// ResumedStream is a Stream that ends with a new checkpoint.
type ResumedStream interface {
	Stream
	// Outcome says what the next run needs to know, once Events has ended. The error
	// is that of writing the checkpoint.
	Outcome() (Outcome, error)
}

// Checkpoint is what earlier runs have dealt with, one entry for each folder or
// Region. The keys and the JSON values are the source's own. A state file keeps
// each entry as a line.
type Checkpoint map[string]json.RawMessage

// ResumePoint says from where to continue.
type ResumePoint struct {
	Checkpoint Checkpoint      // what earlier runs dealt with; empty: nothing
	LookBack   time.Duration   // how much later than the newest delivery an object may still appear
	Now        time.Time       // a time stamp after it does not count as the newest delivery
	Until      time.Time       // read only what was delivered before, as if the run were made then; zero: no bound
	Backlog    []string        // keys that earlier runs could not read; each is read again
	WrittenOff map[string]bool // keys that are passed over and excluded as ExcludedWrittenOff
}

// Outcome is what a resumed stream hands to the next run.
type Outcome struct {
	Checkpoint Checkpoint     // after a run that was left early or failed it is the old one
	Newest     time.Time      // newest delivery that was read; zero: none
	Failed     []FailedObject // objects that could not be read; they belong into the backlog
	Recovered  []string       // keys of the backlog that were read
}

// FailedObject is one object that could not be read.
type FailedObject struct {
	Key    string
	Origin string // as its *SkipError names it
	Cause  Cause
	Reason string // in words
}

// Reasons for which sources exclude objects on purpose. They stand in outputs, so
// they do not change.
const (
	ExcludedInterrupted = "interrupted" // found, and not dealt with when the run ended
	ExcludedListedOnly  = "listed-only" // found by a survey, which reads nothing
	ExcludedWrittenOff  = "written-off" // given up by the user
)
