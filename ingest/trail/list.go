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

// The reasons of this package for what it leaves out, beside the kinds of
// object.
const (
	excludedKnown         = "known"          // objects that the books say have been dealt with
	excludedOutsideWindow = "outside-window" // objects whose stamp proves that they hold nothing wanted
	excludedAccountFilter = "account-filter" // folders of accounts that were not asked for
	excludedNotSearched   = "not-searched"   // folders beyond the bounds of the search
	excludedIrregular     = "irregular"      // links, devices and the like met in the search
)

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

	checkpoint *Checkpoint // nil: none are kept
	lookBack   time.Duration
	now        time.Time
	backlog    map[string]bool // keys sent before the listing

	first, beyond string // day paths: the first wanted, and the first after the last wanted; or empty
	since, last   time.Time
	namesAtStart  []string // names at the start

	listed atomic.Int64 // objects and skips sent, or about to be
	packed atomic.Int64 // bytes of these, as far as known

	wg sync.WaitGroup // the walkers

	mu          sync.Mutex
	cov         ingest.Coverage // Excluded, Folders, Shards, Remarks
	todo        []folder
	walkers     int
	nextFolders map[string]FolderCheckpoint // of the folders that were listed to their end
	layout      bool                        // something in trail layout was met
	skipped     bool
	err         error
	done        <-chan struct{}
	onLayout    func() // called when something in trail layout is met; may be nil
}

func newLister(ctx context.Context, store Store, w ingest.Window, parallel int, out chan<- item) *lister {
	l := &lister{store: store, window: w, parallel: parallel, out: out, done: ctx.Done(), nextFolders: map[string]FolderCheckpoint{}}
	if !w.Since.IsZero() {
		l.since = w.Since.Add(-stampSlack)
		l.first = dayBoundary(ingest.DayOf(l.since))
	}
	if last := w.LastDelivery(); !last.IsZero() {
		l.last = last.Add(stampSlack)
		l.beyond = dayBoundary(ingest.DayOf(l.last) + 1)
	}
	return l
}

// dayBoundary is the path of a day that keys are compared with, or empty for a
// day whose path does not sort among those of four-digit years.
func dayBoundary(d ingest.Day) string {
	if year := d.Time().Year(); year < 0 || year > 9999 {
		return ""
	}
	return dayPath(d)
}

// run lists everything below a prefix. The error is about the whole: nothing
// in trail layout, a start that cannot be listed, or the context's.
func (l *lister) run(ctx context.Context, prefix string, owed []string) error {
	if !l.sendBacklog(owed) {
		return ctx.Err()
	}
	err := l.startWalk(ctx, folderOf(prefix))
	l.wg.Wait()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case l.err != nil:
		return l.err
	case !l.layout && !l.skipped:
		return &NoTrailError{Place: l.store.Origin(prefix), Found: l.namesAtStart}
	}
	return nil
}

// startWalk sets the walkers off. An error at the start is the run's: there is
// nothing else to read.
func (l *lister) startWalk(ctx context.Context, start folder) error {
	if start.account != "" && !l.wantsAccount(start) {
		l.markLayout()
		l.addExcludedFolder(excludedAccountFilter)
		return nil
	}
	switch start.level {
	case levelAbove, levelLogs:
		seeds, err := l.searchLayout(ctx, start)
		if err == nil {
			l.enqueue(ctx, seeds...)
		}
		return err
	case levelRegion, levelObject:
		there, err := l.checkExists(ctx, start)
		if err == nil && there {
			l.enqueue(ctx, start)
		}
		return err
	}
	got := l.listFolder(ctx, start, 0)
	l.namesAtStart = got.names
	if len(got.skips) > 0 {
		return startError(got.skips[0])
	}
	return l.enqueueFolders(ctx, start, got)
}

