package lookup

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"trailgate/ingest"
	"trailgate/ingest/record"
	"trailgate/ingest/signin"
)

// How a request that was not answered with a page is asked again.
const (
	requestTimeout = 30 * time.Second
	leastTimeout   = 100 * time.Millisecond
	firstPause     = 250 * time.Millisecond
	longestPause   = 8 * time.Second
	throttlePause  = time.Second / 2 // at the longest, where others draw on the quota: the pace is slow by then
	refreshes      = 2               // of the credentials or of the clock's error, one after the other
)

// region is one Region of one account, on its way through the window from its
// end to its beginning.
type region struct {
	place   int // its number
	account *entered
	name    string
	origin  string
	client  *cloudtrail.Client
	pace    *pace
	now     func() time.Time
	timeout time.Duration
	scanner record.Scanner

	start, end time.Time // as sent; constant while there is a token
	token      string
	seen       overlap
	repeats    repeats
	since      time.Time // when the first request was sent that brought nothing on; zero: there was none
	again      bool      // the window was begun anew behind events that had been read
	done       bool
}

// page is one step of a Region: what it read, and where it stands.
type page struct {
	reading
	region   int
	requests int       // it took, the throttled ones included
	back     time.Time // how far back everything has been read
	done     bool
	skip     *ingest.SkipError // the Region was given up
	err      error             // the run has to end
}

func newRegion(place int, a *entered, name string, p plan, s *Source) *region {
	r := &region{place: place, account: a, name: name, start: p.start, end: p.end, now: s.Now, timeout: s.regionTimeout(), pace: newPace(s.rate(), s.Now)}
	r.origin = "lookup://" + name
	if a.id != "" {
		r.origin = "lookup://" + a.id + "/" + name
	}
	r.client = cloudtrail.NewFromConfig(a.config, func(o *cloudtrail.Options) {
		o.Region = name
		// Asking again is this package's business: the SDK's would give up
		// after a few throttles, and spend the quota without telling.
		o.Retryer = aws.NopRetryer{}
		o.HTTPClient = ownBody{o.HTTPClient}
	})
	return r
}

// walk asks page by page until the window's beginning, and hands each page to
// commit first and then to send. It ends early with the context, whose error it
// leaves to the caller.
func (r *region) walk(ctx context.Context, commit func(*region, []item) error, send func(page) bool) {
	for !r.done {
		p := page{region: r.place}
		got, err := r.ask(ctx, &p)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			var window *WindowError
			if errors.As(err, &window) {
				p.err = window
			} else {
				p.skip = &ingest.SkipError{Cause: outcomeOf(err).cause(), Origin: r.origin, Err: brief(outcomeOf(err), err)}
			}
			send(p)
			return
		}
		all := got.events
		if r.again {
			all = r.seen.without(all)
		}
		r.seen.add(all)
		r.token = got.next
		r.done = r.token == ""
		if p.err = commit(r, all); p.err == nil {
			p.reading, p.err = read(&r.scanner, all, r.origin)
		}
		p.back, p.done = r.seen.oldest, r.done
		if r.done {
			p.back = r.start
		}
		if !send(p) || p.err != nil {
			return
		}
	}
}

// ask gets the next page, however often it has to ask, until the Region has
// not been brought on for its timeout.
func (r *region) ask(ctx context.Context, p *page) (answer, error) {
	renewed := 0
	for attempt := 0; ; attempt++ {
		if err := r.pace.wait(ctx); err != nil {
			return answer{}, err
		}
		began := r.now()
		if r.since.IsZero() {
			r.since = began
		}
		generation := r.account.credentials()
		got, err := r.send(ctx, r.timeout-began.Sub(r.since))
		p.requests++
		r.pace.took()
		if err == nil {
			err = r.weigh(got)
		}
		if err == nil {
			r.pace.eased()
			return got, nil
		}
		if ctx.Err() != nil {
			return answer{}, ctx.Err()
		}
		longest := longestPause
		switch o := outcomeOf(err); o {
		case denied, odd:
			return answer{}, err
		case throttled:
			r.pace.throttled()
			longest = throttlePause
		case expired, skewed:
			if renewed++; renewed > refreshes {
				return answer{}, err
			}
			if o == expired {
				r.account.refresh(generation)
			}
		case lostToken:
			r.restart()
		case badWindow:
			if !r.narrow() {
				return answer{}, &WindowError{Since: r.start, Until: r.end, Oldest: began.Add(-MaxAge), Err: said{err}}
			}
		}
		if r.now().Sub(r.since) >= r.timeout {
			return answer{}, &lateError{r.timeout, err}
		}
		if err := pause(ctx, backOff(attempt, longest)); err != nil {
			return answer{}, err
		}
	}
}

