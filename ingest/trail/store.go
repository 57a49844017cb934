package trail

import (
	"context"
	"iter"
	"time"
)

// DefaultMaxInflated is the size cap of one object where none is given.
const DefaultMaxInflated = 1 << 30

// Store is a place that holds objects under keys with forward slashes: a
// bucket, or a folder with the same layout. It is safe for concurrent use.
type Store interface {
	// List yields what lies under a prefix. A *ingest.SkipError stands for
	// one folder that could not be listed, and the listing goes on if more
	// can be had; any other error, the context's included, is the last thing
	// it yields.
	List(ctx context.Context, r ListRequest) iter.Seq2[Entry, error]
	// Read gives an object whole, in buf if that is large enough: never a
	// part of it. An object of more than limit bytes, or one that cannot be
	// had, is a *ingest.SkipError; any other error is the context's. The
	// buffer comes back in either case.
	Read(ctx context.Context, key string, buf []byte, limit int64) ([]byte, error)
	// Origin names an object or a prefix as a user would type it.
	Origin(key string) string
}

// parallelStore is an ability of a Store: it knows how many listings and readings
// at once are best. Other stores get listWorkers and DefaultWorkers.
type parallelStore interface {
	parallelism() (lists, reads int)
}

// localStore is an ability of a Store: a relative path means another place when the
// command runs in another folder, so it has an absolute name too.
type localStore interface {
	absoluteName(key string) (string, error)
}

// guardedStore is an ability of a Store: it refuses keys that no listing gave and
// that lead out of it. The reason is empty if a key may be read.
type guardedStore interface {
	refusedKey(key string) string
}

// ListRequest says what to list.
type ListRequest struct {
	Prefix     string // keys that begin with it; empty: all
	StartAfter string // only keys behind this one, bytewise; ignored with Delimited
	Delimited  bool   // one level only: what has a further slash is given as a folder, once
}

// Entry is one thing that a listing found. Without Delimited, entries come in
// bytewise order of their keys, as S3 gives them.
type Entry struct {
	Key      string // whole key; a folder's ends in a slash
	Folder   bool
	Size     int64     // bytes; -1: not known before reading
	ETag     string    // without quotes; empty where the store has none
	Modified time.Time // zero where the listing does not tell
	Odd      string    // why it can be neither read nor listed, such as a link that leads elsewhere; empty: it can
}
