package trail

import (
	"context"
	"errors"

	"trailgate/ingest"
	"trailgate/ingest/aws/bucket"
	"trailgate/ingest/record"
	"trailgate/ingest/signin"
)

// Reading is one object, read: its sign-ins and what could not be read of it.
type Reading struct {
	Object   Object
	Events   []signin.Event      // in their order in the object
	Skip     *ingest.SkipError   // the object, whole or from some point on; nil: it was read to its end
	Records  []*ingest.SkipError // single records
	Packed   int64               // bytes as stored, as far as they were read
	Inflated int64               // bytes of JSON
}

// The largest buffers that are kept between objects. One outlier must not
// hold its memory for the rest of the run.
const (
	keepPacked   = 8 << 20
	keepInflated = 64 << 20
)

// scanBuffers is what inflating and scanning needs and can be used again.
type scanBuffers struct {
	scanner  record.Scanner
	inflated []byte
}

// readBuffers is all that reading one object at a time needs.
type readBuffers struct {
	scanBuffers
	packed []byte
}

// Read reads one object, apart from any listing: its key is enough. What a
// checksum vouches for is kept even if the object is skipped from some point
// on. The error is the context's; everything about the object stands in the
// Reading, which is the caller's. Read may be called from several goroutines
// at once.
func (s *Source) Read(ctx context.Context, o Object) (Reading, error) {
	d, ok := s.buffers.Get().(*readBuffers)
	if !ok {
		d = &readBuffers{}
	}
	defer s.buffers.Put(d)
	r, packed, err := s.fetchObject(ctx, o, d.packed)
	if err == nil && r.Skip == nil {
		s.scanObject(&r, packed, &d.scanBuffers)
	}
	d.packed = reuseUpTo(packed, keepPacked)
	return r, err
}

// fetchObject gets the bytes of an object, in buf if it is large enough.
func (s *Source) fetchObject(ctx context.Context, o Object, buf []byte) (Reading, []byte, error) {
	r := Reading{Object: o}
	if limit := s.maxInflated(); o.Size > limit {
		r.Skip = s.newSkip(o, ingest.CauseTooLarge, &bucket.SizeError{Size: o.Size, Limit: limit})
		return r, buf, nil
	}
	packed, err := s.Store.Read(ctx, o.Key, buf, s.maxInflated())
	if err != nil {
		var skip *ingest.SkipError
		switch {
		case ctx.Err() != nil:
			return r, packed, ctx.Err()
		case !errors.As(err, &skip):
			skip = s.newSkip(o, ingest.CauseTransport, err)
		}
		r.Skip = skip
		return r, packed, nil
	}
	r.Packed = int64(len(packed))
	if len(packed) == 0 {
		r.Skip = s.newSkip(o, ingest.CauseEmpty, errors.New("no bytes"))
	}
	return r, packed, nil
}

// scanObject inflates and scans what fetch got.
func (s *Source) scanObject(r *Reading, packed []byte, sc *scanBuffers) {
	data, err := sc.scanner.Inflate(sc.inflated, packed, s.maxInflated())
	r.Inflated = int64(len(data))
	origin := s.Store.Origin(r.Object.Key)
	if err != nil {
		r.noteError(origin, err)
	}
	if err == nil || len(data) > 0 {
		for e, err := range sc.scanner.Scan(data, origin) {
			if err != nil {
				r.noteError(origin, err)
				continue
			}
			r.Events = append(r.Events, e)
		}
	}
	// Plain bytes come back as they are: they are the caller's buffer.
	if len(data) == 0 || &data[0] != &packed[0] {
		sc.inflated = reuseUpTo(data, keepInflated)
	}
}

// noteError sorts one error of package record in. Of several about the object the
// first counts: the rest follow from it.
func (r *Reading) noteError(origin string, err error) {
	switch skip := ingest.Skip(origin, err); {
	case skip.Record:
		r.Records = append(r.Records, skip)
	case r.Skip == nil:
		r.Skip = skip
	}
}

func (s *Source) newSkip(o Object, cause ingest.Cause, err error) *ingest.SkipError {
	return &ingest.SkipError{Cause: cause, Origin: s.Store.Origin(o.Key), Err: err}
}

// reuseUpTo gives a buffer for the next object, unless it is larger than that
// deserves.
func reuseUpTo(buf []byte, most int) []byte {
	if cap(buf) > most {
		return nil
	}
	return buf[:0]
}
