package lake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"time"

	"trailgate/ingest/aws/answer"
	"trailgate/ingest/aws/bucket"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// S3 is the objects of a bucket below a prefix. An object is written by one PutObject, so
// it has at most 5 GB.
//
// Conditions are those of PutObject, If-None-Match and If-Match (Amazon S3 User Guide,
// "Conditional writes"). A server that does not support them returns an error. Lock finds
// out whether a server ignores them.
//
// The client repeats requests by its own rules. S3 also repeats a request in three cases:
// its answer was cut off, a clock was set after it was signed, or the server refused a
// condition that holds.
type S3 struct {
	Client *s3.Client // required
	Bucket string     // required
	Prefix string     // with or without a slash at its end; "": the whole bucket

	// Wait waits between attempts. Nil means a timer.
	Wait func(ctx context.Context, d time.Duration) error
}

// Name returns the s3:// URL of the object, unescaped, as the AWS tools take it.
func (b S3) Name(key string) string { return "s3://" + b.Bucket + "/" + b.base() + key }

func (b S3) base() string {
	if p := strings.TrimSuffix(b.Prefix, "/"); p != "" {
		return p + "/"
	}
	return ""
}

// retry returns the rules for requests that the client does not repeat.
func (b S3) retry() bucket.Retry { return bucket.Retry{Wait: b.Wait} }

// bucketReader returns a reader of the whole bucket. Its keys begin with the prefix.
func (b S3) bucketReader() *bucket.Reader {
	return &bucket.Reader{Client: b.Client, Name: b.Bucket, Retry: b.retry()}
}

// fail wraps err with the operation, such as "get", and the full name of the object. If
// the context has ended, it wraps the error of the context instead of err, because that
// is the cause.
func (b S3) fail(ctx context.Context, operation, key string, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return fmt.Errorf("%s %q: %w", operation, b.Name(key), err)
}

// Get returns the content of an object and its ETag. If the object does not exist, the
// error is fs.ErrNotExist, wrapped. After "access denied", Get asks a listing whether the
// object exists. An object of more than 5 GiB is an error.
func (b S3) Get(ctx context.Context, key string) ([]byte, Tag, error) {
	err := checkKey(key)
	if err != nil {
		return nil, "", b.fail(ctx, "get", key, err)
	}
	data, tag, err := b.readObject(ctx, key)
	if err != nil {
		return nil, "", b.fail(ctx, "get", key, err)
	}
	return data, tag, nil
}

// maxObject is the size of the largest object that one PutObject writes, in bytes. A
// larger object is not read.
const maxObject = 5 << 30

// readObject reads an object and its ETag. Its errors say in words what S3 answered, and
// do not name the object. If the object does not exist, the error is fs.ErrNotExist,
// wrapped.
func (b S3) readObject(ctx context.Context, key string) ([]byte, Tag, error) {
	data, tag, err := b.bucketReader().Get(ctx, b.base()+key, nil, maxObject)
	err = explainAnswer(err, "s3:GetObject")
	var denied *answer.DeniedError
	if errors.As(err, &denied) && strings.HasPrefix(denied.Action, "s3:") && b.isAbsent(ctx, key) {
		err = &absentError{err: denied.Err}
	}
	if err != nil {
		return nil, "", err
	}
	return data, Tag(tag), nil
}

// isAbsent reports whether a listing shows that the object does not exist. If the listing
// fails, it reports false. If the caller may not list the whole bucket, S3 answers
// GetObject for a missing key with "access denied" (Amazon S3 API Reference,
// "GetObject").
func (b S3) isAbsent(ctx context.Context, key string) bool {
	for item, err := range b.List(ctx, key, "") {
		if err != nil || item.Key == key {
			return false
		}
	}
	return true
}

// Put writes an object if the condition holds, and returns its ETag. After a refused or
// doubtful answer it reads the object. If the object has exactly these bytes, Put
// succeeds.
//
// The error is ErrConflict, wrapped, if the condition does not hold. It is
// ErrOutcomeUnknown, wrapped, if the object may still have been written. It is
// ErrUnconditional, wrapped, if the server does not support conditions.
func (b S3) Put(ctx context.Context, key string, data []byte, when Condition) (Tag, error) {
	err := errors.Join(checkKey(key), when.check())
	if err != nil {
		return "", b.fail(ctx, "put", key, err)
	}
	for attempt := 1; ; attempt++ {
		tag, err := b.putOnce(ctx, key, data, when)
		if err == nil {
			return tag, nil
		}
		open := ctx.Err() != nil || !errors.Is(err, ErrConflict) && isDoubtful(err)
		if ctx.Err() == nil {
			tag, err = b.resolveWrite(ctx, key, data, when, err)
			open = open || errors.Is(err, ErrOutcomeUnknown)
		}
		if err == nil {
			return tag, nil
		}
		if errors.Is(err, errRepeat) && attempt < bucket.DefaultAttempts {
			err = b.retry().Pause(ctx, attempt)
			if err == nil {
				continue
			}
		}
		err = b.fail(ctx, "put", key, err)
		if open {
			err = &markedError{ErrOutcomeUnknown, err}
		}
		return "", err
	}
}

