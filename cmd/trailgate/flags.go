package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"trailgate/cmd/trailgate/internal/awsclient"
	"trailgate/cmd/trailgate/internal/flagvalue"
	"trailgate/ingest"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/lookup"
)

// readFlags are the flags that the reading verbs share. A verb registers the groups
// that it takes. The others keep their defaults.
type readFlags struct {
	windowFlags
	readingFlags
	lookupFlags
	messageFlags
	awsFlags
}

// defaultReadFlags has the defaults, also of flags that a verb does not register.
func defaultReadFlags() readFlags {
	return readFlags{
		windowFlags:  windowFlags{lateness: ingest.DefaultLateness},
		readingFlags: readingFlags{maxObject: defaultMaxObject},
		lookupFlags:  lookupFlags{regionTimeout: lookup.DefaultRegionTimeout},
	}
}

// registerAll registers all groups.
func (f *readFlags) registerAll(s *pflag.FlagSet) {
	f.windowFlags.registerPeriod(s)
	f.windowFlags.registerFilters(s)
	f.windowFlags.registerLateness(s)
	f.readingFlags.registerReading(s)
	f.lookupFlags.registerLookup(s)
	f.messageFlags.registerMessages(s)
	f.awsFlags.registerAWS(s)
	f.awsFlags.registerRoles(s)
}

// windowFlags say which sign-ins are wanted.
type windowFlags struct {
	since, until string
	accounts     []string
	regions      []string
	lateness     time.Duration
}

func (f *windowFlags) registerPeriod(s *pflag.FlagSet) {
	s.StringVar(&f.since, "since", "", "only sign-ins at or after this `time`: RFC 3339, YYYY-MM-DD (UTC), or an age such as 90d or 36h")
	s.StringVar(&f.until, "until", "", "only sign-ins before this `time`")
}

func (f *windowFlags) registerFilters(s *pflag.FlagSet) {
	f.registerAccounts(s)
	s.StringSliceVar(&f.regions, "region", nil, "only sign-ins recorded in this `Region`; repeatable")
}

func (f *windowFlags) registerAccounts(s *pflag.FlagSet) {
	s.StringSliceVar(&f.accounts, "account", nil, "only this `account`; repeatable")
}

func (f *windowFlags) registerLateness(s *pflag.FlagSet) {
	s.DurationVar(&f.lateness, "lateness", f.lateness, "read log files that were delivered up to this long after their events")
}

// defaultMaxObject is the default of --max-object-size.
const defaultMaxObject = "1GiB"

// readingFlags say how sources are read.
type readingFlags struct {
	workers     int
	maxObject   string
	regionsFile string

	limit int64        // maxObject, parsed
	table region.Table // regionsFile, parsed
}

func (f *readingFlags) registerReading(s *pflag.FlagSet) {
	f.registerTable(s)
	s.IntVar(&f.workers, "workers", 0, "number of objects read at the same time (default: depends on the cores and the source)")
	s.StringVar(&f.maxObject, "max-object-size", f.maxObject, "largest object that is read, inflated; for a stream, the largest record")
}

func (f *readingFlags) registerTable(s *pflag.FlagSet) {
	s.StringVar(&f.regionsFile, "regions-file", "", "`file` with Regions that the built-in table lacks, each line PARTITION REGION")
}

// messageFlags say what is written to standard error.
type messageFlags struct {
	verbose    bool
	quiet      bool
	noProgress bool
}

func (f *messageFlags) registerMessages(s *pflag.FlagSet) {
	s.BoolVar(&f.verbose, "verbose", false, "name everything that was skipped")
	s.BoolVar(&f.quiet, "quiet", false, "write only errors to standard error")
	s.BoolVar(&f.noProgress, "no-progress", false, "do not show a progress bar on a terminal")
}

// awsFlags say how AWS is reached.
type awsFlags struct {
	profile     string
	roles       []string
	endpointURL string
}

