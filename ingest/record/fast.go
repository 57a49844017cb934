//go:build !libdeflate

package record

// Inflater names the inflater that was built in.
const Inflater = "klauspost/compress"

// fastInflater is the state of a faster inflater, which this build does not have.
type fastInflater struct{}

// tryInflate reports false: this build has only the one inflater.
func (*fastInflater) tryInflate(_, _ []byte, _ int64) ([]byte, bool) { return nil, false }
