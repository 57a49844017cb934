// Package local reads CloudTrail JSON from files, folders of files, and standard
// input, which need not have the layout of a trail. It accepts every carrier
// that package record knows, gzip or plain, and recognises them by their bytes.
// The input is a path. The output is sign-ins and their coverage. The package
// streams large files, so that its memory is bounded, and never writes.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"trailgate/ingest"
	"trailgate/ingest/record"
	"trailgate/ingest/signin"
)

// Source is a file, a folder, or standard input. Set the fields before the
// first Open and leave them alone. Files and folders may be read several times,
// and by several goroutines at once; standard input can be read once.
type Source struct {
	Path     string                // a file or folder; "-" is Stdin
	Stdin    io.Reader             // used if Path is "-"; a Read that still blocks when the context ends is abandoned
	Workers  int                   // files read at once; 0: one for each core
	Limit    int64                 // bytes of one value or record at most; 0: the bounds of package record
	Progress func(ingest.Progress) // called from the goroutine that iterates; may be nil
}

// Name is the path, as the user named it.
func (s *Source) Name() string { return s.Path }

// Open prepares to read all files; see ingest.Source. It ignores the window,
// because every file is read whole.
func (s *Source) Open(ctx context.Context, _ ingest.Window) ingest.Stream {
	return &stream{source: s, ctx: ctx}
}

// stream is one reading of all files.
type stream struct {
	source   *Source
	ctx      context.Context
	used     bool
	coverage ingest.Coverage
}

// Coverage is complete once Events has ended.
func (st *stream) Coverage() ingest.Coverage { return st.coverage }

// file is one file to read, or an error instead of one.
type file struct {
	path  string
	named bool // the user has named it; false: it was found in a folder
	err   error
}

// originName is the name of the file in events and skips.
func (f file) originName() string {
	if f.path == "-" {
		return "stdin"
	}
	return f.path
}

// fileBatch is sent by a worker. It has some sign-ins of a file, and at the end of
// the file its fileEnd.
type fileBatch struct {
	events []signin.Event
	skips  []error
	end    *fileEnd
}

// fileEnd says how the reading of a file ended.
type fileEnd struct {
	skipped          bool
	excluded         string // the reason, for a file left out
	packed, inflated int64
}

// batchSize is the largest number of sign-ins in a fileBatch.
const batchSize = 512

// Events yields the sign-ins of all files; see ingest.Stream.
func (st *stream) Events() iter.Seq2[signin.Event, error] {
	return func(yield func(signin.Event, error) bool) {
		if st.used {
			yield(signin.Event{}, ingest.ErrReadTwice)
			return
		}
		st.used = true
		st.coverage = ingest.Coverage{Sources: []string{st.source.Path}}
		files, err := st.source.findFiles()
		if err != nil {
			yield(signin.Event{}, err)
			return
		}
		ctx, cancel := context.WithCancelCause(st.ctx)
		out := st.source.startReaders(ctx, files)
		defer func() {
			cancel(nil)
			for range out { // until the workers have ended
			}
		}()
		done, left := st.yieldBatches(len(files), out, yield)
		st.coverage.Exclude(ingest.ReasonInterrupted, len(files)-done)
		st.coverage.Partial = left || done < len(files)
		if !left && done < len(files) && ctx.Err() != nil {
			yield(signin.Event{}, context.Cause(ctx))
		}
	}
}

// yieldBatches yields the events and skips of the workers and counts them. It
// returns the number of files that were finished: read to their end, skipped or
// excluded. It also reports whether the caller left.
func (st *stream) yieldBatches(total int, out <-chan fileBatch, yield func(signin.Event, error) bool) (done int, left bool) {
	c := &st.coverage
	c.Listed = total
	p := ingest.Progress{Listed: total, Final: true}
	for b := range out {
		for _, e := range b.events {
			if !yield(e, nil) {
				return p.Done, true
			}
		}
		for i, err := range b.skips {
			if yield(signin.Event{}, err) {
				continue
			}
			if b.end != nil && b.end.skipped && i == len(b.skips)-1 {
				p.Done++ // the caller has been told of the file's own skip
			}
			return p.Done, true
		}
		p.SignIns += len(b.events)
		if end := b.end; end != nil {
			p.Done++
			p.Bytes += end.packed
			c.Packed += end.packed
			c.Inflated += end.inflated
			switch {
			case end.excluded != "":
				c.Exclude(end.excluded, 1)
			case !end.skipped:
				c.Read++
			}
		}
		if st.source.Progress != nil {
			st.source.Progress(p)
		}
	}
	return p.Done, false
}

