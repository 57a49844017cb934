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
	Generation int64        `json:"generation"`  // the newest generation
	Job        string       `json:"job"`         // id of the state
	Since      time.Time    `json:"since"`       // the lake holds sign-ins from this time on
	Settled    time.Time    `json:"settled"`     // sign-ins up to this time are not judged again
	Newest     time.Time    `json:"newest"`      // newest delivery that was read
	Folders    int          `json:"folders"`     // folders that have a checkpoint
	Pending    int          `json:"pending"`     // sign-ins after Settled, which the next run judges again
	Bytes      int          `json:"bytes"`       // size of the state
	Owed       []OwedObject `json:"owed"`        // the backlog: objects that no run could read yet
	WrittenOff []WrittenOff `json:"written_off"` // objects that the user has given up
	Last       *Summary     `json:"last_run"`    // summary of the run that made the last export

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

// WriteOff takes objects off the backlog, by their keys, and commits that. It takes the
// lock for this. No run reads the objects again. A key may also be written as
// s3://BUCKET/KEY. done is the number of objects that were written off, and left the
// number of those in the backlog. If one key is not in the backlog, the error is an
// *UnknownKeyError, and nothing is written off. Otherwise the error is an
// *EmptyStateError, or that of the lock, of the store or of the context. If only the
// removal of old generations fails, done is not 0.
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

// backlogNames gives the backlog keys (see backlogKey) of an object: one for each
// source that has it in the backlog. The key may also be written as s3://BUCKET/KEY.
// The bucket is not compared with the source.
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
