package lake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// S3 tries a request at most s3Attempts times. The first pause is s3FirstWait, and each
// further pause is twice as long.
const (
	s3Attempts  = 4
	s3FirstWait = 200 * time.Millisecond
)

// S3 is the objects of a bucket below a prefix. An object is written by one PutObject, so it
// has at most 5 GB.
//
// Conditions are those of PutObject, If-None-Match and If-Match (Amazon S3 User Guide,
// "Conditional writes"). A server that does not support them returns an error. Lock finds
// out whether a server ignores them.
//
// The client retries what its own policy says. S3 also retries what the client does not
// see: an answer that was cut, a clock that was set meanwhile, and a refused condition
// that holds.
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

// again calls do until it succeeds, until the error is not temporary, or until the
// attempts are used up.
func (b S3) again(ctx context.Context, do func() error) error {
	for attempt := 1; ; attempt++ {
		err := do()
		if err == nil || !passing(err) || attempt >= s3Attempts || ctx.Err() != nil {
			return err
		}
		if err := b.pause(ctx, attempt); err != nil {
			return err
		}
	}
}

func (b S3) pause(ctx context.Context, attempt int) error {
	return waitFor(ctx, s3FirstWait<<(attempt-1), b.Wait)
}

// fail adds the name of the object to an error. If the context has ended, it returns the
// error of the context, because that is the cause.
func (b S3) fail(ctx context.Context, operation, key string, err error) error {
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return fmt.Errorf("%s %q: %w", operation, b.Name(key), err)
}

// Get reads an object.
func (b S3) Get(ctx context.Context, key string) ([]byte, Tag, error) {
	err := checkKey(key)
	if err != nil {
		return nil, "", b.fail(ctx, "get", key, err)
	}
	data, tag, err := b.read(ctx, key)
	if err != nil {
		return nil, "", b.fail(ctx, "get", key, err)
	}
	return data, tag, nil
}

// read returns errors that say in words what S3 answered.
func (b S3) read(ctx context.Context, key string) (data []byte, tag Tag, err error) {
	err = b.again(ctx, func() error {
		data, tag, err = b.readOnce(ctx, key)
		return err
	})
	err = s3Error(err, "s3:GetObject")
	var denied *DeniedError
	if errors.As(err, &denied) && strings.HasPrefix(denied.Action, "s3:") && b.lacks(ctx, key) {
		err = &absentError{err: denied.Err}
	}
	return data, tag, err
}

// lacks reports whether a listing shows that the object does not exist. If the caller may not
// list the whole bucket, S3 answers GetObject for a missing key with "access denied" (Amazon
// S3 API Reference, "GetObject").
func (b S3) lacks(ctx context.Context, key string) bool {
	for item, err := range b.List(ctx, key, "") {
		if err != nil || item.Key == key {
			return false
		}
	}
	return true
}

func (b S3) readOnce(ctx context.Context, key string) ([]byte, Tag, error) {
	out, err := b.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.Bucket, Key: aws.String(b.base() + key)})
	if err != nil {
		return nil, "", err
	}
	defer out.Body.Close()
	var buf bytes.Buffer
	if n := aws.ToInt64(out.ContentLength); n > 0 && n < 1<<30 {
		buf.Grow(int(n) + bytes.MinRead)
	}
	// When the body is read to its end, the client also compares length and checksum.
	if _, err := io.Copy(&buf, out.Body); err != nil {
		return nil, "", &cutError{got: buf.Len(), err: err}
	}
	return buf.Bytes(), Tag(aws.ToString(out.ETag)), nil
}

