package lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
)

// DeniedError says that a bucket has denied access. Action is the IAM action that is
// missing: s3:PutObject, s3:GetObject, s3:DeleteObject, s3:ListBucket, or one of kms:.
type DeniedError struct {
	Action string
	Err    error
}

func (e *DeniedError) Error() string { return fmt.Sprintf("denied (%s): %v", e.Action, e.Err) }

func (e *DeniedError) Unwrap() error { return e.Err }

// cutError is a body that was not read to its end.
type cutError struct {
	got int // bytes
	err error
}

func (e *cutError) Error() string { return fmt.Sprintf("cut after %d bytes: %v", e.got, e.err) }

func (e *cutError) Unwrap() error { return e.err }

// absentError is the answer that an object does not exist.
type absentError struct{ err error }

func (e *absentError) Error() string { return "the object does not exist" }

func (e *absentError) Unwrap() []error { return []error{fs.ErrNotExist, e.err} }

// markedError is an error with a text of its own that errors.Is finds by its kind.
type markedError struct{ kind, err error }

func (e *markedError) Error() string { return e.err.Error() }

func (e *markedError) Unwrap() []error { return []error{e.kind, e.err} }

// saidError is a short text for an answer of the API. It wraps the whole answer.
type saidError struct {
	code, message string
	err           error
}

func (e *saidError) Error() string {
	switch {
	case e.code == "":
		return e.err.Error()
	case e.message == "":
		return e.code
	}
	return fmt.Sprintf("%s %q", e.code, e.message)
}

func (e *saidError) Unwrap() error { return e.err }

// said returns the code and the message of an API's answer.
func said(err error) *saidError {
	s := &saidError{err: err}
	var api smithy.APIError
	if errors.As(err, &api) {
		s.code, s.message = api.ErrorCode(), api.ErrorMessage()
	}
	return s
}

// httpStatus returns the status of the answer, or 0 without an answer.
func httpStatus(err error) int {
	var answer interface{ HTTPStatusCode() int }
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}

// passing reports whether a further attempt may succeed. That is so if the answer was cut,
// or if the clock was set between signing and checking.
func passing(err error) bool {
	var cut *cutError
	var broken *smithy.DeserializationError
	switch said(err).code {
	case "RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture":
		return true
	}
	return errors.As(err, &cut) || errors.As(err, &broken) || errors.Is(err, io.ErrUnexpectedEOF)
}

// doubtful reports whether a request that failed may have been carried out. That is so if no
// answer came, or if the answer is an error of the server.
func doubtful(err error) bool {
	status := httpStatus(err)
	return status == 0 || status >= 500 && status != http.StatusNotImplemented || status < 300
}

// s3Error returns an error that says in words what S3 answered to a request. The request
// needs the IAM action. The text does not name the object. The codes are those of the Amazon
// S3 API Reference, "Error responses".
func s3Error(err error, action string) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	answer := said(err)
	status := httpStatus(err)
	switch answer.code {
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired":
		return fmt.Errorf("the credentials have expired: %w", answer)
	case "RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture":
		return fmt.Errorf("the clock of this machine and that of S3 are too far apart: %w", answer)
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken":
		return fmt.Errorf("the credentials were not accepted: %w", answer)
	case "NoSuchKey", "NotFound":
		return &absentError{err: answer}
	case "InvalidObjectState":
		return fmt.Errorf("the object is archived and has to be restored first: %w", answer)
	}
	if status == http.StatusForbidden || answer.code == "AccessDenied" || strings.HasPrefix(answer.code, "KMS.") {
		return &DeniedError{Action: deniedAction(answer, action), Err: answer}
	}
	return answer
}

// deniedAction returns the action that the answer names, or else the one of the request.
func deniedAction(answer *saidError, action string) string {
	kms := "kms:Decrypt"
	if action == "s3:PutObject" {
		kms = "kms:GenerateDataKey"
	}
	for _, named := range []string{"kms:GenerateDataKey", "kms:Decrypt", "s3:ListBucket", "s3:PutObject", "s3:GetObject", "s3:DeleteObject"} {
		if strings.Contains(answer.message, named) {
			return named
		}
	}
	if strings.HasPrefix(answer.code, "KMS.") {
		return kms
	}
	return action
}

// putError is s3Error for a PutObject. It also knows the answers to conditions.
func putError(err error, when Condition) error {
	if err == nil {
		return nil
	}
	answer := said(err)
	status := httpStatus(err)
	switch {
	case answer.code == "PreconditionFailed" || answer.code == "ConditionalRequestConflict" || status == http.StatusPreconditionFailed,
		when.matches && answer.code == "NoSuchKey":
		return ErrConflict
	case answer.code == "NotImplemented" || status == http.StatusNotImplemented:
		return &markedError{ErrUnconditional, fmt.Errorf("the server knows no conditional writes (If-None-Match, If-Match), without which two jobs cannot be kept apart: %w", answer)}
	}
	return s3Error(err, "s3:PutObject")
}
