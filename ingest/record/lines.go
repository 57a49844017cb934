package record

import (
	"bytes"
	"errors"
)

// probe is how many lines are looked at to tell lines from one document.
const probe = 64

// lines tells whether the document is made of lines that are JSON each, so
// that a broken one costs no more than itself. One whole line within the first
// few says so, unless the first line ends where only a document that is spread
// over lines for reading breaks off.
func (w *walk) lines() bool {
	rest := w.buf[w.pos:]
	for i := range probe {
		line, after, more := bytes.Cut(rest, []byte{'\n'})
		if !more && (w.src != nil || len(line) == len(w.buf)-w.pos) {
			return false
		}
		if i == 0 && bytes.ContainsAny(line[len(bytes.TrimRight(line, " \t\r"))-1:], "{[,:") {
			return false
		}
		if len(line) > 0 && line[0] == '{' && whole(line) && len(bytes.TrimSpace(after)) > 0 {
			return true
		}
		rest = after
	}
	return false
}

// whole tells whether the line is made of complete JSON values.
func whole(line []byte) bool {
	line = bytes.TrimRight(line, " \t\r")
	if len(line) < 2 || line[len(line)-1] != '}' {
		return false
	}
	w := walk{buf: line}
	for w.pos < len(line) {
		if w.value() != nil {
			return false
		}
	}
	return true
}

// eachLine walks a document made of lines.
func (w *walk) eachLine() error {
	for done := false; !done; {
		w.keep = w.pos
		i := bytes.IndexByte(w.buf[w.pos:], '\n')
		for i < 0 {
			w.pos = len(w.buf)
			if !w.more() {
				done = true
				break
			}
			i = bytes.IndexByte(w.buf[w.pos:], '\n')
		}
		end := w.pos + i
		if done {
			end = len(w.buf)
		}
		line := bytes.Trim(w.buf[w.keep:end], " \t\r")
		if err := w.line(line); err != nil {
			return err
		}
		w.pos = min(end+1, len(w.buf))
	}
	return nil
}

// line deals with one line: a document of its own.
func (w *walk) line(line []byte) error {
	if len(line) == 0 {
		return nil
	}
	first, last := line[0], line[len(line)-1]
	if first != '{' && first != '[' || last != '}' && last != ']' {
		return w.report(BadLine, errors.New("a line that is not JSON"))
	}
	if hint(line) == len(line) {
		return nil
	}
	one := walk{s: w.s, origin: w.origin, yield: w.yield, buf: line, base: w.base + int64(w.keep)}
	err := one.eachValue()
	if err == nil || err == errStop {
		return err
	}
	return w.report(BadLine, err)
}
