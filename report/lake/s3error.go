package lake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"trailgate/ingest/aws/answer"
	"trailgate/ingest/aws/bucket"
)

// absentError is the answer that an object does not exist. errors.Is finds fs.ErrNotExist
// in it.
type absentError struct{ err error }

func (e *absentError) Error() string { return "the object does not exist" }

func (e *absentError) Unwrap() []error { return []error{fs.ErrNotExist, e.err} }

// markedError has the text of err. errors.Is finds both kind, such as ErrUnconditional,
// and err in it.
type markedError struct{ kind, err error }

func (e *markedError) Error() string { return e.err.Error() }

func (e *markedError) Unwrap() []error { return []error{e.kind, e.err} }

// isDoubtful reports whether a request that failed may have been carried out. That is so
// if no answer came, if the answer is an error of the server other than "not
// implemented", or if it has a status of success and cannot be used.
func isDoubtful(err error) bool {
	status := answer.Parse(err).Status
	return status == 0 || status >= 500 && status != http.StatusNotImplemented || status < 300
}

// explainAnswer returns an error that says in words what S3 answered to a request. action
// is the IAM action that the request needs, such as "s3:GetObject". The text does not
// name the object. If the object does not exist, the result wraps fs.ErrNotExist. Nil and
// an error of the context stay as they are.
func explainAnswer(err error, action string) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if a := answer.Parse(err); a.Kind == answer.Absent {
		return &absentError{err: a}
	}
	return bucket.Explain(err, action)
}

// putError is explainAnswer for a PutObject with the condition when. If the server
// refused the condition, it returns ErrConflict. If the server does not support
// conditions, it returns ErrUnconditional, wrapped.
func putError(err error, when Condition) error {
	if err == nil {
		return nil
	}
	a := answer.Parse(err)
	switch {
	case a.Code == "PreconditionFailed" || a.Code == "ConditionalRequestConflict" || a.Status == http.StatusPreconditionFailed,
		when.matches && a.Code == "NoSuchKey":
		return ErrConflict
	case a.Code == "NotImplemented" || a.Status == http.StatusNotImplemented:
		return &markedError{ErrUnconditional, fmt.Errorf("the server knows no conditional writes (If-None-Match, If-Match), without which two jobs cannot be kept apart: %w", a)}
	}
	return explainAnswer(err, "s3:PutObject")
}
