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

// measureHeap reads events of 34 Regions without a quota. It returns the heap after a tenth
// of them and after nine tenths, in bytes.
func measureHeap(t testing.TB, events int) (early, late int64) {
	t.Helper()
	const regions = 34
	now := clockFrom(today())
	server := &cloudtrail.Server{}
	var names []string
	for i := range regions {
		names = append(names, fmt.Sprintf("xx-test-%d", i))
		var all []cloudtrail.Event
		for n := range events / regions {
			at := today().Add(-time.Duration(n+1) * time.Minute)
			all = append(all, makeSignIn(at.Format(time.RFC3339)+names[i], ownAccount, names[i], at))
		}
		server.Add(ownAccount, names[i], all...)
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	src := &lookup.Source{Accounts: []lookup.Account{{Config: serverConfig(server)}}, Regions: names, Now: now, Rate: 1e6}
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

// maxHeapGrowth is how much larger the heap may be late than early, in bytes.
const maxHeapGrowth = 16 << 20

func TestMemoryIsFlat(t *testing.T) {
	if early, late := measureHeap(t, 10_000); late > early+maxHeapGrowth {
		t.Errorf("%d MB early, %d MB late", early>>20, late>>20)
	}
}

// BenchmarkMemory reports the heap for 200,000 events of 34 Regions, with that of the
// stand-in, and its growth.
func BenchmarkMemory(b *testing.B) {
	var early, late int64
	for b.Loop() {
		early, late = measureHeap(b, 200_000)
	}
	b.ReportMetric(float64(early)/1e6, "MB-early")
	b.ReportMetric(float64(late)/1e6, "MB-late")
	b.ReportMetric(float64(late-early)/1e6, "MB-growth")
	b.ReportMetric(float64(maxHeapGrowth)/1e6, "MB-growth-mark")
}
