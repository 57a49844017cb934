package lake

// BrokenError is a file of a lake or its state that cannot be understood. The
// state itself has errors of its own, DamagedError and NewerError.
type BrokenError struct {
	Part Part
	Err  error // says which file, and what is wrong
}

// Part is what a file is for.
type Part uint8

// The parts of a lake and its state.
const (
	TableFile  Part = iota // rows
	InfoFile               // the mark of the lake
	IntentFile             // what a run was about to add
)

func (e *BrokenError) Error() string { return e.Err.Error() }

func (e *BrokenError) Unwrap() error { return e.Err }
