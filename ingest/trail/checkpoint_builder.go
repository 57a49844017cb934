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

// seenState says whether a checkpoint knows an object.
type seenState uint8

const (
	notSeen     seenState = iota
	seen                  // remembered by itself
	seenWithDay           // remembered with its day: it is known if the day as a whole has not changed
)

// dayFolder is a pattern that is as long as a day folder's path below its Region's
// folder. Only its length is used.
const dayFolder = "2006/01/02/"

// checkpointBuilder compares a folder's listing with its old checkpoint and
// builds the next one. Objects that are older than recentSpan before the newest
// are folded into a digest for each day, so that memory does not grow with the
// listing.
type checkpointBuilder struct {
	base       string // prefix of the Region's folder
	old        FolderCheckpoint
	firstDay   ingest.Day // first day folder that is listed; valid if bounded
	bounded    bool
	singleFile bool // the source is one object, not a folder
	lookBack   time.Duration
	now        time.Time
	changed    bool // the listed objects differ from those of the old checkpoint

	watermark time.Time
	days      map[ingest.Day]DayDigest // of the next checkpoint
	recent    []datedObject            // objects not folded into days yet
	foldAbove int                      // length of recent above which it is folded again
	undated   []uint64                 // hashes of objects that belong to no day
	listed    map[ingest.Day]DayDigest // objects that were listed, of days in old.Days
	buf       []byte
}

// datedObject is an object by its hash and the stamp of its name.
type datedObject struct {
	at   int64 // Unix time
	day  ingest.Day
	hash keyHash
}

// keyHash is the first half of the SHA-256 of a key below its folder.
type keyHash [16]byte

// firstBytes is the form in which FolderCheckpoint.Recent holds a hash.
func (d keyHash) firstBytes() uint64 { return binary.BigEndian.Uint64(d[:]) }

// withObject is the digest with one more object.
func (s DayDigest) withObject(d keyHash) DayDigest {
	s.Count++
	for i := range s.Sum {
		s.Sum[i] ^= d[i]
	}
	return s
}

// newCheckpointBuilder returns a builder for the next checkpoint of a folder that
// is about to be listed. It starts from the old checkpoint and fixes the first day
// to list. An old checkpoint that cannot be parsed is an error.
func newCheckpointBuilder(l *lister, f folder) (*checkpointBuilder, error) {
	b := &checkpointBuilder{base: f.base, lookBack: lookBackOrDefault(l.from.LookBack), now: l.from.Now, days: map[ingest.Day]DayDigest{}, listed: map[ingest.Day]DayDigest{}}
	if b.singleFile = f.level == levelFile; b.singleFile {
		dir, _ := cutLast(f.prefix)
		b.base = dir[:len(dir)-len(dayFolder)]
	}
	var err error
	if b.old, err = parseEntry(l.from.Checkpoint[f.prefix]); err != nil {
		return nil, fmt.Errorf("checkpoint of %q: %w", l.store.Origin(f.prefix), err)
	}
	b.watermark = b.old.Watermark
	if b.singleFile {
		b.old.From = ingest.DayOf(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC))
		return b, nil
	}
	b.firstDay, b.bounded = b.old.firstListedDay(b.lookBack)
	if since := ingest.DayOf(l.bounds.since); l.bounds.firstDay != "" && (!b.bounded || since > b.firstDay) {
		b.firstDay, b.bounded = since, true
	}
	return b, nil
}

// lookBackOrDefault returns the given look-back. Zero means DefaultLookBack, and a
// negative one means zero.
func lookBackOrDefault(given time.Duration) time.Duration {
	if given == 0 {
		return DefaultLookBack
	}
	return max(given, 0)
}

// hashKey returns the keyHash of an object's key. Only the part after the prefix of
// the Region's folder is hashed.
func (b *checkpointBuilder) hashKey(key string) keyHash {
	b.buf = append(b.buf[:0], key[len(b.base):]...)
	sum := sha256.Sum256(b.buf)
	return keyHash(sum[:16])
}

// inDayFolder reports whether an object is directly in a day folder of this folder,
// not in a folder further below.
func (b *checkpointBuilder) inDayFolder(key string, k Key) bool {
	return len(key) == len(b.base)+len(dayFolder)+len(k.File)
}

// stateOf looks an object up in the old checkpoint. The parameter d is the hash of
// its key. The answer seenWithDay means only that its day has a digest. Whether the
// object was seen is then decided by compareDay, for the whole day.
func (b *checkpointBuilder) stateOf(key string, k Key, d keyHash) seenState {
	if _, ok := slices.BinarySearch(b.old.Recent, d.firstBytes()); ok {
		return seen
	}
	if b.old.Watermark.IsZero() || k.Delivered.IsZero() || !b.inDayFolder(key, k) ||
		k.Delivered.After(b.old.Watermark.Add(-recentSpan)) || b.old.digestOfDay(k.Day).Count == 0 {
		return notSeen
	}
	return seenWithDay
}

