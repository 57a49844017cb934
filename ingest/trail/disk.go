package trail

import (
	"context"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"trailgate/ingest"
	"trailgate/ingest/aws/bucket"
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
func (d Disk) Origin(key string) string {
	return filepath.Join(d.rootFolder(), filepath.FromSlash(key))
}

func (d Disk) rootFolder() string {
	if d.Root == "" {
		return "."
	}
	return d.Root
}

// List walks the folder. A folder that cannot be read is a *ingest.SkipError. Sizes
// are not known, because to ask for them costs as much as to open the files.
func (d Disk) List(ctx context.Context, r ListRequest) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
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
				yield(Entry{}, ctx.Err())
				return false
			case err != nil:
				return yield(Entry{}, &ingest.SkipError{Cause: ingest.CauseListing, Origin: d.Origin(key), Err: withoutPath(err)})
			case e.IsDir():
				return yield(Entry{Key: key, Folder: true, Size: -1}, nil)
			}
			return yield(Entry{Key: key, Size: -1, Odd: d.oddEntry(key, e.Type())}, nil)
		}
		folder, _ := cutLast(r.Prefix)
		w.Folder(folder)
	}
}

// oddEntry says why an entry that is no folder cannot be read, or nothing.
func (d Disk) oddEntry(key string, mode fs.FileMode) string {
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
	if !pathWithin(root, target) {
		return "a link that leads out of the folder"
	}
	info, err := os.Stat(target)
	if err != nil || !info.Mode().IsRegular() {
		return "a link to something that is no file"
	}
	return ""
}

// refusedKey says why a key that no listing gave must not be read: it leads out of
// the folder. It is empty if the key may be read.
func (d Disk) refusedKey(key string) string {
	target, err := filepath.EvalSymlinks(d.Origin(key))
	if err != nil {
		return ""
	}
	if root, err := filepath.EvalSymlinks(d.rootFolder()); err != nil || !pathWithin(root, target) {
		return "a link that leads out of the folder"
	}
	return ""
}

// absoluteName is the absolute path of a key.
func (d Disk) absoluteName(key string) (string, error) { return filepath.Abs(d.Origin(key)) }

// parallelism is one request for each processor: a disk does not make them wait.
func (d Disk) parallelism() (lists, reads int) {
	n := runtime.GOMAXPROCS(0)
	return n, n
}

// pathWithin tells whether target lies below root. Both are free of links.
func pathWithin(root, target string) bool {
	a, errA := filepath.Abs(root)
	b, errB := filepath.Abs(target)
	if errA != nil || errB != nil {
		return false
	}
	rel, err := filepath.Rel(a, b)
	return err == nil && filepath.IsLocal(rel)
}
