package trail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"trailgate/ingest"
)

// Disk is a folder that holds a copy of a trail bucket: the key of a file is
// its path below Root. Links are followed to files inside Root only, so that
// nothing is read twice or from elsewhere. The zero Disk is the current
// folder.
type Disk struct {
	Root string
}

// SplitDisk takes a path into a copy of a trail apart: the Root that a Disk
// needs, and the prefix below it. The root ends before the last folder named
// AWSLogs, with which the prefix begins; a path without one is all root.
func SplitDisk(path string) (root, prefix string) {
	part := strings.Split(filepath.ToSlash(filepath.Clean(path)), "/")
	for i := len(part) - 1; i >= 0; i-- {
		if part[i] != logsFolder {
			continue
		}
		root = strings.Join(part[:i], "/")
		switch {
		case i == 0:
			root = "."
		case root == "":
			root = "/"
		}
		return filepath.FromSlash(root), strings.Join(part[i:], "/")
	}
	return path, ""
}

// Origin is the path of the file.
func (d Disk) Origin(key string) string { return filepath.Join(d.root(), filepath.FromSlash(key)) }

func (d Disk) root() string {
	if d.Root == "" {
		return "."
	}
	return d.Root
}

// List walks the folder. A folder that cannot be read is a *ingest.SkipError.
// Sizes are not known: asking for them would cost as much as opening.
func (d Disk) List(ctx context.Context, r ListRequest) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		dir, partial := cutLast(r.Prefix)
		w := diskWalk{disk: d, ctx: ctx, req: r, yield: yield}
		w.folder(dir, partial)
	}
}

// diskWalk is one running List.
type diskWalk struct {
	disk  Disk
	ctx   context.Context
	req   ListRequest
	yield func(Entry, error) bool
}

// folder yields what lies in a folder, in key order, and tells whether to go
// on. partial is what names must begin with.
func (w *diskWalk) folder(dir, partial string) bool {
	if err := w.ctx.Err(); err != nil {
		w.yield(Entry{}, err)
		return false
	}
	list, err := os.ReadDir(w.disk.Origin(dir))
	if err != nil {
		skip := &ingest.SkipError{Cause: ingest.CauseListing, Origin: w.disk.Origin(dir), Err: diskCause(err)}
		return w.yield(Entry{}, skip)
	}
	sortAsKeys(list)
	for _, e := range list {
		if name := e.Name(); strings.HasPrefix(name, partial) && !w.entry(dir+name, e) {
			return false
		}
	}
	return true
}

func (w *diskWalk) entry(key string, e fs.DirEntry) bool {
	if e.IsDir() {
		key += "/"
		switch {
		case w.req.Delimited:
			return w.yield(Entry{Key: key, Folder: true, Size: -1}, nil)
		case key < w.req.StartAfter && !strings.HasPrefix(w.req.StartAfter, key):
			return true
		}
		return w.folder(key, "")
	}
	if !w.req.Delimited && key <= w.req.StartAfter {
		return true
	}
	return w.yield(Entry{Key: key, Size: -1, Odd: w.disk.odd(key, e.Type())}, nil)
}

// sortAsKeys puts names in the order of the keys they become: a folder sorts
// with its slash. Names come sorted, so that only folders can be out of place.
func sortAsKeys(list []fs.DirEntry) {
	if !slices.ContainsFunc(list, fs.DirEntry.IsDir) {
		return
	}
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(keyName(a), keyName(b)) })
}

func keyName(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}

// odd says why an entry that is no folder cannot be read, or nothing.
func (d Disk) odd(key string, mode fs.FileMode) string {
	switch {
	case mode.IsRegular():
		return ""
	case mode&fs.ModeSymlink == 0:
		return "neither a file nor a folder"
	}
	target, err := filepath.EvalSymlinks(d.Origin(key))
	if err != nil {
		return "a link that leads nowhere"
	}
	root, err := filepath.EvalSymlinks(d.root())
	if err != nil {
		return "a link that leads nowhere"
	}
	if !within(root, target) {
		return "a link that leads out of the folder"
	}
	info, err := os.Stat(target)
	if err != nil || !info.Mode().IsRegular() {
		return "a link to something that is no file"
	}
	return ""
}

// stray says why a key that no listing gave must not be read from a folder:
// it leads out of it. Whatever else is wrong with it is Read's to say.
func stray(store Store, key string) string {
	var d Disk
	switch s := store.(type) {
	case Disk:
		d = s
	case *Disk:
		d = *s
	default:
		return ""
	}
	target, err := filepath.EvalSymlinks(d.Origin(key))
	if err != nil {
		return ""
	}
	if root, err := filepath.EvalSymlinks(d.root()); err != nil || !within(root, target) {
		return "a link that leads out of the folder"
	}
	return ""
}

// within tells whether target lies below root. Both are free of links.
func within(root, target string) bool {
	a, errA := filepath.Abs(root)
	b, errB := filepath.Abs(target)
	if errA != nil || errB != nil {
		return false
	}
	rel, err := filepath.Rel(a, b)
	return err == nil && filepath.IsLocal(rel)
}

// Read reads a file that List gave.
func (d Disk) Read(ctx context.Context, key string, buf []byte, limit int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return buf, err
	}
	buf, err := d.read(key, buf[:0], limit)
	if err == nil {
		return buf, nil
	}
	skip := &ingest.SkipError{Cause: ingest.CauseTransport, Origin: d.Origin(key), Err: diskCause(err)}
	var denied *DeniedError
	var large *sizeError
	switch {
	case errors.As(skip.Err, &denied):
		skip.Cause = ingest.CauseDenied
	case errors.Is(err, fs.ErrNotExist):
		skip.Cause = ingest.CauseVanished
	case errors.As(err, &large):
		skip.Cause = ingest.CauseTooLarge
	}
	return buf, skip
}

func (d Disk) read(key string, buf []byte, limit int64) ([]byte, error) {
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
		return buf, &sizeError{size: size, limit: limit}
	}
	buf = slices.Grow(buf, int(size))[:size]
	n, err := io.ReadFull(f, buf)
	if err != nil && size > 0 {
		return buf[:n], fmt.Errorf("file shrank from %d to %d bytes while it was read: %w", size, n, err)
	}
	return buf, nil
}

// sizeError is an object over the cap as it is stored.
type sizeError struct{ size, limit int64 }

func (e *sizeError) Error() string {
	return fmt.Sprintf("%d bytes as stored, over the cap of %d bytes", e.size, e.limit)
}

// diskCause takes the path out of an error, since the origin says it, and
// marks a refusal as one.
func diskCause(err error) error {
	var path *fs.PathError
	cause := err
	if errors.As(err, &path) {
		cause = path.Err
	}
	if errors.Is(err, fs.ErrPermission) {
		return &DeniedError{Err: cause}
	}
	return cause
}
