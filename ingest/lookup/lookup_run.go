package lookup

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"trailgate/ingest"
	"trailgate/ingest/signin"
)

// lookupRun is one reading of the Event history. Its fields belong to the goroutine that
// iterates.
type lookupRun struct {
	source *Source
	ctx    context.Context // of the whole stream, as Source.Open has it
	window ingest.Window   // as asked for

	coverage ingest.Coverage
	plan     fixedWindow
	yield    func(signin.Event, error) bool
	began    time.Time
	accounts []*accountSession
	regions  []*regionWalk
	journal  *pageJournal

	started  bool // Events was iterated
	left     bool // the caller has left the iteration
	events   int
	refused  []*ingest.SkipError
	requests []regionRequest
	reached  []regionReach
}

// Coverage says which Regions were read; see ingest.Stream.
func (r *lookupRun) Coverage() ingest.Coverage { return r.coverage }

// Events yields the sign-ins of all Regions as they come; see ingest.Stream.
func (r *lookupRun) Events() iter.Seq2[signin.Event, error] {
	return func(yield func(signin.Event, error) bool) {
		if r.started {
			yield(signin.Event{}, ingest.ErrReadTwice)
			return
		}
		r.started = true
		r.coverage = ingest.Coverage{Sources: []string{r.source.Name()}}
		p, err := r.source.fixWindow(r.window, r.source.Now().UTC())
		if err == nil {
			err = r.ctx.Err()
		}
		if err != nil {
			r.coverage.Partial = r.ctx.Err() != nil
			yield(signin.Event{}, err)
			return
		}
		r.plan, r.yield, r.began = p, yield, r.source.Now()
		r.streamEvents(r.ctx)
	}
}

// regionRequest counts the requests to a Region at one moment. The rate is computed from
// it.
type regionRequest struct {
	at     time.Time
	region int
	n      int
}

// rateSpan is the time over which the rate is measured.
const rateSpan = 10 * time.Second

// streamEvents opens the accounts, yields what a resume file has, and then asks for
// the rest and yields it. At the end it closes the resume file, completes the
// coverage, and yields the error that ended the run. If all Regions and accounts
// refused, that is a *RefusedError.
func (r *lookupRun) streamEvents(ctx context.Context) {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	err := r.openRegions(inner)
	if err == nil && !r.left {
		err = r.askRegions(inner, cancel)
	}
	if r.journal != nil {
		if closed := r.journal.closeFile(); err == nil {
			err = closed
		}
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	r.finishCoverage(err)
	switch {
	case r.left:
	case err != nil:
		r.yield(signin.Event{}, err)
	case r.coverage.Read == 0 && r.events == 0 && len(r.refused) > 0:
		// The first by name, because Regions answer in any order.
		first := slices.MinFunc(r.refused, func(a, b *ingest.SkipError) int { return strings.Compare(a.Origin, b.Origin) })
		r.yield(signin.Event{}, &RefusedError{Refused: len(r.refused), Err: fmt.Errorf("%s: %w", first.Origin, first.Err)})
	}
}

// openRegions opens the accounts, makes a walk for each of their Regions, and opens
// the resume file. It yields the skips of accounts that could not be opened, and
// what the resume file has.
func (r *lookupRun) openRegions(ctx context.Context) error {
	var err error
	if r.accounts, err = r.source.openAccounts(ctx); err != nil {
		return err
	}
	known := map[[2]string]*regionWalk{}
	add := func(a *accountSession, name string) *regionWalk {
		reg := newRegionWalk(len(r.regions), a, name, r.plan, r.source)
		r.regions = append(r.regions, reg)
		known[[2]string{a.id, name}] = reg
		return reg
	}
	for _, a := range r.accounts {
		if a.skip != nil {
			if !r.yieldSkip(a.skip) {
				return nil
			}
			continue
		}
		for _, name := range a.regions {
			add(a, name)
		}
	}
	r.reached = make([]regionReach, len(r.regions))
	if r.source.ResumeFile == "" {
		return nil
	}
	h := r.source.newHeader(r.plan.asked)
	h.Since, h.Until, h.Start, h.End, h.Cut = r.plan.window.Since, r.plan.window.Until, r.plan.start, r.plan.end, r.plan.cut
	if h.Accounts, err = r.accountIDs(); err != nil {
		return err
	}
	r.journal, err = openJournal(r.source.ResumeFile, h)
	if err != nil {
		return err
	}
	return r.journal.replayPages(func(s pageStep) (bool, error) {
		reg := known[[2]string{s.Account, s.Region}]
		if reg == nil {
			// An earlier run has read this Region. Its events count, even if the Region is
			// not enabled any more.
			i := slices.IndexFunc(r.accounts, func(a *accountSession) bool { return a.id == s.Account })
			if i < 0 || r.accounts[i].skip != nil {
				return true, nil
			}
			reg = add(r.accounts[i], s.Region)
			r.reached = append(r.reached, regionReach{})
		}
		p, err := reg.replayStep(s)
		if err != nil {
			return false, err
		}
		return r.yieldPage(p), ctx.Err()
	})
}

// accountIDs returns the ids of the accounts, for the resume file. A resume file is
// bound to them, so an account whose id is not known is an error.
func (r *lookupRun) accountIDs() ([]string, error) {
	var out []string
	for _, a := range r.accounts {
		if a.id == "" && a.skip == nil {
			return nil, fmt.Errorf("resume file %q: it is bound to the account, but %s", r.source.ResumeFile, strings.Join(a.remarks, "; "))
		}
		if a.id == "" {
			return nil, fmt.Errorf("%s: %w", a.skip.Origin, a.skip.Err)
		}
		out = append(out, a.id)
	}
	return out, nil
}

// askRegions asks all Regions, several at once, and yields their pages as they
// come. At the end it calls cancel and waits for the goroutines. The error is that
// of a page that has to end the run.
func (r *lookupRun) askRegions(ctx context.Context, cancel func()) error {
	pages := make(chan regionPage)
	send := func(p regionPage) bool {
		select {
		case pages <- p:
			return true
		case <-ctx.Done():
			return false
		}
	}
	next := make(chan *regionWalk)
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
				reg.walkPages(ctx, r.commitPage, send)
			}
		})
	}
	go func() {
		group.Wait()
		close(pages)
	}()
	var failed error
	for p := range pages {
		if failed = p.err; failed != nil || ctx.Err() != nil || !r.yieldPage(p) {
			break
		}
	}
	cancel()
	for range pages {
		continue
	}
	return failed
}

