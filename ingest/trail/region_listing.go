package trail

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"trailgate/ingest"
)

// regionListing is the listing of the log files of one account and Region.
type regionListing struct {
	*lister
	folder   folder
	builder  *checkpointBuilder // nil: the run keeps no checkpoint
	complete bool               // everything that was asked for has been listed

	shard         ingest.Shard
	excludedKinds [Aggregated + 1]int
	outside       int                // objects outside the window
	known         int                // objects that the checkpoint knows
	backlogOfDay  map[ingest.Day]int // objects of the backlog, in days that the checkpoint knows as a whole
	relisting     bool               // a day is listed for the second time
	oddNames      []string           // JSON files whose names are not those of log files
}

// listRegion lists the log files of one account and Region and sends those that are
// new. It adds the counts to the tally. If the run keeps a checkpoint, it also
// makes the folder's entry for the next run.
func (l *lister) listRegion(ctx context.Context, f folder) error {
	r := &regionListing{lister: l, folder: f, complete: true, backlogOfDay: map[ingest.Day]int{},
		shard: ingest.Shard{Account: f.account, Region: f.region}}
	if l.from != nil {
		var err error
		if r.builder, err = newCheckpointBuilder(l, f); err != nil {
			return err
		}
	}
	defer r.addCounts()
	if err := r.listObjects(ctx); err != nil || r.builder == nil {
		return err
	}
	return r.finishCheckpoint(ctx)
}

// listRequest returns the request that lists the folder. The listing begins with
// the first wanted day, or with the first day that the checkpoint says to list
// again, if that is later.
func (r *regionListing) listRequest() ListRequest {
	first := r.bounds.firstDay
	if r.builder != nil && r.builder.bounded {
		first = max(first, sortableDayPath(r.builder.firstDay))
	}
	req := ListRequest{Prefix: r.folder.prefix}
	if after := r.folder.base + first; first != "" && r.folder.base != "" && after > r.folder.prefix {
		req.StartAfter = after
	}
	return req
}

func (r *regionListing) listObjects(ctx context.Context) error {
	for e, err := range r.store.List(ctx, r.listRequest()) {
		var skip *ingest.SkipError
		switch {
		case errors.As(err, &skip):
			r.complete = false
		case err != nil:
			return err
		case r.folder.level == levelFile && e.Key != r.folder.prefix, e.Key == r.folder.base, e.Key == r.folder.prefix && r.folder.level != levelFile:
			continue
		case r.isPastWindow(e.Key):
			return nil
		case e.Odd != "":
			skip = r.oddSkip(e)
		}
		switch {
		case skip != nil && !r.sendSkip(skip), skip == nil && !r.handleEntry(e):
			return ctx.Err()
		}
	}
	return nil
}

// isPastWindow reports whether a key sorts after all keys of the last wanted day.
func (r *regionListing) isPastWindow(key string) bool {
	end := r.bounds.endDay
	return end != "" && r.folder.base != "" && key >= r.folder.base+end
}

// handleEntry counts one object, and sends it if it is a log file that is new and
// wanted. It also notes the object for the next checkpoint. It returns false if the
// run has to end.
func (r *regionListing) handleEntry(e Entry) bool {
	name, kind := ParseKey(e.Key)
	if kind != LogFile {
		r.excludedKinds[kind]++
		if kind == Other && strings.HasSuffix(strings.TrimSuffix(e.Key, ".gz"), ".json") {
			r.oddNames = append(r.oddNames, e.Key)
		}
		return true
	}
	if r.builder == nil {
		return r.sendIfWanted(e, name, keyHash{})
	}
	hash := r.builder.hashKey(e.Key)
	switch r.builder.stateOf(e.Key, name, hash) {
	case seen:
		r.countPresent(name)
		r.builder.addObject(e.Key, name, hash)
		if !r.backlog[e.Key] {
			r.known++
		}
		return true
	case seenWithDay:
		r.countPresent(name)
		r.builder.countListed(name, hash)
		if r.backlog[e.Key] {
			r.backlogOfDay[name.Day]++
		}
		return true
	}
	return r.sendIfWanted(e, name, hash)
}

