package lookup

import (
	"testing"
	"time"

	"trailgate/ingest"
)

func TestProgressText(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name        string
		now         ingest.Progress
		reached     []regionReach
		rate, quota float64
		want        string
	}{
		{"nothing yet", ingest.Progress{Listed: 2}, []regionReach{{region: "us-east-1", back: at}, {region: "us-west-2"}}, 1, 4,
			"0 of 2 Regions, 0 sign-ins, 1.0 of 4 requests/s"},
		{"the last one", ingest.Progress{Listed: 3, Done: 1, SignIns: 70}, []regionReach{
			{region: "us-east-1", back: at.Add(-time.Hour)}, {region: "us-west-2", back: at}, {region: "eu-west-1", back: at.Add(time.Hour), done: true}}, 3.9, 4,
			"1 of 3 Regions, 70 sign-ins, 3.9 of 4 requests/s, all back to 2026-03-01 12:00:00 (us-west-2)"},
		{"the end", ingest.Progress{Listed: 1, Done: 1, SignIns: 7}, []regionReach{{region: "us-east-1", back: at, done: true}}, 0, 0,
			"1 of 1 Regions, 7 sign-ins, 0.0 of 0 requests/s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := progressText(c.now, c.reached, c.rate, c.quota); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
