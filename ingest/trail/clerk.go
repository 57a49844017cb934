package trail

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"time"

	"trailgate/ingest"
)

// seenState is what a page says of an object.
type seenState uint8

const (
	notSeen     seenState = iota
	seen                  // known by itself
	seenWithDay           // known if its day, taken as a whole, is as it was
)

// dayFolder is as long as the path of a day folder below its Region's.
const dayFolder = "2006/01/02/"

// checkpointBuilder keeps the page of one folder while that is listed: it tells what is
// known of its objects and writes the next page. It holds the tail and the
// sums, never all objects: what is far enough behind the newest delivery goes
// into its day's sum at once.
type checkpointBuilder struct {
	base     string // prefix of the Region's folder
	old      FolderCheckpoint
	start    ingest.Day // first day folder listed, if bounded
	bounded  bool
	single   bool // the folder is but one object
	lookBack time.Duration
	now      time.Time

	watermark    time.Time
	days         map[ingest.Day]DayDigest // for the next page
	recent       []hashedObject           // for its tail, or still to be added to days
	sortAgainAt  int                      // how many recent ones are sorted out again
	alwaysRecent []uint64                 // for its tail, whatever comes
	listedDays   map[ingest.Day]DayDigest // what was listed of the old page's days
	changed      bool
	buf          []byte
}

// hashedObject is an object by its hash and the stamp of its name.
type hashedObject struct {
	at   int64 // Unix time
	day  ingest.Day
	hash objectHash
}

type objectHash [16]byte

func (d objectHash) shortHash() uint64 { return binary.BigEndian.Uint64(d[:]) }

func (s DayDigest) withObject(d objectHash) DayDigest {
	s.Count++
	for i := range s.Sum {
		s.Sum[i] ^= d[i]
	}
	return s
}

// newCheckpointBuilder opens the books for a folder that is about to be listed.
func newCheckpointBuilder(l *lister, f folder) *checkpointBuilder {
	c := &checkpointBuilder{base: f.base, lookBack: l.lookBack, now: l.now, days: map[ingest.Day]DayDigest{}, listedDays: map[ingest.Day]DayDigest{}}
	if c.single = f.level == levelObject; c.single {
		dir, _ := cutLast(f.prefix)
		c.base = dir[:len(dir)-len(dayFolder)]
	}
	c.old = l.checkpoint.Folders[f.prefix]
	c.watermark = c.old.Watermark
	if c.single {
		c.old.From = ingest.DayOf(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC))
		return c
	}
	c.start, c.bounded = c.old.startDay(c.lookBack)
	if since := ingest.DayOf(l.since); l.first != "" && (!c.bounded || since > c.start) {
		c.start, c.bounded = since, true
	}
	return c
}

// hashOf is the hash of an object in its folder.
func (c *checkpointBuilder) hashOf(key string) objectHash {
	c.buf = append(c.buf[:0], key[len(c.base):]...)
	sum := sha256.Sum256(c.buf)
	return objectHash(sum[:16])
}

// inDayFolder tells whether an object lies in a day folder of this folder, not
// somewhere deeper.
func (c *checkpointBuilder) inDayFolder(key string, k Key) bool {
	return len(key) == len(c.base)+len(dayFolder)+len(k.File)
}

// lookUpObject tells what the old page says of an object.
func (c *checkpointBuilder) lookUpObject(key string, k Key, d objectHash) seenState {
	if _, ok := slices.BinarySearch(c.old.Recent, d.shortHash()); ok {
		return seen
	}
	if c.old.Watermark.IsZero() || k.Delivered.IsZero() || !c.inDayFolder(key, k) ||
		k.Delivered.After(c.old.Watermark.Add(-separateFor)) || c.old.digestOf(k.Day).Count == 0 {
		return notSeen
	}
	return seenWithDay
}

