package lake

// BrokenError is a damaged file of a lake or of its state. The generations of a state
// have errors of their own: DamagedError and NewerError.
type BrokenError struct {
	Part Part
	Err  error // names the file and says what is wrong
}

// Part says what a damaged file is for.
type Part uint8

// The parts of a lake and its state.
const (
	TableFile  Part = iota // rows
	InfoFile               // a LakeInfo
	IntentFile             // the files that a run was going to add
)

func (e *BrokenError) Error() string { return e.Err.Error() }

func (e *BrokenError) Unwrap() error { return e.Err }
