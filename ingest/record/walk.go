package record

import (
	"bytes"
	"errors"
	"io"

	"trailgate/ingest/signin"
)

// token is the text that no sign-in is without.
const token = "ConsoleLogin"

// byteOrderMark is the byte order mark in UTF-8.
const byteOrderMark = "\ufeff"

// walk goes through one document: a sequence of JSON values, or of lines that
// hold some. In memory buf is the whole document and src is nil; over a stream
// buf is a window on it, and the value at hand begins at keep.
type walk struct {
	s      *Scanner
	origin string
	yield  func(signin.Event, error) bool

	buf   []byte
	pos   int   // the next byte
	keep  int   // the first byte that is still needed
	base  int64 // document offset of buf[0]
	limit int   // most bytes to keep
	size  int   // bytes to read at a time, about
	src   io.Reader
	err   error // why src gives no more

	// In memory: the next places, at or after pos, of the token and of an
	// escaped letter, with which it could be spelt; len(buf) where there is none.
	token, letter int
}

// walkDocument walks the whole document and yields what it finds.
func (w *walk) walkDocument() {
	if w.src != nil {
		w.fillWindow()
	}
	var err error
	switch first := w.nextStart(); {
	case first == atEnd:
		err = &Error{Kind: Empty, Err: errors.New("empty")}
	case first != '[' && w.isLines():
		err = w.eachLine()
	case first != '{' && first != '[':
		err = &Error{Kind: Other, Offset: w.offset(), Err: errors.New("neither JSON nor gzip")}
		if mentionsToken(w.buf) {
			err = &Error{Kind: NoCarrier, Offset: w.offset(), Err: errors.New("text with " + token + " that is neither JSON nor gzip")}
		}
	default:
		err = w.eachValue()
	}
	if err == errStop {
		return
	}
	if w.err != nil && w.err != io.EOF {
		// What the bytes in hand look like matters less than why they end.
		err = w.err
	}
	if err != nil {
		w.yield(signin.Event{}, err)
	}
}

// fillWindow reads until the window is full or the stream has ended. A stream that
// fits is a document in memory from then on.
func (w *walk) fillWindow() {
	for more := true; more && len(w.buf) < w.size; {
		more = w.readMore()
	}
	if w.err == io.EOF {
		w.src = nil
	}
}

// nextStart moves to the next top-level value and returns its first byte, or
// atEnd. A byte order mark counts for as little there as white space does: in
// files that were put end to end, each may begin with one.
func (w *walk) nextStart() int {
	for {
		w.keep = w.pos
		c := w.skipSpace()
		w.keep = w.pos
		if c != int(byteOrderMark[0]) {
			return c
		}
		for len(w.buf)-w.pos < len(byteOrderMark) && w.readMore() {
			continue
		}
		if !bytes.HasPrefix(w.buf[w.pos:], []byte(byteOrderMark)) {
			return c
		}
		w.pos += len(byteOrderMark)
	}
}

func (w *walk) offset() int64 { return w.base + int64(w.pos) }

// reportRecord yields an error about one record or line.
func (w *walk) reportRecord(kind Kind, err error) error {
	if !w.yield(signin.Event{}, &Error{Kind: kind, Offset: w.base + int64(w.keep), Err: err}) {
		return errStop
	}
	return nil
}

// eachValue walks a document made of values, one behind the other.
func (w *walk) eachValue() error {
	if w.src == nil {
		w.token, w.letter = -1, -1
		if w.seekToken() == len(w.buf) && w.isWholeLogFile() {
			return nil
		}
	}
	for {
		var err error
		switch w.nextStart() {
		case atEnd:
			return nil
		case '{':
			err = w.walkObject()
		case '[':
			err = w.walkArray(top)
		default:
			err = errSyntax
		}
		if err == errDone {
			return nil
		}
		if err != nil {
			return w.withOffset(err)
		}
	}
}

// isWholeLogFile tells, by its two ends, whether a document in memory is a whole log
// file, so that what holds no sign-in need not be walked: it begins as one,
// and its last record is whole and is followed by the end of Records. Any
// other document is walked to its end.
func (w *walk) isWholeLogFile() bool {
	if !bytes.HasPrefix(w.buf, []byte(`{"Records":[`)) {
		return false
	}
	last := walk{buf: bytes.TrimRight(w.buf, " \t\r\n")}
	if string(last.buf) == `{"Records":[]}` {
		return true
	}
	// No string holds these bytes: in one, the quotes would be escaped.
	last.pos = bytes.LastIndex(last.buf, []byte(`{"eventVersion":`))
	if last.pos < 1 || last.buf[last.pos-1] != ',' && last.buf[last.pos-1] != '[' {
		return false
	}
	return last.skipValue() == nil && string(last.buf[last.pos:]) == "]}"
}

