package trail

import (
	"context"
	"iter"
	"time"
)

// DefaultMaxInflated is the size cap of one object, in bytes, if none is given.
const DefaultMaxInflated = 1 << 30

// Store holds objects under keys with forward slashes. It is a bucket, or a
// folder with the same layout. It is safe for concurrent use.
type Store interface {
	// List yields the entries under a prefix. A *ingest.SkipError stands for
	// one folder that could not be listed, and the listing goes on with the
	// others. Any other error, the context's included, is the last thing
	// it yields.
	List(ctx context.Context, r ListRequest) iter.Seq2[Entry, error]
	// Read gives a whole object, in buf if that is large enough. It never
	// gives a part of one. The error is a *ingest.SkipError if the object has
	// more than limit bytes or cannot be read; any other error is the
	// context's. The buffer is returned in either case.
	Read(ctx context.Context, key string, buf []byte, limit int64) ([]byte, error)
	// Origin names an object or a prefix as a user would type it.
	Origin(key string) string
}

// ListRequest says which keys to list.
type ListRequest struct {
	Prefix     string // the keys begin with it; empty: all
	StartAfter string // only keys after this one, in byte order; ignored with Delimited
	Delimited  bool   // one level only: keys with a further slash are given as one folder
}

// Entry is an object or a folder that a listing found. Without Delimited,
// entries come in the byte order of their keys, as S3 gives them.
type Entry struct {
	Key      string // whole key; a folder's ends in a slash
	Folder   bool
	Size     int64     // bytes; -1: not known before reading
	ETag     string    // without quotes; empty if the store has none
	Modified time.Time // zero if the listing does not tell
	Odd      string    // why the entry can be neither read nor listed, such as a link out of the folder; empty: it can
}

// fileStore is a Store whose objects are files on this machine. Reading them
// takes processor time rather than waiting time.
type fileStore interface {
	// StrayReason says why a key must not be read although no listing gave it:
	// a link may lead out of the folder. It is empty if the key may be read.
	StrayReason(key string) string
}
