package trail

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"trailgate/ingest"
)

// DefaultLookBack is the look-back of a run whose ingest.ResumePoint has none.
const DefaultLookBack = 24 * time.Hour

// recentSpan is how long before the watermark objects are remembered one by
// one. CloudTrail delivers files a few minutes out of order. Objects that are
// older than this are remembered by day only, which takes less memory.
const recentSpan = time.Hour

// FolderCheckpoint says which objects of one folder have been dealt with. They
// are all objects of the days before From, and from there on the objects that
// Days and Recent stand for. Its JSON form is the value of an entry of an
// ingest.Checkpoint. The key of the entry is the whole prefix of a Region's
// folder, or of the part of it that was named as a source. The zero value
// knows no object.
//
// Its size depends on the look-back, not on how many objects were ever read.
// As JSON it takes about 140 bytes, the folder's prefix about 45 (in an
// organization's trail 60), and each object of the hour before the newest
// delivery 11. For 49 million objects a day that makes
//
//	170,000 folders of 288 files a day    about 56 MB
//	  1,000 folders of 49,000 files a day about 22 MB
//
// on the second day and after a year alike.
//
// Objects are known by their keys alone: an object that is overwritten under
// its old key is not read again. The hashes show whether keys were added or
// removed. They do not protect against somebody who can write into the bucket;
// for that there are CloudTrail's digest files.
type FolderCheckpoint struct {
	Watermark time.Time   // newest delivery so far, whole minutes in UTC; zero: none, and From and Days mean nothing
	From      ingest.Day  // first day folder whose objects are remembered
	Days      []DayDigest // objects delivered at least an hour before the Watermark, by day folder, ascending
	Recent    []uint64    // hashes of the other objects, ascending
}

// DayDigest stands for the objects of one day folder, taken together.
type DayDigest struct {
	Day   ingest.Day
	Count int
	Sum   [16]byte // XOR of the first 16 bytes of the SHA-256 of each key's part after the folder's prefix
}

// ParseFolderCheckpoint reads the JSON form. A value that no FolderCheckpoint
// can have is an error.
func ParseFolderCheckpoint(data []byte) (FolderCheckpoint, error) {
	var p FolderCheckpoint
	if err := p.UnmarshalJSON(data); err != nil {
		return FolderCheckpoint{}, err
	}
	return p, nil
}

// checkpointJSON is a FolderCheckpoint in JSON.
type checkpointJSON struct {
	Through string   `json:"through,omitempty"`
	From    string   `json:"from,omitempty"`
	Days    []string `json:"days,omitempty"` // day, count and sum, separated by spaces
	Tail    []byte   `json:"tail,omitempty"` // 8 bytes for each hash
}

// MarshalJSON gives the form that ParseFolderCheckpoint reads.
func (c FolderCheckpoint) MarshalJSON() ([]byte, error) {
	if err := c.checkConsistency(); err != nil {
		return nil, err
	}
	var form checkpointJSON
	if !c.Watermark.IsZero() {
		form.Through = c.Watermark.Format(time.RFC3339)
		form.From = c.From.String()
	}
	for _, d := range c.Days {
		form.Days = append(form.Days, fmt.Sprintf("%s %d %s", d.Day, d.Count, base64.RawStdEncoding.EncodeToString(d.Sum[:])))
	}
	for _, h := range c.Recent {
		form.Tail = binary.BigEndian.AppendUint64(form.Tail, h)
	}
	return json.Marshal(form)
}

