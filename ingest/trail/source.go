// Package trail reads trail buckets: CloudTrail's log files under their keys,
// in S3 or in a copy on disk. In come a Store and a Window; out go log files
// (Objects), the sign-ins of one of them (Read), or both halves together as an
// ingest.Source, each with an account of what was left out and what could not
// be read, and Books by which the next run leaves out what was read. It must
// not judge a sign-in, decide its Region by a key, print, or take credentials
// and clients from anywhere but its fields.
package trail

import (
	"context"
	"sync"
	"time"

	"trailgate/ingest"
)

// DefaultWorkers is how many downloads from a bucket are in flight. Each
// waits about 50 ms for its first byte.
const DefaultWorkers = 32

// listWorkers is how many listings of a bucket are in flight.
const listWorkers = 64

// Source is one trail bucket, or a part of it. Only Store is required. The fields
// are not to be changed once it is used. It keeps nothing of its streams, so
// several may be read at once.
type Source struct {
	Store       Store
	Prefix      string                // where to look; empty: everywhere. A folder at, above or below AWSLogs, or the key of one log file
	Label       string                // as the user named it; empty: Store.Origin(Prefix)
	Workers     int                   // objects read at once; zero: DefaultWorkers, but GOMAXPROCS for a Disk
	MaxInflated int64                 // bytes of one object, packed or inflated; zero: DefaultMaxInflated
	Progress    func(ingest.Progress) // called between readings, from the goroutine that iterates; may be nil

	buffers sync.Pool // of *readBuffers, for Read
}

// From says where a stream continues.
type From struct {
	// Checkpoint is what earlier runs dealt with; nil: everything is new, and
	// Stream.Checkpoint is nil. A folder that it knows is listed from the day of
	// its watermark minus LookBack, or from the window's Since if that is later.
	// The objects that it knows are excluded as "known". An earlier Since than
	// that of the run before reaches only folders that it does not know. The
	// checkpoint is not changed.
	Checkpoint *Checkpoint
	// LookBack is how much later than the newest file of its folder a file may
	// still appear; zero: DefaultLookBack, negative: none. It is rounded up to
	// whole UTC days of delivery. A file that appears later in the folder of an
	// earlier day is never read.
	LookBack time.Duration
	// Now is the time of the run; zero: no bound. A time stamp after it does not
	// count as the newest delivery, since it would hide what comes before it.
	Now time.Time
	// Backlog lists keys that are read in any case, each once, whatever the
	// checkpoint says. They count as listed. A key that is gone is a skip of
	// ingest.CauseVanished.
	Backlog []string
}

// Name is the trail as the user named it.
func (s *Source) Name() string {
	if s.Label != "" {
		return s.Label
	}
	return s.Store.Origin(s.Prefix)
}

// Open makes a stream of everything that the window may want; see ingest.Source.
func (s *Source) Open(ctx context.Context, w ingest.Window) ingest.Stream {
	return s.Stream(ctx, w, From{})
}

// Stream makes a stream that continues where the caller says. It reads nothing
// yet. The zero From is the beginning.
func (s *Source) Stream(ctx context.Context, w ingest.Window, from From) *Stream {
	return &Stream{source: s, ctx: ctx, window: w, from: from}
}

// Survey lists without reading: which accounts, Regions and days have log files.
// Listed counts all that was found, Read stays zero, the log files are excluded as
// ingest.ExcludedListedOnly, and folders that could not be listed are counted and
// named. The error is that of the whole run. The coverage is then that of what was
// listed before.
func (s *Source) Survey(ctx context.Context, w ingest.Window) (ingest.Coverage, error) {
	return s.Stream(ctx, w, From{}).Survey()
}

// Probe tells whether there is a trail, at the price of a few listings: nil,
// a *NoTrailError, a start that cannot be listed, or the context's error.
func (s *Source) Probe(ctx context.Context) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	run := s.Stream(inner, ingest.Window{}, From{}).startListing(inner, cancel)
	var denied error
	for it := range run.items {
		if it.skip != nil && denied == nil {
			denied = startError(it.skip)
		}
	}
	err := run.stopListing()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case run.lister.layout:
		return nil
	case err != nil:
		return err
	}
	return denied
}

// maxInflated is the size cap of one object.
func (s *Source) maxInflated() int64 {
	if s.MaxInflated > 0 {
		return s.MaxInflated
	}
	return DefaultMaxInflated
}

// workerCount is how many objects are read at once.
func (s *Source) workerCount() int {
	if s.Workers > 0 {
		return s.Workers
	}
	if store, ok := s.Store.(parallelStore); ok {
		_, reads := store.parallelism()
		return reads
	}
	return DefaultWorkers
}
