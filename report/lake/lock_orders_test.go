package lake_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"testing"
	"time"

	"trailgate/report/lake"
)

// jobScheduler runs several jobs on one state. It does one operation of the store at a
// time, in an order that depends on a seed. The clocks of the jobs differ and are changed,
// and jobs are paused between any two operations.
type jobScheduler struct {
	t                           *testing.T
	random                      *rand.Rand
	store                       *memory
	now                         time.Time
	current                     *job
	made                        map[int64]string // by generation: the run that was told it had committed
	taken, lost, refused, stale int
}

type job struct {
	name   string
	skew   time.Duration
	frozen int // turns to sit out
	yield  func(struct{}) bool
	over   bool
}

// pause lets the scheduler choose the next job.
func (j *job) pause() {
	if !j.over && !j.yield(struct{}{}) {
		j.over = true
	}
}

func (w *jobScheduler) run(j *job) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) {
		j.yield = yield
		ctx, cancel := context.WithCancel(w.t.Context())
		defer cancel()
		for n := 0; !j.over; n++ {
			run := fmt.Sprintf("%s%d", j.name, n)
			lock := &lake.Lock{Store: w.store, Key: "lock.json", Holder: lake.Holder{Run: run}, Lease: minute,
				Now: func() time.Time { return w.now.Add(j.skew) },
				Wait: func(ctx context.Context, d time.Duration) error {
					for until := w.now.Add(d); w.now.Before(until) && !j.over; {
						j.pause()
					}
					if j.over {
						cancel()
					}
					return ctx.Err()
				}}
			lease, err := lock.Acquire(ctx, time.Duration(w.random.IntN(150))*time.Second)
			var locked *lake.LockedError
			switch {
			case errors.As(err, &locked):
				w.refused++
				j.pause()
			case err == nil:
				w.taken++
				w.work(ctx, run, lease)
			case !j.over:
				w.t.Errorf("%s: %v", run, err)
				return
			}
		}
	}
}

// work is what a job does while it has the lock: read, renew, commit.
func (w *jobScheduler) work(ctx context.Context, run string, lease *lake.Lease) {
	log := &lake.Log{Store: w.store}
	snap, err := log.Latest(ctx)
	if told := w.made[snap.Number]; err == nil && told != "" && told != snap.Run {
		w.t.Errorf("generation %d is of %s, though %s was told that it had committed it", snap.Number, snap.Run, told)
	}
	for range w.random.IntN(3) {
		if err == nil {
			err = lease.Renew(ctx)
		}
	}
	if err == nil && w.random.IntN(10) > 0 {
		err = log.Commit(ctx, snap.Number+1, run, []byte(snap.Run))
		if err == nil {
			if other, twice := w.made[snap.Number+1]; twice {
				w.t.Errorf("generation %d was committed by %s and by %s", snap.Number+1, other, run)
			}
			w.made[snap.Number+1] = run
			err = log.Prune(ctx, 3)
		} else if errors.Is(err, lake.ErrLost) {
			w.stale++
		}
	}
	if w.random.IntN(4) > 0 {
		if released := lease.Release(ctx); err == nil {
			err = released
		}
	}
	if errors.Is(err, lake.ErrLost) {
		w.lost++
	} else if err != nil && ctx.Err() == nil && !w.current.over {
		w.t.Errorf("%s: %v", run, err)
	}
}

// TestLockInManyOrders proves the property on which everything depends. For each generation
// exactly one run is told that it has committed it, and that run continued from the
// generation before. Two leases never last at the same time.
func TestLockInManyOrders(t *testing.T) {
	var taken, lost, refused, stale, made int
	for seed := range uint64(40) {
		w := &jobScheduler{t: t, random: rand.New(rand.NewPCG(seed, 1)), store: &memory{}, made: map[int64]string{},
			now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
		w.store.before = func() { w.current.pause() }
		w.turn(2 + w.random.IntN(4))
		w.store.before = nil
		top, err := (&lake.Log{Store: w.store}).Latest(t.Context())
		// A job may have been stopped after its commit and before it got the answer.
		if err != nil || top.Number < int64(len(w.made)) {
			t.Errorf("seed %d: the log ends at %d (%v), %d commits were told", seed, top.Number, err, len(w.made))
		}
		taken, lost, refused, stale, made = taken+w.taken, lost+w.lost, refused+w.refused, stale+w.stale, made+len(w.made)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d leases, %d lost, %d refused, %d commits, %d stale commits refused", taken, lost, refused, made, stale)
	if taken < 1000 || lost < 300 || refused < 100 || made < 1000 || stale < 30 {
		t.Error("the orders show too little")
	}
}

// turn runs the jobs in turn until all have ended.
func (w *jobScheduler) turn(jobs int) {
	var all []*job
	var next []func() (struct{}, bool)
	for i := range jobs {
		j := &job{name: string(rune('a' + i)), skew: time.Duration(w.random.IntN(20)-10) * time.Second}
		resume, stop := iter.Pull(w.run(j))
		defer func() { w.current = j; stop() }()
		all, next = append(all, j), append(next, resume)
	}
	for range 3000 {
		i := w.random.IntN(jobs)
		j := all[i]
		w.now = w.now.Add(time.Duration(w.random.IntN(2000)) * time.Millisecond)
		switch {
		case j.frozen > 0:
			j.frozen--
			continue
		case w.random.IntN(60) == 0:
			j.frozen = w.random.IntN(60)
		case w.random.IntN(200) == 0:
			j.skew = time.Duration(w.random.IntN(7200)-3600) * time.Second
		}
		w.current = j
		if _, ok := next[i](); !ok {
			return
		}
	}
}
