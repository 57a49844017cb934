package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
)

// windowSize is the number of bytes of a stream that are held at first, if
// Scanner.Window is zero.
const windowSize = 1 << 20

// maxWindow is the largest number of bytes of a stream that are held for one value.
const maxWindow = 256 << 20

// errEnd says that the bytes end inside a value.
var errEnd = errors.New("the document ends early")

// errSyntax says that a byte is not allowed in JSON at its place.
var errSyntax = errors.New("not JSON")

// errStop ends the walk because the consumer wants no more. errDone ends it
// because no sign-in can follow.
var (
	errStop = errors.New("stop")
	errDone = errors.New("done")
)

// readMore reads more bytes of the stream into buf, when the walk has come to the
// end of buf. It first drops the bytes before keep, and adjusts pos, keep and base.
// It returns false if no more bytes came. Then the document is in memory, or w.err
// says why: the stream has ended or failed, or the kept bytes have reached w.limit.
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

// endStream sets w.err to the reason why the reader has ended: io.EOF, an *Error as
// it is, or any other error as an *Error of kind BadReader.
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

// atEnd is what skipSpace returns at the end. It differs from every byte, NUL
// included.
const atEnd = -1

// skipSpace moves to the next byte that is not white space. It returns this byte
// without moving past it, or atEnd.
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

// skipValue skips white space and moves past the next JSON value. To find the end,
// it checks strings, escapes and depth, and nothing else. It returns errEnd if the
// bytes end inside the value, and errSyntax if no value can begin there.
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

// skipScalar moves past a number, true, false or null. It does not check which: it
// stops at the next comma, closing bracket or white space, or at the end. A quote,
// opening bracket, colon or NUL inside is errSyntax.
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

// skipString moves past the closing quote of a string. pos is after the opening
// quote. It returns errEnd if there is no closing quote.
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

// endsEscaped reports whether the byte after b is escaped: b ends in an odd number of
// backslashes.
func endsEscaped(b []byte) bool {
	n := 0
	for n < len(b) && b[len(b)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// skipNested moves past the object or array that begins at pos. It does not
// distinguish the two kinds of brackets. It returns errEnd if the bytes end inside.
// Most of the time of a scan is spent in this loop. So it works on local variables
// and leaves only at the end of buf.
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

// closingQuote returns the index after the closing quote of a JSON string. Index i
// is inside this string, and not after a backslash. It looks at eight bytes at a
// time. It returns -1 if the quote is not in b or is too near its end.
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
		i += 2 // a backslash and the escaped byte
	}
	return -1
}