// withOffset turns a syntax error into one with a place.
func (w *walk) withOffset(err error) error {
	var e *Error
	if err == errStop || errors.As(err, &e) {
		return err
	}
	return &Error{Kind: BadJSON, Offset: w.offset(), Err: err}
}

// walkObject walks a top-level object: a container of records whose elements are
// dealt with one by one, or else a record or envelope as a whole. What has said
// its eventName is a record, and an array in it is no container. An eventName
// behind a container comes too late: log files begin with theirs, and its
// elements cannot be held back until the end of a stream.
func (w *walk) walkObject() error {
	w.pos++
	container, named := false, false
	for {
		switch w.skipSpace() {
		case '}':
			w.pos++
			if container {
				return nil
			}
			return w.checkCandidate(top)
		case '"':
		case atEnd:
			return errEnd
		default:
			return errSyntax
		}
		at := w.pos - w.keep
		w.pos++
		if err := w.skipString(); err != nil {
			return err
		}
		key := keyText(w.buf[w.keep+at : w.pos])
		named = named || string(key) == "eventName"
		in := top
		if !named {
			in = containerOf(key)
		}
		if err := w.expectByte(':'); err != nil {
			return err
		}
		var err error
		if w.skipSpace() == '[' && in != top {
			container = true
			err = w.walkArray(in)
		} else {
			err = w.skipValue()
		}
		if err != nil {
			return err
		}
		if container {
			w.keep = w.pos
		}
		if w.skipSpace() == ',' {
			w.pos++
		}
	}
}

// expectByte moves behind the byte c.
func (w *walk) expectByte(c byte) error {
	switch w.skipSpace() {
	case int(c):
		w.pos++
		return nil
	case atEnd:
		return errEnd
	}
	return errSyntax
}

// walkArray walks an array and deals with its elements one by one.
func (w *walk) walkArray(in arrayShape) error {
	w.pos++
	for {
		switch w.skipSpace() {
		case atEnd:
			return errEnd
		case ']':
			w.pos++
			return nil
		}
		w.keep = w.pos
		if err := w.skipValue(); err != nil {
			return err
		}
		if err := w.checkCandidate(in); err != nil {
			return err
		}
		w.keep = w.pos
		if w.skipSpace() == ',' {
			w.pos++
		}
	}
}

// checkCandidate deals with the value from keep to pos, if it may be a sign-in. In
// memory, it ends the walk when no further one can come.
func (w *walk) checkCandidate(in arrayShape) error {
	raw := w.buf[w.keep:w.pos]
	if w.src != nil {
		if !mayHoldSignIn(raw) {
			return nil
		}
		return w.emitCandidate(raw, in)
	}
	if min(w.token, w.letter) >= w.pos {
		return nil
	}
	if err := w.emitCandidate(raw, in); err != nil {
		return err
	}
	if w.seekToken() == len(w.buf) && w.isWholeLogFile() {
		return errDone
	}
	return nil
}

// seekToken finds the next place from pos on that makes a value a candidate. What
// was found ahead is kept, so that a document is searched once, however many
// candidates it has.
func (w *walk) seekToken() int {
	if w.token < w.pos {
		w.token = w.pos + tokenIn(w.buf[w.pos:])
	}
	if w.letter < w.pos {
		w.letter = w.pos + letterIn(w.buf[w.pos:])
	}
	return min(w.token, w.letter)
}

// mayHoldSignIn tells whether a value may be a sign-in or hold one.
func mayHoldSignIn(b []byte) bool { return tokenIn(b) < len(b) || letterIn(b) < len(b) }

// tokenIn is the first place of the token, len(b) where there is none.
func tokenIn(b []byte) int {
	if at := bytes.Index(b, []byte(token)); at >= 0 {
		return at
	}
	return len(b)
}

// letterIn is the first place of an escaped letter, len(b) where there is none.
func letterIn(b []byte) int {
	for from := 0; ; {
		i := bytes.Index(b[from:], []byte(`\u00`))
		if i < 0 {
			return len(b)
		}
		from += i + 4
		if from < len(b) && b[from] >= '4' && b[from] <= '7' {
			return from - 4
		}
	}
}

// mentionsToken tells whether a text that is no JSON speaks of sign-ins, be it in
// UTF-16, as some shells write it.
func mentionsToken(b []byte) bool {
	wide := make([]byte, 0, 2*len(token))
	for _, c := range []byte(token) {
		wide = append(wide, c, 0)
	}
	return bytes.Contains(b, []byte(token)) || bytes.Contains(b, wide[:len(wide)-1])
}