// send sends one request. The parameters are the same for every page of a
// window: a token is good for no others.
func (r *region) send(ctx context.Context, left time.Duration) (answer, error) {
	in := &cloudtrail.LookupEventsInput{
		LookupAttributes: []types.LookupAttribute{{AttributeKey: filterKey, AttributeValue: aws.String(filterValue)}},
		StartTime:        aws.Time(r.start),
		EndTime:          aws.Time(r.end),
		MaxResults:       aws.Int32(PageSize),
	}
	if r.token != "" {
		in.NextToken = aws.String(r.token)
	}
	ctx, cancel := context.WithTimeout(ctx, max(leastTimeout, min(requestTimeout, left)))
	defer cancel()
	out, err := r.client.LookupEvents(ctx, in)
	switch {
	case err != nil:
		return answer{}, err
	case out.Events == nil && aws.ToString(out.NextToken) == "":
		// The last page has a list, be it empty. To the SDK a body that is cut
		// off before its first byte is an answer.
		return answer{}, errHollow
	}
	return answer{events: items(out.Events), next: aws.ToString(out.NextToken)}, nil
}

// restart begins anew behind the oldest event: the token is no longer good.
// Events come newest first, so nothing newer is missing.
func (r *region) restart() {
	r.token = ""
	if r.seen.oldest.IsZero() {
		return
	}
	r.again = true
	if end := r.seen.oldest.Add(overlapSpan); end.Before(r.end) {
		r.end = end
	}
}

// narrow moves the window's beginning to where the Event history begins by
// now, if that is why its time range is not accepted.
func (r *region) narrow() bool {
	first := r.now().Add(-MaxAge + edge).Truncate(time.Second)
	if !r.start.Before(first) || r.end.Before(first) {
		return false
	}
	r.restart()
	r.start = first
	return true
}

// backOff is the pause before asking again: twice as long each time, and
// shortened by chance so that several clients do not stay in step.
func backOff(attempt int, longest time.Duration) time.Duration {
	d := min(longest, firstPause<<min(attempt, 10))
	return d/2 + time.Duration(rand.Int64N(int64(d/2)))
}

// replay takes a page from the resume file.
func (r *region) replay(step step) (page, error) {
	r.start, r.end, r.token, r.again, r.done = time.Unix(step.Start, 0).UTC(), time.Unix(step.End, 0).UTC(), step.Next, step.Again, step.Done
	r.seen.add(step.Events)
	got, err := read(&r.scanner, step.Events, r.origin)
	p := page{region: r.place, reading: got, back: r.seen.oldest, done: r.done}
	if r.done {
		p.back = r.start
	}
	return p, err
}

// step is where the Region stands behind a page.
func (r *region) step(events []item) step {
	return step{Account: r.account.id, Region: r.name, Start: r.start.Unix(), End: r.end.Unix(), Next: r.token, Again: r.again, Done: r.done, Events: events}
}

// yieldAll yields a page's events and single skips.
func (p *page) yieldAll(yield func(signin.Event, error) bool) bool {
	for _, e := range p.events {
		if !yield(e, nil) {
			return false
		}
	}
	for _, s := range p.skips {
		if !yield(signin.Event{}, s) {
			return false
		}
	}
	return p.skip == nil || yield(signin.Event{}, p.skip)
}
