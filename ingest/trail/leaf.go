package trail

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"trailgate/ingest"
)

// regionListing is the listing of one account and Region.
type regionListing struct {
	*lister
	folder   folder
	builder  *checkpointBuilder // nil: no books are kept
	complete bool               // all that was asked for has been listed

	shard         ingest.Shard
	excluded      [Aggregated + 1]int
	outside       int
	seenBefore    int
	backlogDue    map[ingest.Day]int // owed objects of days that the books know as wholes
	secondListing bool               // what is being listed was listed before
	oddNames      []string           // JSON files that are no log files by their names
}

// listRegion lists the log files of one account and Region, in one go.
func (l *lister) listRegion(ctx context.Context, f folder) error {
	r := &regionListing{lister: l, folder: f, complete: true, backlogDue: map[ingest.Day]int{},
		shard: ingest.Shard{Account: f.account, Region: f.region}}
	if l.checkpoint != nil {
		r.builder = newCheckpointBuilder(l, f)
	}
	defer r.addCounts()
	if err := r.listObjects(ctx); err != nil || r.builder == nil {
		return err
	}
	return r.finishFolder(ctx)
}

// firstRequest is the listing of a leaf, from the first wanted day on, or from the
// first that the books leave open.
func (r *regionListing) firstRequest() ListRequest {
	first := r.first
	if r.builder != nil && r.builder.bounded {
		first = max(first, dayBoundary(r.builder.start))
	}
	req := ListRequest{Prefix: r.folder.prefix}
	if after := r.folder.base + first; first != "" && r.folder.base != "" && after > r.folder.prefix {
		req.StartAfter = after
	}
	return req
}

func (r *regionListing) listObjects(ctx context.Context) error {
	for e, err := range r.store.List(ctx, r.firstRequest()) {
		var skip *ingest.SkipError
		switch {
		case errors.As(err, &skip):
			r.complete = false
		case err != nil:
			return err
		case r.folder.level == levelObject && e.Key != r.folder.prefix, e.Key == r.folder.base, e.Key == r.folder.prefix && r.folder.level != levelObject:
			continue
		case r.pastWindow(e.Key):
			return nil
		case e.Odd != "":
			skip = r.oddSkip(e)
		}
		switch {
		case skip != nil && !r.sendSkip(skip), skip == nil && !r.takeEntry(e):
			return ctx.Err()
		}
	}
	return nil
}

// pastWindow tells whether a key lies behind the last wanted day.
func (r *regionListing) pastWindow(key string) bool {
	return r.beyond != "" && r.folder.base != "" && key >= r.folder.base+r.beyond
}

// takeEntry sorts one object in, and tells whether the run goes on.
func (r *regionListing) takeEntry(e Entry) bool {
	name, kind := ParseKey(e.Key)
	if kind != LogFile {
		r.excluded[kind]++
		if kind == Other && strings.HasSuffix(strings.TrimSuffix(e.Key, ".gz"), ".json") {
			r.oddNames = append(r.oddNames, e.Key)
		}
		return true
	}
	if r.builder == nil {
		return r.passOn(e, name, objectHash{})
	}
	d := r.builder.hashOf(e.Key)
	switch r.builder.lookUpObject(e.Key, name, d) {
	case seen:
		r.countPresent(name)
		r.builder.addObject(e.Key, name, d)
		if !r.backlog[e.Key] {
			r.seenBefore++
		}
		return true
	case seenWithDay:
		r.countPresent(name)
		r.builder.countListed(name, d)
		if r.backlog[e.Key] {
			r.backlogDue[name.Day]++
		}
		return true
	}
	return r.passOn(e, name, d)
}

// passOn hands on an object that the books do not know, if it may be wanted. One
// that came too early for the window is dealt with by that; one that came too
// late is not.
func (r *regionListing) passOn(e Entry, name Key, d objectHash) bool {
	owed, early := r.backlog[e.Key], r.tooEarly(name)
	if !owed && (early || r.tooLate(name)) {
		r.outside++
		if early {
			r.recordObject(e.Key, name, d)
		}
		return true
	}
	if !r.secondListing {
		r.countPresent(name)
	}
	r.recordObject(e.Key, name, d)
	return owed || r.sendItem(item{object: Object{Key: e.Key, Name: name, Size: e.Size, ETag: e.ETag, Modified: e.Modified}})
}

