package lookup

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"trailgate/ingest"
	"trailgate/ingest/signin"
)

// run is one iteration. Its fields belong to the iterating goroutine.
type run struct {
	source   *Source
	plan     plan
	yield    func(signin.Event, error) bool
	began    time.Time
	coverage *ingest.Coverage // of the stream
	accounts []*entered
	regions  []*region
	journal  *journal

	left     bool // the caller left
	complete bool // everything was read, for use once stream has ended
	events   int
	broken   int // records that were skipped
	refused  []*ingest.SkipError
	requests []request
	progress Progress
}

// request is so many requests to a Region at a time, for the rate.
type request struct {
	at     time.Time
	region int
	n      int
}

// rateSpan is the time over which the rate is told.
const rateSpan = 10 * time.Second

// stream enters the accounts, takes what a resume file has, asks for the rest,
// and yields everything.
func (r *run) stream(ctx context.Context) {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	err := r.open(inner)
	if err == nil && !r.left {
		err = r.ask(inner, cancel)
	}
	if r.journal != nil {
		if closed := r.journal.close(); err == nil {
			err = closed
		}
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	r.account(err)
	r.complete = err == nil && !r.left && len(r.refused)+r.broken == 0
	switch {
	case r.left:
	case err != nil:
		r.yield(signin.Event{}, err)
	case r.coverage.Read == 0 && r.events == 0 && len(r.refused) > 0:
		// By name, as Regions refuse in any order.
		first := slices.MinFunc(r.refused, func(a, b *ingest.SkipError) int { return strings.Compare(a.Origin, b.Origin) })
		r.yield(signin.Event{}, &RefusedError{Refused: len(r.refused), Err: fmt.Errorf("%s: %w", first.Origin, first.Err)})
	}
}

// open enters the accounts and replays what the resume file has.
func (r *run) open(ctx context.Context) error {
	var err error
	if r.accounts, err = r.source.enter(ctx); err != nil {
		return err
	}
	known := map[[2]string]*region{}
	add := func(a *entered, name string) *region {
		reg := newRegion(len(r.regions), a, name, r.plan, r.source)
		r.regions = append(r.regions, reg)
		known[[2]string{a.id, name}] = reg
		return reg
	}
	for _, a := range r.accounts {
		if a.skip != nil {
			if !r.skip(a.skip) {
				return nil
			}
			continue
		}
		for _, name := range a.regions {
			add(a, name)
		}
	}
	r.progress.Reach = make([]Reach, len(r.regions))
	if r.source.ResumeFile == "" {
		return nil
	}
	h := r.source.header(r.plan.asked)
	h.Since, h.Until, h.Start, h.End, h.Cut = r.plan.window.Since, r.plan.window.Until, r.plan.start, r.plan.end, r.plan.cut
	if h.Accounts, err = r.ids(); err != nil {
		return err
	}
	r.journal, err = openJournal(r.source.ResumeFile, h)
	if err != nil {
		return err
	}
	return r.journal.replay(func(s step) (bool, error) {
		reg := known[[2]string{s.Account, s.Region}]
		if reg == nil {
			// It was asked once, and its events are read, whatever is enabled
			// by now.
			i := slices.IndexFunc(r.accounts, func(a *entered) bool { return a.id == s.Account })
			if i < 0 || r.accounts[i].skip != nil {
				return true, nil
			}
			reg = add(r.accounts[i], s.Region)
			r.progress.Reach = append(r.progress.Reach, Reach{})
		}
		p, err := reg.replay(s)
		if err != nil {
			return false, err
		}
		return r.take(p), ctx.Err()
	})
}

// ids are the accounts' ids, to which a resume file is bound.
func (r *run) ids() ([]string, error) {
	var out []string
	for _, a := range r.accounts {
		if a.id == "" && a.skip == nil {
			return nil, fmt.Errorf("resume file %q: it is bound to the account, and %s", r.source.ResumeFile, strings.Join(a.remarks, "; "))
		}
		if a.id == "" {
			return nil, fmt.Errorf("%s: %w", a.skip.Origin, a.skip.Err)
		}
		out = append(out, a.id)
	}
	return out, nil
}

// ask asks all Regions at once.
func (r *run) ask(ctx context.Context, cancel func()) error {
	pages := make(chan page)
	send := func(p page) bool {
		select {
		case pages <- p:
			return true
		case <-ctx.Done():
			return false
		}
	}
	next := make(chan *region)
	var group sync.WaitGroup
	group.Go(func() {
		defer close(next)
		for _, reg := range r.regions {
			select {
			case next <- reg:
			case <-ctx.Done():
				return
			}
		}
	})
	for range min(r.source.workers(), len(r.regions)) {
		group.Go(func() {
			for reg := range next {
				reg.walk(ctx, r.commit, send)
			}
		})
	}
	go func() {
		group.Wait()
		close(pages)
	}()
	var failed error
	for p := range pages {
		if failed = p.err; failed != nil || ctx.Err() != nil || !r.take(p) {
			break
		}
	}
	cancel()
	for range pages {
		continue
	}
	return failed
}

// commit writes a page to the resume file before anybody sees it.
func (r *run) commit(reg *region, events []item) error {
	if r.journal == nil {
		return nil
	}
	return r.journal.append(reg.step(events))
}

// take books a page and yields what it holds.
func (r *run) take(p page) bool {
	c := r.coverage
	r.events += len(p.events)
	r.broken += len(p.skips)
	c.Packed += p.bytes
	c.Inflated += p.bytes
	reach := &r.progress.Reach[p.region]
	reach.Account, reach.Region = r.regions[p.region].account.id, r.regions[p.region].name
	reach.Back, reach.Done = p.back, p.done || p.skip != nil
	if p.done {
		c.Read++
	}
	if p.skip != nil {
		r.refused = append(r.refused, p.skip)
	}
	if !p.yieldAll(r.yield) {
		r.left = true
		return false
	}
	r.show(p)
	return true
}

// skip yields the skip of an account.
func (r *run) skip(s *ingest.SkipError) bool {
	r.refused = append(r.refused, s)
	r.left = !r.yield(signin.Event{}, s)
	return !r.left
}

// show tells how far the run has come.
func (r *run) show(p page) {
	if r.source.Progress == nil {
		return
	}
	now := r.source.Now()
	r.requests = append(r.requests, request{now, p.region, p.requests})
	span := min(rateSpan, now.Sub(r.began))
	g := &r.progress
	r.requests = slices.DeleteFunc(r.requests, func(q request) bool { return now.Sub(q.at) > span || g.Reach[q.region].Done })
	g.Listed, g.Done, g.Quota, g.Rate = len(r.regions), 0, 0, 0
	for _, reach := range g.Reach {
		if reach.Done {
			g.Done++
		} else {
			g.Quota += r.source.rate()
		}
	}
	for _, q := range r.requests {
		g.Rate += float64(q.n)
	}
	g.Rate /= max(2, span.Seconds())
	g.SignIns, g.Bytes, g.Final = r.events, r.coverage.Packed, true
	out := *g
	out.Reach, out.Text = slices.Clone(g.Reach), g.String()
	r.source.Progress(out)
}

// account closes the account of the run.
func (r *run) account(err error) {
	c := r.coverage
	skippedAccounts := 0
	for _, a := range r.accounts {
		if a.skip != nil {
			skippedAccounts++
		}
	}
	c.Listed = len(r.regions) + skippedAccounts
	c.Exclude(ingest.ReasonInterrupted, c.Listed-c.Read-len(r.refused))
	c.Partial = r.left || err != nil
	if r.plan.cut != "" {
		c.Remarks = append(c.Remarks, r.plan.cut)
	}
	c.Remarks = append(c.Remarks, r.asked()...)
	for _, a := range r.accounts {
		c.Remarks = append(c.Remarks, a.remarks...)
	}
	if first := slices.MaxFunc(append(r.regions, &region{}), func(a, b *region) int { return a.start.Compare(b.start) }).start; first.After(r.plan.start) {
		c.Remarks = append(c.Remarks, fmt.Sprintf("by the time some Regions were asked, LookupEvents had nothing older than %s", stamp(first)))
	}
}

// asked says which Regions were asked, for what: a line for all accounts of
// which the same were.
func (r *run) asked() []string {
	accounts := map[string][]string{}
	for _, a := range r.accounts {
		if a.skip == nil {
			key := fmt.Sprintf("%s, %s: %s", count(len(a.regions), "Region"), a.chosen, strings.Join(a.regions, ", "))
			accounts[key] = append(accounts[key], cmp.Or(a.id, "unknown"))
		}
	}
	var out []string
	for regions, ids := range accounts {
		who := "account " + ids[0]
		if len(ids) > 1 {
			who = "accounts " + strings.Join(ids, ", ")
		}
		out = append(out, fmt.Sprintf("LookupEvents was asked for %s from %s to %s, in %s in %s", Filter, stamp(r.plan.start), stamp(r.plan.end), who, regions))
	}
	slices.Sort(out)
	return out
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