// UnmarshalJSON is ParseFolderCheckpoint, for encoding/json. It refuses unknown
// fields. With an error, c is not changed.
func (c *FolderCheckpoint) UnmarshalJSON(data []byte) error {
	var form checkpointJSON
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	if err := in.Decode(&form); err != nil {
		return fmt.Errorf("parse folder checkpoint: %w", err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return errors.New("parse folder checkpoint: there is text after it")
	}
	got, err := form.toCheckpoint()
	if err == nil {
		err = got.checkConsistency()
	}
	if err != nil {
		return fmt.Errorf("parse folder checkpoint: %w", err)
	}
	*c = got
	return nil
}

func (form checkpointJSON) toCheckpoint() (FolderCheckpoint, error) {
	var p FolderCheckpoint
	if (form.Through == "") != (form.From == "") {
		return p, errors.New("through and from belong together, but only one is given")
	}
	if form.Through != "" {
		var err error
		if p.Watermark, err = time.Parse("2006-01-02T15:04:05Z", form.Through); err != nil {
			return p, fmt.Errorf("through: %q is not a time in UTC", form.Through)
		}
		if p.From, err = parseDate(form.From); err != nil {
			return p, fmt.Errorf("from: %w", err)
		}
	}
	for _, text := range form.Days {
		d, err := parseDayDigest(text)
		if err != nil {
			return p, err
		}
		p.Days = append(p.Days, d)
	}
	if len(form.Tail)%8 != 0 {
		return p, fmt.Errorf("tail: %d bytes are not a whole number of hashes", len(form.Tail))
	}
	for tail := form.Tail; len(tail) > 0; tail = tail[8:] {
		p.Recent = append(p.Recent, binary.BigEndian.Uint64(tail))
	}
	return p, nil
}

func parseDayDigest(text string) (DayDigest, error) {
	part := strings.Split(text, " ")
	if len(part) != 3 {
		return DayDigest{}, fmt.Errorf("days: %q is not a day, a count and a sum", text)
	}
	day, err := parseDate(part[0])
	if err != nil {
		return DayDigest{}, fmt.Errorf("days: %w", err)
	}
	d := DayDigest{Day: day}
	if d.Count, err = strconv.Atoi(part[1]); err != nil {
		return DayDigest{}, fmt.Errorf("days: %q is not a count", part[1])
	}
	sum, err := base64.RawStdEncoding.Strict().DecodeString(part[2])
	if err != nil || len(sum) != len(d.Sum) {
		return DayDigest{}, fmt.Errorf("days: %q is not a sum", part[2])
	}
	copy(d.Sum[:], sum)
	return d, nil
}

func parseDate(text string) (ingest.Day, error) {
	part := strings.Split(text, "-")
	if len(part) == 3 {
		if d, ok := parseDay(part[0], part[1], part[2]); ok {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is not a day", text)
}

// checkConsistency gives an error for a value that no FolderCheckpoint can have.
func (c FolderCheckpoint) checkConsistency() error {
	switch {
	case c.Watermark.IsZero() && (len(c.Days) > 0 || c.From != 0):
		return errors.New("there are days, but no newest delivery")
	case !c.Watermark.Equal(c.Watermark.Truncate(time.Minute)) || c.Watermark.Location() != time.UTC:
		return fmt.Errorf("through: %s is not a whole minute in UTC", c.Watermark.Format(time.RFC3339Nano))
	case !c.Watermark.IsZero() && (sortableDayPath(ingest.DayOf(c.Watermark)) == "" || sortableDayPath(c.From) == ""):
		return errors.New("through or from is not of a year of four digits")
	}
	for i, d := range c.Days {
		switch {
		case d.Count <= 0:
			return fmt.Errorf("days: %d objects on %s", d.Count, d.Day)
		case d.Day < c.From || sortableDayPath(d.Day) == "" || i > 0 && d.Day <= c.Days[i-1].Day:
			return fmt.Errorf("days: %s is out of order", d.Day)
		}
	}
	for i := 1; i < len(c.Recent); i++ {
		if c.Recent[i] <= c.Recent[i-1] {
			return errors.New("tail: the hashes are not sorted")
		}
	}
	return nil
}

// firstListedDay returns the first day folder to list again: the watermark's day
// minus the look-back, but not before From. Days before From are never listed
// again, even if the look-back has become longer since. It reports false if there
// is no watermark: then all days are listed.
func (c FolderCheckpoint) firstListedDay(lookBack time.Duration) (ingest.Day, bool) {
	if c.Watermark.IsZero() {
		return 0, false
	}
	first := ingest.DayOf(c.Watermark.Add(-lookBack))
	if sortableDayPath(first) == "" {
		first = ingest.DayOf(c.Watermark)
	}
	return max(c.From, first), true
}

// digestOfDay returns the digest of a day. Its Count is zero if the checkpoint has
// none for this day.
func (c FolderCheckpoint) digestOfDay(d ingest.Day) DayDigest {
	if i, ok := slices.BinarySearchFunc(c.Days, d, func(s DayDigest, d ingest.Day) int { return int(s.Day) - int(d) }); ok {
		return c.Days[i]
	}
	return DayDigest{Day: d}
}