// putOnce sends a PutObject with its condition and returns the new ETag. It repeats the
// request as retry says. An answer without an ETag is an error. For other errors see
// putError.
func (b S3) putOnce(ctx context.Context, key string, data []byte, when Condition) (Tag, error) {
	in := &s3.PutObjectInput{Bucket: &b.Bucket, Key: aws.String(b.base() + key)}
	if when.matches {
		in.IfMatch = aws.String(string(when.tag))
	} else {
		in.IfNoneMatch = aws.String("*")
	}
	var tag Tag
	err := b.retry().Do(ctx, func() error {
		in.Body = bytes.NewReader(data)
		out, err := b.Client.PutObject(ctx, in)
		if err == nil {
			tag = Tag(aws.ToString(out.ETag))
		}
		return err
	})
	if err == nil && tag == "" {
		err = errors.New("the server gave no ETag")
	}
	return tag, putError(err, when)
}

// errRepeat is ErrConflict although the condition holds, so the write may be repeated. S3
// refuses a write in this way if another write to the same key was in progress and failed.
var errRepeat = fmt.Errorf("%w, again and again", ErrConflict)

// resolveWrite finds out whether a conditional write that failed with err has written the
// object. The answer may have been lost, or it may be the answer to a second attempt
// after the first one succeeded.
//
// If the object has exactly these bytes, resolveWrite returns its tag. If it has not, and
// the condition was refused, the error is ErrConflict. It is errRepeat if the condition
// holds, and ErrOutcomeUnknown, wrapped, if the object cannot be read. Otherwise the
// error is err. If err says for certain that nothing was written, resolveWrite reads
// nothing.
func (b S3) resolveWrite(ctx context.Context, key string, data []byte, when Condition, err error) (Tag, error) {
	conflict := errors.Is(err, ErrConflict)
	if !conflict && !isDoubtful(err) {
		return "", err
	}
	now, tag, readErr := b.readObject(ctx, key)
	absent := errors.Is(readErr, fs.ErrNotExist)
	switch {
	case readErr == nil && bytes.Equal(now, data):
		return tag, nil
	case !conflict:
		return "", err
	case readErr != nil && !absent:
		return "", &markedError{ErrOutcomeUnknown, fmt.Errorf("its condition was refused, and it is not known who wrote the object: %w", readErr)}
	case !when.matches && absent, when.matches && !absent && tag == when.tag:
		return "", errRepeat
	}
	return "", ErrConflict
}

// Delete removes an object. It is not an error if the object does not exist. In a bucket
// with versioning the old versions stay.
func (b S3) Delete(ctx context.Context, key string) error {
	err := checkKey(key)
	if err == nil {
		err = b.retry().Do(ctx, func() error {
			_, err := b.Client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.Bucket, Key: aws.String(b.base() + key)})
			return err
		})
		err = explainAnswer(err, "s3:DeleteObject")
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return b.fail(ctx, "delete", key, err)
}

// List yields the objects whose keys begin with prefix and come after the key "after". It
// requests the pages of ListObjectsV2 one by one, each when the caller gets to it. A
// server that does not list in the order of the keys is an error.
func (b S3) List(ctx context.Context, prefix, after string) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		fail := func(err error) { yield(Item{}, b.fail(ctx, "list", prefix, err)) }
		if _, err := checkPrefix(prefix); err != nil {
			fail(err)
			return
		}
		q := bucket.Request{Prefix: b.base() + prefix}
		if after != "" {
			q.StartAfter = b.base() + after
		}
		last := ""
		for e, err := range b.bucketReader().List(ctx, q) {
			key := strings.TrimPrefix(e.Key, b.base())
			switch {
			case err != nil:
				fail(explainAnswer(err, "s3:ListBucket"))
				return
			case key < last:
				fail(errors.New("the server does not list in the order of the keys"))
				return
			}
			last = key
			// Some servers ignore StartAfter.
			if checkKey(key) == nil && key > after && !yield(Item{Key: key, Size: e.Size}, nil) {
				return
			}
		}
	}
}
