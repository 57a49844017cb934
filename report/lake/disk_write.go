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
	writePiece = 1 << 20   // bytes that are written before the context is checked again
	deadAfter  = time.Hour // age after which a temporary file counts as left by a dead process
)

// Put writes a temporary file in the folder of the object and syncs it. It returns the
// SHA-256 of data as the tag. It creates missing folders, and deletes temporary files in
// that folder that are at least an hour old. For conditions and errors see Store.
//
// With Absent, it then links the file to its name, which fails if the name exists. If the
// file system has no links, it locks ".lock", checks that the name is free, and renames
// the file. With Matches, it locks ".lock", compares, and renames the file. At the end it
// syncs the folder. The lock belongs to the operating system and ends with the process.
// If another process keeps ".lock" for ten seconds, Put fails.
func (d Disk) Put(ctx context.Context, key string, data []byte, when Condition) (Tag, error) {
	if err := d.putKey(ctx, key, data, when); err != nil {
		return "", fmt.Errorf("put %q: %w", d.Name(key), withoutPath(err))
	}
	return contentTag(data), nil
}

func (d Disk) putKey(ctx context.Context, key string, data []byte, when Condition) error {
	if err := errors.Join(checkKey(key), when.check(), ctx.Err()); err != nil {
		return err
	}
	path := filepath.FromSlash(key)
	w := diskWrite{disk: d, key: key, path: path, folder: filepath.Dir(path)}
	if err := w.openFolders(); err != nil {
		return err
	}
	defer w.root.Close()
	// This early check only saves work. The check that decides comes later.
	if done, err := w.checkCondition(data, when); done || err != nil {
		return err
	}
	if err := w.createTemp(); err != nil {
		return err
	}
	return w.removeTemp(w.installTemp(ctx, data, when))
}

// diskWrite is one running Put, Delete or Sweep.
type diskWrite struct {
	disk     Disk
	root     *os.Root
	key      string
	path     string // of the file, below the root
	folder   string // of the file
	temp     *os.File
	tempPath string    // "" after the file was renamed or deleted
	begun    time.Time // when temp was created, by the clock of the file system
}

// runStep does one step that changes the disk by calling do. It calls Disk.Step first. If
// that returns an error, runStep does not call do. An error begins with op, the name of
// the step.
func (w *diskWrite) runStep(op string, do func() error) error {
	if w.disk.Step != nil {
		if err := w.disk.Step(op, w.key); err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
	}
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", op, withoutPath(err))
	}
	return nil
}

// openFolders sets w.root. It creates the root, the folders above it and the folder of
// the file if they are missing. After each it syncs the folder above, so that the new one
// survives a crash.
func (w *diskWrite) openFolders() error {
	if err := w.makeRoot(); err != nil {
		return err
	}
	root, err := os.OpenRoot(w.disk.rootPath())
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
	path := w.disk.rootPath()
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
		err := w.runStep("mkdir", func() error { return ignoreExists(os.Mkdir(path, 0o777)) })
		if err != nil {
			return err
		}
		err = w.runStep("sync folder", func() error { return syncPath(filepath.Dir(path)) })
		// The user may be allowed to create files in a folder and not to open it. Then
		// the folder cannot be synced.
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
		if err := w.runStep("mkdir", func() error { return ignoreExists(w.root.Mkdir(folder, 0o777)) }); err != nil {
			return err
		}
		if err := w.syncFolder(above); err != nil {
			return err
		}
	}
	return nil
}

