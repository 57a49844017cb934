package trail

import (
	"context"
	"errors"

	"trailgate/ingest"
	"trailgate/ingest/aws/bucket"
	"trailgate/ingest/record"
	"trailgate/ingest/signin"
)

// Reading has the sign-ins of one object, and its skips.
type Reading struct {
	Object   Object
	Events   []signin.Event      // in their order in the object
	Skip     *ingest.SkipError   // the object could not be read, or not to its end; nil: it was
	Records  []*ingest.SkipError // single records that could not be read
	Packed   int64               // bytes that were read, as stored
	Inflated int64               // bytes of JSON
}

// The largest buffers that are kept between objects. A larger one is dropped,
// so that one large object does not hold its memory for the rest of the run.
const (
	mostPacked   = 8 << 20
	mostInflated = 64 << 20
)

// scanBuffers are used for inflating and scanning, one object after the other.
type scanBuffers struct {
	scanner  record.Scanner
	inflated []byte
}

// readBuffers are used for reading one object at a time.
type readBuffers struct {
	scanBuffers
	packed []byte
}

// Read reads one object without a listing: its key is enough. If the object is
// damaged, the Reading still has the events of the parts whose checksum is
// right. The error is the context's only. Everything else about the object is
// in the Reading, which is the caller's. Read may be called from several
// goroutines at once.
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
	d.packed = reuseUpTo(packed, mostPacked)
	return r, err
}

// fetchObject reads the bytes of an object, in buf if that is large enough. It
// returns a Reading without events, and the bytes or the buffer. An object that is
// too large, empty or cannot be read sets Reading.Skip. The error is the context's
// only.
func (s *Source) fetchObject(ctx context.Context, o Object, buf []byte) (Reading, []byte, error) {
	r := Reading{Object: o}
	if limit := s.maxInflated(); o.Size > limit {
		r.Skip = s.skipObject(o, ingest.CauseTooLarge, &bucket.SizeError{Size: o.Size, Limit: limit})
		return r, buf, nil
	}
	packed, err := s.Store.Read(ctx, o.Key, buf, s.maxInflated())
	if err != nil {
		var skip *ingest.SkipError
		switch {
		case ctx.Err() != nil:
			return r, packed, ctx.Err()
		case !errors.As(err, &skip):
			skip = s.skipObject(o, ingest.CauseTransport, err)
		}
		r.Skip = skip
		return r, packed, nil
	}
	r.Packed = int64(len(packed))
	if len(packed) == 0 {
		r.Skip = s.skipObject(o, ingest.CauseEmpty, errors.New("no bytes"))
	}
	return r, packed, nil
}

// scanObject inflates and scans the bytes that fetchObject returned. It puts the
// sign-ins and the errors into r.
func (s *Source) scanObject(r *Reading, packed []byte, sc *scanBuffers) {
	data, err := sc.scanner.Inflate(sc.inflated, packed, s.maxInflated())
	r.Inflated = int64(len(data))
	origin := s.Store.Origin(r.Object.Key)
	if err != nil {
		r.addError(origin, err)
	}
	if err == nil || len(data) > 0 {
		for e, err := range sc.scanner.Scan(data, origin) {
			if err != nil {
				r.addError(origin, err)
				continue
			}
			r.Events = append(r.Events, e)
		}
	}
	// Inflate gives plain bytes back as they are. They are the caller's buffer,
	// which must not be kept here.
	if len(data) == 0 || &data[0] != &packed[0] {
		sc.inflated = reuseUpTo(data, mostInflated)
	}
}

// addError adds an error of package record to the Reading, as a skip. An error
// about one record goes to Records. Of several errors about the whole object only
// the first is kept, because the others follow from it.
func (r *Reading) addError(origin string, err error) {
	switch skip := ingest.Skip(origin, err); {
	case skip.Record:
		r.Records = append(r.Records, skip)
	case r.Skip == nil:
		r.Skip = skip
	}
}

func (s *Source) skipObject(o Object, cause ingest.Cause, err error) *ingest.SkipError {
	return &ingest.SkipError{Cause: cause, Origin: s.Store.Origin(o.Key), Err: err}
}

// reuseUpTo returns buf, emptied, as the buffer for the next object. It returns nil
// if buf has room for more than most bytes.
func reuseUpTo(buf []byte, most int) []byte {
	if cap(buf) > most {
		return nil
	}
	return buf[:0]
}
