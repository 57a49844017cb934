package trail_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"testing"
	"time"

	"trailgate/ingest"
	"trailgate/ingest/trail"
)

// syntheticTrail is a trail of so many folders that makes up its keys while it is
// listed, so that it takes no memory. Each folder gets perTick files every tick. If
// it is sparse, it has only files of the last hour before now, of the same hour of
// the days before, and of every eighth hour.
type syntheticTrail struct {
	folders, perTick int
	tick             time.Duration
	sparse           bool
	began, now       time.Time
	stamps           [][2]string // day folder and stamp of the last days
}

// setTime makes the files up to a time.
func (m *syntheticTrail) setTime(now time.Time) {
	m.now, m.stamps = now, nil
	for at := maxTime(m.began, now.AddDate(0, 0, -4).Truncate(24*time.Hour)); !at.After(now); at = at.Add(m.tick) {
		if into := now.Sub(at) % (24 * time.Hour); !m.sparse || into < time.Hour || into%(8*time.Hour) == 0 {
			m.stamps = append(m.stamps, [2]string{at.Format("2006/01/02/"), at.Format("20060102T1504Z_")})
		}
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (m *syntheticTrail) Origin(key string) string { return "mill://" + key }

func (m *syntheticTrail) Read(_ context.Context, _ string, buf []byte, _ int64) ([]byte, error) {
	return append(buf[:0], `{"Records":[]}`...), nil
}

func (m *syntheticTrail) List(_ context.Context, r trail.ListRequest) iter.Seq2[trail.Entry, error] {
	return func(yield func(trail.Entry, error) bool) {
		switch depth := strings.Count(r.Prefix, "/"); {
		case depth == 1:
			for n := range m.folders {
				if !yield(trail.Entry{Key: fmt.Sprintf("%s%012d/", r.Prefix, n), Folder: true}, nil) {
					return
				}
			}
		case depth == 2:
			yield(trail.Entry{Key: r.Prefix + "CloudTrail/", Folder: true}, nil)
		case depth == 3:
			yield(trail.Entry{Key: r.Prefix + "eu-west-1/", Folder: true}, nil)
		case depth == 4:
			m.files(r, yield)
		}
	}
}

func (m *syntheticTrail) files(r trail.ListRequest, yield func(trail.Entry, error) bool) {
	account := strings.Split(r.Prefix, "/")[1]
	var buf []byte
	for _, at := range m.stamps {
		if r.Prefix+at[0] < r.StartAfter {
			continue
		}
		for n := range m.perTick {
			buf = append(append(append(buf[:0], r.Prefix...), at[0]...), account...)
			buf = append(append(append(buf, "_CloudTrail_eu-west-1_"...), at[1]...), "Unique000000"...)
			buf = append(strconv.AppendInt(buf, int64(1000+n), 10), ".json.gz"...)
			if !yield(trail.Entry{Key: string(buf), Size: 14}, nil) {
				return
			}
		}
	}
}

// runDaily gives the checkpoint after so many daily runs, and its size in bytes.
func (m *syntheticTrail) runDaily(t *testing.T, from time.Time, c ingest.Checkpoint, days int) (ingest.Checkpoint, int) {
	t.Helper()
	m.began = noon(0)
	src := &trail.Source{Store: m, Prefix: "AWSLogs"}
	for n := range days {
		m.setTime(from.AddDate(0, 0, n+1))
		listing := src.ListNew(t.Context(), ingest.Window{Since: m.began}, ingest.ResumePoint{Checkpoint: c, Now: m.now})
		for _, err := range listing.Objects() {
			if err != nil {
				t.Fatal(err)
			}
		}
		if c := listing.Coverage(); len(c.Remarks) > 0 {
			t.Fatal(c.Remarks)
		}
		c = listing.Checkpoint()
	}
	form, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return c, len(form)
}

// TestCheckpointStaysSmall checks the sizes that the documentation of
// FolderCheckpoint gives, at a thousandth of the 49 million objects a day, and
// that they stay so for a year. The year has fewer folders and files, because
// the size of a folder does not depend on other folders, nor on files that are
// folded into a digest.
func TestCheckpointStaysSmall(t *testing.T) {
	for _, c := range []struct {
		name       string
		full, year syntheticTrail
		documented int // bytes of full
	}{
		{"170 folders of 288 files a day", syntheticTrail{folders: 170, perTick: 1, tick: 5 * time.Minute},
			syntheticTrail{folders: 17, perTick: 1, tick: 5 * time.Minute, sparse: true}, 56_000},
		{"1 folder of 49,000 files a day", syntheticTrail{folders: 1, perTick: 34, tick: time.Minute},
			syntheticTrail{folders: 1, perTick: 7, tick: time.Minute, sparse: true}, 22_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, got := c.full.runDaily(t, noon(0), nil, 2); got < c.documented*9/10 || got > c.documented*11/10 {
				t.Errorf("%d bytes, the documentation says %d", got, c.documented)
			}
			known, second := c.year.runDaily(t, noon(0), nil, 2)
			if _, last := c.year.runDaily(t, noon(2), known, 363); last < second*9/10 || last > second*11/10 {
				t.Errorf("%d bytes on the second day, %d a year on", second, last)
			}
		})
	}
}

// BenchmarkCheckpoint lists 40 folders of 288 files a day in which nothing is new.
func BenchmarkCheckpoint(b *testing.B) {
	m := &syntheticTrail{folders: 40, perTick: 1, tick: 5 * time.Minute, began: noon(0)}
	m.setTime(noon(3))
	src := &trail.Source{Store: m, Prefix: "AWSLogs"}
	list := func(from ingest.ResumePoint) *trail.Listing {
		listing := src.ListNew(b.Context(), ingest.Window{}, from)
		for _, err := range listing.Objects() {
			if err != nil {
				b.Fatal(err)
			}
		}
		return listing
	}
	known := ingest.ResumePoint{Checkpoint: list(ingest.ResumePoint{}).Checkpoint()}
	for b.Loop() {
		c := list(known).Coverage()
		if c.Excluded["known"] != c.Listed {
			b.Fatal(c.Excluded)
		}
		b.ReportMetric(float64(c.Listed), "objects/op")
	}
}
