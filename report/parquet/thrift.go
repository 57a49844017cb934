package parquet

import "encoding/binary"

// The types of Thrift's compact protocol. The metadata of a Parquet file is
// written in this protocol
// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftInt16  = 4
	thriftInt64  = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftStruct = 12
)

// structLength returns how many bytes the struct at the start of b takes. It
// returns zero if the struct is not whole. After another result every length
// that the struct states is inside b, so the library can decode it safely.
func structLength(b []byte) int {
	w := thriftWalker{b: b}
	if !w.skipFields(0) {
		return 0
	}
	return w.at
}

// thriftWalker walks over metadata without decoding it. Each method skips one
// thing and reports whether it was whole.
type thriftWalker struct {
	b  []byte
	at int
}

func (w *thriftWalker) skipBytes(n uint64) bool {
	if n > uint64(len(w.b)-w.at) {
		return false
	}
	w.at += int(n)
	return true
}

func (w *thriftWalker) readByte() (byte, bool) {
	if !w.skipBytes(1) {
		return 0, false
	}
	return w.b[w.at-1], true
}

func (w *thriftWalker) readNumber() (uint64, bool) {
	v, n := binary.Uvarint(w.b[w.at:])
	return v, n > 0 && w.skipBytes(uint64(n))
}

// skipFields skips the fields of a struct and the zero byte after them.
func (w *thriftWalker) skipFields(depth int) bool {
	for depth < maxDepth {
		head, ok := w.readByte()
		if !ok || head == 0 {
			return ok
		}
		if head>>4 == 0 { // the number of the field follows
			if _, ok := w.readNumber(); !ok {
				return false
			}
		}
		if kind := head & 15; kind == thriftTrue || kind == thriftFalse {
			continue // the type already says the value
		}
		if !w.skipValue(head&15, depth) {
			return false
		}
	}
	return false
}

func (w *thriftWalker) skipValue(kind byte, depth int) bool {
	switch {
	case kind >= thriftTrue && kind <= thriftByte:
		return w.skipBytes(1)
	case kind >= thriftInt16 && kind <= thriftInt64:
		_, ok := w.readNumber()
		return ok
	case kind == thriftDouble:
		return w.skipBytes(8)
	case kind == thriftBinary:
		n, ok := w.readNumber()
		return ok && w.skipBytes(n)
	case kind == thriftList || kind == thriftSet:
		return w.skipList(depth + 1)
	case kind == thriftStruct:
		return w.skipFields(depth + 1)
	}
	return false // the metadata of Parquet has no maps
}

func (w *thriftWalker) skipList(depth int) bool {
	head, ok := w.readByte()
	if !ok || depth >= maxDepth {
		return false
	}
	n := uint64(head >> 4)
	if n == 15 {
		if n, ok = w.readNumber(); !ok {
			return false
		}
	}
	if n > uint64(len(w.b)-w.at) { // every element takes at least one byte
		return false
	}
	for range n {
		if !w.skipValue(head&15, depth) {
			return false
		}
	}
	return true
}
