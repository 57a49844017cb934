package lake

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"trailgate/ingest/aws/bucket"
)

const (
	tempPrefix = ".tmp-"
	mutexName  = ".lock"
	writePiece = 1 << 20   // bytes between two looks at the context
	deadAfter  = time.Hour // since a temporary was last written
)

// Put writes a temporary beside the file and syncs it; with Absent, it links it
// to its name, which fails where there is one, or, on a file system without
// links, looks and renames under the folder's ".lock"; with Matches, it compares and renames under that. The folder is synced at the end.
// The lock is one of the operating system and dies with the process.
func (d Disk) Put(ctx context.Context, key string, data []byte, when When) (Tag, error) {
	if err := d.put(ctx, key, data, when); err != nil {
		return "", fmt.Errorf("put %q: %w", d.Name(key), bare(err))
	}
	return contentTag(data), nil
}

func (d Disk) put(ctx context.Context, key string, data []byte, when When) error {
	if err := errors.Join(checkKey(key), when.check(), ctx.Err()); err != nil {
		return err
	}
	path := filepath.FromSlash(key)
	w := diskWrite{disk: d, key: key, path: path, folder: filepath.Dir(path)}
	if err := w.open(); err != nil {
		return err
	}
	defer w.root.Close()
	// An early look saves writing in vain; the one that counts comes later.
	if done, err := w.settled(data, when); done || err != nil {
		return err
	}
	if err := w.create(); err != nil {
		return err
	}
	return w.finish(w.replace(ctx, data, when))
}

// diskWrite is one running Put, Delete or Sweep.
type diskWrite struct {
	disk     Disk
	root     *os.Root
	key      string
	path     string // of the file, below the root
	folder   string // of the file
	temp     *os.File
	tempPath string    // "" when there is none any more
	begun    time.Time // when temp was made, by the clock of the file system
}

// step does one step that changes the disk, or shows the fault asked for.
func (w *diskWrite) step(op string, do func() error) error {
	if w.disk.Step != nil {
		if err := w.disk.Step(op, w.key); err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
	}
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", op, bare(err))
	}
	return nil
}

// open opens the root and makes the folders that are missing, each durably.
func (w *diskWrite) open() error {
	if err := w.makeRoot(); err != nil {
		return err
	}
	root, err := os.OpenRoot(w.disk.root())
	if err != nil {
		return err
	}
	w.root = root
	if err := w.makeFolders(); err != nil {
		return errors.Join(err, root.Close())
	}
	return nil
}

func (w *diskWrite) makeRoot() error {
	var missing []string
	path := w.disk.root()
	for {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, path)
		up := filepath.Dir(path)
		if up == path {
			break
		}
		path = up
	}
	for i := len(missing) - 1; i >= 0; i-- {
		path := missing[i]
		err := w.step("mkdir", func() error { return existing(os.Mkdir(path, 0o777)) })
		if err != nil {
			return err
		}
		err = w.step("sync folder", func() error { return syncPath(filepath.Dir(path)) })
		// A folder that one may enter and fill, but not open, is its owner's.
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

func (w *diskWrite) makeFolders() error {
	if info, err := w.root.Stat(w.folder); err == nil && info.IsDir() {
		return nil
	}
	folder := "."
	for part := range strings.SplitSeq(w.folder, string(filepath.Separator)) {
		above := folder
		folder = filepath.Join(folder, part)
		if info, err := w.root.Stat(folder); err == nil && info.IsDir() {
			continue
		}
		if err := w.step("mkdir", func() error { return existing(w.root.Mkdir(folder, 0o777)) }); err != nil {
			return err
		}
		if err := w.syncFolder(above); err != nil {
			return err
		}
	}
	return nil
}

// existing takes a folder that another made meanwhile as made.
func existing(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// settled looks whether a condition is decided already: true if the bytes are
// there, ErrConflict if it does not hold.
func (w *diskWrite) settled(data []byte, when When) (bool, error) {
	old, err := readFile(w.root, w.path)
	absent := errors.Is(err, fs.ErrNotExist)
	if err != nil && !absent {
		return false, err
	}
	switch {
	case !when.matches && absent:
		return false, nil
	case when.matches && !absent && contentTag(old) == when.tag:
		return false, nil
	case !absent && bytes.Equal(old, data):
		return true, nil
	}
	return false, ErrConflict
}

// create makes the temporary and removes the dead ones beside it, which may
// hold the room that this one needs.
func (w *diskWrite) create() error {
	path := filepath.Join(w.folder, tempPrefix+rand.Text())
	err := w.step("create", func() (err error) {
		w.temp, err = w.root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		return err
	})
	if err != nil {
		return err
	}
	w.tempPath = path
	info, err := w.temp.Stat()
	if err != nil {
		return w.finish(errors.Join(err, w.temp.Close()))
	}
	w.begun = info.ModTime()
	if entries, err := readFolder(w.root, filepath.ToSlash(w.folder)); err == nil {
		w.sweep(w.folder, entries)
	}
	return nil
}

// sweep removes the dead temporaries of a folder, as far as it may: they are
// invisible, so that one that stays is no reason to fail.
func (w *diskWrite) sweep(folder string, entries []fs.DirEntry) {
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), tempPrefix) || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil || w.begun.Sub(info.ModTime()) < deadAfter {
			continue
		}
		path := filepath.Join(folder, e.Name())
		if err := w.step("remove", func() error { return w.root.Remove(path) }); err != nil {
			return
		}
	}
}

