package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"trailgate/report/lake"
)

// hold is a lake and its state, with the lock on them.
type hold struct {
	lake, state lake.Store
	stateName   string
	log         lake.Log
	run         string
	lease       *lake.Lease
	every       time.Duration
	snapshot    lake.Snapshot
	unsure      bool            // a write of this run may yet come to be
	tried       bool            // to commit
	gone        map[string]bool // files that an earlier run left, and that were taken back
	late        context.Context
	end         func() // of late
}

// keptGenerations is how many generations of the state are kept: the present
// one, and those to fall back to when it is damaged.
const keptGenerations = 3

// goodbye is how long a run that is told to stop may take, in all, to put
// things in order.
const goodbye = 8 * time.Second

// outlive gives a context that ends goodbye after the given one does.
func outlive(ctx context.Context) (context.Context, func()) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		end := time.AfterFunc(goodbye, cancel)
		context.AfterFunc(late, func() { end.Stop() })
	})
	return late, func() {
		stop()
		cancel()
	}
}

// place opens a folder or a bucket to write to.
func (p *process) place(ctx context.Context, flag, arg string, c *clients) (lake.Store, error) {
	bucket, prefix, err := parsePlace(flag, arg)
	if err != nil {
		return nil, err
	}
	if bucket == "" {
		return lake.Disk{Root: arg, Step: p.step}, nil
	}
	client, err := c.bucket(ctx, "", bucket)
	if err != nil {
		return nil, fmt.Errorf("--%s %q: %w", flag, arg, err)
	}
	return lake.S3{Client: client, Bucket: bucket, Prefix: strings.Trim(prefix, "/")}, nil
}

// parsePlace takes a place apart; a folder has no bucket.
func parsePlace(flag, arg string) (bucket, prefix string, err error) {
	scheme, rest, ok := strings.Cut(arg, "://")
	switch {
	case !ok:
		return "", "", nil
	case scheme != "s3":
		return "", "", usagef("--%s %q: give a folder or s3://BUCKET/PREFIX", flag, arg)
	}
	if bucket, prefix, _ = strings.Cut(rest, "/"); bucket == "" {
		return "", "", usagef("--%s %q names no bucket", flag, arg)
	}
	return bucket, prefix, nil
}

// places opens lake and state; without --to there is no lake.
func (p *process) places(ctx context.Context, f *exportFlags, c *clients) (*hold, error) {
	h := &hold{stateName: f.state, every: f.lease}
	var err error
	if f.to != "" {
		if h.lake, err = p.place(ctx, "to", f.to, c); err != nil {
			return nil, err
		}
	}
	if h.stateName == "" {
		if f.to == "" {
			return nil, usagef("give --state, or --to of a lake that has its state in it")
		}
		h.stateName = strings.TrimSuffix(f.to, "/") + "/" + lake.Metadata + "/state"
	}
	if h.state, err = p.place(ctx, "state", h.stateName, c); err != nil {
		return nil, err
	}
	h.log = lake.Log{Store: h.state}
	return h, nil
}

// hold opens lake and state, and waits for the lock. The run is its holder.
func (p *process) hold(ctx context.Context, run string, f *exportFlags, c *clients) (*hold, error) {
	h, err := p.places(ctx, f, c)
	if err != nil {
		return nil, err
	}
	return h, p.lock(ctx, h, run, f)
}

// holdFilled is hold for a verb that works on what an export has committed.
// Where there is nothing of the kind it makes nothing, not even the lock.
func (p *process) holdFilled(ctx context.Context, f *exportFlags, c *clients) (*hold, error) {
	h, err := p.places(ctx, f, c)
	if err != nil {
		return nil, err
	}
	none, err := h.log.Empty(ctx)
	if err != nil {
		return nil, err
	}
	if none {
		return nil, h.empty()
	}
	return h, p.lock(ctx, h, randomName(), f)
}

