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
	lockVersion         = 1
	maxPollInterval     = 2 * time.Second
	maxRecordLease      = time.Hour       // a longer lease of a holder counts as this
	releaseTimeout      = 2 * time.Second // to release the lock if the check fails
	maxImmediateRetries = 3               // refused writes in a row before Acquire waits
)

// Holder says who has a lock.
type Holder struct {
	Run  string // unique for each run; required
	Host string
	PID  int
}

// Lock lets one run at a time use a state. It is an object that says who has the lock and
// until when.
//
// The lock saves work that would be lost. It depends on clocks, so it cannot guarantee
// that only one run commits. Log.Commit guarantees that: of two runs that both believe to
// have the lock, only one can create the next generation.
//
// Do not change the fields while the lock is in use. Several goroutines may use it.
type Lock struct {
	Store  Store                                            // required
	Key    string                                           // of the object; required
	Holder Holder                                           // required
	Lease  time.Duration                                    // how long the lock lasts without Renew; required
	Now    func() time.Time                                 // required
	Wait   func(ctx context.Context, d time.Duration) error // waits, at most until the context ends; nil means a timer
}

// LockedError is the error of Acquire if another run has the lock, or was faster each
// time. Holder and Until are what the object said last. They are zero if it cannot be
// read as a lock or does not exist.
type LockedError struct {
	Holder Holder
	Until  time.Time // when it expires unless it is renewed, by the clock of the holder
	Key    string    // full name of the lock's object
}

func (e *LockedError) Error() string {
	if e.Holder.Run == "" {
		return fmt.Sprintf("lock %q: held by an unknown holder, since it cannot be read as a lock", e.Key)
	}
	return fmt.Sprintf("lock %q: held by run %q, process %d on %q, until %s unless it is renewed",
		e.Key, e.Holder.Run, e.Holder.PID, e.Holder.Host, e.Until.UTC().Format(time.RFC3339))
}

// lockRecord is the content of the lock's object. Turn counts its changes. So no two
// versions are equal, even if the clock does not move.
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

// parseLock reads the content of the lock's object. It returns false if the content is
// not a valid record of lockVersion.
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

// Acquire takes the lock. It does so in one of these cases:
//
//   - the lock does not exist, or it was released
//   - it has expired by the clock of this run
//   - it has not changed for a whole lease during this call
//
// The third case uses the longer of the two leases, that of the holder up to an hour. It
// does not read a clock, but it needs a patience of at least that lease. Given that,
// neither a wrong clock nor a damaged object can block all runs for ever.
//
// If another run writes the object first, Acquire tries again at once, at most twice in a
// row. Otherwise it waits before it looks again: a quarter of its own lease, but at most
// two seconds and at most the patience that is left. With patience 0 it does not wait.
//
// When patience is over, the error is *LockedError. It is ErrUnconditional, wrapped, if
// nobody holds the lock and the store has refused the same write at least three times.
//
// Before it returns the lease, Acquire checks that the store respects conditions. If that
// check fails, Acquire tries to release the lock and returns an error. If the store
// ignores conditions, that is ErrUnconditional, wrapped.
func (l *Lock) Acquire(ctx context.Context, patience time.Duration) (*Lease, error) {
	if l.Holder.Run == "" || l.Lease <= 0 {
		return nil, fmt.Errorf("lock %q: run %q and lease %v: both are needed", l.Store.Name(l.Key), l.Holder.Run, l.Lease)
	}
	var seen Tag
	var watched time.Duration
	var lost Condition // the condition of the last write that the store refused
	stuck := 0         // refused writes with it; a write of another run changes it
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
			known && !l.Now().Before(held.Expires) || watched >= l.watchTime(held)
		if free {
			lease, err := l.tryAcquire(ctx, held.Turn, when)
			if !errors.Is(err, ErrConflict) {
				return lease, err
			}
			if when != lost {
				lost, stuck = when, 0
			}
			stuck++
			if races++; races < maxImmediateRetries {
				continue
			}
			races = 0
		}
		switch {
		case patience <= 0 && free && stuck >= maxImmediateRetries:
			return nil, &markedError{ErrUnconditional, fmt.Errorf("lock %q: nobody holds it, and yet the server refuses each conditional write (If-None-Match, If-Match)", l.Store.Name(l.Key))}
		case patience <= 0:
			return nil, &LockedError{Holder: Holder{held.Run, held.Host, held.PID}, Until: held.Expires, Key: l.Store.Name(l.Key)}
		}
		d := min(max(l.Lease/4, 1), maxPollInterval, patience)
		if err := bucket.Sleep(ctx, d, l.Wait); err != nil {
			return nil, fmt.Errorf("wait for lock %q: %w", l.Store.Name(l.Key), err)
		}
		patience -= d
		watched += d
	}
}

