// Package bucket reads objects of an S3 bucket, and walks folders in the order in
// which a bucket lists its keys. In come a client of the AWS SDK and a key or a
// prefix. Out come bytes, or entries in the order of their keys. The package
// repeats what the SDK does not repeat: a body that is cut, and a request that met
// a clock while it was set. It must not know what the objects hold, write one, or
// start a goroutine.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"trailgate/ingest/aws/answer"
)

// DefaultAttempts is how often a request is sent if its answer is cut each time, or
// if each time it meets a wrong clock.
const DefaultAttempts = 4

// firstPause is the pause before the second attempt. Each further pause is twice as
// long.
const firstPause = 200 * time.Millisecond

// Client is the part of the S3 API that reads. *s3.Client is one. A Client may
// repeat requests by its own rules.
type Client interface {
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Retry says how often a request is repeated, and how the time between is spent.
// The zero Retry is ready to use.
type Retry struct {
	Attempts int                                        // per request; zero: DefaultAttempts
	Wait     func(context.Context, time.Duration) error // until the time is over or the context ends; nil: a timer
}

// Do calls send until it succeeds, until another attempt cannot help, or until the
// attempts are used up. It pauses between attempts. It returns the last error of
// send. If a pause ends early, it returns the error of the pause, which is that of
// the context.
func (r Retry) Do(ctx context.Context, send func() error) error {
	attempts := r.Attempts
	if attempts <= 0 {
		attempts = DefaultAttempts
	}
	for attempt := 1; ; attempt++ {
		err := send()
		if err == nil || attempt >= attempts || ctx.Err() != nil || !mayPass(err) {
			return err
		}
		if err := r.Pause(ctx, attempt); err != nil {
			return err
		}
	}
}

// Pause waits after the attempt with this number, and returns the error of the
// context if that ends first. The first attempt is number 1. Each pause is twice as
// long as the one before.
func (r Retry) Pause(ctx context.Context, attempt int) error {
	return Sleep(ctx, firstPause<<min(attempt-1, 6), r.Wait)
}

// Sleep calls wait and returns its error. If wait is nil, it waits by a timer,
// until the time is over or the context ends. Then it returns the error of the
// context.
func Sleep(ctx context.Context, d time.Duration, wait func(context.Context, time.Duration) error) error {
	if wait != nil {
		return wait(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// mayPass reports whether another attempt may help: the answer was cut, or the clock
// was set between the signature and its check. Every other answer is final. (The
// SDK corrects a clock that is wrong all the time.)
func mayPass(err error) bool {
	switch answer.KindOf(err) {
	case answer.Skewed, answer.Outdated:
		return true
	}
	var cut *CutError
	var broken *smithy.DeserializationError
	return errors.As(err, &cut) || errors.As(err, &broken) || errors.Is(err, io.ErrUnexpectedEOF)
}

// CutError is a body that does not have the length that the server announced.
type CutError struct {
	Got, Want int64 // bytes; Want -1: the server did not announce a length
	Err       error // what ended the body
}

// Error says how much came.
func (e *CutError) Error() string {
	if e.Want < 0 {
		return fmt.Sprintf("body cut after %d bytes: %v", e.Got, e.Err)
	}
	return fmt.Sprintf("body cut after %d of %d bytes: %v", e.Got, e.Want, e.Err)
}

// Unwrap returns what ended the body.
func (e *CutError) Unwrap() error { return e.Err }

// SizeError is an object that is larger than its reader allows.
type SizeError struct {
	Size, Limit int64 // bytes, as stored
}

// Error gives both sizes.
func (e *SizeError) Error() string {
	return fmt.Sprintf("%d bytes as stored, over the cap of %d bytes", e.Size, e.Limit)
}

// Reader reads a bucket. Do not change its fields while it is in use. Several
// goroutines may use it if they may use the Client.
type Reader struct {
	Client Client // required
	Name   string // of the bucket; required
	Retry  Retry
}

// Get reads a whole object of at most limit bytes into buf, which grows if it is
// too small. The caller owns the result, which has the memory of buf or new memory,
// also if there is an error. tag is the ETag with its quotes. A body that ends too
// early is requested again from its start. A larger object is a *SizeError, and a
// body that is cut each time a *CutError. Other errors are those of the SDK:
// Explain puts them into words.
func (r *Reader) Get(ctx context.Context, key string, buf []byte, limit int64) (data []byte, tag string, err error) {
	err = r.Retry.Do(ctx, func() error {
		var err error
		buf, tag, err = r.getOnce(ctx, key, buf[:0], limit)
		return err
	})
	return buf, tag, err
}

// getOnce sends one request and reads its body to the end, into buf. It returns the
// data and the ETag. An object of more than limit bytes is a *SizeError.
func (r *Reader) getOnce(ctx context.Context, key string, buf []byte, limit int64) ([]byte, string, error) {
	out, err := r.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(r.Name), Key: aws.String(key)})
	if err != nil {
		return buf, "", err
	}
	defer out.Body.Close()
	size := int64(-1)
	if out.ContentLength != nil && *out.ContentLength >= 0 {
		size = *out.ContentLength
	}
	switch {
	case size > limit:
		return buf, "", &SizeError{Size: size, Limit: limit}
	case size < 0 || size > maxGrowth:
		buf, err = readUnsized(out.Body, buf, size, limit)
	default:
		buf, err = readSized(out.Body, buf, size)
	}
	return buf, aws.ToString(out.ETag), err
}

// maxGrowth is the largest body, in bytes, whose memory is taken at once. Of a
// larger one only the bytes that have come take memory, because the announced
// length may be wrong.
const maxGrowth = 1 << 30

// readSized reads a body of an announced length into buf. A shorter or longer body
// is a *CutError.
func readSized(body io.Reader, buf []byte, size int64) ([]byte, error) {
	buf = slices.Grow(buf, int(size)+1)[:size]
	if n, err := io.ReadFull(body, buf); err != nil && size > 0 {
		return buf[:n], &CutError{Got: int64(n), Want: size, Err: err}
	}
	// The end has to be read as well. Checksums are compared there, and only then can
	// the connection be used again.
	n, err := io.ReadFull(body, buf[size:size+1])
	switch {
	case n > 0:
		return buf, &CutError{Got: size + 1, Want: size, Err: errors.New("body is longer than its Content-Length")}
	case err != nil && !errors.Is(err, io.EOF):
		return buf, &CutError{Got: size, Want: size, Err: err}
	}
	return buf, nil
}

// readUnsized appends a body to buf as it comes. want is its announced length; -1:
// there is none. A body that has another length or breaks off is a *CutError, and
// one of more than limit bytes a *SizeError.
func readUnsized(body io.Reader, buf []byte, want, limit int64) ([]byte, error) {
	for {
		buf = slices.Grow(buf, 32<<10)
		n, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch got := int64(len(buf)); {
		case got > limit:
			return buf, &SizeError{Size: got, Limit: limit}
		case errors.Is(err, io.EOF) && want >= 0 && got != want:
			return buf, &CutError{Got: got, Want: want, Err: io.ErrUnexpectedEOF}
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return buf, &CutError{Got: got, Want: want, Err: err}
		}
	}
}
