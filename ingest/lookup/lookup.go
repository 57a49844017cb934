// Package lookup reads console sign-ins from the Event history of AWS accounts, with
// CloudTrail's LookupEvents API. It is for users who cannot read the bucket of a trail.
// In come accounts, as configurations of the AWS SDK, and a window. Out come sign-ins,
// and which Regions were asked, which refused, and how far back the answers go.
//
// The package never asks faster than the quota of an account and Region allows. It
// writes only the resume file that its caller names. It must not judge a sign-in or
// print. It takes credentials and the time from its fields only.
package lookup

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"trailgate/ingest"
	"trailgate/ingest/aws/region"
)

// The limits of LookupEvents (CloudTrail API Reference, "LookupEvents"; CloudTrail User
// Guide, "Viewing events with CloudTrail Event history").
const (
	MaxAge   = 90 * 24 * time.Hour // how far back the Event history goes
	PageSize = 50                  // most events on a page
	Quota    = 2.0                 // requests a second in one account and Region
)

// Filter is the attribute that is asked for. Exactly the console sign-ins have it.
const (
	filterKey   = "EventName"
	filterValue = "ConsoleLogin"
	Filter      = filterKey + "=" + filterValue
)

// DefaultRegionTimeout is how long a Region may give no new page before it is skipped.
const DefaultRegionTimeout = 5 * time.Minute

// DefaultWorkers is how many Regions are asked at once, in all accounts together.
const DefaultWorkers = 256

// horizonMargin is the distance to the beginning of the Event history. That beginning
// moves on while the first request is on its way.
const horizonMargin = 30 * time.Second

// Account is one account to look up.
type Account struct {
	// Config has the credentials. STS and Account Management are asked in its Region.
	Config aws.Config
	// Role is the ARN of the role that Config's credentials assume. It is empty for the
	// caller's own account; STS then tells its id.
	Role string
}

// Source is the Event history of accounts. Accounts and Now are required. Do not change
// the fields after the first call. Two streams at the same time would ask at twice the
// quota, and they cannot share a resume file.
type Source struct {
	Accounts      []Account
	Regions       []string              // only these; empty: those that each account has enabled
	Label         string                // the name that the user gave; empty: lookup:// and the Regions
	Now           func() time.Time      // the clock for the window and for the pace
	Clamp         bool                  // cut a window that begins before MaxAge instead of refusing it
	RegionTimeout time.Duration         // without a new page; zero: DefaultRegionTimeout
	Rate          float64               // most requests a second in one account and Region; zero: Quota
	Workers       int                   // Regions asked at once; zero: DefaultWorkers
	Table         region.Table          // the Regions to ask if an account may not list its own
	ResumeFile    string                // the file to continue from, with its pages beside it; empty: none is kept
	Asked         string                // the window in the words of the user, such as "90d"; a resume file is bound to them; empty: to the times
	Progress      func(ingest.Progress) // called between events by the goroutine that iterates; may be nil
}

// Name returns the name that the user gave to the Event history.
func (s *Source) Name() string {
	if s.Label != "" {
		return s.Label
	}
	return "lookup://" + strings.Join(s.Regions, ",")
}

// Open makes a stream that asks all Regions at once, each at its own pace; see
// ingest.Source. The objects of its coverage are Regions, one for each account. An
// account that could not be opened is one object. The remarks say which Regions
// were asked, and for what. A Region that refuses, or that brings nothing new for
// RegionTimeout, is a *ingest.SkipError, as is an account that cannot be opened.
// The stream ends with a *WindowError for a window that cannot be asked for, a
// *ResumeError for a resume file that is not for this question, a *RefusedError if
// nothing at all could be read, an error of writing the resume file, or the
// context's.
func (s *Source) Open(ctx context.Context, w ingest.Window) ingest.Stream {
	return s.newRun(ctx, w)
}

// newRun makes a run that has not begun.
func (s *Source) newRun(ctx context.Context, w ingest.Window) *lookupRun {
	return &lookupRun{source: s, ctx: ctx, window: w}
}

// RefusedError says that no Region could be read.
type RefusedError struct {
	Refused int   // how many Regions and accounts refused
	Err     error // of the first of them, by name
}

// Error says why the first Region could not be read.
func (e *RefusedError) Error() string {
	if e.Refused == 1 {
		return e.Err.Error()
	}
	return fmt.Sprintf("none of %d Regions and accounts could be read, the first: %v", e.Refused, e.Err)
}

// Unwrap returns the error of the first of them.
func (e *RefusedError) Unwrap() error { return e.Err }

func (s *Source) regionTimeout() time.Duration {
	if s.RegionTimeout > 0 {
		return s.RegionTimeout
	}
	return DefaultRegionTimeout
}

func (s *Source) rate() float64 {
	if s.Rate > 0 {
		return s.Rate
	}
	return Quota
}

func (s *Source) workers() int {
	if s.Workers > 0 {
		return s.Workers
	}
	return DefaultWorkers
}

// newHeader returns the header of a resume file for this question, without the window
// and the accounts.
func (s *Source) newHeader(asked string) resumeHeader {
	return resumeHeader{Version: journalVersion, Asked: asked, Filter: Filter, Clamp: s.Clamp, Regions: slices.Sorted(slices.Values(s.Regions))}
}
