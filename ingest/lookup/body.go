package lookup

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
)

// longestAnswer is more than any answer takes, in bytes: a page has 50 events,
// and no event counts more than 256 KB.
const longestAnswer = 16 << 20

// ownBody sends requests with a body of their own. The SDK closes the one that
// it gave as soon as the answer begins; a connection that is not quite done
// with it is then torn down in the middle of the answer, and the request, which
// has been counted, was for nothing.
type ownBody struct{ next cloudtrail.HTTPClient }

// Do sends the request.
func (c ownBody) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return c.next.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer, err := c.next.Do(r)
	if err != nil {
		return nil, err
	}
	answer.Body = &boundedBody{ReadCloser: answer.Body, left: longestAnswer}
	return answer, nil
}

// boundedBody is the body of an answer, up to its bound: the SDK reads a body to
// its end, and holds it whole.
type boundedBody struct {
	io.ReadCloser
	left int64
}

// Read fails once the bound is passed.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, fmt.Errorf("the answer is longer than %d MiB", longestAnswer>>20)
	}
	return n, err
}
