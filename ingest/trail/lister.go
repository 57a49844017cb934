package trail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"trailgate/ingest"
)

// Object is one log file that may hold wanted sign-ins.
type Object struct {
	Key      string
	Name     Key       // the parts of Key
	Size     int64     // packed bytes; -1: not known before reading
	ETag     string    // empty if the store has none
	Modified time.Time // zero if the listing does not tell
}

// listItem is an object that a lister has found, or a skip.
type listItem struct {
	object Object
	skip   *ingest.SkipError
}

// lister lists a trail, with several requests at a time. Its tally is complete
// once listTrail has returned.
type lister struct {
	listTally

	store    Store
	accounts []string // only these; none: all
	bounds   deliveryBounds
	from     *ingest.ResumePoint // nil: everything is new
	backlog  map[string]bool     // keys of from.Backlog, which are sent before the listing
	onLayout func()              // called when a folder of CloudTrail's layout is met; may be nil

	queue folderQueue
	out   chan<- listItem
	done  <-chan struct{} // closed when nobody receives from out any more
	found []string        // names at the start, for a NoTrailError
}

func newLister(ctx context.Context, store Store, w ingest.Window, parallel int, out chan<- listItem) *lister {
	l := &lister{store: store, accounts: w.Accounts, bounds: boundsOf(w), out: out, done: ctx.Done()}
	l.queue.parallel, l.queue.visit = parallel, l.visitFolder
	return l
}

// listTrail sends the backlog, which are objects that earlier runs could not read.
// It then lists everything below a prefix and sends what may hold wanted sign-ins.
// The error is about the whole listing: no folder of CloudTrail's layout, a start
// that cannot be listed, or the context's.
func (l *lister) listTrail(ctx context.Context, prefix string) error {
	if l.from != nil && !l.sendBacklog(l.from.Backlog) {
		return ctx.Err()
	}
	err := l.startFrom(ctx, folderOfPrefix(prefix))
	err = cmp.Or(err, l.queue.waitAll())
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return err
	case !l.isTrail():
		return &NoTrailError{Place: l.store.Origin(prefix), Found: l.found}
	}
	return nil
}

// startFrom lists the start and adds the folders below it to the queue. A start in
// an account that is not wanted is counted as excluded. An error at the start ends
// the run, because there is nothing else to list.
func (l *lister) startFrom(ctx context.Context, start folder) error {
	if start.account != "" && !l.wantsAccount(start) {
		l.reportLayout()
		l.excludeFolder(ingest.ReasonAccountFilter)
		return nil
	}
	switch start.level {
	case levelAbove, levelLogs:
		seeds, err := l.searchAccounts(ctx, start)
		if err == nil {
			l.queue.addFolders(ctx, seeds...)
		}
		return err
	case levelRegion, levelFile:
		exists, err := l.checkStart(ctx, start)
		if err == nil && exists {
			l.queue.addFolders(ctx, start)
		}
		return err
	}
	got := l.listFolder(ctx, start, 0)
	l.found = got.names
	if len(got.skips) > 0 {
		return startError(got.skips[0])
	}
	return l.recordFolder(ctx, start, got)
}

// checkStart reports whether a Region's folder has an entry, or a file exists.
// Without this check a mistyped prefix would look like a trail without files.
func (l *lister) checkStart(ctx context.Context, start folder) (bool, error) {
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

// visitFolder lists one folder of the queue. It sends the log files of a Region's
// folder, and adds the folders in any other folder to the queue.
func (l *lister) visitFolder(ctx context.Context, f folder) error {
	if f.level == levelRegion || f.level == levelFile {
		l.reportLayout()
		return l.listRegion(ctx, f)
	}
	return l.recordFolder(ctx, f, l.listFolder(ctx, f, 0))
}

// recordFolder counts the entries of a folder, sends its skips, and adds the
// folders in it to the queue. A skip is an entry or folder that could not be read.
func (l *lister) recordFolder(ctx context.Context, f folder, got folderEntries) error {
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
	l.excludeObjects(Other.String(), got.objects)
	if f.level == levelService && !got.empty {
		l.reportLayout()
	}
	if f.level == levelAccount && !got.empty && len(got.folders) == 0 && len(got.skips) == 0 {
		l.addRemark(fmt.Sprintf("account %s has no CloudTrail folder in %q", f.account, l.store.Origin(f.prefix)))
	}
	l.queue.addFolders(ctx, got.folders...)
	return nil
}

// sendBacklog sends the objects of the backlog, each once. It does not send those
// that were written off, which are counted as excluded. For a link that leads out
// of the folder it sends a skip. It returns false if the run has to end.
func (l *lister) sendBacklog(keys []string) bool {
	l.backlog = make(map[string]bool, len(keys))
	for _, key := range keys {
		if l.backlog[key] {
			continue
		}
		l.backlog[key] = true
		if l.isWrittenOff(key) {
			l.excludeObjects(ingest.ReasonWrittenOff, 1)
			continue
		}
		name, _ := ParseKey(key)
		it := listItem{object: Object{Key: key, Name: name, Size: -1}}
		if files, ok := l.store.(fileStore); ok {
			if reason := files.StrayReason(key); reason != "" {
				it.skip = l.oddSkip(Entry{Key: key, Odd: reason})
			}
		}
		if !l.sendItem(it) {
			return false
		}
	}
	return true
}

func (l *lister) isWrittenOff(key string) bool { return l.from != nil && l.from.WrittenOff[key] }

func (l *lister) wantsAccount(f folder) bool {
	return len(l.accounts) == 0 || slices.Contains(l.accounts, f.account)
}

// oddSkip is the skip of an entry that can be neither read nor listed.
func (l *lister) oddSkip(e Entry) *ingest.SkipError {
	return &ingest.SkipError{Cause: ingest.CauseListing, Origin: l.store.Origin(e.Key), Err: errors.New(e.Odd)}
}

// sendItem counts an item and sends it to the receiver. It returns false if nobody
// receives any more.
func (l *lister) sendItem(it listItem) bool {
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
	l.markSkipped()
	return l.sendItem(listItem{skip: s})
}

// reportLayout notes that a folder of CloudTrail's layout was met, and calls
// onLayout if that is set.
func (l *lister) reportLayout() {
	l.markLayout()
	if l.onLayout != nil {
		l.onLayout()
	}
}
