package batch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// StateView is the content of a state for people.
type StateView struct {
	State      string       `json:"state"`
	Generation int64        `json:"generation"`
	Job        string       `json:"job"`
	Since      time.Time    `json:"since"`
	Settled    time.Time    `json:"settled"`
	Newest     time.Time    `json:"newest"`
	Folders    int          `json:"folders"`
	Pending    int          `json:"pending"`
	Bytes      int          `json:"bytes"`
	Owed       []OwedObject `json:"owed"`
	WrittenOff []WrittenOff `json:"written_off"`
	Last       *Summary     `json:"last_run"`

	Damaged []string `json:"-"` // damaged generations that were passed over, in words
}

// Show reads a state without taking the lock. The error is an *EmptyStateError, or
// that of the store.
func Show(ctx context.Context, l Location) (StateView, error) {
	s := newSession(&l)
	state, err := s.committed(ctx)
	if err != nil {
		return StateView{}, err
	}
	v := StateView{State: s.StateName, Generation: s.snapshot.Number, Job: state.head.ID, Since: state.head.Since, Settled: state.head.Settled, Newest: state.head.Newest,
		Pending: len(state.pending), Bytes: len(s.snapshot.Body), Owed: state.backlog(), WrittenOff: state.givenUp(), Last: state.last, Damaged: s.snapshot.Damaged}
	for _, entries := range state.checkpoints {
		for key := range entries {
			if key != "" {
				v.Folders++
			}
		}
	}
	return v, nil
}

// WriteOff takes objects off the backlog, by their keys, and commits that. No run
// reads them again. It gives the number of objects that were written off, and of those
// that are still in the backlog. The error is an *UnknownKeyError for a key that is
// not in the backlog, an *EmptyStateError, that of the store, or the context's.
func WriteOff(ctx context.Context, l Location, keys []string) (done, left int, err error) {
	s, err := openFilled(ctx, &l)
	if err != nil {
		return 0, 0, err
	}
	defer s.release()
	ctx, stop := s.renewLease(ctx)
	defer stop()
	state, err := s.committed(ctx)
	if err != nil {
		return 0, 0, err
	}
	var names []string
	for _, key := range keys {
		found := state.backlogNames(key)
		if len(found) == 0 {
			return 0, 0, &UnknownKeyError{key}
		}
		names = append(names, found...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	state.writeOff(names, l.Now().UTC().Truncate(time.Second))
	body, err := state.encode(true)
	if err != nil {
		return 0, 0, err
	}
	if err := s.commit(ctx, body); err != nil {
		return 0, 0, fmt.Errorf("commit generation %d: %w", s.snapshot.Number+1, s.causeOf(ctx, err))
	}
	return len(names), len(state.owed), s.log.Prune(ctx, keptGenerations)
}

// backlogNames gives the backlog keys of an object: one for each source that has it.
func (s *State) backlogNames(key string) []string {
	var names []string
	for name, o := range s.owed {
		if o.Key == key || strings.HasSuffix(key, "/"+o.Key) && strings.HasPrefix(key, "s3://") {
			names = append(names, name)
		}
	}
	return names
}

// writeOff moves objects from the backlog to the written-off ones, by their backlog keys.
func (s *State) writeOff(names []string, at time.Time) {
	for _, name := range names {
		o := s.owed[name]
		delete(s.owed, name)
		s.writtenOff[name] = WrittenOff{Key: o.Key, Source: o.Source, Cause: o.Cause, Reason: o.Reason, At: at}
	}
}
