package trail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"trailgate/ingest"
)

// Object is one log file that may hold wanted sign-ins.
type Object struct {
	Key      string
	Name     Key       // Key, taken apart
	Size     int64     // packed bytes; -1: not known before reading
	ETag     string    // empty where the store has none
	Modified time.Time // zero where the listing does not tell
}

// stampSlack widens the window on both sides: a stamp has minutes only.
const stampSlack = time.Minute

// item is what a lister sends: an object, or a skip.
type item struct {
	object Object
	skip   *ingest.SkipError
}

// lister lists a trail: at most parallel requests at a time. Its account is
// complete once run has returned.
type lister struct {
	store    Store
	window   ingest.Window
	parallel int
	out      chan<- item

	from *ingest.ResumePoint // nil: all is new
	owed map[string]bool     // from.Backlog: keys sent before the listing

	first, beyond string // day paths: the first wanted, and the first after the last wanted; or empty
	since, last   time.Time
	found         []string // names at the start

	listed atomic.Int64 // objects and skips sent, or about to be
	packed atomic.Int64 // bytes of these, as far as known

	wg sync.WaitGroup // the walkers

	mu      sync.Mutex
	cov     ingest.Coverage // Excluded, Folders, Shards, Remarks
	todo    []folder
	walkers int
	pages   ingest.Checkpoint // new entries, of folders that were listed to their end
	layout  bool              // something in trail layout was met
	skipped bool
	err     error
	done    <-chan struct{}
	met     func() // called when something in trail layout is met; may be nil
}

func newLister(ctx context.Context, store Store, w ingest.Window, parallel int, out chan<- item) *lister {
	l := &lister{store: store, window: w, parallel: parallel, out: out, done: ctx.Done(), pages: ingest.Checkpoint{}}
	if !w.Since.IsZero() {
		l.since = w.Since.Add(-stampSlack)
		l.first = boundary(ingest.DayOf(l.since))
	}
	if last := w.LastDelivery(); !last.IsZero() {
		l.last = last.Add(stampSlack)
		l.beyond = boundary(ingest.DayOf(l.last) + 1)
	}
	return l
}

// boundary is the path of a day that keys are compared with, or empty for a
// day whose path does not sort among those of four-digit years.
func boundary(d ingest.Day) string {
	if year := d.Time().Year(); year < 0 || year > 9999 {
		return ""
	}
	return dayPath(d)
}

// run lists everything below a prefix. The error is about the whole: nothing
// in trail layout, a start that cannot be listed, or the context's.
func (l *lister) run(ctx context.Context, prefix string) error {
	if l.from != nil && !l.sendBacklog(l.from.Backlog) {
		return ctx.Err()
	}
	err := l.begin(ctx, placeOf(prefix))
	l.wg.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case l.err != nil:
		return l.err
	case !l.layout && !l.skipped:
		return &NoTrailError{Place: l.store.Origin(prefix), Found: l.found}
	}
	return nil
}

// begin sets the walkers off. An error at the start is the run's: there is
// nothing else to read.
func (l *lister) begin(ctx context.Context, start folder) error {
	if start.account != "" && !l.wanted(start) {
		l.mark()
		l.excludeFolder(ingest.ReasonAccountFilter)
		return nil
	}
	switch start.level {
	case above, logs:
		seeds, err := l.search(ctx, start)
		if err == nil {
			l.push(ctx, seeds...)
		}
		return err
	case region, single:
		there, err := l.exists(ctx, start)
		if err == nil && there {
			l.push(ctx, start)
		}
		return err
	}
	got := l.one(ctx, start, 0)
	l.found = got.names
	if len(got.skips) > 0 {
		return fatal(got.skips[0])
	}
	return l.book(ctx, start, got)
}

// exists makes sure that there is something at a start that is all leaf, so
// that a mistyped prefix is not taken for a trail without files.
func (l *lister) exists(ctx context.Context, start folder) (bool, error) {
	for e, err := range l.store.List(ctx, ListRequest{Prefix: start.prefix, Delimited: true}) {
		var skip *ingest.SkipError
		switch {
		case errors.As(err, &skip):
			return false, fatal(skip)
		case err != nil:
			return false, err
		case start.level == region && e.Key == start.prefix:
			continue
		}
		return start.level == region || e.Key == start.prefix, nil
	}
	return false, nil
}

// push adds folders to walk, and walkers while there is work for them.
func (l *lister) push(ctx context.Context, more ...folder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.todo = append(l.todo, more...)
	for l.walkers < min(l.parallel, len(l.todo)) {
		l.walkers++
		l.wg.Go(func() { l.walk(ctx) })
	}
}

