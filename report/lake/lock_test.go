package lake_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"trailgate/report/lake"
)

const minute = time.Minute

// clock is simulated: it moves when somebody waits.
type clock struct {
	now   time.Time
	waits int
}

func (c *clock) Now() time.Time { return c.now }

func (c *clock) Wait(ctx context.Context, d time.Duration) error {
	c.waits++
	c.now = c.now.Add(d)
	return ctx.Err()
}

func noon() *clock { return &clock{now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)} }

func lockOf(s lake.Store, run string, c *clock) *lake.Lock {
	return &lake.Lock{Store: s, Key: "lock.json", Holder: lake.Holder{Run: run, Host: "host-" + run, PID: 7},
		Lease: minute, Now: c.Now, Wait: c.Wait}
}

func acquire(t *testing.T, l *lake.Lock, patience time.Duration) *lake.Lease {
	t.Helper()
	lease, err := l.Acquire(t.Context(), patience)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

func wantLocked(t *testing.T, l *lake.Lock, patience time.Duration, run string) {
	t.Helper()
	_, err := l.Acquire(t.Context(), patience)
	var locked *lake.LockedError
	if !errors.As(err, &locked) || locked.Holder.Run != run {
		t.Fatalf("Acquire: %v; want that %q holds it", err, run)
	}
}

func TestLock(t *testing.T) {
	for name, store := range map[string]lake.Store{"memory": &memory{}, "disk": lake.Disk{Root: t.TempDir()}} {
		t.Run(name, func(t *testing.T) {
			c := noon()
			a, b := lockOf(store, "a", c), lockOf(store, "b", c)
			lease := acquire(t, a, 0)
			wantLocked(t, b, 0, "a")
			if c.waits != 0 {
				t.Errorf("waited without patience")
			}
			c.now = c.now.Add(50 * time.Second)
			if err := lease.Renew(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.now = c.now.Add(50 * time.Second)
			wantLocked(t, b, 5*time.Second, "a")
			if err := lease.Release(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := lease.Release(t.Context()); err != nil {
				t.Errorf("second release: %v", err)
			}
			if err := lease.Renew(t.Context()); !errors.Is(err, lake.ErrLost) {
				t.Errorf("renewed after release: %v", err)
			}
			other := acquire(t, b, 0)
			if err := lease.Release(t.Context()); err != nil {
				t.Errorf("third release: %v", err)
			}
			if err := other.Renew(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLockedErrorIsForPeople(t *testing.T) {
	c := noon()
	store := &memory{}
	acquire(t, lockOf(store, "a\x1b[2J", c), 0)
	_, err := lockOf(store, "b", c).Acquire(t.Context(), 0)
	want := `lock "memory:lock.json": held by run "a\x1b[2J", process 7 on "host-a\x1b[2J", until 2026-11-20T12:01:00Z unless it is renewed`
	if err == nil || err.Error() != want {
		t.Errorf("says %v\nwant %s", err, want)
	}
}

func TestLockTakeover(t *testing.T) {
	tests := map[string]struct {
		lock     string        // content of the object; "": what run "dead" left
		clock    time.Duration // of the waiter, against noon
		patience time.Duration
		wait     time.Duration // expected
		fail     bool
	}{
		"expired by the clock":            {clock: minute},
		"one second before":               {clock: minute - time.Second, patience: minute, wait: 2 * time.Second},
		"clock set back, watched":         {clock: -time.Hour, patience: 2 * minute, wait: minute},
		"clock set back, no patience":     {clock: -time.Hour, fail: true},
		"clock set back, not long enough": {clock: -time.Hour, patience: minute - 1, wait: minute - 1, fail: true},
		"no JSON":                         {lock: "\x00\x00", patience: 2 * minute, wait: minute},
		"no JSON, no patience":            {lock: "{", fail: true},
		"empty object":                    {lock: " ", patience: 2 * minute, wait: minute},
		"another version":                 {lock: `{"trailgate_lock":2,"run":"x","expires":"2020-01-01T00:00:00Z"}`, patience: 2 * minute, wait: minute},
		"lives for ever":                  {lock: `{"trailgate_lock":1,"run":"x","expires":"9999-01-01T00:00:00Z"}`, patience: 2 * minute, wait: minute},
		"a longer lease":                  {lock: `{"trailgate_lock":1,"run":"x","expires":"2027-01-01T00:00:00Z","lease_seconds":600}`, patience: 20 * minute, wait: 10 * minute},
		"a lease of years":                {lock: `{"trailgate_lock":1,"run":"x","expires":"2027-01-01T00:00:00Z","lease_seconds":1e300}`, patience: 99 * minute, wait: 60 * minute},
		"a negative lease":                {lock: `{"trailgate_lock":1,"run":"x","expires":"2027-01-01T00:00:00Z","lease_seconds":-1}`, patience: 99 * minute, wait: minute},
		"released":                        {lock: `{"trailgate_lock":1,"run":"x","expires":"2027-01-01T00:00:00Z","released":"2020-01-01T00:00:00Z"}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			store, c := &memory{}, noon()
			dead := acquire(t, lockOf(store, "dead", c), 0)
			if test.lock != "" {
				store.set("lock.json", []byte(test.lock))
			}
			c.now = c.now.Add(test.clock)
			from := c.now
			lease, err := lockOf(store, "heir", c).Acquire(t.Context(), test.patience)
			var locked *lake.LockedError
			if test.fail != errors.As(err, &locked) || !test.fail && err != nil {
				t.Fatalf("Acquire: %v", err)
			}
			if waited := c.now.Sub(from); waited != test.wait {
				t.Errorf("waited %v, want %v", waited, test.wait)
			}
			if test.fail {
				return
			}
			c.now = from.Add(-test.clock) // the dead one's clock
			if err := dead.Renew(t.Context()); !errors.Is(err, lake.ErrLost) {
				t.Errorf("the dead one renews: %v", err)
			}
			if err := dead.Release(t.Context()); !errors.Is(err, lake.ErrLost) {
				t.Errorf("the dead one releases: %v", err)
			}
			if err := lease.Release(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLockWatchedWhileRenewed has a holder whose clock does not move. Others must still see
// its renewals, even if the same content has the same tag.
func TestLockWatchedWhileRenewed(t *testing.T) {
	store, c, still := lake.Disk{Root: t.TempDir()}, noon(), noon()
	lease := acquire(t, lockOf(store, "holder", still), 0)
	c.now = c.now.Add(-time.Hour)
	waiter := lockOf(store, "waiter", c)
	waiter.Wait = func(ctx context.Context, d time.Duration) error {
		if c.waits++; c.waits%20 == 0 {
			if err := lease.Renew(ctx); err != nil {
				t.Errorf("renew: %v", err)
			}
		}
		return nil
	}
	wantLocked(t, waiter, 10*minute, "holder")
	if c.waits != 300 {
		t.Errorf("looked %d times in 10 minutes, want every 2 s", c.waits)
	}
}

func TestLeaseRunsOut(t *testing.T) {
	for name, step := range map[string]time.Duration{"just": minute, "long ago": 9 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			store, c := &memory{}, noon()
			lease := acquire(t, lockOf(store, "a", c), 0)
			c.now = c.now.Add(step)
			for range 2 {
				if err := lease.Renew(t.Context()); !errors.Is(err, lake.ErrLost) {
					t.Errorf("Renew: %v", err)
				}
				c.now = c.now.Add(-step) // once lost, lost
			}
			if err := lease.Release(t.Context()); err != nil {
				t.Errorf("release of what nobody took: %v", err)
			}
			acquire(t, lockOf(store, "b", c), 0)
		})
	}
}

func TestLockNeeds(t *testing.T) {
	c := noon()
	nameless, leaseless := lockOf(&memory{}, "", c), lockOf(&memory{}, "a", c)
	leaseless.Lease = 0
	for _, l := range []*lake.Lock{nameless, leaseless} {
		if _, err := l.Acquire(t.Context(), 0); err == nil {
			t.Errorf("%+v is taken", l)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	store := &memory{}
	acquire(t, lockOf(store, "a", c), 0)
	waiter := lockOf(store, "b", c)
	waiter.Wait = func(ctx context.Context, _ time.Duration) error { cancel(); return ctx.Err() }
	if _, err := waiter.Acquire(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while waiting: %v", err)
	}
}

// careless is a store that ignores conditions of one kind.
type careless struct {
	*memory
	absent bool
}

func (s careless) Put(ctx context.Context, key string, data []byte, when lake.Condition) (lake.Tag, error) {
	if (when == lake.Absent()) == s.absent {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.set(key, data)
		return s.tags[key], nil
	}
	return s.memory.Put(ctx, key, data, when)
}

func TestLockFindsCarelessServer(t *testing.T) {
	for _, absent := range []bool{true, false} {
		_, err := lockOf(careless{&memory{}, absent}, "a", noon()).Acquire(t.Context(), 0)
		if err == nil || !strings.Contains(err.Error(), "does not keep to them") {
			t.Errorf("ignoring Absent %v: %v", absent, err)
		}
	}
}

// deaf is a store that carries out writes and, if told to, loses the answers.
type deaf struct {
	*memory
	lose bool
}

func (s *deaf) Put(ctx context.Context, key string, data []byte, when lake.Condition) (lake.Tag, error) {
	tag, err := s.memory.Put(ctx, key, data, when)
	if s.lose && err == nil {
		return "", errors.New("the answer was lost")
	}
	return tag, err
}

func TestRenewAfterLostAnswer(t *testing.T) {
	store, c := &deaf{memory: &memory{}}, noon()
	lease := acquire(t, lockOf(store, "a", c), 0)
	store.lose = true
	for range 2 {
		c.now = c.now.Add(time.Second)
		if err := lease.Renew(t.Context()); err == nil || errors.Is(err, lake.ErrLost) {
			t.Fatalf("Renew: %v", err)
		}
	}
	store.lose = false
	c.now = c.now.Add(time.Second)
	if err := lease.Renew(t.Context()); err != nil {
		t.Errorf("Renew after lost answers: %v", err)
	}
	store.lose = true
	if err := lease.Renew(t.Context()); err == nil {
		t.Error("the answer was not lost")
	}
	store.lose = false
	c.now = c.now.Add(2 * minute)
	acquire(t, lockOf(store, "b", c), 0)
	c.now = c.now.Add(-2 * minute)
	if err := lease.Renew(t.Context()); !errors.Is(err, lake.ErrLost) {
		t.Errorf("Renew after another took it: %v", err)
	}
}

// TestLeaseFromTwoGoroutines is for the race detector.
func TestLeaseFromTwoGoroutines(t *testing.T) {
	lease := acquire(t, lockOf(&memory{}, "a", noon()), 0)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 20 {
				if err := lease.Renew(t.Context()); err != nil && !errors.Is(err, lake.ErrLost) {
					t.Error(err)
				}
			}
		})
	}
	all.Go(func() {
		if err := lease.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
	all.Wait()
}
