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

// DeniedError is a bucket's refusal. Action is the IAM action that is missing:
// s3:PutObject, s3:GetObject, s3:DeleteObject, s3:ListBucket, or a kms: one.
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

// absentError is an answer that there is no such object.
type absentError struct{ err error }

func (e *absentError) Error() string { return "there is no such object" }

func (e *absentError) Unwrap() []error { return []error{fs.ErrNotExist, e.err} }

// markedError is an error of a kind, in its own words.
type markedError struct{ kind, err error }

func (e *markedError) Error() string { return e.err.Error() }

func (e *markedError) Unwrap() []error { return []error{e.kind, e.err} }

// saidError puts an answer of the API briefly; the whole is behind it.
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

// said takes an API's answer apart.
func said(err error) *saidError {
	s := &saidError{err: err}
	var api smithy.APIError
	if errors.As(err, &api) {
		s.code, s.message = api.ErrorCode(), api.ErrorMessage()
	}
	return s
}

// httpStatus is the status of the answer, or 0 if there was none.
func httpStatus(err error) int {
	var answer interface{ HTTPStatusCode() int }
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}

// passing tells whether asking again may help: the answer broke off, or the
// clock was set between signing and checking.
func passing(err error) bool {
	var cut *cutError
	var broken *smithy.DeserializationError
	switch said(err).code {
	case "RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture":
		return true
	}
	return errors.As(err, &cut) || errors.As(err, &broken) || errors.Is(err, io.ErrUnexpectedEOF)
}

// doubtful tells whether a request may have been carried out though it failed:
// no answer came, or one that blames the server.
func doubtful(err error) bool {
	status := httpStatus(err)
	return status == 0 || status >= 500 && status != http.StatusNotImplemented || status < 300
}

// s3Error puts into words what S3 said to a request that takes the IAM action,
// without the object's name. The codes are those of the Amazon S3 API
// Reference, "Error responses".
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

// deniedAction is the action that the answer names, else the one of the request.
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

// putError is s3Error for a PutObject: it knows the answers to conditions.
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
