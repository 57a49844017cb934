// Package trail reads trail buckets: CloudTrail's log files under their keys,
// in S3 or in a copy on disk. In come a Store and a Window; out go log files
// (List), the sign-ins of one of them (Read), or both halves together as an
// ingest.Source, each with an account of what was left out and what could not
// be read, and a checkpoint by which the next run leaves out what was read. It
// must not judge a sign-in, decide its Region by a key, print, or take
// credentials and clients from anywhere but its fields.
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

// DefaultWorkers is how many downloads from a bucket are in flight. Each
// waits about 50 ms for its first byte.
const DefaultWorkers = 32

// listWorkers is how many listings of a bucket are in flight.
const listWorkers = 64

// Source is one trail bucket, or a part of it. Only Store is required. The
// fields are not to be changed while it is read. A Source may be read several
// times, and by several goroutines at once.
type Source struct {
	Store       Store
	Prefix      string                // where to look; empty: everywhere. A folder at, above or below AWSLogs, or the key of one log file
	Label       string                // the source as the user named it; empty: Store.Origin(Prefix)
	Workers     int                   // objects read at once; zero: DefaultWorkers, but GOMAXPROCS for a Disk
	MaxInflated int64                 // bytes of one object, packed or inflated; zero: DefaultMaxInflated
	Progress    func(ingest.Progress) // called between objects, from the goroutine that iterates; may be nil

	desks sync.Pool // *desk: buffers of Read, kept only to save memory
}

// Name is the source as the user named it.
func (s *Source) Name() string {
	if s.Label != "" {
		return s.Label
	}
	return s.Store.Origin(s.Prefix)
}

// Open prepares to list, download and scan at the same time. Each object's own
// skip comes before its events. Any error but a skip is a *NoTrailError, a
// start that cannot be listed, or the context's. Objects that were listed and
// not dealt with when the reading ended early are excluded,
// ingest.ReasonInterrupted.
func (s *Source) Open(ctx context.Context, w ingest.Window) ingest.Stream {
	return &stream{source: s, ctx: ctx, window: w}
}

// Resume is Open for what is new since from. The window's end does not matter,
// since a log file is read whole or not at all: only from.Until bounds its
// delivery. A folder that the checkpoint knows is listed from the day of its
// newest delivery minus LookBack on, or from the window's Since if that is
// later. LookBack is rounded up to whole UTC days; zero means DefaultLookBack.
// A file that appears later than this in the folder of an earlier day is never
// seen. An earlier Since than that of the run before reaches only folders that
// the checkpoint does not know.
//
// The backlog counts as listed. A key that is gone is a skip of
// ingest.CauseVanished.
func (s *Source) Resume(ctx context.Context, w ingest.Window, from ingest.ResumePoint) ingest.ResumedStream {
	w.Until, w.Lateness = from.Until, -1
	return &stream{source: s, ctx: ctx, window: w, from: &from}
}

// CheckpointName is the name of the bucket and prefix as the user gave it, or
// the absolute path of a folder.
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

// Survey lists without reading: which accounts, Regions and days have log
// files. See ingest.Surveyor.
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

// Probe tells whether there is a trail, at the price of a few listings: nil,
// a *NoTrailError, a start that cannot be listed, or the context's error.
func (s *Source) Probe(ctx context.Context) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	run := s.startLister(inner, ingest.Window{}, nil, cancel)
	var denied error
	for it := range run.items {
		if it.skip != nil && denied == nil {
			denied = fatal(it.skip)
		}
	}
	err := run.stop()
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

func (s *Source) maxInflated() int64 {
	if s.MaxInflated > 0 {
		return s.MaxInflated
	}
	return DefaultMaxInflated
}

func (s *Source) workers() int {
	switch {
	case s.Workers > 0:
		return s.Workers
	case s.onDisk():
		return runtime.GOMAXPROCS(0)
	}
	return DefaultWorkers
}

func (s *Source) onDisk() bool {
	switch s.Store.(type) {
	case Disk, *Disk:
		return true
	}
	return false
}
