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

// Disk is a folder. The first Put makes it. Root itself may be a link; a link
// below it is never followed to anywhere outside, and one that a listing meets
// ends the listing with an error, so that no file is taken for absent that an
// engine would read. Every folder may hold files whose names begin with a dot:
// temporaries, which are renamed when they are whole, and ".lock", which is
// locked while an object is compared and replaced. No listing shows them.
//
// Folders and files get the permissions that the umask leaves.
type Disk struct {
	// Root is the folder. "" is the current one.
	Root string

	// Step is called before each step that changes the disk, with a short name
	// of the step and the key that is being written: "mkdir", "create" (a
	// temporary or ".lock"), "write" (once for each MiB), "sync", "link",
	// "rename", "sync folder", "remove". An error of it is what the step gives
	// instead of being done. It is there for crash tests and fault injection.
	// Nil: nothing is called.
	Step func(op, key string) error

	// Wait waits while another holds ".lock". Nil: by a timer.
	Wait func(ctx context.Context, d time.Duration) error
}

// Name is the path of the file.
func (d Disk) Name(key string) string { return filepath.Join(d.root(), filepath.FromSlash(key)) }

func (d Disk) root() string {
	if d.Root == "" {
		return "."
	}
	return filepath.Clean(d.Root)
}

// Get reads a file. A folder is no object.
func (d Disk) Get(ctx context.Context, key string) ([]byte, Tag, error) {
	data, err := d.get(ctx, key)
	if err != nil {
		return nil, "", fmt.Errorf("get %q: %w", d.Name(key), bare(err))
	}
	return data, contentTag(data), nil
}

func (d Disk) get(ctx context.Context, key string) ([]byte, error) {
	if err := errors.Join(checkKey(key), ctx.Err()); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(d.root())
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return readFile(root, filepath.FromSlash(key))
}

func readFile(root *os.Root, path string) ([]byte, error) {
	// A pipe or a device would block the opening.
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

// List walks the folder as far as it is asked to.
func (d Disk) List(ctx context.Context, prefix, after string) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		folder, err := checkPrefix(prefix)
		if err != nil {
			yield(Item{}, fmt.Errorf("list %q: %w", d.root(), err))
			return
		}
		root, err := os.OpenRoot(d.root())
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err != nil {
			yield(Item{}, fmt.Errorf("list %q: %w", d.root(), bare(err)))
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
			item, found, err := d.itemOf(ctx, key, e, err)
			switch {
			case err != nil:
				yield(Item{}, fmt.Errorf("list %q: %w", d.Name(key), bare(err)))
				return false
			case !found:
				return true
			}
			return yield(item, nil)
		}
		w.Folder(folder)
	}
}

// itemOf makes an item of what a walk yields. It is false for a file that is not an
// object of the lake. A link is an error, as is what the walk could not read.
func (d Disk) itemOf(ctx context.Context, key string, e fs.DirEntry, err error) (Item, bool, error) {
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

// readFolder returns the entries of a folder, sorted by name. An absent folder has
// none.
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

// Delete removes a file.
func (d Disk) Delete(ctx context.Context, key string) error {
	if err := d.delete(ctx, key); err != nil {
		return fmt.Errorf("delete %q: %w", d.Name(key), bare(err))
	}
	return nil
}

func (d Disk) delete(ctx context.Context, key string) error {
	if err := errors.Join(checkKey(key), ctx.Err()); err != nil {
		return err
	}
	root, err := os.OpenRoot(d.root())
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
	err = w.step("remove", func() error { return root.Remove(path) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return w.syncFolder(w.folder)
}

// Sweep removes the temporaries that killed processes left anywhere below Root.
// Put does the same for the folder it writes to. One is taken for dead when an
// hour has passed since it was last written, by the clock of the file system;
// should it be alive all the same, its Put ends with an error. An absent Root
// is no error.
func (d Disk) Sweep(ctx context.Context) error {
	if _, err := os.Stat(d.root()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := d.sweepAll(ctx); err != nil {
		return fmt.Errorf("sweep %q: %w", d.root(), bare(err))
	}
	return nil
}

func (d Disk) sweepAll(ctx context.Context) error {
	root, err := os.OpenRoot(d.root())
	if err != nil {
		return err
	}
	defer root.Close()
	w := diskWrite{disk: d, root: root, folder: "."}
	if err := w.create(); err != nil {
		return err
	}
	if err := w.finish(w.temp.Close()); err != nil {
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
	w.sweep(filepath.FromSlash("./"+name), entries)
	for _, e := range entries {
		if e.IsDir() {
			if err := w.sweepTree(ctx, name+e.Name()+"/"); err != nil {
				return err
			}
		}
	}
	return nil
}

// bare takes paths of temporaries and the like out of an error: the operation
// that failed names its object itself.
func bare(err error) error {
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

// A Put waits lockPause before it tries a held ".lock" again, and gives up after
// lockPatience: who holds it needs milliseconds, and loses it when it dies.
const (
	lockPause    = 5 * time.Millisecond
	lockPatience = 10 * time.Second
)
