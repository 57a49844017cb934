//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd && !windows

package lake

import (
	"errors"
	"os"
)

// tryLock refuses: the standard library has no lock here that dies with the
// process.
func tryLock(*os.Root, string) (*os.File, error) {
	return nil, errors.New("this system has no file locks: keep the state in a bucket")
}

// hasNoLinks tells whether an error of link means that there are no links.
func hasNoLinks(err error) bool { return errors.Is(err, errors.ErrUnsupported) }

// syncOpen closes an opened folder: not every system can sync one.
func syncOpen(f *os.File) error { return f.Close() }
