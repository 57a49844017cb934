package local

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"iter"
	"path/filepath"

	"trailgate/ingest"
	"trailgate/ingest/record"
	"trailgate/ingest/signin"
)

// Files up to these sizes are read whole: their checksum is known before the
// first sign-in is believed, and those without one are never walked. The rest
// streams.
const (
	wholePacked   = 8 << 20
	wholeInflated = 256 << 20
)

// reader reads files, one at a time. It belongs to one worker.
type reader struct {
	ctx   context.Context
	out   chan<- batch
	limit int64
	stdin io.Reader

	scanner  record.Scanner
	packed   []byte
	inflated []byte
}

// read reads one file and hands over what is in it. Its error is the context's.
func (r *reader) read(f file) error {
	if f.err != nil {
		return r.skipped(&ingest.SkipError{Cause: ingest.CauseListing, Origin: f.origin(), Err: f.err})
	}
	h, info, err := r.open(f)
	if err != nil {
		return r.skipped(&ingest.SkipError{Cause: cause(err), Origin: f.origin(), Err: err})
	}
	if h == nil {
		return r.send(batch{end: &ending{excluded: ingest.ReasonIrregular}})
	}
	defer h.Close() // it was only read: nothing can be lost by closing it
	if info != nil {
		if why := leaveOut(f, info); why != "" {
			return r.send(batch{end: &ending{excluded: why}})
		}
	}
	return r.scan(f, h, info)
}

// scan hands over the sign-ins of an open file.
func (r *reader) scan(f file, h io.Reader, info fs.FileInfo) error {
	in := &counter{r: h, ctx: r.ctx}
	end := &ending{}
	if info != nil && info.Mode().IsRegular() && info.Size() <= wholePacked {
		return r.whole(f, in, end)
	}
	return r.stream(f, in, end, in)
}

// whole reads a file of modest size into memory, if it stays modest.
func (r *reader) whole(f file, in *counter, end *ending) error {
	var err error
	if r.packed, err = readAll(r.packed[:0], in); err != nil {
		if r.ctx.Err() != nil {
			return r.ctx.Err() // interrupted, and not the file's fault
		}
		return r.skipped(&ingest.SkipError{Cause: cause(err), Origin: f.origin(), Err: err})
	}
	end.packed = in.n
	data, err := r.scanner.Inflate(r.inflated[:0], r.packed, wholeInflated)
	if kind(err) == record.TooLarge {
		return r.stream(f, bytes.NewReader(r.packed), end, in)
	}
	if len(data) > 0 && len(r.packed) > 0 && &data[0] != &r.packed[0] {
		r.inflated = data
	}
	end.inflated = int64(len(data))
	return r.drain(f, chain(r.scanner.Scan(data, f.origin()), len(data) > 0, err), end, func() {})
}

// stream reads a file through a window.
func (r *reader) stream(f file, from io.Reader, end *ending, in *counter) error {
	return r.drain(f, r.scanner.ScanReader(from, f.origin(), r.limit), end, func() {
		end.packed, end.inflated = in.n, r.scanner.Scanned()
	})
}

// chain yields what a scan of the sound part of a file gives, then what was
// wrong with the rest.
func chain(scan iter.Seq2[signin.Event, error], some bool, err error) iter.Seq2[signin.Event, error] {
	return func(yield func(signin.Event, error) bool) {
		if some || err == nil {
			for e, scanErr := range scan {
				if scanErr != nil && err != nil && kind(scanErr) > record.BadLine {
					break // the damage below explains it
				}
				if !yield(e, scanErr) {
					return
				}
			}
		}
		if err != nil {
			yield(signin.Event{}, err)
		}
	}
}

// drain hands over a stream in batches. The first error about the whole file is
// its only one. When the context ends, what was found until then is handed
// over all the same: the consumer reads until the workers are gone.
func (r *reader) drain(f file, events iter.Seq2[signin.Event, error], end *ending, count func()) error {
	var b batch
	for e, err := range events {
		if err != nil && r.ctx.Err() != nil {
			break // the reader ended with the context
		}
		if err != nil {
			skip := ingest.Skip(f.origin(), err)
			if kind(err) == record.Other && !f.named && !claims(f.path) {
				end.excluded = ingest.ReasonNotCloudTrail
				break
			}
			b.skips = append(b.skips, skip)
			if !skip.Record {
				end.skipped = true
				break
			}
		} else {
			b.events = append(b.events, e)
		}
		if len(b.events)+len(b.skips) >= batchSize {
			if err := r.send(b); err != nil {
				return err
			}
			b = batch{}
		}
	}
	if r.ctx.Err() != nil {
		r.out <- b
		return r.ctx.Err()
	}
	count()
	b.end = end
	return r.send(b)
}

// claims tells whether a file's name says that it is CloudTrail's: then
// something else in it is damage, and not just another file.
func claims(path string) bool {
	switch filepath.Ext(path) {
	case ".gz", ".json", ".jsonl", ".ndjson":
		return true
	}
	return false
}

func (r *reader) skipped(skip *ingest.SkipError) error {
	return r.send(batch{skips: []error{skip}, end: &ending{skipped: true}})
}

func (r *reader) send(b batch) error {
	select {
	case r.out <- b:
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}
