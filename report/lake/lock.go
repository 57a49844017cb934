package lake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"trailgate/ingest/aws/bucket"
)

const (
	lockVersion = 1
	maxPoll     = 2 * time.Second
	maxWatch    = time.Hour       // that a record may ask others to watch for
	parting     = 2 * time.Second // to give a lock back that was taken in vain
	maxHurry    = 3               // lost races after which a waiter waits before the next
)

// Holder says who holds a lock.
type Holder struct {
	Run  string // unique to the run; required
	Host string
	PID  int
}

// Lock lets one run at a time at a state, by an object that says who holds it
// and until when. It keeps honest jobs out of each other's way. That no two
// commit is kept by Log.Commit, whatever clocks say: a run that was frozen
// finds its lock taken, or the generation made.
//
// Do not change the fields while it is in use. It may be used by several
// goroutines.
type Lock struct {
	Store  Store         // required
	Key    string        // of the object; required
	Holder Holder        // required
	Lease  time.Duration // how long the lock holds without Renew; required
	Now    func() time.Time
	Wait   func(ctx context.Context, d time.Duration) error // until the context ends; nil: by a timer
}

// LockedError is a lock that somebody else holds. Holder is zero if the object
// cannot be read as a lock; Until is then zero too.
type LockedError struct {
	Holder Holder
	Until  time.Time // when it is up unless it is renewed, by the holder's clock
	Key    string    // the lock's object by its full name
}

func (e *LockedError) Error() string {
	if e.Holder.Run == "" {
		return fmt.Sprintf("lock %q: held by an unknown holder, since it cannot be read as a lock", e.Key)
	}
	return fmt.Sprintf("lock %q: held by run %q, process %d on %q, until %s unless it is renewed",
		e.Key, e.Holder.Run, e.Holder.PID, e.Holder.Host, e.Until.UTC().Format(time.RFC3339))
}

// lockRecord is the content of the lock's object. Turn counts its changes, so
// that no two versions are alike, also when a clock stands still.
type lockRecord struct {
	Version  int       `json:"trailgate_lock"`
	Run      string    `json:"run"`
	Host     string    `json:"host"`
	PID      int       `json:"pid"`
	Acquired time.Time `json:"acquired"`
	Expires  time.Time `json:"expires"`
	Seconds  float64   `json:"lease_seconds"`
	Turn     int64     `json:"turn"`
	Released time.Time `json:"released,omitzero"`
}

// parseLock reads a record; false where there is none that can be understood.
func parseLock(data []byte) (lockRecord, bool) {
	var rec lockRecord
	if err := json.Unmarshal(data, &rec); err != nil {
		return lockRecord{}, false
	}
	if rec.Version != lockVersion || rec.Run == "" || rec.Expires.IsZero() || rec.Turn < 0 {
		return lockRecord{}, false
	}
	return rec, true
}

func (r lockRecord) encode() ([]byte, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode lock: %w", err)
	}
	return append(data, '\n'), nil
}

// Acquire takes the lock: where there is none, where it was released, where it
// has expired by this clock, or where it has not changed for a whole lease (the
// longer of its own, up to an hour, and this one) as counted by the waits of
// this call, so that no clock set back and no damaged object locks everybody
// out. Else it looks again every quarter of a lease, at most every two seconds,
// until patience is over, and then gives *LockedError. Patience 0: one look.
//
// Before it gives the lease it makes sure that the store keeps conditions.
func (l *Lock) Acquire(ctx context.Context, patience time.Duration) (*Lease, error) {
	if l.Holder.Run == "" || l.Lease <= 0 {
		return nil, fmt.Errorf("lock %q: run %q and lease %v: both are needed", l.Store.Name(l.Key), l.Holder.Run, l.Lease)
	}
	var seen Tag
	var watched time.Duration
	var lost When // the condition of the last race that was lost
	stuck := 0    // how often the same one was: who loses a race finds another's record
	for races := 0; ; {
		data, tag, err := l.Store.Get(ctx, l.Key)
		when := Matches(tag)
		if errors.Is(err, fs.ErrNotExist) {
			when = Absent()
		} else if err != nil {
			return nil, err
		}
		held, known := parseLock(data)
		if tag != seen {
			seen, watched = tag, 0
		}
		free := when == Absent() || known && !held.Released.IsZero() ||
			known && !l.Now().Before(held.Expires) || watched >= l.watch(held)
		if free {
			lease, err := l.take(ctx, held.Turn, when)
			if !errors.Is(err, ErrConflict) {
				return lease, err
			}
			if when != lost {
				lost, stuck = when, 0
			}
			stuck++
			if races++; races < maxHurry {
				continue
			}
			races = 0
		}
		switch {
		case patience <= 0 && free && stuck >= maxHurry:
			return nil, &markedError{ErrUnconditional, fmt.Errorf("lock %q: nobody holds it, and yet the server refuses each conditional write (If-None-Match, If-Match)", l.Store.Name(l.Key))}
		case patience <= 0:
			return nil, &LockedError{Holder: Holder{held.Run, held.Host, held.PID}, Until: held.Expires, Key: l.Store.Name(l.Key)}
		}
		d := min(max(l.Lease/4, 1), maxPoll, patience)
		if err := bucket.Sleep(ctx, d, l.Wait); err != nil {
			return nil, fmt.Errorf("wait for lock %q: %w", l.Store.Name(l.Key), err)
		}
		patience -= d
		watched += d
	}
}

