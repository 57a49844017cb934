//go:build !libdeflate

package record

// Inflater names the inflater that was built in.
const Inflater = "klauspost/compress"

// fastInflater is the state of a faster inflater. This build does not have one.
type fastInflater struct{}

// tryInflate reports false: this build has only one inflater.
func (*fastInflater) tryInflate(_, _ []byte, _ int64) ([]byte, bool) { return nil, false }
