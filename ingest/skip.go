package ingest

import (
	"errors"
	"fmt"
	"strings"

	"trailgate/ingest/record"
)

// SkipError stands for one object or record that could not be read.
type SkipError struct {
	Cause  Cause
	Origin string // the object or file
	Record bool   // one record of the object; false: the whole object, or the rest of it
	Err    error  // what happened, without the Origin
}

// Error names the object and says why it was skipped.
func (e *SkipError) Error() string { return fmt.Sprintf("skip %q: %v", e.Origin, e.Err) }

// Unwrap gives the underlying error.
func (e *SkipError) Unwrap() error { return e.Err }

// Cause says why an object or record was not read. Its text is fixed, because
// it stands in outputs. Meaning explains it.
type Cause string

// The causes. The first block is about whole objects. The second is about
// single records in an object whose other records were read.
const (
	CauseDenied    Cause = "access-denied"    // the store denied access to the object
	CauseVanished  Cause = "vanished"         // deleted between listing and reading
	CauseTransport Cause = "transport"        // the store could not be reached, or the body was cut off, after several tries
	CauseTruncated Cause = "truncated"        // the gzip stream ends early
	CauseCorrupt   Cause = "corrupt"          // not gzip, or the checksum does not match
	CauseTrailing  Cause = "trailing-garbage" // bytes after the gzip stream
	CauseEmpty     Cause = "empty"            // the object has no bytes
	CauseTooLarge  Cause = "too-large"        // over the size cap when inflated
	CauseBroken    Cause = "broken-json"      // not JSON, or not to the end
	CauseUnknown   Cause = "unknown-format"   // JSON or text that does not hold CloudTrail records
	CauseThrottled Cause = "throttled"        // the API refused because of too many requests
	CauseListing   Cause = "listing"          // a folder could not be listed
	CauseSource    Cause = "source"           // a whole source failed

	CauseNoID   Cause = "no-event-id"   // a sign-in without eventID
	CauseNoTime Cause = "no-event-time" // a sign-in without a readable eventTime
	CauseRecord Cause = "broken-record" // a record or line that cannot be read
)

// Skip turns an error of package record about an object into a skip. The skip has
// Record set if the error is about one record or line only. An error of another
// package, or of the reader, gives CauseTransport.
func Skip(origin string, err error) *SkipError {
	skip := &SkipError{Cause: CauseTransport, Origin: origin, Err: err}
	var e *record.Error
	if !errors.As(err, &e) {
		return skip
	}
	skip.Record = e.Single()
	switch e.Kind {
	case record.NoID:
		skip.Cause = CauseNoID
	case record.NoTime:
		skip.Cause = CauseNoTime
	case record.BadRecord, record.BadLine:
		skip.Cause = CauseRecord
	case record.BadJSON:
		skip.Cause = CauseBroken
	case record.NoCarrier, record.Other:
		skip.Cause = CauseUnknown
	case record.Empty:
		skip.Cause = CauseEmpty
	case record.TooLarge:
		skip.Cause = CauseTooLarge
	case record.Truncated:
		skip.Cause = CauseTruncated
	case record.Corrupt:
		skip.Cause = CauseCorrupt
	case record.Trailing:
		skip.Cause = CauseTrailing
	}
	return skip
}

// Meaning explains the cause to people. A cause that is not one of the
// constants is given back with spaces for its hyphens.
func (c Cause) Meaning() string {
	switch c {
	case CauseDenied:
		return "the store refused to hand it out"
	case CauseVanished:
		return "gone between listing and reading"
	case CauseTransport:
		return "could not be fetched whole, in spite of retries"
	case CauseTruncated:
		return "the gzip stream ends early"
	case CauseCorrupt:
		return "no gzip stream, or a checksum that does not match"
	case CauseTrailing:
		return "bytes after the end of the gzip stream"
	case CauseEmpty:
		return "no bytes at all"
	case CauseTooLarge:
		return "over the size cap once inflated"
	case CauseBroken:
		return "not JSON, at least from some point on"
	case CauseUnknown:
		return "holds no form of CloudTrail records"
	case CauseThrottled:
		return "refused for the rate of requests"
	case CauseListing:
		return "a folder could not be listed"
	case CauseSource:
		return "a whole source failed"
	case CauseNoID:
		return "a sign-in without eventID"
	case CauseNoTime:
		return "a sign-in without a readable eventTime"
	case CauseRecord:
		return "a sign-in whose record is broken, or lacks what makes it one"
	}
	return strings.ReplaceAll(string(c), "-", " ")
}
