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

// Files up to these sizes are read whole. Their checksum is then known before
// their sign-ins are used, and files without a sign-in need not be walked.
// Larger files are streamed.
const (
	wholePacked   = 8 << 20
	wholeInflated = 256 << 20
)

// fileReader reads files one after the other. It belongs to one worker.
type fileReader struct {
	ctx   context.Context
	out   chan<- fileBatch
	limit int64
	stdin io.Reader

	scanner  record.Scanner
	packed   []byte
	inflated []byte
}

// readFile reads one file and sends its sign-ins and skips to r.out, or says that
// the file was left out. Its error is the context's.
func (r *fileReader) readFile(f file) error {
	if f.err != nil {
		return r.sendSkip(&ingest.SkipError{Cause: ingest.CauseListing, Origin: f.originName(), Err: f.err})
	}
	h, info, err := r.openFile(f)
	if err != nil {
		return r.sendSkip(&ingest.SkipError{Cause: causeOf(err), Origin: f.originName(), Err: err})
	}
	if h == nil {
		return r.sendBatch(fileBatch{end: &fileEnd{excluded: ingest.ReasonIrregular}})
	}
	defer h.Close() // the file was only read, so that an error of Close means no loss
	if info != nil {
		if why := exclusionReason(f, info); why != "" {
			return r.sendBatch(fileBatch{end: &fileEnd{excluded: why}})
		}
	}
	return r.scanFile(f, h, info)
}

// scanFile sends the sign-ins of an open file. A regular file of up to wholePacked
// bytes is read whole. Any other file is streamed. info is nil for standard input.
func (r *fileReader) scanFile(f file, h io.Reader, info fs.FileInfo) error {
	in := &countingReader{r: h, ctx: r.ctx}
	end := &fileEnd{}
	if info != nil && info.Mode().IsRegular() && info.Size() <= wholePacked {
		return r.scanWhole(f, in, end)
	}
	return r.scanStream(f, in, end, in)
}

// scanWhole reads a small file into memory and sends its sign-ins. It streams the
// file if that is too large when inflated. A read error is sent as a skip.
func (r *fileReader) scanWhole(f file, in *countingReader, end *fileEnd) error {
	var err error
	if r.packed, err = readAll(r.packed[:0], in); err != nil {
		if r.ctx.Err() != nil {
			return r.ctx.Err() // the file itself may be sound
		}
		return r.sendSkip(&ingest.SkipError{Cause: causeOf(err), Origin: f.originName(), Err: err})
	}
	end.packed = in.n
	data, err := r.scanner.Inflate(r.inflated[:0], r.packed, wholeInflated)
	if errorKind(err) == record.TooLarge {
		return r.scanStream(f, bytes.NewReader(r.packed), end, in)
	}
	if len(data) > 0 && len(r.packed) > 0 && &data[0] != &r.packed[0] {
		r.inflated = data
	}
	end.inflated = int64(len(data))
	return r.sendEvents(f, scanThenError(r.scanner.Scan(data, f.originName()), len(data) > 0, err), end, func() {})
}

// scanStream reads a file from the reader from, through a window of bounded size,
// and sends its sign-ins. At the end it takes the number of packed bytes from in.
func (r *fileReader) scanStream(f file, from io.Reader, end *fileEnd, in *countingReader) error {
	return r.sendEvents(f, r.scanner.ScanReader(from, f.originName(), r.limit), end, func() {
		end.packed, end.inflated = in.n, r.scanner.Scanned()
	})
}

// scanThenError yields the scan of the sound part of a file, and then err, the
// error of the rest. With err, an error of the scan about the whole file is left
// out, because err explains it. If some is false, there is no sound part.
func scanThenError(scan iter.Seq2[signin.Event, error], some bool, err error) iter.Seq2[signin.Event, error] {
	return func(yield func(signin.Event, error) bool) {
		if some || err == nil {
			for e, scanErr := range scan {
				if scanErr != nil && err != nil && errorKind(scanErr) > record.BadLine {
					break // err below explains it
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

// sendEvents sends the events and skips of a file in batches. The last batch has
// end, after a call of count, which completes it. The first error about the whole
// file ends the file. When the context ends, the events up to then are still sent,
// because the consumer reads until the workers have ended.
func (r *fileReader) sendEvents(f file, events iter.Seq2[signin.Event, error], end *fileEnd, count func()) error {
	var b fileBatch
	for e, err := range events {
		if err != nil && r.ctx.Err() != nil {
			break // the context has ended the reader
		}
		if err != nil {
			skip := ingest.Skip(f.originName(), err)
			if errorKind(err) == record.Other && !f.named && !isNamedAsLog(f.path) {
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
			if err := r.sendBatch(b); err != nil {
				return err
			}
			b = fileBatch{}
		}
	}
	if r.ctx.Err() != nil {
		r.out <- b
		return r.ctx.Err()
	}
	count()
	b.end = end
	return r.sendBatch(b)
}

// isNamedAsLog reports whether a file name ends as those of log files do: .gz,
// .json, .jsonl or .ndjson. Other content in such a file is reported as damage. A
// file with another name is then left out.
func isNamedAsLog(path string) bool {
	switch filepath.Ext(path) {
	case ".gz", ".json", ".jsonl", ".ndjson":
		return true
	}
	return false
}

func (r *fileReader) sendSkip(skip *ingest.SkipError) error {
	return r.sendBatch(fileBatch{skips: []error{skip}, end: &fileEnd{skipped: true}})
}

func (r *fileReader) sendBatch(b fileBatch) error {
	select {
	case r.out <- b:
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}