// watch is for how long a record has to stay as it is to be taken for dead.
func (l *Lock) watch(held lockRecord) time.Duration {
	its := time.Duration(0)
	if held.Seconds > 0 {
		its = time.Duration(min(held.Seconds, maxWatch.Seconds()) * float64(time.Second))
	}
	return max(l.Lease, its)
}

func (l *Lock) take(ctx context.Context, turn int64, when When) (*Lease, error) {
	now := l.Now()
	e := &Lease{lock: l, rec: lockRecord{
		Version: lockVersion, Run: l.Holder.Run, Host: l.Holder.Host, PID: l.Holder.PID, Acquired: now.UTC(),
		Expires: now.Add(l.Lease).UTC(), Seconds: l.Lease.Seconds(), Turn: turn + 1,
	}, expires: now.Add(l.Lease)}
	data, err := e.rec.encode()
	if err != nil {
		return nil, err
	}
	if e.tag, err = l.Store.Put(ctx, l.Key, data, when); err != nil {
		return nil, err
	}
	if err := l.prove(ctx, e.rec); err != nil {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), parting)
		defer cancel()
		if e.Release(late) != nil {
			return nil, err // it runs out by itself
		}
		return nil, err
	}
	return e, nil
}

// prove makes sure that the store refuses what its conditions forbid: a server
// that passes them over in silence would let two jobs at one state. Should one
// carry out what it has to refuse, the lock still tells this holder.
func (l *Lock) prove(ctx context.Context, rec lockRecord) error {
	for _, never := range []When{Absent(), Matches(`"00000000000000000000000000000000"`)} {
		rec.Turn++
		data, err := rec.encode()
		if err != nil {
			return err
		}
		_, err = l.Store.Put(ctx, l.Key, data, never)
		if err == nil {
			return &markedError{ErrUnconditional, fmt.Errorf("lock %q: the server takes conditional writes (If-None-Match, If-Match) but does not keep to them, so that two jobs cannot be kept apart", l.Store.Name(l.Key))}
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return nil
}

// Lease is a lock that is held. Renew and Release may be called from several
// goroutines.
type Lease struct {
	lock *Lock

	mu      sync.Mutex
	rec     lockRecord
	tag     Tag
	expires time.Time // by the own clock, with its monotonic reading
	tried   [][]byte  // writes since tag whose outcome is not known
	over    string    // why it is no longer held; "": it is
}

// Renew prolongs the lease to a whole one from now. It gives ErrLost, wrapped,
// if another has taken the lock, or if it has run out by the own clock: the run
// must then write nothing more. After any other error it may be tried again
// while the lease lasts.
func (e *Lease) Renew(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.lock.Now()
	// A clock that was set forward and a machine that slept: each is seen by
	// one of the two readings of a time.
	if e.over == "" && (!now.Before(e.expires) || !now.Round(0).Before(e.expires.Round(0))) {
		e.over = "the lease ran out before it was renewed"
	}
	if e.over != "" {
		return e.lost()
	}
	rec := e.rec
	rec.Turn++
	rec.Expires = now.Add(e.lock.Lease).UTC()
	if err := e.write(ctx, rec); err != nil {
		return err
	}
	e.expires = now.Add(e.lock.Lease)
	return nil
}

// Release gives the lock back, also one that has run out, if nobody has taken
// it. The object stays and says so. A second Release does nothing. It gives
// ErrLost, wrapped, if another has taken the lock.
func (e *Lease) Release(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.rec.Released.IsZero() {
		return nil
	}
	rec := e.rec
	rec.Turn++
	rec.Released = e.lock.Now().UTC()
	err := e.write(ctx, rec)
	if err == nil {
		e.over = "it was released"
	}
	return err
}

func (e *Lease) lost() error {
	return fmt.Errorf("lock %q: %s: %w", e.lock.Store.Name(e.lock.Key), e.over, ErrLost)
}

// write replaces the record if it is still the own one.
func (e *Lease) write(ctx context.Context, rec lockRecord) error {
	data, err := rec.encode()
	if err != nil {
		return err
	}
	tag, err := e.lock.Store.Put(ctx, e.lock.Key, data, Matches(e.tag))
	if errors.Is(err, ErrConflict) && e.adopt(ctx) {
		tag, err = e.lock.Store.Put(ctx, e.lock.Key, data, Matches(e.tag))
	}
	switch {
	case err == nil:
		e.rec, e.tag, e.tried = rec, tag, nil
		return nil
	case errors.Is(err, ErrConflict):
		e.over = "it is in other hands"
		return e.lost()
	}
	e.tried = append(e.tried, data)
	return err
}

// adopt looks whether what is there now is an own write whose answer was lost.
func (e *Lease) adopt(ctx context.Context) bool {
	if len(e.tried) == 0 {
		return false
	}
	now, tag, err := e.lock.Store.Get(ctx, e.lock.Key)
	if err != nil {
		return false
	}
	for _, data := range e.tried {
		if bytes.Equal(now, data) {
			e.tag = tag
			return true
		}
	}
	return false
}
