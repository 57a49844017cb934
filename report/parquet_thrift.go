package report

import "encoding/binary"

// The types of Thrift's compact protocol, in which the metadata of a Parquet
// file is written
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

// structLength gives how many bytes the struct at the start of b takes, and
// zero if there is none that is whole. No list or text in it then states a
// length that goes beyond b.
func structLength(b []byte) int {
	w := thriftWalk{b: b}
	if !w.fields(0) {
		return 0
	}
	return w.at
}

// thriftWalk goes over metadata without reading it. Its methods say whether
// what they went over was whole.
type thriftWalk struct {
	b  []byte
	at int
}

func (w *thriftWalk) skip(n uint64) bool {
	if n > uint64(len(w.b)-w.at) {
		return false
	}
	w.at += int(n)
	return true
}

func (w *thriftWalk) byte() (byte, bool) {
	if !w.skip(1) {
		return 0, false
	}
	return w.b[w.at-1], true
}

func (w *thriftWalk) number() (uint64, bool) {
	v, n := binary.Uvarint(w.b[w.at:])
	return v, n > 0 && w.skip(uint64(n))
}

// fields goes over the fields of a struct and the zero byte behind them.
func (w *thriftWalk) fields(depth int) bool {
	for depth < maxDepth {
		head, ok := w.byte()
		if !ok || head == 0 {
			return ok
		}
		if head>>4 == 0 { // the field's number is written out
			if _, ok := w.number(); !ok {
				return false
			}
		}
		if kind := head & 15; kind == thriftTrue || kind == thriftFalse {
			continue // the value is in the type
		}
		if !w.value(head&15, depth) {
			return false
		}
	}
	return false
}

func (w *thriftWalk) value(kind byte, depth int) bool {
	switch {
	case kind >= thriftTrue && kind <= thriftByte:
		return w.skip(1)
	case kind >= thriftInt16 && kind <= thriftInt64:
		_, ok := w.number()
		return ok
	case kind == thriftDouble:
		return w.skip(8)
	case kind == thriftBinary:
		n, ok := w.number()
		return ok && w.skip(n)
	case kind == thriftList || kind == thriftSet:
		return w.list(depth + 1)
	case kind == thriftStruct:
		return w.fields(depth + 1)
	}
	return false // maps are not in use
}

func (w *thriftWalk) list(depth int) bool {
	head, ok := w.byte()
	if !ok || depth >= maxDepth {
		return false
	}
	n := uint64(head >> 4)
	if n == 15 {
		if n, ok = w.number(); !ok {
			return false
		}
	}
	if n > uint64(len(w.b)-w.at) { // every element takes a byte at least
		return false
	}
	for range n {
		if !w.value(head&15, depth) {
			return false
		}
	}
	return true
}