func (f *awsFlags) registerAWS(s *pflag.FlagSet) {
	s.StringVar(&f.profile, "profile", "", "AWS `profile` of the shared configuration")
	s.StringVar(&f.endpointURL, "endpoint-url", "", "`URL` to use instead of the endpoints of AWS")
}

func (f *awsFlags) registerRoles(s *pflag.FlagSet) {
	s.StringSliceVar(&f.roles, "role-arn", nil, "`role` to assume for reading; repeatable for lookup://, one for each account")
}

// clients makes the object that builds the clients of AWS, with the profile and the
// endpoint of the flags. workers is the value of --workers, or 0.
func (f *awsFlags) clients(workers int) *awsclient.Clients {
	return &awsclient.Clients{Profile: f.profile, EndpointURL: f.endpointURL, Workers: workers}
}

// openBucket gives a client that reads a trail bucket. It assumes the role of
// --role-arn if the flag is given. More than one role is a usage error.
func (f *awsFlags) openBucket(ctx context.Context, c *awsclient.Clients, bucket string) (*s3.Client, error) {
	if len(f.roles) > 1 {
		return nil, usagef("--role-arn is given several times: a bucket is read with one role")
	}
	return c.Bucket(ctx, strings.Join(f.roles, ""), bucket)
}

// refuseFlags makes the function that handles wrong flags of a verb. The map has flags
// that only other verbs have, each with the reason. The function gives that reason for
// them, and makes a usage error of any error.
func refuseFlags(reasons map[string]string) func(*cobra.Command, error) error {
	return func(_ *cobra.Command, err error) error {
		var missing *pflag.NotExistError
		if errors.As(err, &missing) {
			if reason, ok := reasons[missing.GetSpecifiedName()]; ok {
				return usagef("--%s: %s", missing.GetSpecifiedName(), reason)
			}
		}
		return usageError{err}
	}
}

// window validates the flags of reading and makes a Window of them. It also sets
// f.limit from --max-object-size, and reads the file of --regions-file into f.table.
func (f *readFlags) window(now time.Time) (w ingest.Window, err error) {
	if w.Since, err = parseTime("since", f.since, now); err != nil {
		return w, err
	}
	if w.Until, err = parseTime("until", f.until, now); err != nil {
		return w, err
	}
	if !w.Since.IsZero() && !w.Until.IsZero() && !w.Since.Before(w.Until) {
		return w, usagef("--since %s is not before --until %s", f.since, f.until)
	}
	for _, a := range f.accounts {
		if len(a) != 12 || strings.Trim(a, "0123456789") != "" {
			return w, usagef("--account %q: an account id has 12 digits", a)
		}
	}
	w.Accounts, w.Regions = f.accounts, f.regions
	switch {
	case f.lateness < 0:
		return w, usagef("--lateness %v is negative", f.lateness)
	case f.lateness == 0:
		w.Lateness = -1
	default:
		w.Lateness = f.lateness
	}
	if f.workers < 0 {
		return w, usagef("--workers %d is negative", f.workers)
	}
	if f.limit, err = flagvalue.ParseSize(f.maxObject); err != nil {
		return w, usagef("--max-object-size: %w", err)
	}
	return w, f.readTable()
}

// readTable reads the file of --regions-file, with Regions that the built-in table
// lacks, into f.table. It does nothing if the flag is not given.
func (f *readingFlags) readTable() error {
	if f.regionsFile == "" {
		return nil
	}
	b, err := os.ReadFile(f.regionsFile)
	if err != nil {
		return usagef("--regions-file: %w", err)
	}
	if f.table, err = region.ParseTable(b); err != nil {
		return usagef("--regions-file %q: %w", f.regionsFile, err)
	}
	return nil
}

// parseTime reads the time s that a flag gives. An empty text is the zero time. If it
// is not a time, the usage error names the flag.
func parseTime(flag, s string, now time.Time) (time.Time, error) {
	t, err := flagvalue.ParseTime(s, now)
	if err != nil {
		return t, usagef("--%s %w", flag, err)
	}
	return t, nil
}