// replace fills the temporary and gives it the file's name.
func (w *diskWrite) replace(ctx context.Context, data []byte, when When) error {
	err := w.fill(ctx, data)
	// What Close finds is the disk's last word on what was written.
	if closed := w.temp.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if when.matches {
		err = w.locked(ctx, func() error { return w.renameIf(data, when) })
	} else {
		err = w.exclusive(ctx, data)
	}
	if err != nil {
		return err
	}
	return w.syncFolder(w.folder)
}

func (w *diskWrite) fill(ctx context.Context, data []byte) error {
	for len(data) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		piece := data[:min(len(data), writePiece)]
		data = data[len(piece):]
		err := w.step("write", func() error {
			_, err := w.temp.Write(piece)
			return err
		})
		if err != nil {
			return err
		}
	}
	return w.step("sync", w.temp.Sync)
}

func (w *diskWrite) rename() error {
	err := w.step("rename", func() error { return w.root.Rename(w.tempPath, w.path) })
	if err == nil {
		w.tempPath = ""
	}
	return err
}

func (w *diskWrite) renameIf(data []byte, when When) error {
	if done, err := w.settled(data, when); done || err != nil {
		return err
	}
	return w.rename()
}

// exclusive names the temporary unless the name is taken.
func (w *diskWrite) exclusive(ctx context.Context, data []byte) error {
	err := w.step("link", func() error { return w.root.Link(w.tempPath, w.path) })
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		done, err := w.settled(data, Absent())
		if !done && err == nil {
			err = ErrConflict // it was there and is gone
		}
		return err
	case linkless(err):
		return w.locked(ctx, func() error { return w.renameIf(data, Absent()) })
	}
	return err
}

// locked does something while it holds the folder's ".lock".
func (w *diskWrite) locked(ctx context.Context, do func() error) error {
	path := filepath.Join(w.folder, mutexName)
	for waited := time.Duration(0); ; waited += lockPause {
		var held *os.File
		err := w.step("create", func() (err error) {
			held, err = tryLock(w.root, path)
			return err
		})
		if err != nil {
			return err
		}
		if held != nil {
			err := do()
			if closed := held.Close(); err == nil {
				err = closed
			}
			return err
		}
		if waited >= lockPatience {
			return fmt.Errorf("%q is held by a process that stands still", w.disk.Name(filepath.ToSlash(path)))
		}
		if err := bucket.Sleep(ctx, lockPause, w.disk.Wait); err != nil {
			return err
		}
	}
}

// finish removes the temporary, if it still has its name. That it stays is no
// reason to fail: it is invisible and will be swept.
func (w *diskWrite) finish(err error) error {
	if w.tempPath == "" {
		return err
	}
	if w.step("remove", func() error { return w.root.Remove(w.tempPath) }) == nil {
		w.tempPath = ""
	}
	return err
}

func (w *diskWrite) syncFolder(folder string) error {
	return w.step("sync folder", func() error {
		f, err := w.root.Open(folder)
		if err != nil {
			return err
		}
		return syncOpen(f)
	})
}

func syncPath(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return syncOpen(f)
}
