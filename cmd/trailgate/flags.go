package main

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"trailgate/analyzer/endpoint"
	"trailgate/ingest"
)

// readFlags are the flags that the reading verbs share.
type readFlags struct {
	since, until string
	accounts     []string
	regions      []string
	lateness     time.Duration
	workers      int
	maxObject    string
	regionsFile  string
	verbose      bool
	quiet        bool
	noProgress   bool
	profile      string
	roles        []string
	endpointURL  string
	lookup       lookupFlags

	limit int64          // maxObject, parsed
	table endpoint.Table // regionsFile, parsed
}

func (f *readFlags) register(s *pflag.FlagSet) {
	s.StringVar(&f.since, "since", "", "only sign-ins at or after this `time`: RFC 3339, YYYY-MM-DD (UTC), or an age such as 90d or 36h")
	s.StringVar(&f.until, "until", "", "only sign-ins before this `time`")
	s.StringSliceVar(&f.accounts, "account", nil, "only this `account`; repeatable")
	s.StringSliceVar(&f.regions, "region", nil, "only sign-ins recorded in this `Region`; repeatable")
	s.DurationVar(&f.lateness, "lateness", ingest.DefaultLateness, "how much later than its events a log file may have been delivered")
	s.IntVar(&f.workers, "workers", 0, "objects read at once (default: from cores and source)")
	s.StringVar(&f.maxObject, "max-object-size", "1GiB", "largest object, inflated; of a stream, the largest record")
	s.StringVar(&f.regionsFile, "regions-file", "", "`file` with Regions that the built-in table lacks: PARTITION REGION a line")
	s.BoolVar(&f.verbose, "verbose", false, "name everything that was skipped")
	s.BoolVar(&f.quiet, "quiet", false, "nothing on standard error but errors")
	s.BoolVar(&f.noProgress, "no-progress", false, "no progress bar on a terminal")
	s.StringSliceVar(&f.roles, "role-arn", nil, "`role` to assume for reading; repeatable for lookup://, an account each")
	f.lookup.register(s)
	f.registerAWS(s)
}

// registerAWS registers what every verb takes that talks to AWS.
func (f *readFlags) registerAWS(s *pflag.FlagSet) {
	s.StringVar(&f.profile, "profile", "", "AWS `profile` of the shared configuration")
	s.StringVar(&f.endpointURL, "endpoint-url", "", "`URL` of the AWS service to use instead of AWS's own")
}

// window validates the flags and makes a Window of them.
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
	if f.limit, err = parseSize(f.maxObject); err != nil {
		return w, usagef("--max-object-size: %w", err)
	}
	return w, f.readTable()
}

// readTable reads the Regions that the embedded table lacks.
func (f *readFlags) readTable() error {
	if f.regionsFile == "" {
		return nil
	}
	b, err := os.ReadFile(f.regionsFile)
	if err != nil {
		return usagef("--regions-file: %w", err)
	}
	if f.table, err = endpoint.ParseTable(b); err != nil {
		return usagef("--regions-file %q: %w", f.regionsFile, err)
	}
	return nil
}

// parseTime reads a moment: RFC 3339, a UTC day, or an age before now.
func parseTime(flag, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range [...]string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	if age, ok := parseAge(s); ok {
		return now.Add(-age).UTC().Truncate(time.Second), nil
	}
	return time.Time{}, usagef("--%s %q is no time: give RFC 3339 (2026-03-01T08:00:00Z), a UTC day (2026-03-01), or an age (90d, 36h)", flag, s)
}

// parseAge reads an age: Go's durations, and days and weeks.
func parseAge(s string) (time.Duration, bool) {
	if d, err := time.ParseDuration(s); err == nil {
		return d, d >= 0
	}
	for unit, d := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if digits, ok := strings.CutSuffix(s, unit); ok {
			n, err := strconv.ParseInt(digits, 10, 64)
			return time.Duration(n) * d, err == nil && n >= 0 && n <= int64(math.MaxInt64/d)
		}
	}
	return 0, false
}

// parseSize reads a number of bytes with an optional unit, decimal or binary.
func parseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "kKMGTiB")
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is no size: give bytes, or 500MB, or 1GiB", s)
	}
	units := [...]struct {
		name  string
		bytes int64
	}{{"", 1}, {"B", 1}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}}
	for _, u := range units {
		if s[len(digits):] == u.name && n <= (1<<62)/u.bytes {
			return n * u.bytes, nil
		}
	}
	return 0, fmt.Errorf("%q is no size: give bytes, or 500MB, or 1GiB", s)
}
