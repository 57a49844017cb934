// Package record turns the bytes of CloudTrail JSON, in any carrier shape,
// into sign-ins. In come bytes, inflated or gzip, out come events, and an
// error with its offset for whatever could not be read. It is pure: no file,
// no network, no clock, no goroutine. Its input is hostile by default, since
// API callers control parts of every record.
package record

import (
	"fmt"
	"io"
	"iter"

	"trailgate/ingest/signin"
)

// Kind classifies what could not be read.
type Kind uint8

// The kinds of Error. NoID to BadRecord are about one record, and reading
// goes on behind it; the rest end the document.
const (
	NoID       Kind = iota + 1 // a sign-in without eventID
	NoTime                     // a sign-in without a readable eventTime
	BadRecord                  // a sign-in that is not valid JSON
	BadLine                    // one line of many that is not JSON
	BadJSON                    // not JSON from Offset on
	NoCarrier                  // JSON or text that carries no CloudTrail records
	Empty                      // no bytes
	TooLarge                   // over the limit
	Truncated                  // gzip: the stream ends early
	Corrupt                    // gzip: bad format or checksum
	Trailing                   // gzip: bytes behind the last member
	BadReader                  // the reader failed
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

// Scanner finds sign-ins. The zero Scanner is ready. It remembers recurring
// strings, so one kept per worker saves memory; it is for one goroutine.
type Scanner struct{}

// Scan yields the sign-ins of an inflated document, in their order in it, and
// an *Error for each thing that could not be read. Events do not alias data.
// Origin is stored in every event.
func (s *Scanner) Scan(data []byte, origin string) iter.Seq2[signin.Event, error] { return nil }

// ScanReader is Scan over a reader, gzip or plain, in memory that does not
// grow with its length. limit bounds a single record or line; 0 means 1 GiB.
func (s *Scanner) ScanReader(r io.Reader, origin string, limit int64) iter.Seq2[signin.Event, error] {
	return nil
}

// Inflate appends the inflated form of packed to dst[:0], all gzip members,
// and returns it; bytes without the gzip magic are returned as they are. limit
// bounds the inflated size in bytes; 0 means 1 GiB. With an *Error, the bytes
// returned are those that a member's checksum vouches for.
func Inflate(dst, packed []byte, limit int64) ([]byte, error) { return nil, nil }
