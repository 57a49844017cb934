package lake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"trailgate/ingest/aws/bucket"
)

// Disk is a Store in a folder of the file system. A key is the path of a file in the
// folder. The first Put creates the folder.
//
// Root itself may be a symbolic link. Links below it are never followed out of the
// folder. If a listing finds one, it ends with an error: an engine would follow the link
// and read files that the listing does not have.
//
// Each folder may have hidden files, whose names begin with a dot. They are temporary
// files, which are renamed when they are complete, and ".lock", which is locked while an
// object is compared and replaced. No listing shows them.
//
// Folders and files get the permissions that the umask allows.
type Disk struct {
	// Root is the folder. "" means the current folder.
	Root string

	// Step is for crash tests and fault injection. It is called before each step that
	// changes the disk, with a short name of the step and the key that is being written.
	// If it returns an error, the step fails with this error and is not done. The names
	// are "mkdir", "create" (a temporary file or ".lock"), "write" (once for each MiB),
	// "sync", "link", "rename", "sync folder" and "remove". Nil means no calls.
	Step func(op, key string) error

	// Wait waits while another process has locked ".lock". Nil means a timer.
	Wait func(ctx context.Context, d time.Duration) error
}

// Name returns the path of the file.
func (d Disk) Name(key string) string { return filepath.Join(d.rootPath(), filepath.FromSlash(key)) }

func (d Disk) rootPath() string {
	if d.Root == "" {
		return "."
	}
	return filepath.Clean(d.Root)
}

// Get returns the content of a file, and its SHA-256 as the tag. If the file does not
// exist or is a folder, the error is fs.ErrNotExist, wrapped.
func (d Disk) Get(ctx context.Context, key string) ([]byte, Tag, error) {
	data, err := d.readKey(ctx, key)
	if err != nil {
		return nil, "", fmt.Errorf("get %q: %w", d.Name(key), withoutPath(err))
	}
	return data, contentTag(data), nil
}

func (d Disk) readKey(ctx context.Context, key string) ([]byte, error) {
	if err := errors.Join(checkKey(key), ctx.Err()); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(d.rootPath())
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return readFile(root, filepath.FromSlash(key))
}

func readFile(root *os.Root, path string) ([]byte, error) {
	// To open a pipe or a device could block.
	info, err := root.Stat(path)
	switch {
	case errors.Is(err, syscall.ENOTDIR), err == nil && info.IsDir():
		return nil, fs.ErrNotExist
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("not a file")
	}
	f, err := root.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := slices.Grow([]byte(nil), int(info.Size())+1)
	for {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case errors.Is(err, io.EOF):
			return data, nil
		case err != nil:
			return nil, err
		}
		data = slices.Grow(data, 1)
	}
}

func contentTag(data []byte) Tag {
	sum := sha256.Sum256(data)
	return Tag(hex.EncodeToString(sum[:]))
}

// List yields the files whose keys begin with prefix and come after the key "after", in
// the order of their keys. It reads a folder only when the caller gets to it. A symbolic
// link is an error.
func (d Disk) List(ctx context.Context, prefix, after string) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		folder, err := checkPrefix(prefix)
		if err != nil {
			yield(Item{}, fmt.Errorf("list %q: %w", d.rootPath(), err))
			return
		}
		root, err := os.OpenRoot(d.rootPath())
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(Item{}, fmt.Errorf("list %q: %w", d.rootPath(), withoutPath(err)))
			return
		}
		defer root.Close()
		w := bucket.Walk{Prefix: prefix, After: after}
		w.Read = func(name string) ([]fs.DirEntry, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			entries, err := readFolder(root, name)
			hidden := func(e fs.DirEntry) bool { return strings.HasPrefix(e.Name(), ".") }
			return slices.DeleteFunc(entries, hidden), err
		}
		w.Yield = func(key string, e fs.DirEntry, err error) bool {
			item, ok, err := makeItem(ctx, key, e, err)
			switch {
			case err != nil:
				yield(Item{}, fmt.Errorf("list %q: %w", d.Name(key), withoutPath(err)))
				return false
			case !ok:
				return true
			}
			return yield(item, nil)
		}
		w.Folder(folder)
	}
}

