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

// absentError is the answer that an object does not exist.
type absentError struct{ err error }

func (e *absentError) Error() string { return "the object does not exist" }

func (e *absentError) Unwrap() []error { return []error{fs.ErrNotExist, e.err} }

// markedError is an error with a text of its own that errors.Is finds by its kind.
type markedError struct{ kind, err error }

func (e *markedError) Error() string { return e.err.Error() }

func (e *markedError) Unwrap() []error { return []error{e.kind, e.err} }

// isDoubtful reports whether a request that failed may have been carried out. That is so if no
// answer came, or if the answer is an error of the server.
func isDoubtful(err error) bool {
	status := answer.Parse(err).Status
	return status == 0 || status >= 500 && status != http.StatusNotImplemented || status < 300
}

// explainAnswer returns an error that says in words what S3 answered to a request. The
// request needs the IAM action. The text does not name the object. An error of the context
// stays as it is.
func explainAnswer(err error, action string) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if a := answer.Parse(err); a.Kind == answer.Absent {
		return &absentError{err: a}
	}
	return bucket.Explain(err, action)
}

// putError is explainAnswer for a PutObject. It also knows the answers to conditions.
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
