package lake

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"
)

// reader reads a folder or a bucket prefix. A key is a relative path with
// forward slashes: valid UTF-8 without control characters and backslashes, and
// without parts that are empty or begin with a dot. Another key is an error.
// Methods may be called from several goroutines.
type reader interface {
	// List yields all keys that begin with prefix, at any depth, in bytewise
	// order, strictly behind after ("": from the start). A prefix may end
	// within a name. What bears a name that is no key (a console's folder
	// marker, a temporary) is left out. An error is the last thing yielded. A
	// folder that is absent holds nothing. A listing left early costs no more
	// than what it yielded: a page, or the folders on the way.
	List(ctx context.Context, prefix, after string) iter.Seq2[Item, error]

	// Get gives an object whole, with the tag of just these bytes. Where there
	// is none, errors.Is(err, fs.ErrNotExist). The bytes are the caller's.
	Get(ctx context.Context, key string) ([]byte, Tag, error)

	// Name is the key as a user would type it: s3://BUCKET/PREFIX/key or a
	// path. Of "" it is the name of the whole store.
	Name(key string) string
}

// writer writes to a folder or a bucket prefix. Methods may be called from
// several goroutines and processes.
type writer interface {
	// Put stores an object whole or not at all; readers never see a part, and
	// what it has reported as stored outlives a crash. If when does not hold,
	// errors.Is(err, ErrConflict). But where the object holds exactly these
	// bytes already, a condition that does not hold is success: an attempt
	// repeated after its answer was lost cannot be told from that. So who
	// races with others must write bytes that nobody else would.
	//
	// After any other error the object may be the old or the new one, whole.
	// Put does not keep or change data.
	Put(ctx context.Context, key string, data []byte, when When) (Tag, error)

	// Delete removes an object. That there is none is no error. Folders stay.
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
	Size int64 // bytes; -1: the server does not say
}

// Tag tells versions of an object apart: the ETag in a bucket, a hash of the
// content on disk. The same content may get the same tag again.
type Tag string

// When is the condition of a Put. The zero When is Absent: nothing is written
// without a condition.
type When struct {
	matches bool
	tag     Tag
}

// Absent holds if there is no object of that key.
func Absent() When { return When{} }

// Matches holds if the object is there and still has the tag. With an empty tag
// a Put is refused, since a server would take it for no condition.
func Matches(tag Tag) When { return When{matches: true, tag: tag} }

func (w When) check() error {
	if w.matches && (w.tag == "" || strings.ContainsAny(string(w.tag), "\r\n")) {
		return fmt.Errorf("tag %q: not the tag of an object", w.tag)
	}
	return nil
}

// ErrConflict is what Put gives, wrapped, when its condition did not hold.
var ErrConflict = errors.New("another has written it meanwhile")

// ErrOpen is what Put of a bucket gives, wrapped, when no answer came that could
// be believed: the write may have been done, or may yet be.
var ErrOpen = errors.New("whether it was written is not known")

// ErrUnconditional is what a Lock or a conditional Put gives, wrapped, where the
// server does not keep conditions.
var ErrUnconditional = errors.New("the server keeps no conditions")

// ErrLost is what Renew, Release and Commit give, wrapped, when another job has
// taken over: whoever gets it has to stop writing.
var ErrLost = errors.New("another run has taken over")

// checkKey holds a key to the form that Store tells.
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

// checkPrefix holds the whole parts of a listing's prefix to the form of keys,
// and gives the folder that they name, "" or with a slash at its end.
func checkPrefix(prefix string) (folder string, err error) {
	i := strings.LastIndexByte(prefix, '/')
	if i < 0 {
		return "", nil
	}
	return prefix[:i+1], checkKey(prefix[:i])
}
