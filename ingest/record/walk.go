package record

import (
	"bytes"
	"errors"
	"io"

	"trailgate/ingest/signin"
)

// token is a text that every sign-in contains.
const token = "ConsoleLogin"

// byteOrderMark is the Unicode byte order mark in UTF-8.
const byteOrderMark = "\ufeff"

// walk goes through one document, which is a sequence of JSON values or of
// lines. For a document in memory, buf is all of it and src is nil. For a stream,
// buf is a window of it, and the current value begins at keep.
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
	err   error // why src has ended

	// For a document in memory, as seekToken last found them: the next places of the
	// token and of an escaped letter, with which the token could be spelt; len(buf) if
	// the document does not have a further one.
	token, letter int
}

// walkDocument walks the whole document and yields its sign-ins and errors.
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
		// The error of the stream explains more than the form of its beginning.
		err = w.err
	}
	if err != nil {
		w.yield(signin.Event{}, err)
	}
}

// fillWindow reads until the window is full or the stream has ended. If the whole
// stream fits into the window, it sets src to nil: the document is then in memory.
func (w *walk) fillWindow() {
	for more := true; more && len(w.buf) < w.size; {
		more = w.readMore()
	}
	if w.err == io.EOF {
		w.src = nil
	}
}

// nextStart moves to the next top-level value and returns its first byte, or atEnd.
// It skips byte order marks like white space, because files that were concatenated
// may each begin with one.
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

// reportRecord yields an error of this kind about one record or line, at the offset
// of keep. It returns nil, or errStop if the consumer wants no more.
func (w *walk) reportRecord(kind Kind, err error) error {
	if !w.yield(signin.Event{}, &Error{Kind: kind, Offset: w.base + int64(w.keep), Err: err}) {
		return errStop
	}
	return nil
}

// eachValue walks a document that is a sequence of JSON values, and yields the
// sign-ins in them. A whole log file in memory that cannot hold a sign-in is not
// walked. It returns nil at the end, errStop, or an *Error for the place from which
// on it cannot read.
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

// isWholeLogFile reports whether a document in memory is a whole log file, from its
// beginning and its end only. It begins with {"Records":[ without white space. Its
// last record begins with eventVersion and is complete, and the end of Records
// follows. An empty Records is whole too. The middle is not checked. Such a
// document need not be walked if it does not hold a sign-in.
func (w *walk) isWholeLogFile() bool {
	if !bytes.HasPrefix(w.buf, []byte(`{"Records":[`)) {
		return false
	}
	last := walk{buf: bytes.TrimRight(w.buf, " \t\r\n")}
	if string(last.buf) == `{"Records":[]}` {
		return true
	}
	// These bytes are never part of a string, because quotes are escaped there.
	last.pos = bytes.LastIndex(last.buf, []byte(`{"eventVersion":`))
	if last.pos < 1 || last.buf[last.pos-1] != ',' && last.buf[last.pos-1] != '[' {
		return false
	}
	return last.skipValue() == nil && string(last.buf[last.pos:]) == "]}"
}

// withOffset turns a syntax error into an *Error of kind BadJSON with the current
// offset. It returns errStop and any *Error as they are.
func (w *walk) withOffset(err error) error {
	var e *Error
	if err == errStop || errors.As(err, &e) {
		return err
	}
	return &Error{Kind: BadJSON, Offset: w.offset(), Err: err}
}

// walkObject walks a top-level object. A container of records is read element by
// element; any other object is a record or envelope as a whole. After an eventName
// the object is a record, and an array in it is not a container. An eventName after
// a container is ignored: log files begin with theirs, and the elements cannot be
// held back until the end of a stream.
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

// expectByte skips white space and moves past the byte c. Another byte is
// errSyntax, and the end is errEnd.
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

// walkArray walks the array that begins at pos, and yields the sign-ins among its
// elements. The parameter in says what the elements are.
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

// checkCandidate takes the value from keep to pos, and yields the sign-in in it, if
// it holds one. The parameter in says what the array around it holds. In memory it
// returns errDone when no other sign-in can follow.
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

// seekToken returns the next place, from pos on, of the text ConsoleLogin or of an
// escaped letter that may be part of it. It returns len(buf) if there is none. It
// remembers both places, so that the document is searched only once.
func (w *walk) seekToken() int {
	if w.token < w.pos {
		w.token = w.pos + tokenIn(w.buf[w.pos:])
	}
	if w.letter < w.pos {
		w.letter = w.pos + letterIn(w.buf[w.pos:])
	}
	return min(w.token, w.letter)
}

// mayHoldSignIn reports whether a value may be a sign-in or hold one: it has the
// text ConsoleLogin, or an escaped letter with which the text could be spelt.
func mayHoldSignIn(b []byte) bool { return tokenIn(b) < len(b) || letterIn(b) < len(b) }

// tokenIn is the index of the first ConsoleLogin in b, or len(b) without one.
func tokenIn(b []byte) int {
	if at := bytes.Index(b, []byte(token)); at >= 0 {
		return at
	}
	return len(b)
}

// letterIn is the index of the first escaped letter in b, from \u0040 to \u007f, or
// len(b) without one.
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

// mentionsToken reports whether a text that is not JSON has the text ConsoleLogin,
// in UTF-8 or in UTF-16, which some shells write.
func mentionsToken(b []byte) bool {
	wide := make([]byte, 0, 2*len(token))
	for _, c := range []byte(token) {
		wide = append(wide, c, 0)
	}
	return bytes.Contains(b, []byte(token)) || bytes.Contains(b, wide[:len(wide)-1])
}
