package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/aws/smithy-go"

	"trailgate/ingest"
	"trailgate/ingest/lookup"
	"trailgate/ingest/trail"
	"trailgate/report"
)

// The exit statuses.
const (
	exitComplete    = 0
	exitFailed      = 1
	exitUsage       = 2
	exitSkipped     = 3
	exitFindings    = 4
	exitInterrupted = 130
)

// usageError is the user's to mend on the command line.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errSkipped ends a run that is done, but not complete. What was skipped has
// been said by then.
var errSkipped = errors.New("something was skipped")

// errNothing ends a run that found objects and could read none of them.
var errNothing = errors.New("nothing could be read")

// hinted is an error that knows what would help.
type hinted struct {
	err  error
	hint string
}

func (e hinted) Error() string { return e.err.Error() }
func (e hinted) Unwrap() error { return e.err }

// conclude tells the user how the run ended and gives the exit status.
func (p *process) conclude(ctx context.Context, err error) int {
	switch {
	case err == nil:
		return exitComplete
	case errors.Is(err, errFindings):
		return exitFindings // a skip has been said as well
	case errors.Is(err, errSkipped):
		return exitSkipped
	case ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))):
		p.complain("interrupted: what was finished is reported as partial")
		return exitInterrupted
	}
	p.complain("error: " + err.Error())
	if hint := hintFor(err); hint != "" {
		p.complain("hint: " + hint)
	}
	var usage usageError
	var window *lookup.WindowError
	var resume *lookup.ResumeError
	if errors.As(err, &usage) || errors.As(err, &window) || errors.As(err, &resume) {
		return exitUsage
	}
	return exitFailed
}

// complain writes one line about the run to standard error. A standard error
// that cannot be written to leaves nobody to tell.
func (p *process) complain(line string) {
	if _, err := fmt.Fprintln(p.stderr, "trailgate: "+report.Clean(line)); err != nil {
		return
	}
}

// hintFor says what would help: the one table of hints.
func hintFor(err error) string {
	var known hinted
	var denied *trail.DeniedError
	var none *trail.NoTrailError
	var usage usageError
	var window *lookup.WindowError
	var resume *lookup.ResumeError
	var refused *lookup.DeniedError
	var api smithy.APIError
	text := err.Error()
	switch {
	case errors.As(err, &known):
		return known.hint
	case errors.As(err, &none):
		return "a trail lies under [PREFIX/]AWSLogs/[ORGANIZATION/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/; give the bucket, or a prefix above or in that layout"
	case errors.As(err, &denied):
		return "the policies under \"What it may do\" in the README list the actions that reading a trail bucket takes"
	case errors.As(err, &usage):
		return "see trailgate help"
	case errors.As(err, &window):
		return "the bucket of a trail (s3://BUCKET) has what is older than 90 days; --clamp-window asks for the rest without it"
	case errors.As(err, &resume):
		return "give the command that wrote the file, name another file, or remove it and FILE.pages beside it to begin anew"
	case errors.As(err, &refused):
		return "grant " + refused.Action + "; the policy under \"Without a bucket\" in the README lists all actions that it takes"
	case errors.As(err, &api) && api.ErrorCode() == "NoSuchBucket":
		return "check the bucket's name; aws cloudtrail describe-trails prints the names of trail buckets"
	case errors.As(err, &api) && strings.Contains(api.ErrorCode(), "ExpiredToken"):
		return "the credentials have expired: sign in again (aws sso login, aws login) and repeat"
	case errors.As(err, &api) && (api.ErrorCode() == "PermanentRedirect" || api.ErrorCode() == "AuthorizationHeaderMalformed"):
		return "the bucket lies in another Region: set AWS_REGION to it"
	case strings.Contains(text, "get credentials"), strings.Contains(text, "failed to refresh cached credentials"), strings.Contains(text, "no EC2 IMDS role found"):
		return "no AWS credentials were found: set AWS_PROFILE or --profile, or sign in with aws sso login or aws login"
	case errors.Is(err, fs.ErrNotExist):
		return "give a file or folder that exists, s3://BUCKET[/PREFIX], or - for standard input"
	}
	return ""
}

// maxSkipLines is how many skips are named on standard error without --verbose.
const maxSkipLines = 10

// tellSkips names on standard error what was skipped.
func (p *process) tellSkips(c *ingest.Coverage, f *readFlags) {
	if f.quiet || c.Complete() {
		return
	}
	for i, s := range c.Skips {
		if i == maxSkipLines && !f.verbose {
			p.complain(fmt.Sprintf("skipped: and %d more; --verbose names them", len(c.Skips)-i+c.Unlisted))
			break
		}
		p.complain(fmt.Sprintf("skipped: %q: %s: %v", s.Origin, s.Cause, s.Err))
	}
	objects, records := ingest.Total(c.Skipped), ingest.Total(c.SkippedRecords)
	if objects+records > 0 {
		p.complain(fmt.Sprintf("incomplete: %d of %d objects and %d sign-in records could not be read; a sign-in in them would not have been seen", objects, c.Listed, records))
	}
}
