package batch

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"trailgate/report/lake"
)

// Location says where a lake and its state are, and how a run holds the lock on them.
type Location struct {
	Lake      lake.Store // nil: only the state is used
	LakeName  string     // as the user named it
	State     lake.Store
	StateName string
	LockWait  time.Duration // how long to wait for another run
	Lease     time.Duration // how long the lock lasts without renewal
	Now       func() time.Time
}

// session is a lake and its state, with the lock on them.
type session struct {
	*Location
	log           lake.Log
	runName       string
	lease         *lake.Lease
	snapshot      lake.Snapshot
	commitUnknown bool            // the store did not answer a write, which may still be done
	commitTried   bool            // the commit of this generation was sent
	rolledBack    map[string]bool // files of an earlier run that were removed
	graceCtx      context.Context // ends shutdownGrace after the context of the run
	endGrace      func()          // releases graceCtx
}

// keptGenerations is how many generations of the state are kept. The older ones are used
// if the newest is damaged.
const keptGenerations = 3

// shutdownGrace is how long a run may take to clean up after it was asked to stop.
const shutdownGrace = 8 * time.Second

// withGrace gives a context that ends shutdownGrace after the given one has ended. The
// returned function ends it at once, and must be called.
func withGrace(ctx context.Context) (context.Context, func()) {
	grace, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		end := time.AfterFunc(shutdownGrace, cancel)
		context.AfterFunc(grace, func() { end.Stop() })
	})
	return grace, func() {
		stop()
		cancel()
	}
}

// openSession waits for the lock on a state and takes it in the name of the run.
func openSession(ctx context.Context, l *Location, runName string) (*session, error) {
	s := newSession(l)
	return s, s.acquire(ctx, runName)
}

// openFilled is openSession for work on what an export has committed. It makes the name
// of the run itself. If nothing was committed, the error is an *EmptyStateError, and
// nothing is written, not even the lock.
func openFilled(ctx context.Context, l *Location) (*session, error) {
	s := newSession(l)
	empty, err := s.log.Empty(ctx)
	if err != nil {
		return nil, err
	}
	if empty {
		return nil, &EmptyStateError{l.StateName}
	}
	return s, s.acquire(ctx, NewRunName())
}

func newSession(l *Location) *session { return &session{Location: l, log: lake.Log{Store: l.State}} }

// acquire takes the lock in the name of the run, and waits for it at most LockWait. It
// also starts graceCtx, the context for cleaning up.
func (s *session) acquire(ctx context.Context, runName string) error {
	s.runName = runName
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	lock := &lake.Lock{Store: s.State, Key: "lock.json", Holder: lake.Holder{Run: runName, Host: host, PID: os.Getpid()},
		Lease: s.Lease, Now: s.Now}
	if s.lease, err = lock.Acquire(ctx, s.LockWait); err != nil {
		return err
	}
	s.graceCtx, s.endGrace = withGrace(ctx)
	return nil
}

// NewRunName makes the name of a run: 12 hexadecimal digits, chosen at random. Run names
// its run itself. The caller needs a name only to report a run that could not begin.
func NewRunName() string {
	var b [6]byte
	rand.Read(b[:]) // never fails (crypto/rand, "Read")
	return hex.EncodeToString(b[:])
}

// renewLease renews the lock in the background, four times in each lease. It stops when
// ctx ends or the returned function is called. That function also ends the returned
// context. If the lock is lost, the returned context ends with a cause that wraps
// lake.ErrLost. After any other error the next renewal is tried.
func (s *session) renewLease(ctx context.Context) (context.Context, func()) {
	inner, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		due := time.NewTicker(s.Location.Lease / 4)
		defer due.Stop()
		for {
			select {
			case <-due.C:
			case <-inner.Done():
				return
			}
			switch err := s.lease.Renew(inner); {
			case errors.Is(err, lake.ErrLost):
				cancel(err)
				return
			case err != nil && inner.Err() == nil:
				// The store may answer the next try before the lease has expired.
				continue
			}
		}
	})
	return inner, func() {
		cancel(nil)
		wg.Wait()
	}
}

