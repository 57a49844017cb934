package lookup_test

import (
	"testing"
	"time"

	"trailgate/ingest"
	"trailgate/ingest/lookup"
)

func TestProgressText(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		now  lookup.Progress
		want string
	}{
		{"nothing yet", lookup.Progress{Progress: ingest.Progress{Listed: 2}, Rate: 1, Quota: 4, Reach: []lookup.Reach{{Region: "us-east-1", Back: at}, {Region: "us-west-2"}}},
			"0 of 2 Regions, 0 sign-ins, 1.0 of 4 requests/s"},
		{"the last one", lookup.Progress{Progress: ingest.Progress{Listed: 3, Done: 1, SignIns: 70}, Rate: 3.9, Quota: 4, Reach: []lookup.Reach{
			{Region: "us-east-1", Back: at.Add(-time.Hour)}, {Region: "us-west-2", Back: at}, {Region: "eu-west-1", Back: at.Add(time.Hour), Done: true}}},
			"1 of 3 Regions, 70 sign-ins, 3.9 of 4 requests/s, all back to 2026-03-01 12:00:00 (us-west-2)"},
		{"the end", lookup.Progress{Progress: ingest.Progress{Listed: 1, Done: 1, SignIns: 7}, Reach: []lookup.Reach{{Region: "us-east-1", Back: at, Done: true}}},
			"1 of 1 Regions, 7 sign-ins, 0.0 of 0 requests/s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.now.String(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
