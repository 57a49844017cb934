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

// answerKind says what an answer means for the Region that gave it.
type answerKind uint8

const (
	answered  answerKind = iota // a page
	throttled                   // slow down and ask again
	expired                     // refresh the credentials and ask again
	skewed                      // ask again: the SDK now knows the time from the answer
	lostToken                   // restart the paging at the oldest event
	badWindow                   // the time range is not accepted
	denied                      // give the Region up
	odd                         // give the Region up: AWS does not accept the request
	broken                      // ask again: a fault of the network or of the service
)

// classifyError says what the error of a LookupEvents request means for the Region;
// nil is answered. Two codes are the API's own (CloudTrail API Reference,
// "LookupEvents").
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

// skipCause is the cause of the skip if a Region is given up with this answer.
func (o answerKind) skipCause() ingest.Cause {
	switch o {
	case throttled:
		return ingest.CauseThrottled
	case expired, skewed, denied:
		return ingest.CauseDenied
	}
	return ingest.CauseTransport
}

// lateError is a Region that has given no page during its timeout. It has the last
// answer.
type lateError struct {
	after time.Duration
	err   error
}

func (e *lateError) Error() string { return fmt.Sprintf("no page for %s: %v", e.after, e.err) }
func (e *lateError) Unwrap() error { return e.err }

// describeError says in words what the answer to an operation means.
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

// innermostOperation returns the SDK operation in which err began. If an operation
// could not get its credentials, that is the request for them. It is nil if no
// operation began.
func innermostOperation(err error) *smithy.OperationError {
	var found *smithy.OperationError
	for op := found; errors.As(err, &op); err = op.Err {
		found = op
	}
	return found
}

// deniedAction returns the operation that failed, by the name that IAM uses, such
// as sts:AssumeRole. If err does not tell, it is cloudtrail:LookupEvents.
func deniedAction(err error) string {
	if op := innermostOperation(err); op != nil {
		return strings.ToLower(op.ServiceID) + ":" + op.OperationName
	}
	return "cloudtrail:LookupEvents"
}
