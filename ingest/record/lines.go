package record

import (
	"bytes"
	"errors"
)

// probedLines is the number of lines that are examined to tell a document of lines
// from a document that is one value.
const probedLines = 64

// isLines reports whether each line of the document is JSON by itself. A broken
// line then makes only itself unreadable. It looks at the first probedLines lines
// for one that begins with { and is complete JSON. One such line is enough. Two are
// needed if the first line may be the beginning of an indented document.
func (w *walk) isLines() bool {
	rest := w.buf[w.pos:]
	need := 1
	for i := range probedLines {
		line, after, more := bytes.Cut(rest, []byte{'\n'})
		if !more && (w.src != nil || i == 0) {
			return false
		}
		line = trimLine(line)
		if i == 0 && len(line) > 0 && line[0] == '{' && bytes.IndexByte([]byte("{[,:"), line[len(line)-1]) >= 0 {
			need = 2
		}
		if len(rest) > 0 && rest[0] == '{' && isWholeJSON(line) && (i > 0 || len(bytes.TrimSpace(after)) > 0) {
			if need--; need == 0 {
				return true
			}
		}
		rest = after
	}
	return false
}

// trimLine removes white space and byte order marks from both ends of a line.
func trimLine(line []byte) []byte { return bytes.Trim(line, " \t\r"+byteOrderMark) }

// isWholeJSON reports whether the trimmed line is one or more objects or arrays, each of
// them closed. Like skipValue, it does not check what is inside of them.
func isWholeJSON(line []byte) bool {
	w := walk{buf: line}
	for w.pos < len(line) {
		if c := w.nextStart(); c != '{' && c != '[' || w.skipValue() != nil {
			return false
		}
	}
	return len(line) > 0
}

// eachLine walks a document made of lines, from pos to the end. A line that cannot
// be read is reported, and the walk goes on. It returns errStop if the consumer
// wants no more.
func (w *walk) eachLine() error {
	for done := false; !done; {
		w.keep = w.pos
		i := bytes.IndexByte(w.buf[w.pos:], '\n')
		for i < 0 {
			w.pos = len(w.buf)
			if !w.readMore() {
				done = true
				break
			}
			i = bytes.IndexByte(w.buf[w.pos:], '\n')
		}
		end := w.pos + i
		if done {
			end = len(w.buf)
		}
		if err := w.walkLine(trimLine(w.buf[w.keep:end])); err != nil {
			return err
		}
		w.pos = min(end+1, len(w.buf))
	}
	return nil
}

// walkLine walks one line as a document of its own. A line that cannot be read is
// reported as BadLine. It returns errStop if the consumer wants no more.
func (w *walk) walkLine(line []byte) error {
	if len(line) == 0 {
		return nil
	}
	if !mayHoldSignIn(line) {
		if isWholeJSON(line) {
			return nil
		}
		return w.reportRecord(BadLine, errors.New("a line that is not JSON"))
	}
	one := walk{s: w.s, origin: w.origin, yield: w.yield, buf: line, base: w.base + int64(w.keep)}
	err := one.eachValue()
	if err == nil || err == errStop {
		return err
	}
	return w.reportRecord(BadLine, err)
}