// lock waits for the lock on a state.
func (p *process) lock(ctx context.Context, h *hold, run string, f *exportFlags) error {
	h.run = run
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	lock := &lake.Lock{Store: h.state, Key: "lock.json", Holder: lake.Holder{Run: h.run, Host: host, PID: os.Getpid()},
		Lease: f.lease, Now: p.now}
	if h.lease, err = lock.Acquire(ctx, f.lockWait); err != nil {
		return err
	}
	h.late, h.end = outlive(ctx)
	return nil
}

func randomName() string {
	var b [6]byte
	rand.Read(b[:]) // never fails (crypto/rand, "Read")
	return hex.EncodeToString(b[:])
}

// keep renews the lease while the run goes on. When it is lost the context
// ends, and the cause says so.
func (h *hold) keep(ctx context.Context) (context.Context, func()) {
	inner, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		due := time.NewTicker(h.every / 4)
		defer due.Stop()
		for {
			select {
			case <-due.C:
			case <-inner.Done():
				return
			}
			switch err := h.lease.Renew(inner); {
			case errors.Is(err, lake.ErrLost):
				cancel(err)
				return
			case err != nil && inner.Err() == nil:
				// The store may answer again before the lease has run out.
				continue
			}
		}
	})
	return inner, func() {
		cancel(nil)
		wg.Wait()
	}
}

// release lets go of the lock, also when the run was told to stop. Where a
// write may yet come to be, the lock is left to run out: by then it has come or
// never will.
func (h *hold) release() {
	defer h.end()
	if h.unsure {
		return
	}
	if err := h.lease.Release(h.late); err != nil {
		return // it runs out by itself
	}
}

// load reads the state. The first run of all gives it its id, before anything
// else is written.
func (h *hold) load(ctx context.Context) (*job, error) {
	j, err := h.latest(ctx)
	if err != nil || j != nil {
		return j, err
	}
	id, err := h.identify(ctx)
	return newJob(id), err
}

// committed reads a state in which something has been committed.
func (h *hold) committed(ctx context.Context) (*job, error) {
	j, err := h.latest(ctx)
	if err == nil && j == nil {
		err = h.empty()
	}
	return j, err
}

// latest reads what was committed last; nil where nothing was.
func (h *hold) latest(ctx context.Context) (*job, error) {
	var err error
	if h.snapshot, err = h.log.Latest(ctx); err != nil || h.snapshot.Number == 0 {
		return nil, err
	}
	j, err := decodeJob(h.snapshot.Body)
	if err != nil {
		return nil, fmt.Errorf("state %q: %w", h.stateName, err)
	}
	return j, nil
}

// empty is the error of a state in which nothing has been committed.
func (h *hold) empty() error {
	return hinted{fmt.Errorf("state %q: no export has committed anything here", h.stateName),
		"give the --to, and the --state if it had one, of an export that ran"}
}

// identify gives the id of a state that has no generation yet.
func (h *hold) identify(ctx context.Context) (string, error) {
	const key = "job.json"
	type identity struct {
		ID string `json:"id"`
	}
	mine, err := json.Marshal(identity{randomName()})
	if err != nil {
		return "", err
	}
	if _, err := h.state.Put(ctx, key, append(mine, '\n'), lake.Absent()); err != nil && !errors.Is(err, lake.ErrConflict) {
		return "", fmt.Errorf("begin state %q: %w", h.stateName, err)
	}
	data, _, err := h.state.Get(ctx, key)
	if err != nil {
		return "", fmt.Errorf("begin state %q: %w", h.stateName, err)
	}
	var id identity
	if err := json.Unmarshal(data, &id); err != nil || id.ID == "" {
		return "", fmt.Errorf("begin state %q: %q is damaged", h.stateName, h.state.Name(key))
	}
	return id.ID, nil
}

