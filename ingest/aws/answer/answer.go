// Package answer says what an error of an AWS call means. In comes an error of the
// AWS SDK for Go. Out comes its kind, its short words, and a type that a caller
// can recognise. The package knows no service: it must not send a request, decide
// whether to repeat one, or know what CloudTrail or a bucket is used for.
package answer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"
)

// Kind says what an answer means for the request.
type Kind uint8

// The kinds.
const (
	Transport      Kind = iota // the answer is not usable: the network, or a fault of the server
	Throttled                  // too many requests: slow down and repeat
	Expired                    // the credentials have expired
	Outdated                   // the request took too long from its signature to the server
	Skewed                     // the clock of this machine and that of AWS differ too much
	BadSignature               // the signature is wrong: the secret key, or the clock
	BadCredentials             // AWS does not accept the credentials at all
	NoCredentials              // no credentials were found, so nothing was sent
	Denied                     // the caller may not do this
	Absent                     // the object does not exist
	NoBucket                   // the bucket does not exist
	Archived                   // the object is in an archive and has to be restored first
	WrongRegion                // the bucket is in another Region
	Refused                    // AWS does not accept the request, for another reason
)

// Error is the answer of AWS in short words. The whole error is behind it.
type Error struct {
	Kind    Kind
	Status  int    // HTTP status; 0: there was no answer
	Code    string // of AWS, such as "AccessDenied"; empty: the error has none
	Message string // of AWS
	Err     error  // as the SDK returned it; never nil
}

// codeless is the SDK's code for an answer without a code, such as that of a
// proxy.
const codeless = "UnknownError"

// Error returns code and message. Without a code, it returns the words of the
// whole error.
func (e *Error) Error() string {
	switch {
	case e.Code == "" || e.Code == codeless:
		return e.Err.Error()
	case e.Message == "":
		return e.Code
	}
	return fmt.Sprintf("%s %q", e.Code, e.Message)
}

// Unwrap returns the whole error.
func (e *Error) Unwrap() error { return e.Err }

// Parse describes an error of an AWS call as an *Error, which wraps it. If the
// error already contains an *Error, it returns that one. The argument must not be
// nil.
func Parse(err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	a := &Error{Err: err, Status: statusOf(err)}
	var missing *CredentialsError
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		a.Code, a.Message = api.ErrorCode(), api.ErrorMessage()
		a.Kind = kindOfCode(a.Code)
		if a.Kind == Refused && (api.ErrorFault() == smithy.FaultServer || a.Status >= 500 || a.Status == 429 || a.Status == 0) {
			a.Kind = Transport
		}
	case errors.As(err, &missing):
		a.Kind = NoCredentials
	}
	return a
}

// KindOf returns the Kind that Parse finds. For nil it is Transport.
func KindOf(err error) Kind {
	if err == nil {
		return Transport
	}
	return Parse(err).Kind
}

// statusOf returns the HTTP status of an answer. It is 0 if there was no answer.
func statusOf(err error) int {
	var reply interface{ HTTPStatusCode() int }
	if errors.As(err, &reply) {
		return reply.HTTPStatusCode()
	}
	return 0
}

// kindOfCode classifies a code. It is Refused for an unknown one. The codes are
// those of the Amazon S3 API Reference ("Error responses") and of the CloudTrail
// API Reference ("LookupEvents" and "Common Error Types"). Some codes come with and
// without "Exception" at their end.
func kindOfCode(code string) Kind {
	switch strings.TrimSuffix(code, "Exception") {
	case "Throttling", "Throttled", "RequestThrottled", "RequestLimitExceeded", "TooManyRequests", "SlowDown", "PriorRequestNotComplete":
		return Throttled
	case "ExpiredToken", "TokenRefreshRequired":
		return Expired
	case "RequestExpired":
		return Outdated
	case "RequestTimeTooSkewed", "RequestInTheFuture":
		return Skewed
	case "SignatureDoesNotMatch", "InvalidSignature":
		return BadSignature
	case "InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClient", "MissingAuthenticationToken", "IncompleteSignature", "InvalidToken":
		return BadCredentials
	case "AccessDenied", "AllAccessDisabled", "NotAuthorized", "UnauthorizedOperation", "AuthFailure", "OptInRequired",
		"SubscriptionRequired", "OperationNotPermitted", "UnsupportedOperation":
		return Denied
	case "NoSuchKey", "NotFound":
		return Absent
	case "NoSuchBucket":
		return NoBucket
	case "InvalidObjectState":
		return Archived
	case "PermanentRedirect", "AuthorizationHeaderMalformed":
		return WrongRegion
	}
	return Refused
}

// Explain puts what an answer means before its short words, for the kinds that are
// the same at every service: credentials, clock and archive. Every other answer is
// returned as Parse describes it. nil stays nil.
func Explain(err error) error {
	if err == nil {
		return nil
	}
	a := Parse(err)
	switch a.Kind {
	case Expired:
		return fmt.Errorf("the credentials have expired: %w", a)
	case Skewed, Outdated:
		return fmt.Errorf("the clock of this machine and that of AWS are too far apart: %w", a)
	case BadSignature, BadCredentials:
		return fmt.Errorf("the credentials were not accepted: %w", a)
	case Archived:
		return fmt.Errorf("the object is archived and has to be restored first: %w", a)
	}
	return a
}

// DeniedError says that the caller may not do something.
type DeniedError struct {
	Action string // the IAM action, or actions, to grant, such as "s3:GetObject"
	Err    error  // the answer
}

// Error names the action and gives the answer.
func (e *DeniedError) Error() string {
	return "access denied, " + e.Action + " is needed: " + e.Err.Error()
}

// Unwrap returns the answer.
func (e *DeniedError) Unwrap() error { return e.Err }
