package bucket

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Request says what to list.
type Request struct {
	Prefix     string // keys that begin with it; empty: all keys
	StartAfter string // only keys after this one, bytewise; ignored with Delimited; some servers do not know it
	Delimited  bool   // one level only: keys with a further slash are one folder
}

// Entry is an object or a folder of a listing.
type Entry struct {
	Key      string    // whole; the key of a folder ends with a slash
	Folder   bool      // only with Request.Delimited
	Size     int64     // bytes; -1: the server does not say
	ETag     string    // without quotes
	Modified time.Time // zero: the server does not say
}

// KeyError is a key that a server listed outside the prefix of the request.
type KeyError struct {
	Key string
}

// Error shows the key.
func (e *KeyError) Error() string {
	return fmt.Sprintf("key %q in the answer is not under the prefix", e.Key)
}

// List yields what is under a prefix, in the order of the server. On each page the
// objects come before the folders. A *KeyError stands for one entry, and the listing
// goes on after it. Any other error is the last thing that List yields. A listing
// that is left early costs no request for a further page.
func (r *Reader) List(ctx context.Context, q Request) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		in := &s3.ListObjectsV2Input{Bucket: aws.String(r.Name), EncodingType: types.EncodingTypeUrl}
		if q.Prefix != "" {
			in.Prefix = aws.String(q.Prefix)
		}
		if q.Delimited {
			in.Delimiter = aws.String("/")
		} else if q.StartAfter != "" {
			in.StartAfter = aws.String(q.StartAfter)
		}
		for {
			page, err := r.listPage(ctx, in)
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if !yieldPage(page, q.Prefix, yield) || !aws.ToBool(page.IsTruncated) {
				return
			}
			next := aws.ToString(page.NextContinuationToken)
			if next == "" || next == aws.ToString(in.ContinuationToken) {
				yield(Entry{}, errors.New("the page says that there is more, but not where"))
				return
			}
			in.ContinuationToken = aws.String(next)
		}
	}
}

// listPage gets one page. It asks again for an answer that cannot be read to its
// end, or after an error of the clock.
func (r *Reader) listPage(ctx context.Context, in *s3.ListObjectsV2Input) (page *s3.ListObjectsV2Output, err error) {
	err = r.Retry.Do(ctx, func() error {
		page, err = r.Client.ListObjectsV2(ctx, in)
		return err
	})
	return page, err
}

// yieldPage yields the objects and then the folders of a page. A key outside the
// prefix is yielded as a *KeyError. It returns false if the caller wants no more.
func yieldPage(page *s3.ListObjectsV2Output, prefix string, yield func(Entry, error) bool) bool {
	encoded := page.EncodingType == types.EncodingTypeUrl
	for i := range page.Contents {
		o := &page.Contents[i]
		key, err := decodeKey(aws.ToString(o.Key), prefix, encoded)
		if err != nil {
			if !yield(Entry{}, err) {
				return false
			}
			continue
		}
		e := Entry{Key: key, Size: -1, ETag: strings.Trim(aws.ToString(o.ETag), `"`), Modified: aws.ToTime(o.LastModified)}
		if o.Size != nil {
			e.Size = *o.Size
		}
		if !yield(e, nil) {
			return false
		}
	}
	for _, p := range page.CommonPrefixes {
		key, err := decodeKey(aws.ToString(p.Prefix), prefix, encoded)
		if !yield(Entry{Key: key, Folder: true, Size: -1}, err) {
			return false
		}
	}
	return true
}

// decodeKey undoes the URL encoding of a key, if encoded is set. Some servers say
// that they encoded and did not. They are recognised because every key has the
// prefix. A key without the prefix is a *KeyError.
func decodeKey(key, prefix string, encoded bool) (string, error) {
	if encoded {
		if plain, err := url.QueryUnescape(key); err == nil && strings.HasPrefix(plain, prefix) {
			return plain, nil
		}
	}
	if !strings.HasPrefix(key, prefix) {
		return "", &KeyError{key}
	}
	return key, nil
}