// Put writes an object by one PutObject.
func (b S3) Put(ctx context.Context, key string, data []byte, when Condition) (Tag, error) {
	err := errors.Join(checkKey(key), when.check())
	if err != nil {
		return "", b.fail(ctx, "put", key, err)
	}
	for attempt := 1; ; attempt++ {
		tag, err := b.write(ctx, key, data, when)
		if err == nil {
			return tag, nil
		}
		open := ctx.Err() != nil || !errors.Is(err, ErrConflict) && doubtful(err)
		if ctx.Err() == nil {
			tag, err = b.settle(ctx, key, data, when, err)
			open = open || errors.Is(err, ErrOutcomeUnknown)
		}
		if err == nil {
			return tag, nil
		}
		if errors.Is(err, errRepeat) && attempt < s3Attempts {
			err = b.pause(ctx, attempt)
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

func (b S3) write(ctx context.Context, key string, data []byte, when Condition) (Tag, error) {
	in := &s3.PutObjectInput{Bucket: &b.Bucket, Key: aws.String(b.base() + key)}
	if when.matches {
		in.IfMatch = aws.String(string(when.tag))
	} else {
		in.IfNoneMatch = aws.String("*")
	}
	var tag Tag
	err := b.again(ctx, func() error {
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

// errRepeat is ErrConflict although the condition holds. S3 answers so if another write to
// the same key was in progress and then failed.
var errRepeat = fmt.Errorf("%w, again and again", ErrConflict)

// settle finds out whether a conditional write that failed has written the object. The
// answer may have been lost, or it may be the answer to a second attempt after the first
// one succeeded.
func (b S3) settle(ctx context.Context, key string, data []byte, when Condition, err error) (Tag, error) {
	conflict := errors.Is(err, ErrConflict)
	if !conflict && !doubtful(err) {
		return "", err
	}
	now, tag, readErr := b.read(ctx, key)
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

// Delete removes an object. In a bucket with versioning the old versions stay.
func (b S3) Delete(ctx context.Context, key string) error {
	err := checkKey(key)
	if err == nil {
		err = b.again(ctx, func() error {
			_, err := b.Client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.Bucket, Key: aws.String(b.base() + key)})
			return err
		})
		err = s3Error(err, "s3:DeleteObject")
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return b.fail(ctx, "delete", key, err)
}

// List requests the pages of ListObjectsV2 one by one, each when the caller gets to it.
func (b S3) List(ctx context.Context, prefix, after string) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		fail := func(err error) { yield(Item{}, b.fail(ctx, "list", prefix, err)) }
		if _, err := checkPrefix(prefix); err != nil {
			fail(err)
			return
		}
		in := &s3.ListObjectsV2Input{Bucket: &b.Bucket, EncodingType: types.EncodingTypeUrl,
			Prefix: aws.String(b.base() + prefix)}
		if after != "" {
			in.StartAfter = aws.String(b.base() + after)
		}
		last := ""
		for {
			page, err := b.page(ctx, in)
			if err != nil {
				fail(err)
				return
			}
			items, err := b.items(page, prefix, last)
			if err != nil {
				fail(err)
				return
			}
			for _, it := range items {
				last = it.Key
				// Some servers ignore StartAfter.
				if checkKey(it.Key) == nil && it.Key > after && !yield(it, nil) {
					return
				}
			}
			if !aws.ToBool(page.IsTruncated) {
				return
			}
			next := aws.ToString(page.NextContinuationToken)
			if next == "" || next == aws.ToString(in.ContinuationToken) {
				fail(errors.New("the page says that there is more, but not where it continues"))
				return
			}
			in.ContinuationToken = aws.String(next)
		}
	}
}

func (b S3) page(ctx context.Context, in *s3.ListObjectsV2Input) (page *s3.ListObjectsV2Output, err error) {
	err = b.again(ctx, func() error {
		page, err = b.Client.ListObjectsV2(ctx, in)
		return err
	})
	return page, s3Error(err, "s3:ListBucket")
}

// items returns the objects of a page with relative keys. It is an error if they are not in
// order, or if they do not follow the last key of the page before.
func (b S3) items(page *s3.ListObjectsV2Output, prefix, last string) ([]Item, error) {
	encoded := page.EncodingType == types.EncodingTypeUrl
	items := make([]Item, 0, len(page.Contents))
	for _, o := range page.Contents {
		key, err := decodeKey(aws.ToString(o.Key), b.base()+prefix, encoded)
		if err != nil {
			return nil, err
		}
		it := Item{Key: strings.TrimPrefix(key, b.base()), Size: -1}
		if it.Key < last {
			return nil, errors.New("the server does not list in the order of the keys")
		}
		last = it.Key
		if o.Size != nil {
			it.Size = *o.Size
		}
		items = append(items, it)
	}
	return items, nil
}

// decodeKey undoes the URL encoding that the request asked for. Some servers say that they
// encoded the keys and did not. The prefix, which every key has, shows which it is.
func decodeKey(key, prefix string, encoded bool) (string, error) {
	if encoded {
		if plain, err := url.QueryUnescape(key); err == nil && strings.HasPrefix(plain, prefix) {
			return plain, nil
		}
	}
	if !strings.HasPrefix(key, prefix) {
		return "", fmt.Errorf("key %q in the answer is not under the prefix", key)
	}
	return key, nil
}
