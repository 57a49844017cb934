package lookup

import (
	"fmt"
	"slices"
	"time"

	"trailgate/ingest"
)

// regionReach says how far back in time a Region has been read.
type regionReach struct {
	region string
	back   time.Time // every event since then has been read; zero: none yet
	done   bool      // the Region is finished
}

// showProgress reports how far the run has come.
func (r *lookupRun) showProgress(p regionPage) {
	if r.source.Progress == nil {
		return
	}
	now := r.source.Now()
	r.requests = append(r.requests, regionRequest{now, p.region, p.requests})
	span := min(rateSpan, now.Sub(r.began))
	r.requests = slices.DeleteFunc(r.requests, func(q regionRequest) bool { return now.Sub(q.at) > span || r.reached[q.region].done })
	out := ingest.Progress{Listed: len(r.regions), SignIns: r.events, Bytes: r.coverage.Packed, Final: true}
	quota, rate := 0.0, 0.0
	for _, reach := range r.reached {
		if reach.done {
			out.Done++
		} else {
			quota += r.source.rate()
		}
	}
	for _, q := range r.requests {
		rate += float64(q.n)
	}
	rate /= max(2, span.Seconds())
	out.Text = progressText(out, r.reached, rate, quota)
	r.source.Progress(out)
}

// progressText returns the progress as one line. The line ends with the time since which
// all Regions have been read, which is that of the slowest Region.
func progressText(p ingest.Progress, reached []regionReach, rate, quota float64) string {
	text := fmt.Sprintf("%d of %d Regions, %d sign-ins, %.1f of %.0f requests/s", p.Done, p.Listed, p.SignIns, rate, quota)
	var last regionReach
	for _, r := range reached {
		switch {
		case r.done:
		case r.back.IsZero():
			return text
		case r.back.After(last.back):
			last = r
		}
	}
	if !last.back.IsZero() {
		text += fmt.Sprintf(", all back to %s (%s)", last.back.UTC().Format(time.DateTime), last.region)
	}
	return text
}
