package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// write hands write the place that -o names. A file is written beside its
// place and renamed, so a failed run leaves none and no reader sees half of it.
// What an interrupted run has got to does not take that place: it goes to a
// file of its own, named so.
func (f *outFlags) write(p *process, partial bool, write func(io.Writer) error) error {
	if f.toStdout() {
		return buffered(p.stdout, write)
	}
	path := f.out
	if partial {
		path += ".partial"
		p.complain(fmt.Sprintf("partial: what was finished goes to %q", path))
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return usagef("-o %q is a folder", f.out)
	}
	return replace(path, write)
}

// direct writes to what is no file: a device or a pipe.
func direct(path string, write func(io.Writer) error) error {
	h, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(buffered(h, write), h.Close())
}

// replace writes a new file and puts it in the place of path. Where path is a
// link, the link stays and what it points to is replaced; a device or a pipe is
// written to.
func replace(path string, write func(io.Writer) error) (err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		return direct(path, write)
	}
	h, err := beside(path)
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
	if err := errors.Join(buffered(h, write), h.Sync(), h.Close()); err != nil {
		return err
	}
	return os.Rename(h.Name(), path)
}

// beside creates a file next to path, with the permissions that path itself
// would be created with.
func beside(path string) (*os.File, error) {
	for i := 0; ; i++ {
		name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d-%d.tmp", filepath.Base(path), os.Getpid(), i))
		h, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return h, err
		}
	}
}

func buffered(w io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(w, 1<<16)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}
