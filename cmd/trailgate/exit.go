package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/aws/smithy-go"

	"trailgate/cmd/trailgate/internal/batch"
	"trailgate/cmd/trailgate/internal/runlog"
	"trailgate/ingest"
	"trailgate/ingest/lookup"
	"trailgate/ingest/trail"
	"trailgate/report/lake"
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
		words := "what was finished is reported as partial"
		if known := (hinted{}); errors.As(err, &known) {
			words = known.hint
		}
		p.complain("interrupted: " + words)
		return exitInterrupted
	}
	p.fail(err.Error(), hintFor(err))
	var usage usageError
	var window *lookup.WindowError
	var resume *lookup.ResumeError
	if errors.As(err, &usage) || errors.As(err, &window) || errors.As(err, &resume) {
		return exitUsage
	}
	return exitFailed
}

// fail tells of the error that ended the run, and of what would help.
func (p *process) fail(words, hint string) {
	if p.log != nil {
		p.log.Fail(words, hint)
		return
	}
	p.print("error: " + words)
	if hint != "" {
		p.print("hint: " + hint)
	}
}

// complain tells one thing about the run that is not as it should be.
func (p *process) complain(line string) {
	if p.log != nil {
		p.log.Complain(line)
		return
	}
	p.print(line)
}

// print writes one line to standard error.
func (p *process) print(line string) { runlog.Line(p.stderr, line) }

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
		return "\"trailgate help iam\" shows the permissions that reading a trail bucket needs"
	}
	if hint := batchHint(err); hint != "" {
		return hint
	}
	if errors.As(err, &usage) {
		return "see trailgate help"
	}
	if hint := lakeHint(err); hint != "" {
		return hint
	}
	switch {
	case errors.As(err, &window) && !window.Until.IsZero() && window.Until.Before(window.Oldest):
		return "the bucket of a trail (s3://BUCKET) has what is older than 90 days"
	case errors.As(err, &window) && window.Err == nil && window.Since.After(window.Oldest):
		return "give a window that begins before now"
	case errors.As(err, &window):
		return "the bucket of a trail (s3://BUCKET) has what is older than 90 days; --clamp-window asks for the rest without it"
	case errors.As(err, &resume):
		return "give the command that wrote the file, name another file, or remove it and FILE.pages beside it to begin anew"
	case errors.As(err, &refused):
		return "grant " + refused.Action + "; \"trailgate help iam\" shows all permissions that the Event history needs"
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

// batchHint says what would help with an export.
func batchHint(err error) string {
	var filter *batch.FilterChangedError
	var partition *batch.PartitionMismatchError
	var other *batch.OtherStateError
	var unmarked *batch.UnmarkedLakeError
	var empty *batch.EmptyStateError
	var key *batch.UnknownKeyError
	switch {
	case errors.As(err, &filter):
		return "give the same as before, or another --state and --to for another selection"
	case errors.As(err, &partition):
		return "give the same --partition-by as before, or another lake"
	case errors.As(err, &other) && other.Adopts:
		return "give that as --state; if it is lost, --adopt goes on with this one: everything is read again, and nothing is stored twice"
	case errors.As(err, &other):
		return fmt.Sprintf("give its own --state: it was %q", other.State)
	case errors.As(err, &unmarked):
		return "give the lake's present place as --to; or begin anew with another --state"
	case errors.As(err, &empty):
		return "give the --to, and the --state if it had one, of an export that ran"
	case errors.As(err, &key):
		return "trailgate state show lists the keys that are"
	}
	return ""
}

// lakeHint says what would help with a lake or a state.
func lakeHint(err error) string {
	var locked *lake.LockedError
	var damaged *lake.DamagedError
	var newer *lake.NewerError
	var denied *lake.DeniedError
	var broken *lake.BrokenError
	switch {
	case errors.As(err, &broken):
		return brokenHint(broken.Part)
	case errors.As(err, &locked):
		return "another run is at work: wait for it, or give --lock-wait a longer time; if it is dead, its hold ends by itself"
	case errors.Is(err, lake.ErrLost):
		return "nothing of this run counts, and another goes on in its place; if that happens often, give --lease a longer time"
	case errors.Is(err, lake.ErrUnconditional):
		return "give a folder, or a bucket of Amazon S3 or of a server that keeps the conditions of PutObject as it does"
	case errors.As(err, &damaged):
		return "bring the state's folder back from a backup; or begin anew with another --state and --adopt: all is read again, and nothing is filed twice"
	case errors.As(err, &newer):
		return "use the trailgate that wrote the state, or a newer one"
	case errors.As(err, &denied):
		return "grant " + denied.Action + "; \"trailgate help iam\" shows all permissions that a lake and its state need"
	case errors.Is(err, syscall.ENOSPC):
		return "make room on the disk; nothing of this run counts, and the next one does its work"
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return "the permissions of that file or folder, or of its file system, do not let this user do that"
	}
	return ""
}

// brokenHint says what would help with a damaged file.
func brokenHint(part lake.Part) string {
	switch part {
	case lake.InfoFile:
		return "bring it back from a backup of the lake: it has been the same since the lake was begun"
	case lake.IntentFile:
		return "remove that file: what its run may have left in the lake is found there, and not filed twice"
	}
	return "bring it back from a backup; or remove it and begin anew with another --state and --adopt: all is read again, and what the lake lacks is filed"
}

// tellSkips names on standard error what was skipped.
func (p *process) tellSkips(c *ingest.Coverage, f *messageFlags) {
	if f.quiet || c.Complete() {
		return
	}
	if p.log != nil {
		p.log.Skips(c, f.verbose)
		return // the line about the run has the counts
	}
	for i, s := range c.Skips {
		if i == runlog.MaxSkipLines && !f.verbose {
			p.complain(fmt.Sprintf("skipped: and %d more; --verbose names them", len(c.Skips)-i+c.Unlisted))
			break
		}
		p.complain(runlog.SkipLine(&s))
	}
	objects, records := ingest.Total(c.Skipped), ingest.Total(c.SkippedRecords)
	if objects+records > 0 {
		p.complain(fmt.Sprintf("incomplete: %d of %d objects and %d sign-in records could not be read, or not to their end; a further sign-in in them would not have been seen", objects, c.Listed, records))
	}
}
