package lookup

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"trailgate/ingest"
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

// classifyError classifies what LookupEvents said. The codes are those of the
// CloudTrail API Reference, "LookupEvents" and "Common Error Types"; some come
// with and without "Exception" at their end.
func classifyError(err error) answerKind {
	if err == nil {
		return answered
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return broken
	}
	switch strings.TrimSuffix(api.ErrorCode(), "Exception") {
	case "Throttling", "ThrottledException", "Throttled", "RequestThrottled", "RequestLimitExceeded", "TooManyRequests", "SlowDown", "PriorRequestNotComplete":
		return throttled
	case "ExpiredToken", "TokenRefreshRequired":
		return expired
	case "RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture", "InvalidSignature", "SignatureDoesNotMatch":
		return skewed
	case "InvalidNextToken":
		return lostToken
	case "InvalidTimeRange":
		return badWindow
	case "AccessDenied", "NotAuthorized", "UnauthorizedOperation", "AuthFailure", "OptInRequired", "SubscriptionRequired",
		"UnrecognizedClient", "InvalidClientTokenId", "InvalidAccessKeyId", "MissingAuthenticationToken",
		"IncompleteSignature", "OperationNotPermitted", "UnsupportedOperation":
		return denied
	}
	if api.ErrorFault() == smithy.FaultServer || httpStatus(err) >= 500 || httpStatus(err) == 429 || httpStatus(err) == 0 {
		return broken
	}
	return odd
}

// httpStatus is the HTTP status of an answer, or 0 where there was none.
func httpStatus(err error) int {
	var answer interface{ HTTPStatusCode() int }
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
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

// DeniedError is an action of IAM that the caller may not do.
type DeniedError struct {
	Action string // such as cloudtrail:LookupEvents
	Err    error
}

// Error names the action and what AWS said.
func (e *DeniedError) Error() string { return fmt.Sprintf("%s: %v", e.Action, e.Err) }

// Unwrap gives what AWS said.
func (e *DeniedError) Unwrap() error { return e.Err }

// codeless is the SDK's code for an answer that has none, such as a proxy's.
const codeless = "UnknownError"

// apiError puts what AWS said briefly. The whole is behind it.
type apiError struct{ err error }

// Error gives code and message of an answer, or else the error's own words.
func (e apiError) Error() string {
	var api smithy.APIError
	if !errors.As(e.err, &api) || api.ErrorCode() == codeless {
		return e.err.Error()
	}
	switch text := api.ErrorMessage(); {
	case text == "":
		return api.ErrorCode()
	default:
		return fmt.Sprintf("%s %q", api.ErrorCode(), text)
	}
}

func (e apiError) Unwrap() error { return e.err }

// describeError puts what an operation said into words, by what it means.
func describeError(o answerKind, err error) error {
	var late *lateError
	if errors.As(err, &late) {
		return fmt.Errorf("no page for %s, the last answer: %w", late.after, describeError(o, late.err))
	}
	switch o {
	case denied:
		var api smithy.APIError
		if errors.As(err, &api) && strings.HasPrefix(api.ErrorCode(), "UnrecognizedClient") {
			return fmt.Errorf("the Region does not know these credentials; it may not be enabled for the account: %w", apiError{err})
		}
		return &DeniedError{Action: deniedAction(err), Err: apiError{err}}
	case expired:
		return fmt.Errorf("the credentials have expired: %w", apiError{err})
	case skewed:
		return fmt.Errorf("the signature was not accepted; the clock of this machine may be wrong: %w", apiError{err})
	}
	return apiError{err}
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
