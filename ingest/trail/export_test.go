package trail

import (
	"iter"

	"trailgate/ingest"
)

// Readings gives the objects of a stream of this package one by one, before
// Events flattens them.
func Readings(s ingest.Stream) iter.Seq2[Reading, error] {
	st, ok := s.(*stream)
	if !ok {
		return nil
	}
	return st.readings()
}