// release gives the lock back, also if the run was asked to stop. It keeps the lock if
// the store did not answer a write. The lock then expires, and until then the store has
// either done the write or dropped it. If the lock cannot be given back, it expires as
// well.
func (s *session) release() {
	defer s.endGrace()
	if s.commitUnknown {
		return
	}
	if err := s.lease.Release(s.graceCtx); err != nil {
		return // the lock expires
	}
}

// load reads the state. If nothing was committed, it gives a new state, whose id
// createID stores before the first generation.
func (s *session) load(ctx context.Context) (*State, error) {
	state, err := s.latest(ctx)
	if err != nil || state != nil {
		return state, err
	}
	id, err := s.createID(ctx)
	return newState(id), err
}

// committed reads the state. If nothing was committed in it, the error is an
// *EmptyStateError.
func (s *session) committed(ctx context.Context) (*State, error) {
	state, err := s.latest(ctx)
	if err == nil && state == nil {
		err = &EmptyStateError{s.StateName}
	}
	return state, err
}

// latest reads the newest generation of the state that is not damaged. It also keeps it
// in s.snapshot. The state is nil if nothing was committed.
func (s *session) latest(ctx context.Context) (*State, error) {
	var err error
	if s.snapshot, err = s.log.Latest(ctx); err != nil || s.snapshot.Number == 0 {
		return nil, err
	}
	state, err := decodeState(s.snapshot.Body)
	if err != nil {
		return nil, fmt.Errorf("state %q: %w", s.StateName, err)
	}
	return state, nil
}

// createID gives the id of a state without a generation. It writes a random id to
// job.json unless that file exists, and returns the id in the file. So if several runs
// try at the same time, all get the id of the first.
func (s *session) createID(ctx context.Context) (string, error) {
	const key = "job.json"
	type identity struct {
		ID string `json:"id"`
	}
	mine, err := json.Marshal(identity{NewRunName()})
	if err != nil {
		return "", err
	}
	if _, err := s.State.Put(ctx, key, append(mine, '\n'), lake.Absent()); err != nil && !errors.Is(err, lake.ErrConflict) {
		return "", fmt.Errorf("begin state %q: %w", s.StateName, err)
	}
	data, _, err := s.State.Get(ctx, key)
	if err != nil {
		return "", fmt.Errorf("begin state %q: %w", s.StateName, err)
	}
	var id identity
	if err := json.Unmarshal(data, &id); err != nil || id.ID == "" {
		return "", fmt.Errorf("begin state %q: %q is damaged", s.StateName, s.State.Name(key))
	}
	return id.ID, nil
}

// checkOwnership checks that the lake belongs to this state, and that its tables are
// divided by the columns of the options. The file lake.json in the lake, called its
// mark, says both. checkOwnership writes the mark of a new lake. With Adopt it also
// replaces the mark of another state. It refuses a lake without a mark if the state has
// a generation.
func (x *exporter) checkOwnership(ctx context.Context) error {
	mark, tag, err := lake.ReadInfo(ctx, x.Lake)
	if err != nil {
		return err
	}
	ours := lake.LakeInfo{Job: x.state.head.ID, PartitionBy: x.PartitionBy, State: x.StateName}
	switch {
	case mark.Job == "" && x.snapshot.Number > 0:
		return &UnmarkedLakeError{Lake: x.LakeName, State: x.StateName}
	case mark.Job == "":
		return lake.WriteInfo(ctx, x.Lake, ours, lake.Absent())
	case !sameTexts(mark.PartitionBy, ours.PartitionBy):
		return &PartitionMismatchError{Lake: x.LakeName, Has: mark.PartitionBy, Want: ours.PartitionBy}
	case mark.Job == ours.Job:
		return nil
	case !x.Adopt:
		return &OtherStateError{Lake: x.LakeName, State: mark.State, Ours: x.StateName, Adopts: true}
	}
	x.addRemark(fmt.Sprintf("the lake was filled by another state, %q, and is adopted by this one", mark.State))
	return lake.WriteInfo(ctx, x.Lake, ours, lake.Matches(tag))
}