// findFiles finds the files to read, in lexical order. A file or folder that cannot
// be listed is a file with an error. A folder without any file is an error.
func (s *Source) findFiles() ([]file, error) {
	if s.Path == "-" {
		return []file{{path: "-", named: true}}, nil
	}
	info, err := os.Stat(s.Path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []file{{path: s.Path, named: true}}, nil
	}
	var out []file
	root := s.Path
	if link, err := os.Lstat(root); err == nil && link.Mode()&fs.ModeSymlink != 0 {
		root += string(filepath.Separator) // the folder that the link leads to
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			out = append(out, file{path: path, err: err})
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
		case !d.IsDir():
			out = append(out, file{path: path})
		}
		return nil
	})
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("read %q: no files in it", s.Path)
	}
	return out, err
}

// startReaders starts workers that read the files and send what they find. The
// channel is closed when all have ended. A caller that leaves early must cancel the
// context and drain the channel.
func (s *Source) startReaders(ctx context.Context, files []file) <-chan fileBatch {
	workers := s.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	out := make(chan fileBatch, workers)
	next := make(chan file)
	var group sync.WaitGroup
	group.Go(func() {
		defer close(next)
		for _, f := range files {
			select {
			case next <- f:
			case <-ctx.Done():
				return
			}
		}
	})
	for range min(workers, len(files)) {
		group.Go(func() {
			r := fileReader{ctx: ctx, out: out, limit: s.Limit, stdin: s.Stdin}
			if s.Limit > 0 && s.Limit < record.DefaultMaxRecord {
				r.scanner.MaxRecord = int(s.Limit)
			}
			for f := range next {
				if r.readFile(f) != nil {
					return // the context has ended
				}
			}
		})
	}
	go func() {
		group.Wait()
		close(out)
	}()
	return out
}

// exclusionReason says why a file that was found in a folder is left out. It is empty
// if the file is to be read.
func exclusionReason(f file, info fs.FileInfo) string {
	switch {
	case f.named:
		return ""
	case strings.HasPrefix(filepath.Base(f.path), "."):
		return ingest.ReasonHidden
	case !info.Mode().IsRegular():
		return ingest.ReasonIrregular
	}
	return ""
}

// openFile opens a file, or standard input. Standard input has no FileInfo. A pipe
// or device in a folder is not opened: the reader is nil, and the FileInfo shows
// why.
func (r *fileReader) openFile(f file) (io.ReadCloser, fs.FileInfo, error) {
	if f.path == "-" {
		if r.stdin == nil {
			return nil, nil, errors.New("no standard input")
		}
		return io.NopCloser(startPump(r.ctx, r.stdin)), nil, nil
	}
	if !f.named {
		// A pipe or device found in a folder would block on opening.
		if info, err := os.Stat(f.path); err == nil && !info.Mode().IsRegular() {
			return nil, info, nil
		}
	}
	h, err := os.Open(f.path)
	if err != nil {
		return nil, nil, err
	}
	info, err := h.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, h.Close())
	}
	return h, info, nil
}

// causeOf returns the cause of a skip for an error of the file system. It is
// CauseTransport for any other error.
func causeOf(err error) ingest.Cause {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return ingest.CauseDenied
	case errors.Is(err, fs.ErrNotExist):
		return ingest.CauseVanished
	}
	return ingest.CauseTransport
}

// errorKind is the kind of an error of package record, or 0.
func errorKind(err error) record.Kind {
	var e *record.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}