// watchTime returns how long a record must stay unchanged until its holder counts as
// dead: the longer of the lease of this run and that of the record, which counts up to
// maxRecordLease.
func (l *Lock) watchTime(held lockRecord) time.Duration {
	its := time.Duration(0)
	if held.Seconds > 0 {
		its = time.Duration(min(held.Seconds, maxRecordLease.Seconds()) * float64(time.Second))
	}
	return max(l.Lease, its)
}

func (l *Lock) tryAcquire(ctx context.Context, turn int64, when Condition) (*Lease, error) {
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
	if err := l.checkConditionalWrites(ctx, e.rec); err != nil {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
		defer cancel()
		if e.Release(late) != nil {
			return nil, err // it expires by itself
		}
		return nil, err
	}
	return e, nil
}

// checkConditionalWrites tries two writes to the lock that the store must refuse, because
// their conditions do not hold. If the store accepts one, the error is ErrUnconditional,
// wrapped. Such a store would let two jobs use one state. Both writes are rec with a
// higher Turn, so the lock names this holder in any case.
func (l *Lock) checkConditionalWrites(ctx context.Context, rec lockRecord) error {
	for _, never := range []Condition{Absent(), Matches(`"00000000000000000000000000000000"`)} {
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

// Lease is a lock that this run has. Renew and Release may be called from several
// goroutines.
type Lease struct {
	lock *Lock

	mu          sync.Mutex
	rec         lockRecord
	tag         Tag
	expires     time.Time // by the clock of this run, with its monotonic reading
	unconfirmed [][]byte  // records sent after that of tag; each may be stored or not
	endReason   string    // why the lease has ended; empty as long as it lasts
}

// Renew extends the lease: it then lasts its whole time from now.
//
// The error is ErrLost, wrapped, if another run has taken the lock. It is also ErrLost if
// the lease has expired by the clock of this run, or was released. The run must then stop
// writing, and every later Renew fails too. After any other error Renew may be called
// again while the lease lasts.
func (e *Lease) Renew(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.lock.Now()
	// Both readings of the time are compared. The monotonic one is right if the clock
	// was set. The wall clock is right if the machine was asleep.
	if e.endReason == "" && (!now.Before(e.expires) || !now.Round(0).Before(e.expires.Round(0))) {
		e.endReason = "the lease ran out before it was renewed"
	}
	if e.endReason != "" {
		return e.lostError()
	}
	rec := e.rec
	rec.Turn++
	rec.Expires = now.Add(e.lock.Lease).UTC()
	if err := e.replaceRecord(ctx, rec); err != nil {
		return err
	}
	e.expires = now.Add(e.lock.Lease)
	return nil
}

// Release gives the lock back. It also does so after the lease has expired, if nobody has
// taken the lock. The object stays and says that it was released. After a successful
// Release, another one does nothing. The error is ErrLost, wrapped, if another run has
// taken the lock.
func (e *Lease) Release(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.rec.Released.IsZero() {
		return nil
	}
	rec := e.rec
	rec.Turn++
	rec.Released = e.lock.Now().UTC()
	err := e.replaceRecord(ctx, rec)
	if err == nil {
		e.endReason = "it was released"
	}
	return err
}

func (e *Lease) lostError() error {
	return fmt.Errorf("lock %q: %s: %w", e.lock.Store.Name(e.lock.Key), e.endReason, ErrLost)
}

// replaceRecord writes rec over the lock's object if that is still the record of this
// run, and keeps rec and its tag in e. If it is not, the lease ends, and the error is
// ErrLost, wrapped. After any other error it adds rec to unconfirmed.
func (e *Lease) replaceRecord(ctx context.Context, rec lockRecord) error {
	data, err := rec.encode()
	if err != nil {
		return err
	}
	tag, err := e.lock.Store.Put(ctx, e.lock.Key, data, Matches(e.tag))
	if errors.Is(err, ErrConflict) && e.adoptOwnWrite(ctx) {
		tag, err = e.lock.Store.Put(ctx, e.lock.Key, data, Matches(e.tag))
	}
	switch {
	case err == nil:
		e.rec, e.tag, e.unconfirmed = rec, tag, nil
		return nil
	case errors.Is(err, ErrConflict):
		e.endReason = "it is in other hands"
		return e.lostError()
	}
	e.unconfirmed = append(e.unconfirmed, data)
	return err
}

// adoptOwnWrite reads the lock's object and reports whether it is one of the unconfirmed
// records: a write of this run whose answer was lost. Then it sets e.tag to the tag of
// that record. If the object cannot be read, it reports false.
func (e *Lease) adoptOwnWrite(ctx context.Context) bool {
	if len(e.unconfirmed) == 0 {
		return false
	}
	now, tag, err := e.lock.Store.Get(ctx, e.lock.Key)
	if err != nil {
		return false
	}
	for _, data := range e.unconfirmed {
		if bytes.Equal(now, data) {
			e.tag = tag
			return true
		}
	}
	return false
}
