package trail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"trailgate/ingest"
)

// DefaultAttempts is how often S3 asks for an object whose body is cut, or
// whose request met a clock that was being set.
const DefaultAttempts = 4

// firstWait is the pause before the second attempt; each further one is twice
// as long.
const firstWait = 200 * time.Millisecond

// Client is the part of the S3 API that reading a bucket takes. *s3.Client is
// one. It retries what its own policy says; what that does not see, a body cut
// in the middle or a clock set under way, is retried here.
type Client interface {
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// S3 is a bucket. Its fields are not to be changed while it is in use.
type S3 struct {
	Client   Client                                     // required
	Bucket   string                                     // required
	Attempts int                                        // per request; zero: DefaultAttempts
	Wait     func(context.Context, time.Duration) error // between attempts, until the context ends; nil: by a timer
}

// Origin is the s3:// URL of the object, unescaped, as the AWS tools take it.
func (b *S3) Origin(key string) string { return "s3://" + b.Bucket + "/" + key }

// List pages through ListObjectsV2. A page that cannot be had is a
// *ingest.SkipError for the prefix and ends the listing.
func (b *S3) List(ctx context.Context, r ListRequest) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		in := &s3.ListObjectsV2Input{Bucket: aws.String(b.Bucket), EncodingType: types.EncodingTypeUrl}
		if r.Prefix != "" {
			in.Prefix = aws.String(r.Prefix)
		}
		if r.Delimited {
			in.Delimiter = aws.String("/")
		} else if r.StartAfter != "" {
			in.StartAfter = aws.String(r.StartAfter)
		}
		for {
			page, err := b.page(ctx, in)
			if err != nil {
				yield(Entry{}, b.listError(ctx, r.Prefix, err))
				return
			}
			if !yieldPage(page, r, func(e Entry, err error) bool {
				if err != nil {
					err = b.listError(ctx, r.Prefix, err)
				}
				return yield(e, err)
			}) {
				return
			}
			if !aws.ToBool(page.IsTruncated) {
				return
			}
			next := aws.ToString(page.NextContinuationToken)
			if next == "" || next == aws.ToString(in.ContinuationToken) {
				yield(Entry{}, b.listError(ctx, r.Prefix, errors.New("the page says that there is more, but not where")))
				return
			}
			in.ContinuationToken = aws.String(next)
		}
	}
}

// page gets one page. An answer that cannot be read to its end is asked for
// again.
func (b *S3) page(ctx context.Context, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	for attempt := 1; ; attempt++ {
		page, err := b.Client.ListObjectsV2(ctx, in)
		if err == nil || !passing(err) || attempt >= b.attempts() {
			return page, err
		}
		if err := b.pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

func yieldPage(page *s3.ListObjectsV2Output, r ListRequest, yield func(Entry, error) bool) bool {
	encoded := page.EncodingType == types.EncodingTypeUrl
	for _, o := range page.Contents {
		key, err := decodeKey(aws.ToString(o.Key), r.Prefix, encoded)
		if err != nil {
			if !yield(Entry{}, err) {
				return false
			}
			continue
		}
		e := Entry{
			Key: key, Size: -1,
			ETag:     strings.Trim(aws.ToString(o.ETag), `"`),
			Modified: aws.ToTime(o.LastModified),
		}
		if o.Size != nil {
			e.Size = *o.Size
		}
		if !yield(e, nil) {
			return false
		}
	}
	for _, p := range page.CommonPrefixes {
		key, err := decodeKey(aws.ToString(p.Prefix), r.Prefix, encoded)
		if !yield(Entry{Key: key, Folder: true, Size: -1}, err) {
			return false
		}
	}
	return true
}

// decodeKey undoes the encoding that was asked for. Some servers say that
// they encoded and did not; that every key has the prefix tells.
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

// Read gets an object whole. A body that ends before its Content-Length is
// asked for again, from its start.
func (b *S3) Read(ctx context.Context, key string, buf []byte, limit int64) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		var err error
		buf, err = b.get(ctx, key, buf[:0], limit)
		if err == nil {
			return buf, nil
		}
		if passing(err) && attempt < b.attempts() {
			if err := b.pause(ctx, attempt); err != nil {
				return buf, b.readError(ctx, key, err)
			}
			continue
		}
		return buf, b.readError(ctx, key, err)
	}
}

func (b *S3) get(ctx context.Context, key string, buf []byte, limit int64) ([]byte, error) {
	out, err := b.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(b.Bucket), Key: aws.String(key)})
	if err != nil {
		return buf, err
	}
	defer out.Body.Close()
	if out.ContentLength == nil || *out.ContentLength < 0 {
		return readUnsized(out.Body, buf, limit)
	}
	size := *out.ContentLength
	if size > limit {
		return buf, &sizeError{size: size, limit: limit}
	}
	buf = slices.Grow(buf, int(size)+1)[:size]
	if n, err := io.ReadFull(out.Body, buf); err != nil && size > 0 {
		return buf[:n], &cutError{got: int64(n), want: size, err: err}
	}
	// The end has to be seen as well: checksums are compared there, and the
	// connection can be used again only behind it.
	n, err := io.ReadFull(out.Body, buf[size:size+1])
	switch {
	case n > 0:
		return buf, &cutError{got: size + 1, want: size, err: errors.New("body is longer than its Content-Length")}
	case err != nil && !errors.Is(err, io.EOF):
		return buf, &cutError{got: size, want: size, err: err}
	}
	return buf, nil
}

// readUnsized reads a body whose length the server does not say.
func readUnsized(body io.Reader, buf []byte, limit int64) ([]byte, error) {
	for {
		buf = slices.Grow(buf, 32<<10)
		n, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > limit:
			return buf, &sizeError{size: int64(len(buf)), limit: limit}
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return buf, &cutError{got: int64(len(buf)), want: -1, err: err}
		}
	}
}

func (b *S3) attempts() int {
	if b.Attempts > 0 {
		return b.Attempts
	}
	return DefaultAttempts
}

// pause waits before the attempt after this one.
func (b *S3) pause(ctx context.Context, attempt int) error {
	d := firstWait << min(attempt-1, 6)
	if b.Wait != nil {
		return b.Wait(ctx, d)
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

// listError is what a listing yields for an error: the context's, or a skip.
func (b *S3) listError(ctx context.Context, prefix string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	_, cause := s3Cause(err, "s3:ListBucket")
	return &ingest.SkipError{Cause: ingest.CauseListing, Origin: b.Origin(prefix), Err: cause}
}

// readError is what reading gives for an error: the context's, or a skip.
func (b *S3) readError(ctx context.Context, key string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	cause, words := s3Cause(err, "s3:GetObject")
	return &ingest.SkipError{Cause: cause, Origin: b.Origin(key), Err: words}
}
