package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"trailgate/cmd/trailgate/internal/awsclient"
	"trailgate/cmd/trailgate/internal/batch"
	"trailgate/ingest/aws/answer"
	"trailgate/ingest/lookup"
	"trailgate/ingest/trail"
	"trailgate/report/lake"
)

// hintFor says what helps against an error, in one line. It is empty if nothing is
// known to help. This file has all hints, by the type of the error. A hint names a
// topic of the manual as "see trailgate help TOPIC".
func hintFor(err error) string {
	var own hinted
	if errors.As(err, &own) {
		return own.hint
	}
	for _, hintOf := range []func(error) string{trailHint, batchHint, usageHint, lakeHint, lookupHint, awsHint, fileHint} {
		if hint := hintOf(err); hint != "" {
			return hint
		}
	}
	return ""
}

// trailHint says what helps if a place does not hold a trail.
func trailHint(err error) string {
	var none *trail.NoTrailError
	if errors.As(err, &none) {
		return "a trail has the layout [PREFIX/]AWSLogs/[ORGANIZATION/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/; give the bucket, or a prefix above or in that layout"
	}
	return ""
}

// usageHint says where the manual of the command line is.
func usageHint(err error) string {
	var usage usageError
	if errors.As(err, &usage) {
		return "see trailgate help"
	}
	return ""
}

// batchHint says what helps with an export.
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

// lakeHint says what helps with a lake or a state.
func lakeHint(err error) string {
	var locked *lake.LockedError
	var damaged *lake.DamagedError
	var newer *lake.NewerError
	var broken *lake.BrokenError
	switch {
	case errors.As(err, &broken):
		return brokenHint(broken.Part)
	case errors.As(err, &locked):
		return "another run is at work: wait for it, or give a longer --lock-wait; if it has crashed, its lock expires by itself"
	case errors.Is(err, lake.ErrLost):
		return "another run has taken the lock and does the work; if this happens often, give a longer --lease"
	case errors.Is(err, lake.ErrUnconditional):
		return "use a folder, a bucket of Amazon S3, or a server that supports the conditions of PutObject; see trailgate help lake"
	case errors.As(err, &damaged):
		return "restore the state's folder from a backup; or begin anew with another --state and --adopt: everything is read again, and nothing is stored twice"
	case errors.As(err, &newer):
		return "use the trailgate that wrote the state, or a newer one"
	}
	return ""
}

// brokenHint says what helps against a damaged file of a lake.
func brokenHint(part lake.Part) string {
	switch part {
	case lake.InfoFile:
		return "restore it from a backup of the lake: it has not changed since the lake was created"
	case lake.IntentFile:
		return "remove that file: the next run finds what its run has written, and nothing is stored twice"
	}
	return "restore it from a backup; or remove it and begin anew with another --state and --adopt: everything is read again, and what the lake lacks is stored"
}

// lookupHint says what helps with the Event history.
func lookupHint(err error) string {
	const older = "the bucket of a trail (s3://BUCKET) has what is older than 90 days"
	var window *lookup.WindowError
	var resume *lookup.ResumeError
	switch {
	case errors.As(err, &window) && !window.Until.IsZero() && window.Until.Before(window.Oldest):
		return older
	case errors.As(err, &window) && window.Err == nil && window.Since.After(window.Oldest):
		return "give a window that begins before now"
	case errors.As(err, &window):
		return older + "; --clamp-window asks for the rest without it"
	case errors.As(err, &resume):
		return "give the command that wrote the file, name another file, or remove it and FILE.pages beside it to begin anew"
	}
	return ""
}

// awsHint says what helps against an answer of AWS.
func awsHint(err error) string {
	var denied *answer.DeniedError
	if errors.As(err, &denied) {
		return "grant " + denied.Action + "; see trailgate help iam"
	}
	var absent *awsclient.NoBucketError
	kind := answer.KindOf(err)
	switch {
	case kind == answer.NoBucket, errors.As(err, &absent):
		return "check the bucket's name; aws cloudtrail describe-trails prints the names of trail buckets"
	case kind == answer.Expired:
		return "the credentials have expired: sign in again (aws sso login, aws login) and repeat"
	case kind == answer.WrongRegion:
		return "the bucket is in another Region: set AWS_REGION to it"
	}
	var missing *answer.CredentialsError
	if errors.As(err, &missing) {
		return "no AWS credentials were found: set AWS_PROFILE or --profile, or sign in with aws sso login or aws login"
	}
	return ""
}

// fileHint says what helps against an answer of the file system.
func fileHint(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "free space on the disk, and run it again: the next run does what this one did not"
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return "the permissions of that file or folder, or its file system, do not allow this"
	case errors.Is(err, fs.ErrNotExist):
		return "give a file or folder that exists, s3://BUCKET[/PREFIX], or - for standard input"
	}
	return ""
}
