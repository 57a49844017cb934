package lookup

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"trailgate/ingest"
	"trailgate/ingest/aws/answer"
)

// answerKind is what an answer means for the Region that gave it.
type answerKind uint8

const (
	answered  answerKind = iota // a page
	throttled                   // slow down and ask again
	expired                     // refresh the credentials and ask again
	skewed                      // ask again: the SDK has the time from the answer
	lostToken                   // begin anew behind the oldest event
	badWindow                   // the time range is not accepted
	denied                      // leave the Region
	odd                         // leave the Region: the request itself is not accepted
	broken                      // ask again: the network, or the service's own trouble
)

// classifyError classifies the answer to a LookupEvents request. Two codes are its
// own (CloudTrail API Reference, "LookupEvents").
func classifyError(err error) answerKind {
	if err == nil {
		return answered
	}
	a := answer.Parse(err)
	switch strings.TrimSuffix(a.Code, "Exception") {
	case "InvalidNextToken":
		return lostToken
	case "InvalidTimeRange":
		return badWindow
	}
	switch a.Kind {
	case answer.Throttled:
		return throttled
	case answer.Expired:
		return expired
	case answer.Skewed, answer.Outdated, answer.BadSignature:
		return skewed
	case answer.Denied, answer.BadCredentials:
		return denied
	case answer.Transport, answer.NoCredentials:
		return broken
	}
	return odd
}

// skipCause is the skip's cause, where a Region is given up with this error.
func (o answerKind) skipCause() ingest.Cause {
	switch o {
	case throttled:
		return ingest.CauseThrottled
	case expired, skewed, denied:
		return ingest.CauseDenied
	}
	return ingest.CauseTransport
}

// lateError is a Region that gave no page for its timeout, with the last
// answer.
type lateError struct {
	after time.Duration
	err   error
}

func (e *lateError) Error() string { return fmt.Sprintf("no page for %s: %v", e.after, e.err) }
func (e *lateError) Unwrap() error { return e.err }

// describeError puts what an operation answered into words, by what it means.
func describeError(o answerKind, err error) error {
	var late *lateError
	if errors.As(err, &late) {
		return fmt.Errorf("no page for %s, the last answer: %w", late.after, describeError(o, late.err))
	}
	a := answer.Parse(err)
	switch o {
	case denied:
		if strings.HasPrefix(a.Code, "UnrecognizedClient") {
			return fmt.Errorf("the Region does not know these credentials; it may not be enabled for the account: %w", a)
		}
		return &answer.DeniedError{Action: deniedAction(err), Err: a}
	case expired:
		return answer.Explain(a)
	case skewed:
		return fmt.Errorf("the signature was not accepted; the clock of this machine may be wrong: %w", a)
	}
	return a
}

// innermostOperation is the operation that failed: one that needs credentials fails with
// the operation that was to get them. nil: none was begun.
func innermostOperation(err error) *smithy.OperationError {
	var found *smithy.OperationError
	for op := found; errors.As(err, &op); err = op.Err {
		found = op
	}
	return found
}

// deniedAction names the operation that failed, as IAM does.
func deniedAction(err error) string {
	if op := innermostOperation(err); op != nil {
		return strings.ToLower(op.ServiceID) + ":" + op.OperationName
	}
	return "cloudtrail:LookupEvents"
}
