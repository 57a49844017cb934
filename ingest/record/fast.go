//go:build !libdeflate

package record

// Inflater names the inflater that was built in.
const Inflater = "klauspost/compress"

// fast is the state of a faster inflater, which this build does not have.
type fast struct{}

// inflate reports false: this build has only the one inflater.
func (*fast) inflate(_, _ []byte, _ int64) ([]byte, bool) { return nil, false }
