package trail

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"trailgate/ingest"
)

// standing is what a page says of an object.
type standing uint8

const (
	unknown standing = iota
	known            // known by itself
	summed           // known if its day, taken as a whole, is as it was
)

// dayFolder is as long as the path of a day folder below its Region's.
const dayFolder = "2006/01/02/"

// clerk keeps the page of one folder while that is listed: it tells what is
// known of its objects and writes the next page. It holds the tail and the
// sums, never all objects: what is far enough behind the newest delivery goes
// into its day's sum at once.
type clerk struct {
	base     string // prefix of the Region's folder
	old      Page
	start    ingest.Day // first day folder listed, if bounded
	bounded  bool
	single   bool // the folder is but one object
	lookBack time.Duration
	now      time.Time

	through time.Time
	days    map[ingest.Day]DaySum // for the next page
	recent  []stamped             // for its tail, or still to be added to days
	full    int                   // how many recent ones are sorted out again
	loose   []uint64              // for its tail, whatever comes
	seen    map[ingest.Day]DaySum // what was listed of the old page's days
	changed bool
	buf     []byte
}

// stamped is an object by its hash and the stamp of its name.
type stamped struct {
	at   int64 // Unix time
	day  ingest.Day
	hash digest
}

type digest [16]byte

func (d digest) short() uint64 { return binary.BigEndian.Uint64(d[:]) }

func (s DaySum) plus(d digest) DaySum {
	s.Count++
	for i := range s.Sum {
		s.Sum[i] ^= d[i]
	}
	return s
}

// newClerk opens the books for a folder that is about to be listed.
func newClerk(l *lister, f folder) (*clerk, error) {
	c := &clerk{base: f.base, lookBack: lookBack(l.from.LookBack), now: l.from.Now, days: map[ingest.Day]DaySum{}, seen: map[ingest.Day]DaySum{}}
	if c.single = f.level == single; c.single {
		dir, _ := cutLast(f.prefix)
		c.base = dir[:len(dir)-len(dayFolder)]
	}
	var err error
	if c.old, err = pageOf(l.from.Checkpoint[f.prefix]); err != nil {
		return nil, fmt.Errorf("checkpoint of %q: %w", l.store.Origin(f.prefix), err)
	}
	c.through = c.old.Through
	if c.single {
		c.old.From = ingest.DayOf(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC))
		return c, nil
	}
	c.start, c.bounded = c.old.start(c.lookBack)
	if since := ingest.DayOf(l.since); l.first != "" && (!c.bounded || since > c.start) {
		c.start, c.bounded = since, true
	}
	return c, nil
}

// lookBack is a look-back as it is meant.
func lookBack(given time.Duration) time.Duration {
	if given == 0 {
		return DefaultLookBack
	}
	return max(given, 0)
}

// digest is the hash of an object in its folder.
func (c *clerk) digest(key string) digest {
	c.buf = append(c.buf[:0], key[len(c.base):]...)
	sum := sha256.Sum256(c.buf)
	return digest(sum[:16])
}

// direct tells whether an object lies in a day folder of this folder, not
// somewhere deeper.
func (c *clerk) direct(key string, k Key) bool {
	return len(key) == len(c.base)+len(dayFolder)+len(k.File)
}

// standing tells what the old page says of an object.
func (c *clerk) standing(key string, k Key, d digest) standing {
	if _, ok := slices.BinarySearch(c.old.Tail, d.short()); ok {
		return known
	}
	if c.old.Through.IsZero() || k.Delivered.IsZero() || !c.direct(key, k) ||
		k.Delivered.After(c.old.Through.Add(-singly)) || c.old.day(k.Day).Count == 0 {
		return unknown
	}
	return summed
}

// see counts an object of a day that the old page knows as a whole.
func (c *clerk) see(k Key, d digest) {
	s := c.seen[k.Day]
	s.Day = k.Day
	c.seen[k.Day] = s.plus(d)
}

// settle compares a day with what the old page says of it, and books it if
// that is the same.
func (c *clerk) settle(d DaySum) bool {
	if c.seen[d.Day] != d {
		c.changed = true
		return false
	}
	c.keep(d)
	return true
}

// keep carries a whole day over.
func (c *clerk) keep(d DaySum) { c.days[d.Day] = d }

// book enters an object into the next page.
func (c *clerk) book(key string, k Key, d digest) {
	direct := c.direct(key, k)
	if direct {
		c.advance(k)
	}
	if !direct || k.Delivered.IsZero() {
		c.loose = append(c.loose, d.short())
		return
	}
	c.recent = append(c.recent, stamped{at: k.Delivered.Unix(), day: k.Day, hash: d})
	if len(c.recent) > c.full {
		c.sort()
	}
}

// advance moves the mark to an object's delivery. A stamp that does not fit
// the folder's day proves no later delivery than that day's beginning, and one
// that lies in the future none at all: neither may hide what comes before it.
func (c *clerk) advance(k Key) {
	at := k.Delivered
	if begin := k.Day.Time(); at.IsZero() || ingest.DayOf(at) != k.Day && at.After(begin) {
		at = begin
	}
	if at.After(c.through) && (c.now.IsZero() || !at.After(c.now)) {
		c.through = at
	}
}

// sort adds to their days' sums the recent objects that are so no more, and
// drops the days that will not be listed again.
func (c *clerk) sort() {
	first, bounded := c.first()
	limit := c.through.Add(-singly).Unix()
	kept := c.recent[:0]
	for _, s := range c.recent {
		switch {
		case bounded && s.day < first:
		case !c.through.IsZero() && s.at <= limit:
			sum := c.days[s.day]
			sum.Day = s.day
			c.days[s.day] = sum.plus(s.hash)
		default:
			kept = append(kept, s)
		}
	}
	c.recent = kept
	c.full = 2*len(kept) + 1024
	maps.DeleteFunc(c.days, func(d ingest.Day, _ DaySum) bool { return bounded && d < first })
}

// first is the first day folder that the next run will list. The listing of a
// single object begins nowhere else.
func (c *clerk) first() (ingest.Day, bool) {
	if c.single {
		return c.old.From, !c.through.IsZero()
	}
	p := Page{Through: c.through, From: c.old.From}
	if c.old.Through.IsZero() {
		p.From = math.MinInt32
	}
	first, ok := p.start(c.lookBack)
	if ok && c.bounded {
		first = max(first, c.start)
	}
	return first, ok
}

// page is the next page, once the folder has been listed to its end. There is
// none for a folder that holds nothing.
func (c *clerk) page() (Page, bool) {
	c.sort()
	if !c.changed && c.through.Equal(c.old.Through) {
		return c.old, false
	}
	p := Page{Through: c.through, Tail: c.loose}
	if first, ok := c.first(); ok {
		p.From = first
	}
	for _, d := range slices.Sorted(maps.Keys(c.days)) {
		p.Days = append(p.Days, c.days[d])
	}
	for _, s := range c.recent {
		p.Tail = append(p.Tail, s.hash.short())
	}
	slices.Sort(p.Tail)
	p.Tail = slices.Compact(p.Tail)
	return p, true
}
