package lookup

import (
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
)

// longestAnswer is the largest accepted answer, in bytes. A page has 50 events of at
// most 256 KB each, so every real answer is shorter.
const longestAnswer = 16 << 20

// ownBody sends each request with a copy of its body. The SDK closes its own body as
// soon as the answer begins. If the connection still uses the body then, it breaks in
// the middle of the answer, and the request has been counted for nothing.
type ownBody struct{ next cloudtrail.HTTPClient }

// Do sends the request with a copy of its body, and limits the answer to
// longestAnswer bytes. A request without a body is sent as it is, and its answer is
// not limited.
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

// boundedBody is the body of an answer with a limit. The SDK keeps a whole body in
// memory, so an endless answer would use all of it.
type boundedBody struct {
	io.ReadCloser
	left int64 // bytes up to the limit
}

// Read returns an error after the limit.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n, fmt.Errorf("the answer is longer than %d MiB", longestAnswer>>20)
	}
	return n, err
}