// checkExists makes sure that there is something at a start that is all leaf, so
// that a mistyped prefix is not taken for a trail without files.
func (l *lister) checkExists(ctx context.Context, start folder) (bool, error) {
	for e, err := range l.store.List(ctx, ListRequest{Prefix: start.prefix, Delimited: true}) {
		var skip *ingest.SkipError
		switch {
		case errors.As(err, &skip):
			return false, startError(skip)
		case err != nil:
			return false, err
		case start.level == levelRegion && e.Key == start.prefix:
			continue
		}
		return start.level == levelRegion || e.Key == start.prefix, nil
	}
	return false, nil
}

// enqueue adds folders to walk, and walkers while there is work for them.
func (l *lister) enqueue(ctx context.Context, more ...folder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.todo = append(l.todo, more...)
	for l.walkers < min(l.parallel, len(l.todo)) {
		l.walkers++
		l.wg.Go(func() { l.walkFolders(ctx) })
	}
}

// walkFolders lists folders until there are none left.
func (l *lister) walkFolders(ctx context.Context) {
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
		if err := l.visitFolder(ctx, f); err != nil {
			l.mu.Lock()
			l.err = err
			l.mu.Unlock()
		}
	}
}

// visitFolder lists one folder.
func (l *lister) visitFolder(ctx context.Context, f folder) error {
	if f.level == levelRegion || f.level == levelObject {
		l.markLayout()
		return l.listRegion(ctx, f)
	}
	return l.enqueueFolders(ctx, f, l.listFolder(ctx, f, 0))
}

// enqueueFolders counts what a folder holds and has its folders walked.
func (l *lister) enqueueFolders(ctx context.Context, f folder, got folderEntries) error {
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
	l.addExcluded(Other.String(), got.objects)
	if f.level == levelService && !got.none {
		l.markLayout()
	}
	if f.level == levelAccount && !got.none && len(got.folders) == 0 && len(got.skips) == 0 {
		l.addRemark(fmt.Sprintf("account %s has no CloudTrail folder in %q", f.account, l.store.Origin(f.prefix)))
	}
	l.enqueue(ctx, got.folders...)
	return nil
}

// tooEarly tells whether a stamp proves that a file was delivered before the
// window begins. A stamp that does not fit the folder's day proves nothing.
func (l *lister) tooEarly(k Key) bool {
	return !l.since.IsZero() && k.Delivered.Before(l.since) && ingest.DayOf(k.Delivered) == k.Day
}

// tooLate tells whether a stamp proves that a file was delivered too late for the
// window.
func (l *lister) tooLate(k Key) bool {
	return !l.last.IsZero() && k.Delivered.After(l.last) && ingest.DayOf(k.Delivered) == k.Day
}

// sendBacklog hands on what is to be read in any case.
func (l *lister) sendBacklog(keys []string) bool {
	l.backlog = make(map[string]bool, len(keys))
	for _, key := range keys {
		if l.backlog[key] {
			continue
		}
		l.backlog[key] = true
		name, _ := ParseKey(key)
		it := item{object: Object{Key: key, Name: name, Size: -1}}
		if guarded, ok := l.store.(guardedStore); ok {
			if reason := guarded.refusedKey(key); reason != "" {
				it.skip = l.oddSkip(Entry{Key: key, Odd: reason})
			}
		}
		if !l.sendItem(it) {
			return false
		}
	}
	return true
}

func (l *lister) wantsAccount(f folder) bool {
	return len(l.window.Accounts) == 0 || slices.Contains(l.window.Accounts, f.account)
}

func (l *lister) oddSkip(e Entry) *ingest.SkipError {
	return &ingest.SkipError{Cause: ingest.CauseListing, Origin: l.store.Origin(e.Key), Err: errors.New(e.Odd)}
}

// sendItem hands an item on and tells whether the run goes on.
func (l *lister) sendItem(it item) bool {
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
	return l.sendItem(item{skip: s})
}

func (l *lister) markLayout() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.layout = true
	if l.onLayout != nil {
		l.onLayout()
	}
}

func (l *lister) addExcluded(reason string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cov.Exclude(reason, n)
}

func (l *lister) addExcludedFolder(reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cov.ExcludeFolder(reason)
}

func (l *lister) addRemark(text string) {
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