// sendIfWanted sends an object that the checkpoint does not know, if it may hold
// wanted sign-ins. It also adds the object to the next checkpoint. So an object
// that was delivered too early for the window never comes again. One that was
// delivered too late is not added, because a later run may want it. An object of
// the backlog, which was sent before the listing, and one that was written off are
// added and not sent. It returns false if the run has to end.
func (r *regionListing) sendIfWanted(e Entry, name Key, hash keyHash) bool {
	inBacklog, early := r.backlog[e.Key], r.bounds.isTooEarly(name)
	if !inBacklog && (early || r.bounds.isTooLate(name)) {
		r.outside++
		if early {
			r.recordNew(e.Key, name, hash)
		}
		return true
	}
	if !r.relisting {
		r.countPresent(name)
	}
	r.recordNew(e.Key, name, hash)
	switch {
	case inBacklog: // it was sent before the listing
		return true
	case r.isWrittenOff(e.Key):
		r.excludeObjects(ingest.ReasonWrittenOff, 1)
		return true
	}
	return r.sendItem(listItem{object: Object{Key: e.Key, Name: name, Size: e.Size, ETag: e.ETag, Modified: e.Modified}})
}

// recordNew adds an object that is not in the old checkpoint to the next one. It
// does nothing if the run keeps no checkpoint.
func (r *regionListing) recordNew(key string, name Key, hash keyHash) {
	if r.builder != nil {
		r.builder.changed = true
		r.builder.addObject(key, name, hash)
	}
}

// countPresent counts an object and its day in the shard, which is the account and
// Region in the coverage. It ignores an object that was delivered outside the
// window.
func (r *regionListing) countPresent(name Key) {
	if r.bounds.isTooEarly(name) || r.bounds.isTooLate(name) {
		return
	}
	r.shard.Objects++
	if n := len(r.shard.Days); n == 0 || r.shard.Days[n-1] != name.Day {
		r.shard.Days = append(r.shard.Days, name.Day)
	}
}

// finishCheckpoint compares each day that has a digest in the checkpoint with the
// listing, and lists and sends the days that differ again. It then makes the entry
// for the next run. The entry stays as it was after a listing with gaps, because
// such a listing proves nothing. It also stays if the listing ended before the
// watermark: the new entry would lack the objects after the end.
func (r *regionListing) finishCheckpoint(ctx context.Context) error {
	for _, d := range r.builder.old.Days {
		switch {
		case !r.complete:
			return nil
		case r.builder.bounded && d.Day < r.builder.firstDay, r.isPastWindow(r.folder.base + dayPath(d.Day)):
			r.builder.carryOver(d)
		case r.builder.compareDay(d):
			r.known += d.Count - r.backlogOfDay[d.Day]
		default:
			if err := r.relistDay(ctx, d.Day); err != nil {
				return err
			}
		}
	}
	if last := r.bounds.last; !r.complete || !last.IsZero() && r.builder.old.Watermark.After(last) {
		return nil
	}
	next, changed := r.builder.buildNext()
	if !changed {
		return nil
	}
	entry, err := next.MarshalJSON()
	if err != nil {
		return fmt.Errorf("checkpoint of %q: %w", r.store.Origin(r.folder.prefix), err)
	}
	r.setEntry(r.folder.prefix, entry)
	return nil
}

// relistDay lists a day again, because its digest in the checkpoint does not match
// any more. It sends the objects for which the digest stands, and adds a remark
// with their number. To keep the objects from the first listing would take memory
// for every day.
func (r *regionListing) relistDay(ctx context.Context, day ingest.Day) error {
	r.relisting = true
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
		hash := r.builder.hashKey(e.Key)
		if r.builder.stateOf(e.Key, name, hash) != seenWithDay {
			continue
		}
		if !r.sendIfWanted(e, name, hash) {
			return ctx.Err()
		}
		n++
	}
	if n -= r.outside - before; n > 0 {
		r.addRemark(fmt.Sprintf("%d objects of %s in %q were read again: an object that was delivered more than an hour before the newest was added or removed there",
			n, day, r.store.Origin(r.folder.prefix)))
	}
	return nil
}

// addCounts adds the counts of the Region to those of the run. It also adds a
// remark if there were JSON files whose names are not those of log files.
func (r *regionListing) addCounts() {
	part := ingest.Coverage{Shards: []ingest.Shard{r.shard}}
	for kind, n := range r.excludedKinds {
		part.Exclude(Kind(kind).String(), n)
	}
	part.Exclude(ingest.ReasonOutsideWindow, r.outside)
	part.Exclude(ingest.ReasonKnown, r.known)
	if len(r.oddNames) > 0 {
		part.Remarks = []string{fmt.Sprintf("%d JSON files among the log files of %s in %s were left out, because their names are not those of log files, such as %q; to read one, name it as a source",
			len(r.oddNames), r.folder.account, r.folder.region, r.store.Origin(r.oddNames[0]))}
	}
	r.addPart(part)
}