// recordObject books what was not known.
func (r *regionListing) recordObject(key string, name Key, d objectHash) {
	if r.builder != nil {
		r.builder.changed = true
		r.builder.addObject(key, name, d)
	}
}

// countPresent notes that a day has an object that may be wanted.
func (r *regionListing) countPresent(name Key) {
	if r.tooEarly(name) || r.tooLate(name) {
		return
	}
	r.shard.Objects++
	if n := len(r.shard.Days); n == 0 || r.shard.Days[n-1] != name.Day {
		r.shard.Days = append(r.shard.Days, name.Day)
	}
}

// finishFolder compares the days that the books know as wholes with what was listed
// of them, and makes the page for the next run. A listing with gaps tells
// nothing, and one that ends before the newest delivery booked would forget
// what is behind.
func (r *regionListing) finishFolder(ctx context.Context) error {
	for _, d := range r.builder.old.Days {
		switch {
		case !r.complete:
			return nil
		case r.builder.bounded && d.Day < r.builder.start, r.pastWindow(r.folder.base + dayPath(d.Day)):
			r.builder.keepDay(d)
		case r.builder.compareDay(d):
			r.seenBefore += d.Count - r.backlogDue[d.Day]
		default:
			if err := r.relistDay(ctx, d.Day); err != nil {
				return err
			}
		}
	}
	if !r.complete || !r.last.IsZero() && r.builder.old.Watermark.After(r.last) {
		return nil
	}
	if p, ok := r.builder.nextCheckpoint(); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.nextFolders[r.folder.prefix] = p
	}
	return nil
}

// relistDay hands on what the books knew of a day as a whole, since it is another
// whole now. The day is listed a second time, so that its objects need not be
// held until it has ended.
func (r *regionListing) relistDay(ctx context.Context, day ingest.Day) error {
	r.secondListing = true
	before, n := r.outside, 0
	for e, err := range r.store.List(ctx, ListRequest{Prefix: r.builder.base + dayPath(day) + "/"}) {
		var skip *ingest.SkipError
		switch {
		case errors.As(err, &skip):
			r.complete = false
			if !r.sendSkip(skip) {
				return ctx.Err()
			}
			continue
		case err != nil:
			return err
		}
		name, kind := ParseKey(e.Key)
		if kind != LogFile || e.Odd != "" || !strings.HasPrefix(e.Key, r.folder.prefix) {
			continue
		}
		d := r.builder.hashOf(e.Key)
		if r.builder.lookUpObject(e.Key, name, d) != seenWithDay {
			continue
		}
		if !r.passOn(e, name, d) {
			return ctx.Err()
		}
		n++
	}
	if n -= r.outside - before; n > 0 {
		r.addRemark(fmt.Sprintf("%d objects of %s in %q were read again: one came or went there that was delivered more than an hour before the newest",
			n, day, r.store.Origin(r.folder.prefix)))
	}
	return nil
}

// addCounts adds what was left out to the account of the run.
func (r *regionListing) addCounts() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for kind, n := range r.excluded {
		r.cov.Exclude(Kind(kind).String(), n)
	}
	r.cov.Exclude(excludedOutsideWindow, r.outside)
	r.cov.Exclude(excludedKnown, r.seenBefore)
	if len(r.oddNames) > 0 {
		r.cov.Remarks = append(r.cov.Remarks, fmt.Sprintf("%d JSON files among the log files of %s in %s are none by their names and were left out, such as %q; name one as a source to have it read",
			len(r.oddNames), r.folder.account, r.folder.region, r.store.Origin(r.oddNames[0])))
	}
	r.cov.Shards = append(r.cov.Shards, r.shard)
}
