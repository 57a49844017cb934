package store

import (
	"context"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"trailgate/ingest"
	"trailgate/ingest/aws/bucket"
	"trailgate/ingest/trail"
)

// Disk is a folder that holds a copy of a trail bucket. The key of a file is its path
// below Root. Links are followed to files inside Root only, so that nothing is read
// from elsewhere. The zero Disk is the current folder.
type Disk struct {
	Root string
}

// SplitDisk splits a path into a copy of a trail: into the Root for a Disk, and the
// prefix below it. The prefix begins with the last folder named AWSLogs. A path
// without such a folder is all root.
func SplitDisk(path string) (root, prefix string) {
	part := strings.Split(filepath.ToSlash(filepath.Clean(path)), "/")
	for i := len(part) - 1; i >= 0; i-- {
		if part[i] != trail.LogsFolder {
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

// Origin returns the path of the file.
func (d Disk) Origin(key string) string {
	return filepath.Join(d.rootFolder(), filepath.FromSlash(key))
}

func (d Disk) rootFolder() string {
	if d.Root == "" {
		return "."
	}
	return d.Root
}

// List walks the folder; see trail.Store. A folder that cannot be read is yielded
// as a *ingest.SkipError, and the walk goes on. Sizes are not known, because to ask
// for them costs as much as to open the files.
func (d Disk) List(ctx context.Context, r trail.ListRequest) iter.Seq2[trail.Entry, error] {
	return func(yield func(trail.Entry, error) bool) {
		w := bucket.Walk{Prefix: r.Prefix, After: r.StartAfter, Flat: r.Delimited}
		if r.Delimited {
			w.After = ""
		}
		w.Read = func(folder string) ([]fs.DirEntry, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return os.ReadDir(d.Origin(folder))
		}
		w.Yield = func(key string, e fs.DirEntry, err error) bool {
			switch {
			case err != nil && ctx.Err() != nil:
				yield(trail.Entry{}, ctx.Err())
				return false
			case err != nil:
				return yield(trail.Entry{}, &ingest.SkipError{Cause: ingest.CauseListing, Origin: d.Origin(key), Err: withoutPath(err)})
			case e.IsDir():
				return yield(trail.Entry{Key: key, Folder: true, Size: -1}, nil)
			}
			return yield(trail.Entry{Key: key, Size: -1, Odd: d.oddReason(key, e.Type())}, nil)
		}
		folder := r.Prefix[:strings.LastIndexByte(r.Prefix, '/')+1]
		w.Folder(folder)
	}
}

// oddReason says why an entry cannot be read, such as a link out of Root. It is
// empty if the entry can be read. The entry is not a folder.
func (d Disk) oddReason(key string, mode fs.FileMode) string {
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
	root, err := filepath.EvalSymlinks(d.rootFolder())
	if err != nil {
		return "a link that leads nowhere"
	}
	if !isWithin(root, target) {
		return "a link that leads out of the folder"
	}
	info, err := os.Stat(target)
	if err != nil || !info.Mode().IsRegular() {
		return "a link to something that is not a file"
	}
	return ""
}

// StrayReason says why a key that no listing yielded must not be read: it leads out of
// the folder. It is empty if the key may be read, or if Read finds another fault.
func (d Disk) StrayReason(key string) string {
	target, err := filepath.EvalSymlinks(d.Origin(key))
	if err != nil {
		return ""
	}
	if root, err := filepath.EvalSymlinks(d.rootFolder()); err != nil || !isWithin(root, target) {
		return "a link that leads out of the folder"
	}
	return ""
}

// isWithin reports whether target is root or below it. Neither path has links.
func isWithin(root, target string) bool {
	a, errA := filepath.Abs(root)
	b, errB := filepath.Abs(target)
	if errA != nil || errB != nil {
		return false
	}
	rel, err := filepath.Rel(a, b)
	return err == nil && filepath.IsLocal(rel)
}
