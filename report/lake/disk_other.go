//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd && !windows

package lake

import (
	"errors"
	"os"
)

// tryLock always fails. For this system the standard library has no lock that ends with
// the process.
func tryLock(*os.Root, string) (*os.File, error) {
	return nil, errors.New("this system has no file locks: keep the state in a bucket")
}

// hasNoLinks reports whether an error of link means that the file system has no links.
func hasNoLinks(err error) bool { return errors.Is(err, errors.ErrUnsupported) }

// syncOpen closes an open folder. It does not sync it, because not every system can.
func syncOpen(f *os.File) error { return f.Close() }
