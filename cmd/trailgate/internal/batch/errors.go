package batch

import (
	"fmt"
	"strings"
)

// FilterChangedError says that the accounts or Regions of a run are not those of the
// earlier runs. The objects that the earlier runs left out count as read. So a run with
// other filters would never read them.
type FilterChangedError struct {
	Accounts, Regions []string // of the runs before
}

// Error names the filters of the runs before.
func (e *FilterChangedError) Error() string {
	return fmt.Sprintf("--account and --region are not those of the runs before (--account %s, --region %s): what those left out counts as read",
		strings.Join(e.Accounts, ","), strings.Join(e.Regions, ","))
}

// PartitionMismatchError says that the tables of a lake are divided by other columns
// than those in the options.
type PartitionMismatchError struct {
	Lake      string
	Has, Want []string // columns
}

// Error names the columns.
func (e *PartitionMismatchError) Error() string {
	return fmt.Sprintf("lake %q is divided by %s, not by %s", e.Lake, strings.Join(e.Has, ", "), strings.Join(e.Want, ", "))
}

// OtherStateError says that a lake is filled by another state.
type OtherStateError struct {
	Lake   string
	State  string // that fills the lake
	Ours   string // the one that was given
	Adopts bool   // Options.Adopt would help
}

// Error names the lake and one state: the one that fills it if Adopts is set, and
// otherwise the one that was given.
func (e *OtherStateError) Error() string {
	if e.Adopts {
		return fmt.Sprintf("lake %q is filled by another state, %q", e.Lake, e.State)
	}
	return fmt.Sprintf("lake %q is not filled by state %q", e.Lake, e.Ours)
}

// UnmarkedLakeError says that a state has filled a lake, but the lake has no file that
// names its state (no mark). So it is another place, or was emptied.
type UnmarkedLakeError struct{ Lake, State string }

// Error names lake and state.
func (e *UnmarkedLakeError) Error() string {
	return fmt.Sprintf("lake %q: it has no mark, but its state %q says that it has been filled", e.Lake, e.State)
}

// EmptyStateError says that nothing was ever committed in a state.
type EmptyStateError struct{ State string }

// Error names the state.
func (e *EmptyStateError) Error() string {
	return fmt.Sprintf("state %q: no export has committed anything here", e.State)
}

// SameSourceError says that two sources of a run are the same one.
type SameSourceError struct{ Name string }

// Error names the source.
func (e *SameSourceError) Error() string { return fmt.Sprintf("source %q is named twice", e.Name) }

// UnknownKeyError says that a key is not in the backlog.
type UnknownKeyError struct{ Key string }

// Error names the key.
func (e *UnknownKeyError) Error() string { return fmt.Sprintf("key %q is not in the backlog", e.Key) }
