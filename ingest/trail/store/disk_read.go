package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"trailgate/ingest"
	"trailgate/ingest/aws/bucket"
)

// Read reads a whole file that List yielded, in buf if that is large enough; see
// trail.Store. It does not check links: a key that List did not yield needs
// StrayReason first. The error is the context's, or a *ingest.SkipError.
func (d Disk) Read(ctx context.Context, key string, buf []byte, limit int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return buf, err
	}
	buf, err := d.readFile(key, buf[:0], limit)
	if err == nil {
		return buf, nil
	}
	skip := &ingest.SkipError{Cause: ingest.CauseTransport, Origin: d.Origin(key), Err: withoutPath(err)}
	var large *bucket.SizeError
	switch {
	case errors.Is(err, fs.ErrPermission):
		skip.Cause = ingest.CauseDenied
	case errors.Is(err, fs.ErrNotExist):
		skip.Cause = ingest.CauseVanished
	case errors.As(err, &large):
		skip.Cause = ingest.CauseTooLarge
	}
	return buf, skip
}

func (d Disk) readFile(key string, buf []byte, limit int64) ([]byte, error) {
	if !filepath.IsLocal(filepath.FromSlash(key)) {
		return buf, errors.New("a key that leads out of the folder")
	}
	f, err := os.Open(d.Origin(key))
	if err != nil {
		return buf, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return buf, err
	}
	if !info.Mode().IsRegular() {
		return buf, errors.New("not a file")
	}
	size := info.Size()
	if size > limit {
		return buf, &bucket.SizeError{Size: size, Limit: limit}
	}
	buf = slices.Grow(buf, int(size))[:size]
	n, err := io.ReadFull(f, buf)
	if err != nil && size > 0 {
		return buf[:n], fmt.Errorf("file shrank from %d to %d bytes while it was read: %w", size, n, err)
	}
	return buf, nil
}

// withoutPath removes the path from an error, because the origin of the skip names
// it. An error about permissions then begins with "access denied".
func withoutPath(err error) error {
	var path *fs.PathError
	cause := err
	if errors.As(err, &path) {
		cause = path.Err
	}
	if errors.Is(err, fs.ErrPermission) {
		return &permissionError{cause}
	}
	return cause
}

// permissionError is a refusal of the file system.
type permissionError struct{ err error }

func (e *permissionError) Error() string { return "access denied: " + e.err.Error() }

func (e *permissionError) Unwrap() error { return e.err }
