package lake

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// The error of opening a file that another process has open, and the error of creating a
// link on FAT (Windows, "System Error Codes").
const (
	sharingViolation = syscall.Errno(32)
	invalidFunction  = syscall.Errno(1)
)

// tryLock opens a file, or creates it. Nobody else can open it until it is closed or the
// process ends. If another process has it open, tryLock returns nil and no error.
func tryLock(root *os.Root, path string) (*os.File, error) {
	full := filepath.Join(root.Name(), path)
	name, err := syscall.UTF16PtrFromString(full)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(h), full), nil
}

// hasNoLinks reports whether an error of link means that the file system has no
// links.
func hasNoLinks(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) || errors.Is(err, invalidFunction)
}

// syncOpen closes an open folder. Windows cannot sync folders.
func syncOpen(f *os.File) error { return f.Close() }
