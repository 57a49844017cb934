package lake

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"
)

// reader reads a folder or a bucket prefix.
//
// A key is a relative path with forward slashes. It is valid UTF-8 without control
// characters and backslashes. No part of it is empty or begins with a dot. Another
// key is an error. Methods may be called from several goroutines.
type reader interface {
	// List yields all keys that begin with prefix, at any depth, in bytewise order.
	// It begins after the key "after", or at the start if that is empty. A prefix may
	// end within a name.
	//
	// List leaves out objects whose name is not a key, such as the folder markers of
	// the console and temporary files. A folder that does not exist has no keys. An
	// error is the last thing that it yields. A listing that is left early reads no
	// further.
	List(ctx context.Context, prefix, after string) iter.Seq2[Item, error]

	// Get returns an object and the tag of exactly these bytes. If the object does not
	// exist, errors.Is(err, fs.ErrNotExist). The caller owns the bytes.
	Get(ctx context.Context, key string) ([]byte, Tag, error)

	// Name returns the key as a user would type it: s3://BUCKET/PREFIX/key or a path.
	// For "" it returns the name of the whole store.
	Name(key string) string
}

// writer writes to a folder or a bucket prefix. Methods may be called from
// several goroutines and processes.
type writer interface {
	// Put stores an object completely or not at all, and readers never see a part of
	// it. After Put has returned without an error, the object survives a crash.
	//
	// If the condition does not hold, errors.Is(err, ErrConflict). There is one
	// exception: if the object already has exactly these bytes, Put succeeds. It may
	// be a second attempt after the answer to the first was lost, and Put cannot know.
	// So jobs that compete for an object must each write different bytes.
	//
	// After any other error the object is either the old or the new one. Put does not
	// keep or change data.
	Put(ctx context.Context, key string, data []byte, when Condition) (Tag, error)

	// Delete removes an object. It is not an error if the object does not exist.
	// Folders stay.
	Delete(ctx context.Context, key string) error
}

// Store is a folder (Disk) or a bucket prefix (S3).
type Store interface {
	reader
	writer
}

// Item is one object of a listing.
type Item struct {
	Key  string
	Size int64 // bytes; -1 if the server does not say
}

// Tag identifies a version of an object. In a bucket it is the ETag, on disk a hash of
// the content. The same content may have the same tag again.
type Tag string

// Condition is the condition of a Put. The zero Condition is Absent, so that nothing is
// written without a condition.
type Condition struct {
	matches bool
	tag     Tag
}

// Absent returns the condition that no object has the key.
func Absent() Condition { return Condition{} }

// Matches returns the condition that the object exists and still has the tag. Put
// refuses an empty tag, because a server would take it for no condition.
func Matches(tag Tag) Condition { return Condition{matches: true, tag: tag} }

func (w Condition) check() error {
	if w.matches && (w.tag == "" || strings.ContainsAny(string(w.tag), "\r\n")) {
		return fmt.Errorf("tag %q: not the tag of an object", w.tag)
	}
	return nil
}

// ErrConflict is the error of Put, wrapped, if its condition does not hold.
var ErrConflict = errors.New("another has written it meanwhile")

// ErrOutcomeUnknown is the error of Put for a bucket, wrapped, if no reliable answer
// came. The object may have been written, or may still be written later.
var ErrOutcomeUnknown = errors.New("it is not known whether it was written")

// ErrUnconditional is the error of Lock.Acquire and of Put, wrapped, if the server does
// not support conditions, ignores them, or refuses every write that has one.
var ErrUnconditional = errors.New("the server does not support conditional writes")

// ErrLost is the error of Lease.Renew, Lease.Release, Log.Commit and Log.Latest, wrapped,
// if another run has taken over. For Renew it also means that the lease has ended. A run
// that gets it must stop writing.
var ErrLost = errors.New("another run has taken over")

// checkKey returns an error if a key does not have the form that reader describes.
func checkKey(key string) error {
	if !utf8.ValidString(key) {
		return fmt.Errorf("key %q: not valid UTF-8", key)
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part[0] == '.' {
			return fmt.Errorf("key %q: has a part that is empty or begins with a dot", key)
		}
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
		return fmt.Errorf("key %q: has a control character or a backslash", key)
	}
	return nil
}

// checkPrefix checks the prefix of a listing. All its parts but the last must have the
// form of a key. It returns the folder that they name: "", or a path with a slash at
// its end.
func checkPrefix(prefix string) (folder string, err error) {
	i := strings.LastIndexByte(prefix, '/')
	if i < 0 {
		return "", nil
	}
	return prefix[:i+1], checkKey(prefix[:i])
}
