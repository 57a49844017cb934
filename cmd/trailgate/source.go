package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"trailgate/cmd/trailgate/internal/awsclient"
	"trailgate/ingest"
	"trailgate/ingest/local"
	"trailgate/ingest/trail"
	"trailgate/ingest/trail/store"
)

// sourceHint says what a source may be.
const sourceHint = "give s3://BUCKET[/PREFIX], lookup:// for the Event history, a folder or file, or - for standard input"

// sources makes the sources that the arguments name. It refuses an empty list, standard
// input named twice, and sources that cannot be used together. progress may be nil.
func (p *process) sources(ctx context.Context, args []string, f *readFlags, progress func(ingest.Progress)) ([]ingest.Source, error) {
	if len(args) == 0 {
		return nil, hinted{usagef("the source is missing"), sourceHint}
	}
	clients := f.awsFlags.clients(f.workers)
	var out []ingest.Source
	stdin := false
	for _, arg := range args {
		if arg == "-" {
			if stdin {
				return nil, usagef("standard input is named twice")
			}
			stdin = true
		}
		s, err := p.openSource(ctx, arg, f, clients, progress)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, checkSources(out, &f.lookupFlags)
}

// openSource makes one source. It is a trail bucket, a copy of one on disk, or the Event
// history. Everything else is read as files.
func (p *process) openSource(ctx context.Context, arg string, f *readFlags, c *awsclient.Clients, progress func(ingest.Progress)) (ingest.Source, error) {
	if scheme, rest, ok := strings.Cut(arg, "://"); ok {
		switch scheme {
		case "s3":
		case "lookup":
			return p.openHistory(ctx, arg, f, c, progress)
		default:
			return nil, hinted{usagef("source %q: unknown kind of source", arg), sourceHint}
		}
		bucket, prefix, _ := strings.Cut(rest, "/")
		if bucket == "" {
			return nil, usagef("source %q does not name a bucket", arg)
		}
		client, err := f.openBucket(ctx, c, bucket)
		if err != nil {
			return nil, fmt.Errorf("source %q: %w", arg, err)
		}
		return &trail.Source{Store: &store.S3{Client: client, Bucket: bucket}, Prefix: prefix, Label: arg, Workers: f.workers, MaxInflated: f.limit, Progress: progress}, nil
	}
	files := &local.Source{Path: arg, Stdin: p.stdin, Workers: f.workers, Limit: f.limit, Progress: progress}
	if arg == "-" {
		return files, nil
	}
	info, err := os.Stat(arg)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return files, nil
	}
	root, prefix := store.SplitDisk(arg)
	bucket := &trail.Source{Store: store.Disk{Root: root}, Prefix: prefix, Label: arg, Workers: f.workers, MaxInflated: f.limit, Progress: progress}
	var none *trail.NoTrailError
	switch err := bucket.Probe(ctx); {
	case errors.As(err, &none) && prefix == "":
		return files, nil
	case err != nil:
		return nil, fmt.Errorf("source %q: %w", arg, err)
	}
	return bucket, nil
}
