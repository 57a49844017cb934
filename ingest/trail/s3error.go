package trail

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"

	"trailgate/ingest"
)

// cutError is a body that does not have the length it was announced with.
type cutError struct {
	got, want int64 // bytes; want -1: not announced
	err       error
}

func (e *cutError) Error() string {
	if e.want < 0 {
		return fmt.Sprintf("body cut after %d bytes: %v", e.got, e.err)
	}
	return fmt.Sprintf("body cut after %d of %d bytes: %v", e.got, e.want, e.err)
}

func (e *cutError) Unwrap() error { return e.err }

// passing tells whether asking again may help: the answer broke off, or the
// clock was set between signing and checking, so that a request signed anew is
// taken. Any other answer that arrived and says no stands. (A clock that is
// wrong all the time is the SDK's to correct.)
func passing(err error) bool {
	var cut *cutError
	var broken *smithy.DeserializationError
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture":
			return true
		}
	}
	return errors.As(err, &cut) || errors.As(err, &broken) || errors.Is(err, io.ErrUnexpectedEOF)
}

// s3Cause classifies what S3 said to a request that takes the IAM action, and
// puts it into words without the object's name. The codes are those of the
// Amazon S3 API Reference, "Error responses".
func s3Cause(err error, action string) (ingest.Cause, error) {
	var large *sizeError
	if errors.As(err, &large) {
		return ingest.CauseTooLarge, large
	}
	var api smithy.APIError
	code, message := "", ""
	if errors.As(err, &api) {
		code, message = api.ErrorCode(), api.ErrorMessage()
	}
	said := &saidError{code: code, message: message, err: err}
	switch code {
	case "InvalidObjectState":
		return ingest.CauseDenied, fmt.Errorf("the object is archived and has to be restored first: %w", said)
	case "NoSuchKey", "NoSuchBucket", "NotFound":
		return ingest.CauseVanished, said
	case "SlowDown", "Throttling", "ThrottlingException", "TooManyRequests", "RequestLimitExceeded":
		return ingest.CauseThrottled, said
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired":
		return ingest.CauseDenied, fmt.Errorf("the credentials have expired: %w", said)
	case "RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture":
		return ingest.CauseDenied, fmt.Errorf("the clock of this machine and that of S3 are too far apart: %w", said)
	case "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken":
		return ingest.CauseDenied, fmt.Errorf("the credentials were not accepted: %w", said)
	}
	status := httpStatus(err)
	switch {
	case strings.HasPrefix(code, "KMS.") || strings.Contains(message, "kms:Decrypt"):
		return ingest.CauseDenied, &DeniedError{Action: "kms:Decrypt", Err: said}
	case code == "AccessDenied" || code == "AllAccessDisabled" || status == http.StatusForbidden:
		if action == "s3:GetObject" && !strings.Contains(message, action) {
			action += " (and kms:Decrypt if the trail encrypts with a KMS key)"
		}
		return ingest.CauseDenied, &DeniedError{Action: action, Err: said}
	case status == http.StatusNotFound:
		return ingest.CauseVanished, said
	case status == http.StatusTooManyRequests:
		return ingest.CauseThrottled, said
	}
	return ingest.CauseTransport, said
}

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

// httpStatus is the status of the answer, or 0 if there was none.
func httpStatus(err error) int {
	var answer interface{ HTTPStatusCode() int }
	if errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}
