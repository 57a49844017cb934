package record

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
)

// maxRatio is the highest ratio at which deflate can compress: 258 bytes in two bits.
const maxRatio = 1032

// Inflate appends the inflated form of all gzip members of packed to dst[:0] and
// returns it. Bytes without the gzip magic are returned as they are, not
// copied. limit bounds the inflated size in bytes; 0 means DefaultLimit. With
// an *Error, the bytes returned are those of the members whose checksum was
// right.
func (s *Scanner) Inflate(dst, packed []byte, limit int64) ([]byte, error) {
	dst = dst[:0]
	if limit <= 0 {
		limit = DefaultLimit
	}
	switch {
	case len(packed) == 0:
		return dst, &Error{Kind: Empty, Err: errors.New("empty")}
	case !isGzip(packed):
		if int64(len(packed)) > limit {
			return dst, tooLarge(limit)
		}
		return packed, nil
	}
	if want := sizeHint(packed, limit); cap(dst) < want {
		dst = make([]byte, 0, want)
	}
	if out, ok := s.fast.tryInflate(dst, packed, limit); ok {
		return out, nil
	}
	m := gzipMembers{src: bytes.NewReader(packed), gzip: &s.gzip}
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		n, err := m.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case int64(len(dst)) > limit:
			return dst[:m.vouched], tooLarge(limit)
		case err == io.EOF:
			return dst, nil
		case err != nil:
			return dst[:m.vouched], err
		}
	}
}

// sizeHint returns how many bytes of room to make for inflating. The trailer of the
// last gzip member gives the size. The hint is 64 bytes more, so that the reader
// comes to the end without growing the room. The trailer may be forged, so its size
// is cut to limit and to what maxRatio allows. The hint is 0 if packed is too short
// to be gzip.
func sizeHint(packed []byte, limit int64) int {
	if len(packed) < 18 {
		return 0
	}
	said := int64(binary.LittleEndian.Uint32(packed[len(packed)-4:]))
	return int(min(said, limit, int64(len(packed))*maxRatio)) + 64
}

func isGzip(b []byte) bool { return len(b) >= 2 && b[0] == 0x1f && b[1] == 0x8b }

func tooLarge(limit int64) error {
	return &Error{Kind: TooLarge, Offset: limit, Err: errors.New("larger than the limit once inflated")}
}

// byteReader is the reader that the inflater needs in order not to read too far.
type byteReader interface {
	io.Reader
	io.ByteReader
}

// gzipMembers inflates gzip members one after the other. Its errors are *Error.
type gzipMembers struct {
	src     byteReader
	gzip    *gzip.Reader
	open    bool
	count   int   // members read to their end
	total   int64 // bytes given out
	vouched int64 // of these, bytes of members with a right checksum
}

// Read gives inflated bytes; at the end of the last member, io.EOF.
func (m *gzipMembers) Read(p []byte) (int, error) {
	for {
		if !m.open {
			err := m.gzip.Reset(m.src)
			if err == io.EOF && m.count > 0 {
				return 0, io.EOF
			}
			if err != nil {
				return 0, m.memberError(err)
			}
			m.gzip.Multistream(false)
			m.open = true
		}
		n, err := m.gzip.Read(p)
		m.total += int64(n)
		if err == io.EOF {
			m.open, m.vouched = false, m.total
			m.count++
			if n == 0 {
				continue
			}
			err = nil
		}
		if err != nil {
			return n, m.memberError(err)
		}
		return n, nil
	}
}

// memberError turns an error of the gzip reader into an *Error. Its Kind is
// Truncated, Corrupt or Trailing. It is BadReader for an error with a Timeout
// method, as those of files and of the network have. After a whole member, anything
// that is not another member is Trailing.
func (m *gzipMembers) memberError(err error) error {
	e := &Error{Kind: Corrupt, Offset: m.total, Err: err}
	var corrupt interface{ Timeout() bool }
	switch {
	case !m.open && m.count > 0 && (errors.Is(err, gzip.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF)):
		e.Kind, e.Err = Trailing, errors.New("unexpected bytes after the gzip stream")
	case errors.Is(err, io.ErrUnexpectedEOF), err == io.EOF:
		e.Kind, e.Err = Truncated, errors.New("the gzip stream ends early")
	case errors.Is(err, gzip.ErrHeader):
		e.Err = errors.New("not a gzip header")
	case errors.Is(err, gzip.ErrChecksum):
		e.Err = errors.New("the gzip checksum does not match")
	case errors.As(err, &corrupt):
		e.Kind = BadReader
	}
	return e
}

// openInflated gives the inflated bytes of a reader that is gzip or plain.
func (s *Scanner) openInflated(r io.Reader) io.Reader {
	br := bufio.NewReaderSize(r, 1<<16)
	head, err := br.Peek(2)
	if err == nil && isGzip(head) {
		return &gzipMembers{src: br, gzip: &s.gzip}
	}
	return br
}