// ignoreExists returns no error if another process has created the folder meanwhile.
func ignoreExists(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// checkCondition compares the current file with the condition. If the condition holds, it
// returns false and no error. If it does not hold, it returns true if the file already
// has these bytes, and ErrConflict otherwise.
func (w *diskWrite) checkCondition(data []byte, when Condition) (bool, error) {
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

// createTemp creates the temporary file and sets temp, tempPath and begun. It deletes old
// temporary files in the same folder, because the new one may need their space.
func (w *diskWrite) createTemp() error {
	path := filepath.Join(w.folder, tempPrefix+rand.Text())
	err := w.runStep("create", func() (err error) {
		w.temp, err = w.root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		return err
	})
	if err != nil {
		return err
	}
	w.tempPath = path
	info, err := w.temp.Stat()
	if err != nil {
		return w.removeTemp(errors.Join(err, w.temp.Close()))
	}
	w.begun = info.ModTime()
	if entries, err := readFolder(w.root, filepath.ToSlash(w.folder)); err == nil {
		w.sweepFolder(w.folder, entries)
	}
	return nil
}

// sweepFolder deletes the temporary files among the entries of a folder that are at least
// an hour old. If one cannot be deleted, it stops and reports nothing, because a
// temporary file does no harm.
func (w *diskWrite) sweepFolder(folder string, entries []fs.DirEntry) {
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), tempPrefix) || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil || w.begun.Sub(info.ModTime()) < deadAfter {
			continue
		}
		path := filepath.Join(folder, e.Name())
		if err := w.runStep("remove", func() error { return w.root.Remove(path) }); err != nil {
			return
		}
	}
}

// installTemp writes data into the temporary file and closes it. If the condition holds,
// it gives the file the name of the object and syncs the folder. If not, it returns
// ErrConflict, or no error if the object already has these bytes.
func (w *diskWrite) installTemp(ctx context.Context, data []byte, when Condition) error {
	err := w.fillTemp(ctx, data)
	// Close may report an error of an earlier write.
	if closed := w.temp.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if when.matches {
		err = w.withFolderLock(ctx, func() error { return w.renameIf(data, when) })
	} else {
		err = w.installNew(ctx, data)
	}
	if err != nil {
		return err
	}
	return w.syncFolder(w.folder)
}

func (w *diskWrite) fillTemp(ctx context.Context, data []byte) error {
	for len(data) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		piece := data[:min(len(data), writePiece)]
		data = data[len(piece):]
		err := w.runStep("write", func() error {
			_, err := w.temp.Write(piece)
			return err
		})
		if err != nil {
			return err
		}
	}
	return w.runStep("sync", w.temp.Sync)
}

func (w *diskWrite) renameTemp() error {
	err := w.runStep("rename", func() error { return w.root.Rename(w.tempPath, w.path) })
	if err == nil {
		w.tempPath = ""
	}
	return err
}

func (w *diskWrite) renameIf(data []byte, when Condition) error {
	if done, err := w.checkCondition(data, when); done || err != nil {
		return err
	}
	return w.renameTemp()
}

// installNew gives the temporary file the name of the object. If a file has that name
// already, it returns ErrConflict, or no error if the file has exactly these bytes.
func (w *diskWrite) installNew(ctx context.Context, data []byte) error {
	err := w.runStep("link", func() error { return w.root.Link(w.tempPath, w.path) })
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrExist):
		done, err := w.checkCondition(data, Absent())
		if !done && err == nil {
			err = ErrConflict // the other file has been deleted since
		}
		return err
	case hasNoLinks(err):
		return w.withFolderLock(ctx, func() error { return w.renameIf(data, Absent()) })
	}
	return err
}

// withFolderLock locks the file ".lock" of the folder, calls do, and unlocks it. If
// another process has locked it, withFolderLock tries again for lockPatience and then
// returns an error.
func (w *diskWrite) withFolderLock(ctx context.Context, do func() error) error {
	path := filepath.Join(w.folder, mutexName)
	for waited := time.Duration(0); ; waited += lockPause {
		var held *os.File
		err := w.runStep("create", func() (err error) {
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

// removeTemp deletes the temporary file, if it still exists, and returns err. It ignores
// errors of its own, because a later Put deletes the file.
func (w *diskWrite) removeTemp(err error) error {
	if w.tempPath == "" {
		return err
	}
	if w.runStep("remove", func() error { return w.root.Remove(w.tempPath) }) == nil {
		w.tempPath = ""
	}
	return err
}

func (w *diskWrite) syncFolder(folder string) error {
	return w.runStep("sync folder", func() error {
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
