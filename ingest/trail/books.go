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

// DefaultLookBack is how far behind the newest delivery a folder is listed
// again where a Source says nothing else.
const DefaultLookBack = 24 * time.Hour

// singly is how far behind the newest delivery booked a page tells objects
// apart one by one. Files a few minutes apart overtake each other; beyond
// this, days are told apart as wholes.
const singly = time.Hour

// Books is what of a trail has been dealt with: a page for each Region folder.
// It is plain data; the zero value knows nothing. Pages in it are not to be
// changed, since one Books may share them with the next.
//
// It is bounded by the look-back and by how many folders there are, not by how
// many objects were ever read. As JSON a page takes about 140 bytes, the
// folder's prefix about 45 (in an organization's trail 60), and each object of
// the hour before the newest delivery 11. For 49 million objects a day that
// makes
//
//	170,000 folders of 288 files a day    about 56 MB
//	  1,000 folders of 49,000 files a day about 22 MB
//
// on the second day and after a year alike.
//
// Objects are known by their keys alone: one that is written anew under its
// old key is not read again. A page tells whether keys came or went by hashes
// that are proof against chance, not against somebody who can write into the
// bucket; CloudTrail's digest files are there for that.
type Books struct {
	Folders map[string]Page `json:"folders"` // by the whole prefix of the folder, or of the part of it that was named as a source
}

// Page is what of one folder has been dealt with: all day folders before From,
// and of those from there on what Days and Tail say.
type Page struct {
	Through time.Time  // newest delivery booked, whole minutes in UTC; zero: none, and From and Days say nothing
	From    ingest.Day // first day folder of which single objects are known
	Days    []DaySum   // objects delivered at least an hour before Through, by day folder, ascending
	Tail    []uint64   // hashes of the other objects, ascending
}

// DaySum stands for a number of objects of one day folder, as a whole.
type DaySum struct {
	Day   ingest.Day
	Count int
	Sum   [16]byte // XOR of the first 16 bytes of the SHA-256 of each key's part behind the folder's prefix
}

// ParsePage reads the JSON form of a page. What no Page can be is an error.
func ParsePage(data []byte) (Page, error) {
	var p Page
	if err := p.UnmarshalJSON(data); err != nil {
		return Page{}, err
	}
	return p, nil
}

// pageForm is a Page in JSON.
type pageForm struct {
	Through string   `json:"through,omitempty"`
	From    string   `json:"from,omitempty"`
	Days    []string `json:"days,omitempty"` // day, count and sum, with spaces between them
	Tail    []byte   `json:"tail,omitempty"` // 8 bytes for each hash
}

// MarshalJSON gives the form that ParsePage reads.
func (p Page) MarshalJSON() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	var form pageForm
	if !p.Through.IsZero() {
		form.Through = p.Through.Format(time.RFC3339)
		form.From = p.From.String()
	}
	for _, d := range p.Days {
		form.Days = append(form.Days, fmt.Sprintf("%s %d %s", d.Day, d.Count, base64.RawStdEncoding.EncodeToString(d.Sum[:])))
	}
	for _, h := range p.Tail {
		form.Tail = binary.BigEndian.AppendUint64(form.Tail, h)
	}
	return json.Marshal(form)
}

// UnmarshalJSON is ParsePage for encoding/json.
func (p *Page) UnmarshalJSON(data []byte) error {
	var form pageForm
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	if err := in.Decode(&form); err != nil {
		return fmt.Errorf("parse page: %w", err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return errors.New("parse page: something follows it")
	}
	got, err := form.page()
	if err == nil {
		err = got.check()
	}
	if err != nil {
		return fmt.Errorf("parse page: %w", err)
	}
	*p = got
	return nil
}

func (form pageForm) page() (Page, error) {
	var p Page
	if (form.Through == "") != (form.From == "") {
		return p, errors.New("of through and from only one is there")
	}
	if form.Through != "" {
		var err error
		if p.Through, err = time.Parse("2006-01-02T15:04:05Z", form.Through); err != nil {
			return p, fmt.Errorf("through: %q is no time in UTC", form.Through)
		}
		if p.From, err = parseDate(form.From); err != nil {
			return p, fmt.Errorf("from: %w", err)
		}
	}
	for _, text := range form.Days {
		d, err := parseDaySum(text)
		if err != nil {
			return p, err
		}
		p.Days = append(p.Days, d)
	}
	if len(form.Tail)%8 != 0 {
		return p, fmt.Errorf("tail: %d bytes are no whole number of hashes", len(form.Tail))
	}
	for tail := form.Tail; len(tail) > 0; tail = tail[8:] {
		p.Tail = append(p.Tail, binary.BigEndian.Uint64(tail))
	}
	return p, nil
}

func parseDaySum(text string) (DaySum, error) {
	part := strings.Split(text, " ")
	if len(part) != 3 {
		return DaySum{}, fmt.Errorf("days: %q is not a day, a count and a sum", text)
	}
	day, err := parseDate(part[0])
	if err != nil {
		return DaySum{}, fmt.Errorf("days: %w", err)
	}
	d := DaySum{Day: day}
	if d.Count, err = strconv.Atoi(part[1]); err != nil {
		return DaySum{}, fmt.Errorf("days: %q is no count", part[1])
	}
	sum, err := base64.RawStdEncoding.Strict().DecodeString(part[2])
	if err != nil || len(sum) != len(d.Sum) {
		return DaySum{}, fmt.Errorf("days: %q is no sum", part[2])
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
	return 0, fmt.Errorf("%q is no day", text)
}

// check says what in a page cannot be.
func (p Page) check() error {
	switch {
	case p.Through.IsZero() && (len(p.Days) > 0 || p.From != 0):
		return errors.New("there are days, but no newest delivery")
	case !p.Through.Equal(p.Through.Truncate(time.Minute)) || p.Through.Location() != time.UTC:
		return fmt.Errorf("through: %s is no whole minute in UTC", p.Through.Format(time.RFC3339Nano))
	case !p.Through.IsZero() && (boundary(ingest.DayOf(p.Through)) == "" || boundary(p.From) == ""):
		return errors.New("through or from is not of a year of four digits")
	}
	for i, d := range p.Days {
		switch {
		case d.Count <= 0:
			return fmt.Errorf("days: %d objects on %s", d.Count, d.Day)
		case d.Day < p.From || boundary(d.Day) == "" || i > 0 && d.Day <= p.Days[i-1].Day:
			return fmt.Errorf("days: %s is not where it belongs", d.Day)
		}
	}
	for i := 1; i < len(p.Tail); i++ {
		if p.Tail[i] <= p.Tail[i-1] {
			return errors.New("tail: the hashes are not sorted")
		}
	}
	return nil
}

// start is the first day folder that is to be listed again. Days before From
// were dealt with, however long the look-back has become since.
func (p Page) start(lookBack time.Duration) (ingest.Day, bool) {
	if p.Through.IsZero() {
		return 0, false
	}
	first := ingest.DayOf(p.Through.Add(-lookBack))
	if boundary(first) == "" {
		first = ingest.DayOf(p.Through)
	}
	return max(p.From, first), true
}

// day is what the page says of a day as a whole; the zero Count is nothing.
func (p Page) day(d ingest.Day) DaySum {
	if i, ok := slices.BinarySearchFunc(p.Days, d, func(s DaySum, d ingest.Day) int { return int(s.Day) - int(d) }); ok {
		return p.Days[i]
	}
	return DaySum{Day: d}
}
