//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package lake

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// tryLock opens a file, or creates it, and locks it until it is closed or the process
// ends. If another process has locked it, tryLock returns nil and no error.
func tryLock(root *os.Root, path string) (*os.File, error) {
	f, err := root.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err == nil {
		return f, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = nil
	}
	return nil, errors.Join(err, f.Close())
}

// hasNoLinks reports whether an error of link means that the file system has no
// links. The error is EPERM according to link(2), or says that the call is not supported.
func hasNoLinks(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission)
}

// syncOpen syncs an open folder and closes it. Some file systems cannot sync a folder and
// return EINVAL, which is ignored.
func syncOpen(f *os.File) error {
	err := f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