// commit writes the next generation of the state in one step. It renews the lock
// before. If the store reports an error, commit looks whether the generation exists. If
// it does, the commit has succeeded.
//
// After an error the generation does not exist, with two exceptions. If commitUnknown
// is set, the store may still write it. With lake.ErrLost another run may have
// continued from it. In both cases no file that it names may be removed.
func (s *session) commit(ctx context.Context, body []byte) error {
	s.commitTried = false // of this generation
	if err := s.lease.Renew(ctx); err != nil {
		return err
	}
	number := s.snapshot.Number + 1
	s.commitTried = true
	err := s.log.Commit(ctx, number, s.runName, body)
	if err == nil || errors.Is(err, lake.ErrLost) {
		return err
	}
	now, unknown := s.log.Latest(s.graceCtx)
	if unknown == nil && now.From == number && now.Run == s.runName {
		return nil
	}
	s.commitUnknown = unknown != nil || errors.Is(err, lake.ErrOutcomeUnknown)
	return err
}

// recover cleans up after earlier runs. It removes the files of runs that did not
// commit, and keeps their keys in rolledBack. It also removes the replaced files, which
// the last commit made unnecessary.
func (s *session) recover(ctx context.Context, replaced []string) error {
	taken, err := lake.Recover(ctx, s.State, s.Lake, s.snapshot, replaced)
	s.rolledBack = map[string]bool{}
	for _, key := range taken {
		s.rolledBack[key] = true
	}
	return err
}

// cleanUp removes what is not needed after a commit: the replaced files of the lake,
// the list of added files in the state (the intent), and old generations. If it fails,
// the next run does it.
func (s *session) cleanUp(replaced, added []string) error {
	return errors.Join(
		lake.Remove(s.graceCtx, s.Lake, replaced),
		lake.ClearIntent(s.graceCtx, s.State, s.Lake, s.snapshot.Number+1, s.runName, added, true),
		s.log.Prune(s.graceCtx, keptGenerations))
}

// rollBack removes the added files of a run that failed for the given reason. If the
// commit may exist, it removes nothing. If the store did not answer the write of a
// file, it sets commitUnknown. It then leaves the list of the files (the intent) to the
// next run.
func (s *session) rollBack(reason error, added []string) error {
	switch {
	case s.commitUnknown:
		return nil // the generation needs them if the store still writes it
	case s.commitTried && errors.Is(reason, lake.ErrLost):
		// Another run has the lock. If it continued from this generation, the files
		// are needed. Otherwise that run, or the next one, removes them.
		return nil
	case errors.Is(reason, lake.ErrOutcomeUnknown):
		s.commitUnknown = true
		return lake.Remove(s.graceCtx, s.Lake, added)
	}
	return lake.ClearIntent(s.graceCtx, s.State, s.Lake, s.snapshot.Number+1, s.runName, added, false)
}

// writeManifest writes the manifest of the run that committed the newest generation:
// its Summary as JSON, in a file of the lake. It does nothing if the manifest exists.
func (s *session) writeManifest(ctx context.Context, a *Summary) error {
	key := fmt.Sprintf("%s/runs/%010d-%s.json", lake.Metadata, a.Generation, a.Run)
	if _, _, err := s.Lake.Get(ctx, key); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	data, err := a.Encode()
	if err != nil {
		return err
	}
	if _, err := s.Lake.Put(ctx, key, data, lake.Absent()); err != nil && !errors.Is(err, lake.ErrConflict) {
		return err
	}
	return nil
}