// countListed counts an object of a day that the old page knows as a whole.
func (c *checkpointBuilder) countListed(k Key, d objectHash) {
	s := c.listedDays[k.Day]
	s.Day = k.Day
	c.listedDays[k.Day] = s.withObject(d)
}

// compareDay compares a day with what the old page says of it, and books it if
// that is the same.
func (c *checkpointBuilder) compareDay(d DayDigest) bool {
	if c.listedDays[d.Day] != d {
		c.changed = true
		return false
	}
	c.keepDay(d)
	return true
}

// keepDay carries a whole day over.
func (c *checkpointBuilder) keepDay(d DayDigest) { c.days[d.Day] = d }

// addObject enters an object into the next page.
func (c *checkpointBuilder) addObject(key string, k Key, d objectHash) {
	direct := c.inDayFolder(key, k)
	if direct {
		c.advanceWatermark(k)
	}
	if !direct || k.Delivered.IsZero() {
		c.alwaysRecent = append(c.alwaysRecent, d.shortHash())
		return
	}
	c.recent = append(c.recent, hashedObject{at: k.Delivered.Unix(), day: k.Day, hash: d})
	if len(c.recent) > c.sortAgainAt {
		c.foldIntoDays()
	}
}

// advanceWatermark moves the mark to an object's delivery. A stamp that does not fit
// the folder's day proves no later delivery than that day's beginning, and one
// that lies in the future none at all: neither may hide what comes before it.
func (c *checkpointBuilder) advanceWatermark(k Key) {
	at := k.Delivered
	if begin := k.Day.Time(); at.IsZero() || ingest.DayOf(at) != k.Day && at.After(begin) {
		at = begin
	}
	if at.After(c.watermark) && (c.now.IsZero() || !at.After(c.now)) {
		c.watermark = at
	}
}

// foldIntoDays adds to their days' sums the recent objects that are so no more, and
// drops the days that will not be listed again.
func (c *checkpointBuilder) foldIntoDays() {
	first, bounded := c.firstDay()
	limit := c.watermark.Add(-separateFor).Unix()
	kept := c.recent[:0]
	for _, s := range c.recent {
		switch {
		case bounded && s.day < first:
		case !c.watermark.IsZero() && s.at <= limit:
			sum := c.days[s.day]
			sum.Day = s.day
			c.days[s.day] = sum.withObject(s.hash)
		default:
			kept = append(kept, s)
		}
	}
	c.recent = kept
	c.sortAgainAt = 2*len(kept) + 1024
	maps.DeleteFunc(c.days, func(d ingest.Day, _ DayDigest) bool { return bounded && d < first })
}

// firstDay is the first day folder that the next run will list. The listing of a
// single object begins nowhere else.
func (c *checkpointBuilder) firstDay() (ingest.Day, bool) {
	if c.single {
		return c.old.From, !c.watermark.IsZero()
	}
	p := FolderCheckpoint{Watermark: c.watermark, From: c.old.From}
	if c.old.Watermark.IsZero() {
		p.From = math.MinInt32
	}
	first, ok := p.startDay(c.lookBack)
	if ok && c.bounded {
		first = max(first, c.start)
	}
	return first, ok
}

// nextCheckpoint is the next page, once the folder has been listed to its end. There is
// none for a folder that holds nothing.
func (c *checkpointBuilder) nextCheckpoint() (FolderCheckpoint, bool) {
	c.foldIntoDays()
	if !c.changed && c.watermark.Equal(c.old.Watermark) {
		return c.old, false
	}
	p := FolderCheckpoint{Watermark: c.watermark, Recent: c.alwaysRecent}
	if first, ok := c.firstDay(); ok {
		p.From = first
	}
	for _, d := range slices.Sorted(maps.Keys(c.days)) {
		p.Days = append(p.Days, c.days[d])
	}
	for _, s := range c.recent {
		p.Recent = append(p.Recent, s.hash.shortHash())
	}
	slices.Sort(p.Recent)
	p.Recent = slices.Compact(p.Recent)
	return p, true
}