// makeItem makes an item of what a bucket.Walk yields: a key, and its entry or an error.
// It returns false for an entry that is not an object, or that was deleted meanwhile. A
// symbolic link is an error. An error of the walk or of the context is returned as it is.
func makeItem(ctx context.Context, key string, e fs.DirEntry, err error) (Item, bool, error) {
	switch {
	case err != nil:
		return Item{}, false, err
	case ctx.Err() != nil:
		return Item{}, false, ctx.Err()
	case checkKey(key) != nil:
		return Item{}, false, nil
	case e.Type()&fs.ModeSymlink != 0:
		return Item{}, false, errors.New("a link, which is not followed")
	case !e.Type().IsRegular():
		return Item{}, false, nil
	}
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return Item{}, false, nil
	}
	if err != nil {
		return Item{}, false, err
	}
	return Item{Key: key, Size: info.Size()}, true, nil
}

// readFolder returns all entries of a folder, hidden ones too, sorted by name. A folder
// that does not exist has no entries.
func readFolder(root *os.Root, name string) ([]fs.DirEntry, error) {
	f, err := root.Open(filepath.FromSlash("./" + name))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

// Delete removes a file and syncs its folder. It is not an error if the file does not
// exist. A folder stays, and is not an error.
func (d Disk) Delete(ctx context.Context, key string) error {
	if err := d.deleteKey(ctx, key); err != nil {
		return fmt.Errorf("delete %q: %w", d.Name(key), withoutPath(err))
	}
	return nil
}

func (d Disk) deleteKey(ctx context.Context, key string) error {
	if err := errors.Join(checkKey(key), ctx.Err()); err != nil {
		return err
	}
	root, err := os.OpenRoot(d.rootPath())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	path := filepath.FromSlash(key)
	info, err := root.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), err == nil && info.IsDir():
		return nil
	case err != nil:
		return err
	}
	w := diskWrite{disk: d, root: root, key: key, folder: filepath.Dir(path)}
	err = w.runStep("remove", func() error { return root.Remove(path) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return w.syncFolder(w.folder)
}

// Sweep deletes the temporary files that killed processes have left below Root. Put does
// the same in the folder to which it writes.
//
// A temporary file counts as left if it was last written at least an hour ago. Sweep
// reads the clock of the file system: it creates a temporary file and deletes it again.
// If a process is still writing a file that Sweep deletes, the Put of that process fails.
// It is not an error if Root does not exist.
func (d Disk) Sweep(ctx context.Context) error {
	if _, err := os.Stat(d.rootPath()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := d.sweepAll(ctx); err != nil {
		return fmt.Errorf("sweep %q: %w", d.rootPath(), withoutPath(err))
	}
	return nil
}

func (d Disk) sweepAll(ctx context.Context) error {
	root, err := os.OpenRoot(d.rootPath())
	if err != nil {
		return err
	}
	defer root.Close()
	w := diskWrite{disk: d, root: root, folder: "."}
	if err := w.createTemp(); err != nil {
		return err
	}
	if err := w.removeTemp(w.temp.Close()); err != nil {
		return err
	}
	return w.sweepTree(ctx, "")
}

func (w *diskWrite) sweepTree(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := readFolder(w.root, name)
	if err != nil {
		return err
	}
	w.sweepFolder(filepath.FromSlash("./"+name), entries)
	for _, e := range entries {
		if e.IsDir() {
			if err := w.sweepTree(ctx, name+e.Name()+"/"); err != nil {
				return err
			}
		}
	}
	return nil
}

// withoutPath returns the error inside an *fs.PathError or *os.LinkError, without its
// path. Any other error stays as it is. The path may be that of a temporary file, and the
// caller names the object anyway.
func withoutPath(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path) && error(path) == err:
		return path.Err
	case errors.As(err, &link) && error(link) == err:
		return link.Err
	}
	return err
}

// Put waits for lockPause before it tries a locked ".lock" again, and gives up after
// lockPatience. The process that has locked it needs milliseconds, and if it dies, the
// operating system unlocks the file.
const (
	lockPause    = 5 * time.Millisecond
	lockPatience = 10 * time.Second
)
