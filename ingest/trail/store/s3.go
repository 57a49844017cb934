// Package store keeps the objects of a trail: in an S3 bucket, or in a folder that has a
// copy of one. Both are a trail.Store. Errors about an object or a listing are
// *ingest.SkipError. S3 sends its requests through a bucket.Reader, and nothing but
// requests that read. Disk does not read anything outside its folder. Both may be used
// by several goroutines.
package store

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"strings"
	"time"

	"trailgate/ingest"
	"trailgate/ingest/aws/answer"
	"trailgate/ingest/aws/bucket"
	"trailgate/ingest/trail"
)

// DefaultAttempts is how often S3 sends a request if its answer is cut each time, or
// if each time it meets a wrong clock.
const DefaultAttempts = bucket.DefaultAttempts

// S3 is a bucket. Do not change its fields while it is in use.
type S3 struct {
	Client   bucket.Client                              // required
	Bucket   string                                     // required
	Attempts int                                        // per request; zero: DefaultAttempts
	Wait     func(context.Context, time.Duration) error // between attempts, until the context ends; nil: by a timer
}

// Origin returns the s3:// URL of the object, unescaped, as the AWS tools take it.
func (b *S3) Origin(key string) string { return "s3://" + b.Bucket + "/" + key }

// bucketReader sends the requests.
func (b *S3) bucketReader() *bucket.Reader {
	return &bucket.Reader{Client: b.Client, Name: b.Bucket, Retry: bucket.Retry{Attempts: b.Attempts, Wait: b.Wait}}
}

// List lists page by page; see trail.Store. A page that cannot be read is yielded
// as a *ingest.SkipError for the prefix and ends the listing. The context's error
// ends it too.
func (b *S3) List(ctx context.Context, r trail.ListRequest) iter.Seq2[trail.Entry, error] {
	return func(yield func(trail.Entry, error) bool) {
		for e, err := range b.bucketReader().List(ctx, bucket.Request{Prefix: r.Prefix, StartAfter: r.StartAfter, Delimited: r.Delimited}) {
			if err != nil {
				err = b.listError(ctx, r.Prefix, err)
			}
			if !yield(trail.Entry{Key: e.Key, Folder: e.Folder, Size: e.Size, ETag: e.ETag, Modified: e.Modified}, err) {
				return
			}
		}
	}
}

// Read reads a whole object, in buf if that is large enough; see trail.Store. A
// body that ends before its Content-Length is requested again from its start. The
// error is the context's, or a *ingest.SkipError.
func (b *S3) Read(ctx context.Context, key string, buf []byte, limit int64) ([]byte, error) {
	buf, _, err := b.bucketReader().Get(ctx, key, buf, limit)
	if err != nil {
		return buf, b.readError(ctx, key, err)
	}
	return buf, nil
}

// listError is the error that a listing yields: that of the context, or a skip.
func (b *S3) listError(ctx context.Context, prefix string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	_, words := explainAnswer(err, "s3:ListBucket")
	return &ingest.SkipError{Cause: ingest.CauseListing, Origin: b.Origin(prefix), Err: words}
}

// readError is the error that Read returns: that of the context, or a skip.
func (b *S3) readError(ctx context.Context, key string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	cause, words := explainAnswer(err, "s3:GetObject")
	return &ingest.SkipError{Cause: cause, Origin: b.Origin(key), Err: words}
}

// explainAnswer classifies what S3 answered to a request that needs the IAM action.
// It returns the cause for a skip, and an error that says in words what is wrong.
// The words do not name the object.
func explainAnswer(err error, action string) (ingest.Cause, error) {
	var large *bucket.SizeError
	if errors.As(err, &large) {
		return ingest.CauseTooLarge, large
	}
	a, words := answer.Parse(err), bucket.Explain(err, action)
	var denied *answer.DeniedError
	if errors.As(words, &denied) {
		if denied.Action == "s3:GetObject" && !strings.Contains(a.Message, denied.Action) {
			// S3 does not say whether the object's key is denied as well.
			denied.Action += " (and kms:Decrypt if the trail encrypts with a KMS key)"
		}
		return ingest.CauseDenied, denied
	}
	switch a.Kind {
	case answer.Archived, answer.Expired, answer.Skewed, answer.Outdated, answer.BadSignature, answer.BadCredentials:
		return ingest.CauseDenied, words
	case answer.Absent, answer.NoBucket:
		return ingest.CauseVanished, words
	case answer.Throttled:
		return ingest.CauseThrottled, words
	}
	switch a.Status {
	case http.StatusNotFound:
		return ingest.CauseVanished, words
	case http.StatusTooManyRequests:
		return ingest.CauseThrottled, words
	}
	return ingest.CauseTransport, words
}
