// Package atomicfile writes files whole or not at all. It takes a path and a function
// that writes. It makes the complete file or gives an error. It prints nothing.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// writeDirect writes to a device or a pipe, which cannot be replaced.
func writeDirect(path string, write func(io.Writer) error) error {
	h, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(Buffered(h, write), h.Close())
}

// Replace calls write with a new file and puts that file in the place of path. After an
// error the old file is as it was. The new file gets the permissions of the old one. If
// path is a link, the link stays and its target is replaced. A device or a pipe is not
// replaced: write writes to it directly.
func Replace(path string, write func(io.Writer) error) (err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return writeDirect(path, write)
	}
	h, err := createTempBeside(path)
	if err != nil {
		return err
	}
	if old, err := os.Stat(path); err == nil {
		if err := h.Chmod(old.Mode().Perm()); err != nil {
			return errors.Join(err, h.Close(), os.Remove(h.Name()))
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(h.Name()))
		}
	}()
	if err := errors.Join(Buffered(h, write), h.Sync(), h.Close()); err != nil {
		return err
	}
	return os.Rename(h.Name(), path)
}

// createTempBeside creates a file in the folder of path, with the permissions that
// path itself would get.
func createTempBeside(path string) (*os.File, error) {
	for i := 0; ; i++ {
		name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d-%d.tmp", filepath.Base(path), os.Getpid(), i))
		h, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return h, err
		}
	}
}

// Buffered calls write with a buffer before w, and then flushes the buffer. If write
// fails, it returns that error and does not flush.
func Buffered(w io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(w, 1<<16)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}
