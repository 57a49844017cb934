// Package record turns the bytes of CloudTrail JSON, in any carrier, into
// sign-ins. A carrier is the document around a record, such as a log file or an
// EventBridge event. The input is bytes, plain or gzip. The output is events,
// and an error with its offset for every part that could not be read.
//
// The package is pure: it uses no file, network, clock or goroutine. It treats
// all input as hostile, because API callers control parts of every record.
//
// A sign-in is a record whose top level has eventSource signin.amazonaws.com
// and eventName ConsoleLogin. The package never guesses from separators where a
// record begins and ends. It walks the document and respects strings and
// escapes. So a look-alike in a request parameter or in a string is not taken
// for a sign-in.
package record

import (
	"fmt"
	"io"
	"iter"

	"github.com/klauspost/compress/gzip"

	"trailgate/ingest/signin"
)

// DefaultLimit is the limit in bytes that a limit of 0 stands for: 1 GiB.
const DefaultLimit = 1 << 30

// DefaultMaxRecord is the largest record that is decoded, in bytes: 8 MiB.
// CloudTrail's own limit is 256 KB, and 1 MB for some events of CloudTrail Lake
// (CloudTrail User Guide, "CloudTrail log file examples").
const DefaultMaxRecord = 8 << 20

// Kind classifies an Error.
type Kind uint8

// The kinds of Error. NoID to BadLine are about one record or line, and reading
// goes on after it. The others end the document.
const (
	NoID      Kind = iota + 1 // a sign-in without eventID
	NoTime                    // a sign-in without a readable eventTime
	BadRecord                 // a record with the text ConsoleLogin that cannot be read
	BadLine                   // one line of many that is neither a record nor a carrier
	BadJSON                   // not JSON from Offset on
	NoCarrier                 // text that mentions sign-ins, but has no known form
	Other                     // neither JSON nor gzip, and it does not mention sign-ins
	Empty                     // no bytes
	TooLarge                  // over the limit
	Truncated                 // gzip: the stream ends early
	Corrupt                   // gzip: bad format or checksum
	Trailing                  // gzip: bytes after the last member
	BadReader                 // the reader failed
)

// Error stands for one part that could not be read.
type Error struct {
	Kind   Kind
	Offset int64 // byte of the inflated document at which it begins
	Err    error // what happened
}

// Error says what happened and where.
func (e *Error) Error() string { return fmt.Sprintf("%v at byte %d", e.Err, e.Offset) }

// Unwrap gives the underlying error.
func (e *Error) Unwrap() error { return e.Err }

// Single reports whether the error is about one record or line. If so, reading goes
// on after it. A later error may still end the document.
func (e *Error) Single() bool { return e.Kind <= BadLine }

// Scanner finds sign-ins. The zero Scanner is ready. It is for one goroutine. It
// remembers recurring strings, buffers and the state of the inflater, so reuse
// saves memory and time.
type Scanner struct {
	Window    int // bytes that ScanReader holds at first; 0 means 1 MiB
	MaxRecord int // bytes of JSON of one record; 0 means DefaultMaxRecord

	strings map[string]string
	scratch []byte // an unquoted string, valid until the next one
	inner   []byte // an unquoted nested document
	window  []byte // the read buffer of ScanReader
	scanned int64
	gzip    gzip.Reader
	fast    fastInflater
}

// Scan yields the sign-ins of an inflated document in the document's order, and
// an *Error for each part that could not be read. Events do not alias data.
// Origin is stored in every event. An error of kind NoID or NoTime comes with
// the readable fields of its event. Any other error comes with the zero Event.
//
// For speed, a log file without the text ConsoleLogin is checked at its two
// ends only. A log file with the text is walked up to the last record that has
// it. Damage elsewhere is therefore not found, unless it cuts off the end.
// Other documents are walked to their end.
func (s *Scanner) Scan(data []byte, origin string) iter.Seq2[signin.Event, error] {
	return func(yield func(signin.Event, error) bool) {
		w := &walk{s: s, origin: origin, yield: yield, buf: data, limit: len(data)}
		w.walkDocument()
	}
}

// ScanReader is Scan for a reader, gzip or plain. Its memory does not grow with
// the length of the input: it holds a window of a few MiB, and more only while
// a single value or line needs it. The window does not grow any more once it has
// limit bytes. A value that needs more ends the reading with an *Error of kind
// TooLarge. A limit of 0 or above 256 MiB means 256 MiB, and a limit below twice
// the Window means twice the Window. Sign-ins before a damaged place are yielded.
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
			s.window = w.buf[:0] // a window that grew for a huge record is dropped
		}
	}
}

func (s *Scanner) maxRecord() int {
	if s.MaxRecord > 0 {
		return s.MaxRecord
	}
	return DefaultMaxRecord
}

// Scanned is the number of inflated bytes that the last ScanReader has read. It is
// set when the iteration of ScanReader ends.
func (s *Scanner) Scanned() int64 { return s.scanned }
