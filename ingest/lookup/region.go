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
	"trailgate/ingest/aws/answer"
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

// regionWalk is one Region of one account, on its way through the window from its
// end to its beginning.
type regionWalk struct {
	place   int // its number
	account *accountSession
	name    string
	origin  string
	client  *cloudtrail.Client
	pace    *requestPacer
	now     func() time.Time
	timeout time.Duration
	scanner record.Scanner

	start, end time.Time // as sent; constant while there is a token
	token      string
	seen       pageOverlap
	repeats    seenAnswers
	since      time.Time // when the first request was sent that brought nothing on; zero: there was none
	again      bool      // the window was begun anew behind events that had been read
	done       bool
}

// regionPage is one step of a Region: what it read, and where it stands.
type regionPage struct {
	pageReading
	region   int
	requests int       // it took, the throttled ones included
	back     time.Time // how far back everything has been read
	done     bool
	skip     *ingest.SkipError // the Region was given up
	err      error             // the run has to end
}

func newRegionWalk(place int, a *accountSession, name string, p fixedWindow, s *Source) *regionWalk {
	r := &regionWalk{place: place, account: a, name: name, start: p.start, end: p.end, now: s.Now, timeout: s.regionTimeout(), pace: newRequestPacer(s.rate(), s.Now)}
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

// walkPages asks page by page until the window's beginning, and hands each page to
// commit first and then to send. It ends early with the context, whose error it
// leaves to the caller.
func (r *regionWalk) walkPages(ctx context.Context, commit func(*regionWalk, []lookupEvent) error, send func(regionPage) bool) {
	for !r.done {
		p := regionPage{region: r.place}
		got, err := r.askPage(ctx, &p)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			var window *WindowError
			if errors.As(err, &window) {
				p.err = window
			} else {
				p.skip = &ingest.SkipError{Cause: classifyError(err).skipCause(), Origin: r.origin, Err: describeError(classifyError(err), err)}
			}
			send(p)
			return
		}
		all := got.events
		if r.again {
			all = r.seen.withoutOverlap(all)
		}
		r.seen.addEvents(all)
		r.token = got.next
		r.done = r.token == ""
		if p.err = commit(r, all); p.err == nil {
			p.pageReading, p.err = readPage(&r.scanner, all, r.origin)
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

// askPage gets the next page, however often it has to ask, until the Region has
// not been brought on for its timeout.
func (r *regionWalk) askPage(ctx context.Context, p *regionPage) (pageAnswer, error) {
	renewed := 0
	for attempt := 0; ; attempt++ {
		if err := r.pace.waitForToken(ctx); err != nil {
			return pageAnswer{}, err
		}
		began := r.now()
		if r.since.IsZero() {
			r.since = began
		}
		generation := r.account.credentialGeneration()
		got, err := r.sendRequest(ctx, r.timeout-began.Sub(r.since))
		p.requests++
		r.pace.takeToken()
		if err == nil {
			err = r.checkProgress(got)
		}
		if err == nil {
			r.pace.speedUp()
			return got, nil
		}
		if ctx.Err() != nil {
			return pageAnswer{}, ctx.Err()
		}
		longest := longestPause
		switch o := classifyError(err); o {
		case denied, odd:
			return pageAnswer{}, err
		case throttled:
			r.pace.slowDown()
			longest = throttlePause
		case expired, skewed:
			if renewed++; renewed > refreshes {
				return pageAnswer{}, err
			}
			if o == expired {
				r.account.refreshCredentials(generation)
			}
		case lostToken:
			r.restartPaging()
		case badWindow:
			if !r.narrowWindow() {
				return pageAnswer{}, &WindowError{Since: r.start, Until: r.end, Oldest: began.Add(-MaxAge), Err: answer.Parse(err)}
			}
		}
		if r.now().Sub(r.since) >= r.timeout {
			return pageAnswer{}, &lateError{r.timeout, err}
		}
		if err := sleepContext(ctx, backOff(attempt, longest)); err != nil {
			return pageAnswer{}, err
		}
	}
}

// sendRequest sends one request. The parameters are the same for every page of a
// window: a token is good for no others.
func (r *regionWalk) sendRequest(ctx context.Context, left time.Duration) (pageAnswer, error) {
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
		return pageAnswer{}, err
	case out.Events == nil && aws.ToString(out.NextToken) == "":
		// The last page has a list, be it empty. To the SDK a body that is cut
		// off before its first byte is an answer.
		return pageAnswer{}, errEmptyAnswer
	}
	return pageAnswer{events: lookupEvents(out.Events), next: aws.ToString(out.NextToken)}, nil
}

// restartPaging begins anew behind the oldest event: the token is not good any more.
// Events come newest first, so nothing newer is missing.
func (r *regionWalk) restartPaging() {
	r.token = ""
	if r.seen.oldest.IsZero() {
		return
	}
	r.again = true
	if end := r.seen.oldest.Add(overlapSpan); end.Before(r.end) {
		r.end = end
	}
}

// narrowWindow moves the window's beginning to where the Event history begins by
// now, if that is why its time range is not accepted.
func (r *regionWalk) narrowWindow() bool {
	first := r.now().Add(-MaxAge + horizonMargin).Truncate(time.Second)
	if !r.start.Before(first) || r.end.Before(first) {
		return false
	}
	r.restartPaging()
	r.start = first
	return true
}

// backOff is the pause before asking again: twice as long each time, and
// shortened by chance so that several clients do not stay in step.
func backOff(attempt int, longest time.Duration) time.Duration {
	d := min(longest, firstPause<<min(attempt, 10))
	return d/2 + time.Duration(rand.Int64N(int64(d/2)))
}

// replayStep takes a page from the resume file.
func (r *regionWalk) replayStep(step pageStep) (regionPage, error) {
	r.start, r.end, r.token, r.again, r.done = time.Unix(step.Start, 0).UTC(), time.Unix(step.End, 0).UTC(), step.Next, step.Again, step.Done
	r.seen.addEvents(step.Events)
	got, err := readPage(&r.scanner, step.Events, r.origin)
	p := regionPage{region: r.place, pageReading: got, back: r.seen.oldest, done: r.done}
	if r.done {
		p.back = r.start
	}
	return p, err
}

// stepFor is where the Region stands behind a page.
func (r *regionWalk) stepFor(events []lookupEvent) pageStep {
	return pageStep{Account: r.account.id, Region: r.name, Start: r.start.Unix(), End: r.end.Unix(), Next: r.token, Again: r.again, Done: r.done, Events: events}
}

// yieldAll yields a page's events and single skips.
func (p *regionPage) yieldAll(yield func(signin.Event, error) bool) bool {
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
