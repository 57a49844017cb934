package lookup_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"trailgate/fixtures/cloudtrail"
	"trailgate/ingest"
	"trailgate/ingest/lookup"
)

// held reads so many events of 34 Regions, without a quota, and tells what the
// process holds after a tenth of them and after nine tenths, in bytes.
func held(t testing.TB, events int) (early, late int64) {
	t.Helper()
	const regions = 34
	now := clock(today())
	server := &cloudtrail.Server{}
	var names []string
	for i := range regions {
		names = append(names, fmt.Sprintf("xx-test-%d", i))
		var all []cloudtrail.Event
		for n := range events / regions {
			at := today().Add(-time.Duration(n+1) * time.Minute)
			all = append(all, signIn(at.Format(time.RFC3339)+names[i], own, names[i], at))
		}
		server.Add(own, names[i], all...)
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	src := &lookup.Source{Accounts: []lookup.Account{{Config: config(server)}}, Regions: names, Now: now, Rate: 1e6}
	n := 0
	for _, err := range src.Open(t.Context(), ingest.Window{}).Events() {
		if err != nil {
			t.Fatal(err)
		}
		switch n++; n {
		case events / 10:
			early = heap()
		case events / 10 * 9:
			late = heap()
		}
	}
	if want := events / regions * regions; n != want {
		t.Errorf("%d events, want %d", n, want)
	}
	return early, late
}

// flat is how much more may be held late than early.
const flat = 16 << 20

func TestMemoryIsFlat(t *testing.T) {
	if early, late := held(t, 10_000); late > early+flat {
		t.Errorf("%d MB held early, %d MB late", early>>20, late>>20)
	}
}

// BenchmarkMemory reports what is held for 200,000 events of 34 Regions, the
// stand-in's own included, and the growth between early and late.
func BenchmarkMemory(b *testing.B) {
	var early, late int64
	for b.Loop() {
		early, late = held(b, 200_000)
	}
	b.ReportMetric(float64(early)/1e6, "MB-early")
	b.ReportMetric(float64(late)/1e6, "MB-late")
	b.ReportMetric(float64(late-early)/1e6, "MB-growth")
	b.ReportMetric(float64(flat)/1e6, "MB-growth-mark")
}
