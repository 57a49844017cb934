// Package record turns the bytes of CloudTrail JSON, in any carrier shape,
// into sign-ins. In come bytes, inflated or gzip, out come events, and an
// error with its offset for whatever could not be read. It is pure: no file,
// no network, no clock, no goroutine. Its input is hostile by default, since
// API callers control parts of every record.
//
// A sign-in is a record whose top level has eventSource signin.amazonaws.com
// and eventName ConsoleLogin. Where a record begins and ends is never guessed
// from separators: the document is walked, strings and escapes respected, so
// a look-alike nested in a request parameter or quoted in a string stays what
// it is.
package record

import (
	"fmt"
	"io"
	"iter"

	"github.com/klauspost/compress/gzip"

	"trailgate/ingest/signin"
)

// DefaultLimit is the limit that a limit of 0 stands for: 1 GiB.
const DefaultLimit = 1 << 30

// DefaultMaxRecord is the largest record that is decoded: 8 MiB. CloudTrail's
// own limit is 256 KB, and 1 MB for some events of CloudTrail Lake (CloudTrail
// User Guide, "CloudTrail log file examples").
const DefaultMaxRecord = 8 << 20

// Kind classifies what could not be read.
type Kind uint8

// The kinds of Error. NoID to BadLine are about one record or line, and
// reading goes on behind it; the rest end the document.
const (
	NoID      Kind = iota + 1 // a sign-in without eventID
	NoTime                    // a sign-in without a readable eventTime
	BadRecord                 // a record with the text ConsoleLogin whose structure is broken
	BadLine                   // one line of many that is no record and no carrier of any
	BadJSON                   // not JSON from Offset on
	NoCarrier                 // text that mentions sign-ins, in no form that is known
	Other                     // neither JSON nor gzip, and no word of sign-ins
	Empty                     // no bytes
	TooLarge                  // over the limit
	Truncated                 // gzip: the stream ends early
	Corrupt                   // gzip: bad format or checksum
	Trailing                  // gzip: bytes behind the last member
	BadReader                 // the reader failed
)

// Error is one thing that could not be read.
type Error struct {
	Kind   Kind
	Offset int64 // byte of the inflated document where it stands
	Err    error // what happened
}

// Error says what happened and where.
func (e *Error) Error() string { return fmt.Sprintf("%v at byte %d", e.Err, e.Offset) }

// Unwrap gives the underlying error.
func (e *Error) Unwrap() error { return e.Err }

// Single tells whether the error is about one record or line, so that the
// rest of the document was still read.
func (e *Error) Single() bool { return e.Kind <= BadLine }

// Scanner finds sign-ins. The zero Scanner is ready. It keeps recurring
// strings and the state of the inflater, so one kept per worker saves memory
// and time; it is for one goroutine.
type Scanner struct {
	Window    int // bytes that ScanReader holds at first; 0 means 1 MiB
	MaxRecord int // bytes of JSON of one record; 0 means DefaultMaxRecord

	strings map[string]string
	scratch []byte // an unquoted string, until it is copied
	inner   []byte // an unquoted nested document
	window  []byte // the read buffer of ScanReader
	scanned int64
	gzip    gzip.Reader
	fast    fastInflater
}

// Scan yields the sign-ins of an inflated document, in their order in it, and
// an *Error for each thing that could not be read. Events do not alias data.
// Origin is stored in every event. With an error of kind NoID or NoTime comes
// what could be read of the event; with the others, the zero Event.
//
// A log file that does not hold the text ConsoleLogin is only looked at from
// its two ends, and one that does is walked no further than the last record
// with the text, so damage elsewhere goes unseen unless it cuts the end off.
// Documents of other shapes are walked to their end.
func (s *Scanner) Scan(data []byte, origin string) iter.Seq2[signin.Event, error] {
	return func(yield func(signin.Event, error) bool) {
		w := &walk{s: s, origin: origin, yield: yield, buf: data, limit: len(data)}
		w.walkDocument()
	}
}

// ScanReader is Scan over a reader, gzip or plain, in memory that does not
// grow with its length: a window of a few MiB, more only while a single value
// or line needs it, up to limit bytes; 0, and more than that, mean 256 MiB.
// Sign-ins are yielded as they come, so those before a damaged place are kept.
func (s *Scanner) ScanReader(r io.Reader, origin string, limit int64) iter.Seq2[signin.Event, error] {
	return func(yield func(signin.Event, error) bool) {
		if limit <= 0 || limit > maxWindow {
			limit = maxWindow
		}
		size := s.Window
		if size <= 0 {
			size = windowSize
		}
		if s.window == nil {
			s.window = make([]byte, 0, size)
		}
		w := &walk{s: s, origin: origin, yield: yield, buf: s.window[:0], limit: max(int(limit), 2*size), size: size}
		w.src = s.openInflated(r)
		w.walkDocument()
		s.scanned = w.base + int64(len(w.buf))
		if cap(w.buf) <= 4*size {
			s.window = w.buf[:0] // one that had to grow for a huge record is let go
		}
	}
}

func (s *Scanner) maxRecord() int {
	if s.MaxRecord > 0 {
		return s.MaxRecord
	}
	return DefaultMaxRecord
}

// Scanned is how many inflated bytes the last ScanReader has read.
func (s *Scanner) Scanned() int64 { return s.scanned }
