package trail

import (
	"iter"

	"trailgate/ingest"
)

// Readings is what a stream of this package flattens into events: each object
// by itself.
func Readings(s ingest.Stream) iter.Seq2[Reading, error] {
	st, ok := s.(*stream)
	if !ok {
		return nil
	}
	return st.readings()
}
