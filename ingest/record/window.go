package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
)

// windowSize is how much of a stream is held at first, unless Scanner.Window says.
const windowSize = 1 << 20

// maxWindow is how much of a stream is held at the most, for a single value.
const maxWindow = 256 << 20

// errEnd is met where the bytes end inside a value.
var errEnd = errors.New("the document ends early")

// errSyntax is met where a byte has no place in JSON.
var errSyntax = errors.New("not JSON")

// errStop ends the walk because the consumer has had enough, errDone because
// nothing that is still to come can be a sign-in.
var (
	errStop = errors.New("stop")
	errDone = errors.New("done")
)

// readMore reads on, when the walk has come to the end of buf. What lies before
// keep is forgotten. False means that there is no more, or that what is kept
// has reached the limit; err tells which.
func (w *walk) readMore() bool {
	if w.src == nil || w.err != nil {
		return false
	}
	if w.keep > 0 {
		n := copy(w.buf, w.buf[w.keep:])
		w.buf, w.base = w.buf[:n], w.base+int64(w.keep)
		w.pos -= w.keep
		w.keep = 0
	}
	if len(w.buf) >= w.limit {
		w.err = &Error{Kind: TooLarge, Offset: w.base, Err: errors.New("a single value is larger than the limit")}
		return false
	}
	if cap(w.buf)-len(w.buf) < w.size/4+1 {
		grown := make([]byte, len(w.buf), max(2*cap(w.buf), w.size))
		copy(grown, w.buf)
		w.buf = grown
	}
	for {
		n, err := w.src.Read(w.buf[len(w.buf):cap(w.buf)])
		w.buf = w.buf[:len(w.buf)+n]
		if err != nil {
			w.endStream(err)
		}
		if n > 0 {
			return true
		}
		if err != nil {
			return false
		}
	}
}

// endStream remembers why the reader gave no more.
func (w *walk) endStream(err error) {
	var e *Error
	switch {
	case err == io.EOF:
		w.err = io.EOF
	case errors.As(err, &e):
		w.err = e
	default:
		w.err = &Error{Kind: BadReader, Offset: w.base + int64(len(w.buf)), Err: err}
	}
}

// atEnd is what space gives at the end: no byte has this value, NUL included.
const atEnd = -1

// skipSpace moves to the next byte that is not white space and returns it, or
// atEnd.
func (w *walk) skipSpace() int {
	for {
		for w.pos < len(w.buf) {
			switch c := w.buf[w.pos]; c {
			case ' ', '\t', '\r', '\n':
				w.pos++
			default:
				return int(c)
			}
		}
		if !w.readMore() {
			return atEnd
		}
	}
}

// skipValue moves behind the value that begins at pos. Only what is needed to find
// its end is checked: strings, escapes and depth.
func (w *walk) skipValue() error {
	switch w.skipSpace() {
	case atEnd:
		return errEnd
	case '{', '[':
		return w.skipNested()
	case '"':
		w.pos++
		return w.skipString()
	case ',', ':', '}', ']', 0:
		return errSyntax
	}
	return w.skipScalar()
}

// skipScalar moves behind a number, true, false or null.
func (w *walk) skipScalar() error {
	for {
		for w.pos < len(w.buf) {
			switch w.buf[w.pos] {
			case ',', '}', ']', ' ', '\t', '\r', '\n':
				return nil
			case '"', '{', '[', ':', 0:
				return errSyntax
			}
			w.pos++
		}
		if !w.readMore() {
			return nil
		}
	}
}

// skipString moves behind the closing quote; pos is behind the opening one.
func (w *walk) skipString() error {
	from := w.pos - w.keep // relative: more may move the buffer
	for {
		i := bytes.IndexByte(w.buf[w.pos:], '"')
		if i < 0 {
			w.pos = len(w.buf)
			if !w.readMore() {
				return errEnd
			}
			continue
		}
		end := w.pos + i
		w.pos = end + 1
		if !endsEscaped(w.buf[w.keep+from : end]) {
			return nil
		}
	}
}

// endsEscaped tells whether the byte behind b is escaped: an odd number of
// backslashes stands before it.
func endsEscaped(b []byte) bool {
	n := 0
	for n < len(b) && b[len(b)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// skipNested moves behind an object or array. It is the loop in which a file's
// bytes are spent, so it works on locals and leaves only at the end of the
// buffer.
func (w *walk) skipNested() error {
	depth := 0
	for {
		b, i := w.buf, w.pos
		for i < len(b) {
			c := b[i]
			i++
			if c == '"' {
				end := closingQuote(b, i)
				if end < 0 {
					w.pos = i
					if err := w.skipString(); err != nil {
						return err
					}
					b, i = w.buf, w.pos
					continue
				}
				i = end
				continue
			}
			// '[' and '{', ']' and '}' differ in one bit.
			switch c | 0x20 {
			case '{':
				depth++
			case '}':
				if depth--; depth == 0 {
					w.pos = i
					return nil
				}
			}
		}
		w.pos = i
		if !w.readMore() {
			return errEnd
		}
	}
}

// closingQuote finds the place behind the quote that ends the string in which i
// lies, eight bytes at a time; -1 if that is not within b, or too near its end
// to tell.
func closingQuote(b []byte, i int) int {
	const (
		ones   = 0x0101010101010101
		highs  = 0x8080808080808080
		quotes = '"' * ones
		slants = '\\' * ones
	)
	for i+8 <= len(b) {
		x := binary.LittleEndian.Uint64(b[i:])
		// A byte that is zero after the xor has its high bit set after the
		// rest; of the bits found, the lowest is always a true one.
		q, s := x^quotes, x^slants
		found := ((q-ones)&^q | (s-ones)&^s) & highs
		if found == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(found) / 8
		if b[i] == '"' {
			return i + 1
		}
		i += 2 // a backslash and what it escapes
	}
	return -1
}
