package batch

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"trailgate/report/lake"
)

// maxWriters is how many files are written at the same time. They mostly wait for a disk
// or a bucket. maxEncoders is how many of these are encoded at the same time, which takes
// a core each.
const (
	maxWriters  = 8
	maxEncoders = 4
)

// addFiles encodes and writes files, several at the same time. The result is in the
// order of the files. A file without rows is not written. After an error, or if the
// context ends, it starts no further file and waits for those that were started. So
// when it returns, no file is still being written.
func addFiles(ctx context.Context, files []addition) ([]AddedFile, error) {
	w := &fileWriters{files: files, added: make([]AddedFile, len(files)), errs: make([]error, len(files)),
		encoders: make(chan struct{}, min(maxEncoders, runtime.GOMAXPROCS(0)))}
	var wg sync.WaitGroup
	for range min(maxWriters, len(files)) {
		wg.Go(func() { w.writeFiles(ctx) })
	}
	wg.Wait()
	if err := w.firstError(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return w.added, nil
}

// fileWriters write files at the same time. One writer works on each file.
type fileWriters struct {
	files    []addition
	added    []AddedFile
	errs     []error
	next     atomic.Int64  // index of the next file
	failed   atomic.Bool   // a file has failed
	encoders chan struct{} // has one place for each file that may be encoded at the same time
}

// writeFiles is one writer. It writes one file after another until all are taken, one
// has failed, or the context has ended.
func (w *fileWriters) writeFiles(ctx context.Context) {
	for !w.failed.Load() && ctx.Err() == nil {
		i := int(w.next.Add(1)) - 1
		if i >= len(w.files) {
			return
		}
		var err error
		if w.added[i], err = w.addFile(ctx, &w.files[i]); err != nil {
			w.errs[i] = err
			w.failed.Store(true)
		}
	}
}

func (w *fileWriters) addFile(ctx context.Context, a *addition) (AddedFile, error) {
	w.encoders <- struct{}{}
	file, err := a.encode()
	<-w.encoders
	if err != nil {
		return AddedFile{}, fmt.Errorf("add lake file %q: %w", a.table.Store.Name(a.key), err)
	}
	if file.rows > 0 {
		err = a.table.Add(ctx, a.key, file.data)
	}
	return AddedFile{Table: a.table.Name, Key: a.key, Rows: file.rows, Bytes: int64(len(file.data))}, err
}

// firstError is the first error in the order of the files, or nil. An error that wraps
// lake.ErrOutcomeUnknown, for a write that may still be done, comes before all others.
// rollBack must know of it.
func (w *fileWriters) firstError() error {
	var first error
	for _, err := range w.errs {
		if errors.Is(err, lake.ErrOutcomeUnknown) {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}