// countListed adds an object to the digest of what was listed of its day. It is for
// an object with the state seenWithDay. The parameter d is the hash of its key.
func (b *checkpointBuilder) countListed(k Key, d keyHash) {
	s := b.listed[k.Day]
	s.Day = k.Day
	b.listed[k.Day] = s.withObject(d)
}

// compareDay reports whether the objects listed of a day are those of d, the digest
// of the day in the old checkpoint. If so, it carries d over into the next
// checkpoint. If not, it notes that the checkpoint has changed.
func (b *checkpointBuilder) compareDay(d DayDigest) bool {
	if b.listed[d.Day] != d {
		b.changed = true
		return false
	}
	b.carryOver(d)
	return true
}

// carryOver puts the old digest of a day into the next checkpoint.
func (b *checkpointBuilder) carryOver(d DayDigest) { b.days[d.Day] = d }

// addObject adds an object to the next checkpoint, under d, the hash of its key. It
// also moves the watermark if the object is directly in a day folder, newer, and
// not in the future. When there are many recent objects, it also folds the older
// ones into digests.
func (b *checkpointBuilder) addObject(key string, k Key, d keyHash) {
	direct := b.inDayFolder(key, k)
	if direct {
		b.advanceWatermark(k)
	}
	if !direct || k.Delivered.IsZero() {
		b.undated = append(b.undated, d.firstBytes())
		return
	}
	b.recent = append(b.recent, datedObject{at: k.Delivered.Unix(), day: k.Day, hash: d})
	if len(b.recent) > b.foldAbove {
		b.foldRecent()
	}
}

// advanceWatermark moves the watermark to an object's delivery, if that is newer
// and not in the future. An object without a stamp counts as delivered at the
// beginning of its folder's day. So does one with a stamp of a later day. If a
// wrong stamp were believed, later runs would not list objects that are still to
// come.
func (b *checkpointBuilder) advanceWatermark(k Key) {
	at := k.Delivered
	if begin := k.Day.Time(); at.IsZero() || ingest.DayOf(at) != k.Day && at.After(begin) {
		at = begin
	}
	if at.After(b.watermark) && (b.now.IsZero() || !at.After(b.now)) {
		b.watermark = at
	}
}

// foldRecent adds the objects that are older than recentSpan before the watermark
// to the digests of their days. It also drops the days that will not be listed
// again.
func (b *checkpointBuilder) foldRecent() {
	first, bounded := b.nextFirstDay()
	limit := b.watermark.Add(-recentSpan).Unix()
	kept := b.recent[:0]
	for _, s := range b.recent {
		switch {
		case bounded && s.day < first:
		case !b.watermark.IsZero() && s.at <= limit:
			sum := b.days[s.day]
			sum.Day = s.day
			b.days[s.day] = sum.withObject(s.hash)
		default:
			kept = append(kept, s)
		}
	}
	b.recent = kept
	b.foldAbove = 2*len(kept) + 1024
	maps.DeleteFunc(b.days, func(d ingest.Day, _ DayDigest) bool { return bounded && d < first })
}

// nextFirstDay returns the first day folder that the next run will list. It reports
// false if there is no watermark: then the next run lists all days. The day does
// not move for a single object, which is always listed whole.
func (b *checkpointBuilder) nextFirstDay() (ingest.Day, bool) {
	if b.singleFile {
		return b.old.From, !b.watermark.IsZero()
	}
	p := FolderCheckpoint{Watermark: b.watermark, From: b.old.From}
	if b.old.Watermark.IsZero() {
		p.From = math.MinInt32
	}
	first, ok := p.firstListedDay(b.lookBack)
	if ok && b.bounded {
		first = max(first, b.firstDay)
	}
	return first, ok
}

// buildNext returns the next checkpoint, once the folder has been listed to its
// end. It reports whether that differs from the old one.
func (b *checkpointBuilder) buildNext() (FolderCheckpoint, bool) {
	b.foldRecent()
	if !b.changed && b.watermark.Equal(b.old.Watermark) {
		return b.old, false
	}
	p := FolderCheckpoint{Watermark: b.watermark, Recent: b.undated}
	if first, ok := b.nextFirstDay(); ok {
		p.From = first
	}
	for _, d := range slices.Sorted(maps.Keys(b.days)) {
		p.Days = append(p.Days, b.days[d])
	}
	for _, s := range b.recent {
		p.Recent = append(p.Recent, s.hash.firstBytes())
	}
	slices.Sort(p.Recent)
	p.Recent = slices.Compact(p.Recent)
	return p, true
}
