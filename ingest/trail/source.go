// Package trail reads trail buckets: CloudTrail's log files under their keys,
// in S3 or in a copy on disk.
//
// The input is a Store and an ingest.Window. There are two halves, which can be
// used apart: List gives the log files, and Read gives the sign-ins of one log
// file. Source.Open and Source.Resume put them together as an ingest.Source.
// Each reading says what was left out and what could not be read. Resume also
// gives a checkpoint, by which the next run leaves out what was read.
//
// The package must not judge a sign-in, derive its Region from a key, or print.
// It takes credentials and clients from its fields only.
package trail

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"trailgate/ingest"
)

// DefaultWorkers is the number of downloads at a time from a bucket. Each waits
// about 50 ms for its first byte.
const DefaultWorkers = 32

// listWorkers is the number of listings at a time of a bucket.
const listWorkers = 64

// Source is one trail bucket, or a part of it. Only Store is required. Its
// fields must not be changed after the first use. A Source may be read several
// times, and by several goroutines at once.
type Source struct {
	Store       Store
	Prefix      string                // where to look: a folder at, above or below AWSLogs, or the key of one log file; empty: everywhere
	Label       string                // the source as the user named it; empty: Store.Origin(Prefix)
	Workers     int                   // objects read at once; zero: DefaultWorkers, but GOMAXPROCS for a Disk
	MaxInflated int64                 // bytes of one object, packed or inflated; zero: DefaultMaxInflated
	Progress    func(ingest.Progress) // called between objects, from the goroutine that iterates; may be nil

	buffers sync.Pool // *readBuffers: a cache for Read, to save memory
}

// Name is the source as the user named it.
func (s *Source) Name() string {
	if s.Label != "" {
		return s.Label
	}
	return s.Store.Origin(s.Prefix)
}

// Open prepares to list, download and scan at the same time; see
// ingest.Source. The skip of an object comes before its events. An error that
// is not a skip is a *NoTrailError, a start that cannot be listed, or the
// context's. If the reading ends early, the objects that were listed and not
// read are excluded with ingest.ReasonInterrupted.
func (s *Source) Open(ctx context.Context, w ingest.Window) ingest.Stream {
	return &stream{source: s, ctx: ctx, window: w}
}

// Resume is Open for the log files that are new since from. It ignores the end
// of the window, because a log file is read whole or not at all. Only
// from.Until bounds the delivery.
//
// A folder that the checkpoint knows is listed from the day of its newest
// delivery minus LookBack on, or from the window's Since if that is later.
// LookBack is rounded up to whole UTC days; zero means DefaultLookBack. A file
// that appears later than this in the folder of an earlier day is never found.
// If Since is earlier than in the run before, only folders that the checkpoint
// does not know are listed from there.
//
// The keys of the backlog count as listed. A key that no longer exists is a
// skip of ingest.CauseVanished.
func (s *Source) Resume(ctx context.Context, w ingest.Window, from ingest.ResumePoint) ingest.ResumedStream {
	w.Until, w.Lateness = from.Until, -1
	return &stream{source: s, ctx: ctx, window: w, from: &from}
}

// CheckpointName is the bucket and prefix as the user named them, or the
// absolute path of a folder.
func (s *Source) CheckpointName() (string, error) {
	if !s.onDisk() {
		return strings.TrimSuffix(s.Name(), "/"), nil
	}
	path, err := filepath.Abs(s.Store.Origin(s.Prefix))
	if err != nil {
		return "", fmt.Errorf("source %q: %w", s.Name(), err)
	}
	return path, nil
}

// DeliveredAt is the time stamp of a log file's name. It is zero if the key is
// not a log file's.
func (s *Source) DeliveredAt(key string) time.Time {
	name, kind := ParseKey(key)
	if kind != LogFile {
		return time.Time{}
	}
	return name.Delivered
}

// Survey says which accounts, Regions and days have log files, without reading
// them; see ingest.Surveyor.
func (s *Source) Survey(ctx context.Context, w ingest.Window) (ingest.Coverage, error) {
	var skips ingest.Coverage
	var fatal error
	listing := s.List(ctx, w)
	for _, err := range listing.Objects() {
		var skip *ingest.SkipError
		if errors.As(err, &skip) {
			skips.Skip(skip)
		} else if err != nil {
			fatal = err
		}
	}
	out := listing.Coverage()
	out.Add(skips)
	out.Exclude(ingest.ReasonListedOnly, out.Listed-ingest.Total(out.Skipped)-ingest.Total(out.Excluded))
	return out, fatal
}

// Probe reports whether there is a trail, with a few listings. The error is nil
// if there is one; otherwise it is a *NoTrailError, a start that cannot be
// listed, or the context's.
func (s *Source) Probe(ctx context.Context) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	run := s.startLister(inner, ingest.Window{}, nil, cancel)
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
	case run.lister.hasLayout():
		return nil
	case err != nil:
		return err
	}
	return denied
}

func (s *Source) maxInflated() int64 {
	if s.MaxInflated > 0 {
		return s.MaxInflated
	}
	return DefaultMaxInflated
}

func (s *Source) workerCount() int {
	switch {
	case s.Workers > 0:
		return s.Workers
	case s.onDisk():
		return runtime.GOMAXPROCS(0)
	}
	return DefaultWorkers
}

func (s *Source) onDisk() bool {
	_, ok := s.Store.(fileStore)
	return ok
}
