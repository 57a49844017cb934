package lake

// BrokenError is a damaged file of a lake or of its state. For a damaged generation of the
// state there are DamagedError and NewerError.
type BrokenError struct {
	Part Part
	Err  error // names the file and says what is wrong
}

// Part is what a file is for.
type Part uint8

// The parts of a lake and its state.
const (
	TableFile  Part = iota // rows
	InfoFile               // a LakeInfo
	IntentFile             // the files that a run was going to add
)

func (e *BrokenError) Error() string { return e.Err.Error() }

func (e *BrokenError) Unwrap() error { return e.Err }
