package local

import (
	"context"
	"io"
)

// countingReader counts bytes, and ends when the context ends.
type countingReader struct {
	r   io.Reader
	ctx context.Context
	n   int64
}

// Read reads, unless the context has ended.
func (c *countingReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// readAll appends all of r to b, and uses the capacity that b has. With an error,
// the result has the bytes up to then.
func readAll(b []byte, r io.Reader) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}

// chunk is the result of one Read.
type chunk struct {
	b   []byte
	err error
}

// pumpedReader gives the bytes that another goroutine reads. It ends when the context
// ends, even while a Read blocks: an idle pipe must not keep the program running.
type pumpedReader struct {
	ctx   context.Context
	in    <-chan chunk
	spent chan<- []byte // buffers that have been used up
	buf   []byte
	rest  chunk
}

// startPump starts a goroutine that reads r, into two buffers in turn. It returns
// the reader that gives these bytes.
func startPump(ctx context.Context, r io.Reader) *pumpedReader {
	in, free := make(chan chunk), make(chan []byte, 2)
	free <- make([]byte, 1<<18)
	free <- make([]byte, 1<<18)
	go func() {
		for {
			var b []byte
			select {
			case b = <-free:
			case <-ctx.Done():
				return
			}
			n, err := r.Read(b)
			select {
			case in <- chunk{b[:n], err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return &pumpedReader{ctx: ctx, in: in, spent: free}
}

// Read gives the bytes in order, then the error of the reader. If the context ends
// while it waits, it returns the context's error.
func (p *pumpedReader) Read(b []byte) (int, error) {
	for len(p.rest.b) == 0 && p.rest.err == nil {
		if p.buf != nil {
			p.spent <- p.buf[:cap(p.buf)] // the channel has room for both buffers: this never blocks
			p.buf = nil
		}
		select {
		case p.rest = <-p.in:
			p.buf = p.rest.b
		case <-p.ctx.Done():
			return 0, p.ctx.Err()
		}
	}
	n := copy(b, p.rest.b)
	p.rest.b = p.rest.b[n:]
	if n == 0 {
		return 0, p.rest.err
	}
	return n, nil
}
