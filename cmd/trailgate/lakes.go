package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"trailgate/cmd/trailgate/internal/awsclient"
	"trailgate/cmd/trailgate/internal/batch"
	"trailgate/report/lake"
)

// lakeFlags say where a lake and its state are.
type lakeFlags struct {
	to, state string
}

// registerLake registers the flags.
func (f *lakeFlags) registerLake(s *pflag.FlagSet) {
	s.StringVar(&f.to, "to", "", "the lake: a `folder` or s3://BUCKET/PREFIX")
	s.StringVar(&f.state, "state", "", "where the job keeps its state: a `folder` or s3://BUCKET/PREFIX (default: "+lake.Metadata+"/state in the lake)")
}

// validate checks the flags of a verb that needs a lake.
func (f *lakeFlags) validate() error {
	if f.to == "" {
		return usagef("--to is missing: say where the lake is, a folder or s3://BUCKET/PREFIX")
	}
	return nil
}

// lockFlags say how a verb holds the lock on a state.
type lockFlags struct {
	wait  time.Duration
	lease time.Duration
}

// registerLock registers the flags.
func (f *lockFlags) registerLock(s *pflag.FlagSet) {
	s.DurationVar(&f.wait, "lock-wait", 2*time.Minute, "how long to wait for another run on the same state")
	s.DurationVar(&f.lease, "lease", time.Minute, "how long the lock lasts without renewal; after this time the lock of a crashed run expires")
}

// validate checks the flags.
func (f *lockFlags) validate() error {
	switch {
	case f.wait < 0:
		return usagef("--lock-wait cannot be negative")
	case f.lease < 100*time.Millisecond:
		return usagef("--lease %v: give 100ms at least", f.lease)
	}
	return nil
}

// openLocation opens a lake and its state. Without --state the state is in the lake.
// Without --to the Location has only the state. Without both the error is a usage
// error. If lock is nil, the caller must not take the lock.
func (p *process) openLocation(ctx context.Context, f *lakeFlags, lock *lockFlags, c *awsclient.Clients) (batch.Location, error) {
	l := batch.Location{LakeName: f.to, StateName: f.state, Now: p.now}
	if lock != nil {
		l.LockWait, l.Lease = lock.wait, lock.lease
	}
	var err error
	if f.to != "" {
		if l.Lake, err = p.openStore(ctx, "to", f.to, c); err != nil {
			return l, err
		}
	}
	if l.StateName == "" {
		if f.to == "" {
			return l, usagef("give --state, or --to of a lake that has its state in it")
		}
		l.StateName = strings.TrimSuffix(f.to, "/") + "/" + lake.Metadata + "/state"
	}
	l.State, err = p.openStore(ctx, "state", l.StateName, c)
	return l, err
}

// openStore opens the folder or the bucket that arg names, for a lake or a state. flag
// names the flag in errors.
func (p *process) openStore(ctx context.Context, flag, arg string, c *awsclient.Clients) (lake.Store, error) {
	bucket, prefix, err := parseStore(flag, arg)
	if err != nil {
		return nil, err
	}
	if bucket == "" {
		return lake.Disk{Root: arg, Step: p.step}, nil
	}
	client, err := c.Bucket(ctx, "", bucket)
	if err != nil {
		return nil, fmt.Errorf("--%s %q: %w", flag, arg, err)
	}
	return lake.S3{Client: client, Bucket: bucket, Prefix: strings.Trim(prefix, "/")}, nil
}

// parseStore divides s3://BUCKET/PREFIX into bucket and prefix. For a folder both are
// empty. Another scheme, or a missing bucket, is a usage error.
func parseStore(flag, arg string) (bucket, prefix string, err error) {
	scheme, rest, ok := strings.Cut(arg, "://")
	switch {
	case !ok:
		return "", "", nil
	case scheme != "s3":
		return "", "", usagef("--%s %q: give a folder or s3://BUCKET/PREFIX", flag, arg)
	}
	if bucket, prefix, _ = strings.Cut(rest, "/"); bucket == "" {
		return "", "", usagef("--%s %q does not name a bucket", flag, arg)
	}
	return bucket, prefix, nil
}

// asUsage makes a usage error of an error that other flags or arguments would avoid. It
// returns all other errors, and nil, as they are.
func asUsage(err error) error {
	var filter *batch.FilterChangedError
	var partition *batch.PartitionMismatchError
	var other *batch.OtherStateError
	var same *batch.SameSourceError
	var key *batch.UnknownKeyError
	if errors.As(err, &filter) || errors.As(err, &partition) || errors.As(err, &other) || errors.As(err, &same) || errors.As(err, &key) {
		return usageError{fmt.Errorf("%w", err)}
	}
	return err
}
