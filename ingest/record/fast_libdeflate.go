//go:build libdeflate

package record

/*
#cgo pkg-config: libdeflate
#include <libdeflate.h>
*/
import "C"

import (
	"runtime"
	"unsafe"
)

// Inflater names the inflater that was built in.
const Inflater = "libdeflate"

// fastInflater is a libdeflate decompressor. It is made at its first use.
type fastInflater struct {
	d *C.struct_libdeflate_decompressor
}

// tryInflate appends all gzip members of packed to dst[:0]. It never grows dst. It
// reports false if a member is damaged, or if the output does not fit into the
// capacity of dst or into limit. The caller then uses the other inflater, which
// finds the error.
func (f *fastInflater) tryInflate(dst, packed []byte, limit int64) ([]byte, bool) {
	if f.d == nil {
		if f.d = C.libdeflate_alloc_decompressor(); f.d == nil {
			return nil, false
		}
		runtime.AddCleanup(f, func(d *C.struct_libdeflate_decompressor) { C.libdeflate_free_decompressor(d) }, f.d)
	}
	dst = dst[:0]
	for len(packed) > 0 {
		room := dst[len(dst):cap(dst)]
		if len(room) == 0 {
			return nil, false
		}
		var in, out C.size_t
		result := C.libdeflate_gzip_decompress_ex(f.d, unsafe.Pointer(unsafe.SliceData(packed)), C.size_t(len(packed)),
			unsafe.Pointer(unsafe.SliceData(room)), C.size_t(len(room)), &in, &out)
		if result != C.LIBDEFLATE_SUCCESS || int64(len(dst))+int64(out) > limit {
			return nil, false
		}
		dst, packed = dst[:len(dst)+int(out)], packed[in:]
	}
	return dst, true
}