// claim makes sure that the lake is this job's, and divided as it says.
func (x *exporter) claim(ctx context.Context) error {
	mark, tag, err := lake.ReadInfo(ctx, x.lake)
	if err != nil {
		return err
	}
	mine := lake.LakeInfo{Job: x.job.head.ID, PartitionBy: x.flags.divided(), State: x.stateName}
	switch {
	case mark.Job == "" && x.snapshot.Number > 0:
		return hinted{fmt.Errorf("lake %q: it has no mark, but its state %q says that it has been filled", x.flags.to, x.stateName),
			"give the lake's present place as --to; or begin anew with another --state"}
	case mark.Job == "":
		return lake.WriteInfo(ctx, x.lake, mine, lake.Absent())
	case !sameTexts(mark.PartitionBy, mine.PartitionBy):
		return hinted{usagef("lake %q is divided by %s, not by %s", x.flags.to, strings.Join(mark.PartitionBy, ", "), strings.Join(mine.PartitionBy, ", ")),
			"give the same --partition-by as before, or another lake"}
	case mark.Job == mine.Job:
		return nil
	case !x.flags.adopt:
		return hinted{usagef("lake %q is filled by another state, %q", x.flags.to, mark.State),
			"give that as --state; if it is lost, --adopt goes on with this one: all is read again, and nothing is filed twice"}
	}
	x.remark(fmt.Sprintf("the lake was filled by another state, %q, and is adopted by this one", mark.State))
	return lake.WriteInfo(ctx, x.lake, mine, lake.Matches(tag))
}

// divided are the columns that the tables are divided by.
func (f *exportFlags) divided() []string {
	if slices.Contains(f.partitionBy, "account_id") {
		return []string{"event_date", "account_id"}
	}
	return []string{"event_date"}
}

// commit makes the next generation of a state, in one step. After an error it
// does not stand; but if hold.unsure is set, it may yet come to, and with
// lake.ErrLost another run may have built on it: nothing that it names may then
// be taken back.
func (h *hold) commit(ctx context.Context, body []byte) error {
	h.tried = false // of this generation
	if err := h.lease.Renew(ctx); err != nil {
		return err
	}
	number := h.snapshot.Number + 1
	h.tried = true
	err := h.log.Commit(ctx, number, h.run, body)
	if err == nil || errors.Is(err, lake.ErrLost) {
		return err
	}
	now, unknown := h.log.Latest(h.late)
	if unknown == nil && now.From == number && now.Run == h.run {
		return nil
	}
	h.unsure = unknown != nil || errors.Is(err, lake.ErrOutcomeUnknown)
	return err
}

// recover puts in order what an earlier run has left.
func (h *hold) recover(ctx context.Context, replaced []string) error {
	taken, err := lake.Recover(ctx, h.state, h.lake, h.snapshot, replaced)
	h.gone = map[string]bool{}
	for _, key := range taken {
		h.gone[key] = true
	}
	return err
}

// tidy removes what a commit has made superfluous. None of it is needed: what
// stays is removed by the next run.
func (h *hold) tidy(replaced, added []string) error {
	return errors.Join(
		lake.Remove(h.late, h.lake, replaced),
		lake.ClearIntent(h.late, h.state, h.lake, h.snapshot.Number+1, h.run, added, true),
		h.log.Prune(h.late, keptGenerations))
}

// undo takes back the files of a run that did not come to its commit, for the
// reason given. What may yet come to be is left to the next run.
func (h *hold) undo(reason error, added []string) error {
	switch {
	case h.unsure:
		return nil // a generation that may come to stand needs them
	case h.tried && errors.Is(reason, lake.ErrLost):
		// Another run is further. If it built on this one's generation, the
		// files count; if not, it has taken them back, or the next one does.
		return nil
	case errors.Is(reason, lake.ErrOutcomeUnknown):
		h.unsure = true
		return lake.Remove(h.late, h.lake, added)
	}
	return lake.ClearIntent(h.late, h.state, h.lake, h.snapshot.Number+1, h.run, added, false)
}

// note writes the manifest of the run that committed the present generation,
// unless it is there.
func (h *hold) note(ctx context.Context, a *runAccount) error {
	key := fmt.Sprintf("%s/runs/%010d-%s.json", lake.Metadata, a.Generation, a.Run)
	if _, _, err := h.lake.Get(ctx, key); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	data, err := a.encode()
	if err != nil {
		return err
	}
	if _, err := h.lake.Put(ctx, key, data, lake.Absent()); err != nil && !errors.Is(err, lake.ErrConflict) {
		return err
	}
	return nil
}