// walk lists folders until there are none left.
func (l *lister) walk(ctx context.Context) {
	for {
		l.mu.Lock()
		n := len(l.todo)
		if n == 0 || l.err != nil || ctx.Err() != nil {
			l.walkers--
			l.mu.Unlock()
			return
		}
		f := l.todo[n-1]
		l.todo = l.todo[:n-1]
		l.mu.Unlock()
		if err := l.visit(ctx, f); err != nil {
			l.mu.Lock()
			l.err = err
			l.mu.Unlock()
		}
	}
}

// visit lists one folder.
func (l *lister) visit(ctx context.Context, f folder) error {
	if f.level == region || f.level == single {
		l.mark()
		return l.leaf(ctx, f)
	}
	return l.book(ctx, f, l.one(ctx, f, 0))
}

// book counts what a folder holds and has its folders walked.
func (l *lister) book(ctx context.Context, f folder, got listed) error {
	if got.err != nil {
		return got.err
	}
	for _, e := range got.odd {
		got.skips = append(got.skips, l.oddSkip(e))
	}
	for _, skip := range got.skips {
		if !l.sendSkip(skip) {
			return ctx.Err()
		}
	}
	l.exclude(Other.String(), got.objects)
	if f.level == service && !got.none {
		l.mark()
	}
	if f.level == account && !got.none && len(got.folders) == 0 && len(got.skips) == 0 {
		l.remark(fmt.Sprintf("account %s has no CloudTrail folder in %q", f.account, l.store.Origin(f.prefix)))
	}
	l.push(ctx, got.folders...)
	return nil
}

// early tells whether a stamp proves that a file was delivered before the
// window begins. A stamp that does not fit the folder's day proves nothing.
func (l *lister) early(k Key) bool {
	return !l.since.IsZero() && k.Delivered.Before(l.since) && ingest.DayOf(k.Delivered) == k.Day
}

// late tells whether a stamp proves that a file was delivered too late for the
// window.
func (l *lister) late(k Key) bool {
	return !l.last.IsZero() && k.Delivered.After(l.last) && ingest.DayOf(k.Delivered) == k.Day
}

// sendBacklog hands on what is to be read in any case.
func (l *lister) sendBacklog(keys []string) bool {
	l.owed = make(map[string]bool, len(keys))
	for _, key := range keys {
		if l.owed[key] {
			continue
		}
		l.owed[key] = true
		if l.writtenOff(key) {
			l.exclude(ingest.ReasonWrittenOff, 1)
			continue
		}
		name, _ := ParseKey(key)
		it := item{object: Object{Key: key, Name: name, Size: -1}}
		if reason := stray(l.store, key); reason != "" {
			it.skip = l.oddSkip(Entry{Key: key, Odd: reason})
		}
		if !l.send(it) {
			return false
		}
	}
	return true
}

// writtenOff tells whether an object is not to be read any more.
func (l *lister) writtenOff(key string) bool { return l.from != nil && l.from.WrittenOff[key] }

func (l *lister) wanted(f folder) bool {
	return len(l.window.Accounts) == 0 || slices.Contains(l.window.Accounts, f.account)
}

func (l *lister) oddSkip(e Entry) *ingest.SkipError {
	return &ingest.SkipError{Cause: ingest.CauseListing, Origin: l.store.Origin(e.Key), Err: errors.New(e.Odd)}
}

// send hands an item on and tells whether the run goes on.
func (l *lister) send(it item) bool {
	l.listed.Add(1)
	if it.skip == nil {
		l.packed.Add(max(it.object.Size, 0))
	}
	select {
	case l.out <- it:
		return true
	case <-l.done:
		return false
	}
}

func (l *lister) sendSkip(s *ingest.SkipError) bool {
	l.mu.Lock()
	l.skipped = true
	l.mu.Unlock()
	return l.send(item{skip: s})
}

func (l *lister) mark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.layout = true
	if l.met != nil {
		l.met()
	}
}

func (l *lister) exclude(reason string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cov.Exclude(reason, n)
}

func (l *lister) excludeFolder(reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cov.ExcludeFolder(reason)
}

func (l *lister) remark(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cov.Remarks = append(l.cov.Remarks, text)
}

// coverage is the account of the listing so far. Nothing is counted as read or skipped.
func (l *lister) coverage() ingest.Coverage {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out ingest.Coverage
	out.Add(l.cov)
	slices.SortFunc(out.Remarks, strings.Compare)
	out.Listed = int(l.listed.Load()) + ingest.Total(out.Excluded)
	return out
}
