package lookup

import (
	"fmt"
	"time"

	"trailgate/ingest"
)

// Progress says how far a reading of the Event history has come. Its objects
// are Regions, one for each account, and its Text is String.
type Progress struct {
	ingest.Progress
	Reach []Reach // one for each Region of each account; the receiver's own
	Rate  float64 // requests a second in the last seconds, of all Regions
	Quota float64 // requests a second at most, of all Regions that are not done
}

// Reach says how far back in time a Region of an account has been read.
type Reach struct {
	Account string
	Region  string
	Back    time.Time // all events from this time on have been read; zero: none yet
	Done    bool      // the Region has been read to its end, or given up
}

// String is one line for people. It names the Region that is furthest behind,
// because all others have been read at least as far back.
func (p Progress) String() string {
	text := fmt.Sprintf("%d of %d Regions, %d sign-ins, %.1f of %.0f requests/s", p.Done, p.Listed, p.SignIns, p.Rate, p.Quota)
	var last Reach
	for _, r := range p.Reach {
		switch {
		case r.Done:
		case r.Back.IsZero():
			return text
		case r.Back.After(last.Back):
			last = r
		}
	}
	if !last.Back.IsZero() {
		text += fmt.Sprintf(", all back to %s (%s)", last.Back.UTC().Format(time.DateTime), last.Region)
	}
	return text
}
