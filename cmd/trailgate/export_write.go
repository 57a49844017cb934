package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"trailgate/report/lake"
)

// How many files of a lake are on their way to it at once, each waiting for a
// disk or a bucket, and how many of these are encoded at once, on the cores
// there are.
const (
	maxWriters  = 8
	maxEncoders = 4
)

// addAll encodes and writes files, several at once, and gives their accounts in
// the order of the files. After an error no further file is begun, and those
// that are under way are waited for, so that what is to be taken back is
// settled when it returns.
func addAll(ctx context.Context, files []addition) ([]fileAccount, error) {
	w := &writers{files: files, accounts: make([]fileAccount, len(files)), errs: make([]error, len(files)),
		encoders: make(chan struct{}, min(maxEncoders, runtime.GOMAXPROCS(0)))}
	var wg sync.WaitGroup
	for range min(maxWriters, len(files)) {
		wg.Go(func() { w.work(ctx) })
	}
	wg.Wait()
	if err := w.err(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return w.accounts, nil
}

// writers write files at the same time; each file is one writer's.
type writers struct {
	files    []addition
	accounts []fileAccount
	errs     []error
	next     atomic.Int64
	failed   atomic.Bool
	encoders chan struct{}
}

// work writes files until there are no more.
func (w *writers) work(ctx context.Context) {
	for !w.failed.Load() && ctx.Err() == nil {
		i := int(w.next.Add(1)) - 1
		if i >= len(w.files) {
			return
		}
		var err error
		if w.accounts[i], err = w.add(ctx, &w.files[i]); err != nil {
			w.errs[i] = err
			w.failed.Store(true)
		}
	}
}

func (w *writers) add(ctx context.Context, a *addition) (fileAccount, error) {
	w.encoders <- struct{}{}
	file, err := a.encode()
	<-w.encoders
	if err != nil {
		return fileAccount{}, fmt.Errorf("add lake file %q: %w", a.table.Store.Name(a.key), err)
	}
	if file.rows > 0 {
		err = a.table.Add(ctx, a.key, file.data)
	}
	return fileAccount{Table: a.table.Name, Key: a.key, Rows: file.rows, Bytes: int64(len(file.data))}, err
}

// err is the first error in the order of the files; but before all one of a
// write that may yet be done, since that is what undoing has to know.
func (w *writers) err() error {
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