// commitPage writes a page to the resume file, before it is yielded. Without a
// resume file it does nothing.
func (r *lookupRun) commitPage(reg *regionWalk, events []lookupEvent) error {
	if r.journal == nil {
		return nil
	}
	return r.journal.appendPage(reg.stepFor(events))
}

// yieldPage counts a page, yields its content and shows the progress. It returns
// false if the caller wants no more.
func (r *lookupRun) yieldPage(p regionPage) bool {
	c := &r.coverage
	r.events += len(p.events)
	c.Packed += p.bytes
	c.Inflated += p.bytes
	r.reached[p.region] = regionReach{region: r.regions[p.region].name, back: p.back, done: p.done || p.skip != nil}
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
	r.showProgress(p)
	return true
}

// yieldSkip yields the skip of an account that could not be opened, and counts it.
// It returns false if the caller wants no more.
func (r *lookupRun) yieldSkip(s *ingest.SkipError) bool {
	r.refused = append(r.refused, s)
	r.left = !r.yield(signin.Event{}, s)
	return !r.left
}

// finishCoverage completes the counts and the remarks of the run.
func (r *lookupRun) finishCoverage(err error) {
	c := &r.coverage
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
	c.Remarks = append(c.Remarks, r.askedRemarks()...)
	for _, a := range r.accounts {
		c.Remarks = append(c.Remarks, a.remarks...)
	}
	if first := slices.MaxFunc(append(r.regions, &regionWalk{}), func(a, b *regionWalk) int { return a.start.Compare(b.start) }).start; first.After(r.plan.start) {
		c.Remarks = append(c.Remarks, fmt.Sprintf("by the time some Regions were asked, LookupEvents had nothing older than %s", formatTime(first)))
	}
}

// askedRemarks says which Regions were asked, and for what. Accounts with the same Regions
// share a line.
func (r *lookupRun) askedRemarks() []string {
	accounts := map[string][]string{}
	for _, a := range r.accounts {
		if a.skip == nil {
			key := fmt.Sprintf("%s, %s: %s", countNoun(len(a.regions), "Region"), a.chosen, strings.Join(a.regions, ", "))
			accounts[key] = append(accounts[key], cmp.Or(a.id, "unknown"))
		}
	}
	var out []string
	for regions, ids := range accounts {
		who := "account " + ids[0]
		if len(ids) > 1 {
			who = "accounts " + strings.Join(ids, ", ")
		}
		out = append(out, fmt.Sprintf("LookupEvents was asked for %s from %s to %s, in %s in %s", Filter, formatTime(r.plan.start), formatTime(r.plan.end), who, regions))
	}
	slices.Sort(out)
	return out
}

// countNoun writes a number with its noun, with an s unless the number is 1.
func countNoun(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
