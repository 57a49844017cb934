package trail

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"trailgate/ingest"
)

// leaf is the listing of one account and Region.
type leaf struct {
	*lister
	f     folder
	clerk *clerk // nil: no books are kept
	whole bool   // all that was asked for has been listed

	shard    ingest.Shard
	excluded [Aggregated + 1]int
	outside  int
	booked   int
	due      map[ingest.Day]int // owed objects of days that the books know as wholes
	second   bool               // what is being listed was listed before
	strange  []string           // JSON files that are no log files by their names
}

// leaf lists the log files of one account and Region, in one go.
func (l *lister) leaf(ctx context.Context, f folder) error {
	r := &leaf{lister: l, f: f, whole: true, due: map[ingest.Day]int{},
		shard: ingest.Shard{Account: f.account, Region: f.region}}
	if l.from != nil {
		var err error
		if r.clerk, err = newClerk(l, f); err != nil {
			return err
		}
	}
	defer r.account()
	if err := r.list(ctx); err != nil || r.clerk == nil {
		return err
	}
	return r.settle(ctx)
}

// request is the listing of a leaf, from the first wanted day on, or from the
// first that the books leave open.
func (r *leaf) request() ListRequest {
	first := r.first
	if r.clerk != nil && r.clerk.bounded {
		first = max(first, boundary(r.clerk.start))
	}
	req := ListRequest{Prefix: r.f.prefix}
	if after := r.f.base + first; first != "" && r.f.base != "" && after > r.f.prefix {
		req.StartAfter = after
	}
	return req
}

func (r *leaf) list(ctx context.Context) error {
	for e, err := range r.store.List(ctx, r.request()) {
		var skip *ingest.SkipError
		switch {
		case errors.As(err, &skip):
			r.whole = false
		case err != nil:
			return err
		case r.f.level == single && e.Key != r.f.prefix, e.Key == r.f.base, e.Key == r.f.prefix && r.f.level != single:
			continue
		case r.past(e.Key):
			return nil
		case e.Odd != "":
			skip = r.oddSkip(e)
		}
		switch {
		case skip != nil && !r.sendSkip(skip), skip == nil && !r.take(e):
			return ctx.Err()
		}
	}
	return nil
}

// past tells whether a key lies behind the last wanted day.
func (r *leaf) past(key string) bool {
	return r.beyond != "" && r.f.base != "" && key >= r.f.base+r.beyond
}

// take sorts one object in, and tells whether the run goes on.
func (r *leaf) take(e Entry) bool {
	name, kind := ParseKey(e.Key)
	if kind != LogFile {
		r.excluded[kind]++
		if kind == Other && strings.HasSuffix(strings.TrimSuffix(e.Key, ".gz"), ".json") {
			r.strange = append(r.strange, e.Key)
		}
		return true
	}
	if r.clerk == nil {
		return r.read(e, name, digest{})
	}
	d := r.clerk.digest(e.Key)
	switch r.clerk.standing(e.Key, name, d) {
	case known:
		r.present(name)
		r.clerk.book(e.Key, name, d)
		if !r.owed[e.Key] {
			r.booked++
		}
		return true
	case summed:
		r.present(name)
		r.clerk.see(name, d)
		if r.owed[e.Key] {
			r.due[name.Day]++
		}
		return true
	}
	return r.read(e, name, d)
}

// read hands on an object that the books do not know, if it may be wanted. One
// that came too early for the window is dealt with by that; one that came too
// late is not.
func (r *leaf) read(e Entry, name Key, d digest) bool {
	owed, early := r.owed[e.Key], r.early(name)
	if !owed && (early || r.late(name)) {
		r.outside++
		if early {
			r.enter(e.Key, name, d)
		}
		return true
	}
	if !r.second {
		r.present(name)
	}
	r.enter(e.Key, name, d)
	if !owed && r.writtenOff(e.Key) {
		r.exclude(ingest.ReasonWrittenOff, 1)
		return true
	}
	return owed || r.send(item{object: Object{Key: e.Key, Name: name, Size: e.Size, ETag: e.ETag, Modified: e.Modified}})
}

// enter books what was not known.
func (r *leaf) enter(key string, name Key, d digest) {
	if r.clerk != nil {
		r.clerk.changed = true
		r.clerk.book(key, name, d)
	}
}

// present notes that a day has an object that may be wanted.
func (r *leaf) present(name Key) {
	if r.early(name) || r.late(name) {
		return
	}
	r.shard.Objects++
	if n := len(r.shard.Days); n == 0 || r.shard.Days[n-1] != name.Day {
		r.shard.Days = append(r.shard.Days, name.Day)
	}
}

// settle compares the days that the books know as wholes with what was listed
// of them, and makes the page for the next run. A listing with gaps tells
// nothing, and one that ends before the newest delivery booked would forget
// what is behind.
func (r *leaf) settle(ctx context.Context) error {
	for _, d := range r.clerk.old.Days {
		switch {
		case !r.whole:
			return nil
		case r.clerk.bounded && d.Day < r.clerk.start, r.past(r.f.base + dayPath(d.Day)):
			r.clerk.keep(d)
		case r.clerk.settle(d):
			r.booked += d.Count - r.due[d.Day]
		default:
			if err := r.again(ctx, d.Day); err != nil {
				return err
			}
		}
	}
	if !r.whole || !r.last.IsZero() && r.clerk.old.Through.After(r.last) {
		return nil
	}
	p, changed := r.clerk.page()
	if !changed {
		return nil
	}
	form, err := p.MarshalJSON()
	if err != nil {
		return fmt.Errorf("checkpoint of %q: %w", r.store.Origin(r.f.prefix), err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pages[r.f.prefix] = form
	return nil
}

// again hands on what the books knew of a day as a whole, since it is another
// whole now. The day is listed a second time, so that its objects need not be
// held until it has ended.
func (r *leaf) again(ctx context.Context, day ingest.Day) error {
	r.second = true
	before, n := r.outside, 0
	for e, err := range r.store.List(ctx, ListRequest{Prefix: r.clerk.base + dayPath(day) + "/"}) {
		var skip *ingest.SkipError
		switch {
		case errors.As(err, &skip):
			r.whole = false
			if !r.sendSkip(skip) {
				return ctx.Err()
			}
			continue
		case err != nil:
			return err
		}
		name, kind := ParseKey(e.Key)
		if kind != LogFile || e.Odd != "" || !strings.HasPrefix(e.Key, r.f.prefix) {
			continue
		}
		d := r.clerk.digest(e.Key)
		if r.clerk.standing(e.Key, name, d) != summed {
			continue
		}
		if !r.read(e, name, d) {
			return ctx.Err()
		}
		n++
	}
	if n -= r.outside - before; n > 0 {
		r.remark(fmt.Sprintf("%d objects of %s in %q were read again: one came or went there that was delivered more than an hour before the newest",
			n, day, r.store.Origin(r.f.prefix)))
	}
	return nil
}

// account adds what was left out to the account of the run.
func (r *leaf) account() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for kind, n := range r.excluded {
		r.cov.Exclude(Kind(kind).String(), n)
	}
	r.cov.Exclude(ingest.ReasonOutsideWindow, r.outside)
	r.cov.Exclude(ingest.ReasonKnown, r.booked)
	if len(r.strange) > 0 {
		r.cov.Remarks = append(r.cov.Remarks, fmt.Sprintf("%d JSON files among the log files of %s in %s are none by their names and were left out, such as %q; name one as a source to have it read",
			len(r.strange), r.f.account, r.f.region, r.store.Origin(r.strange[0])))
	}
	r.cov.Shards = append(r.cov.Shards, r.shard)
}
