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

// The times of requests, and of the pauses between them.
const (
	requestTimeout = 30 * time.Second
	leastTimeout   = 100 * time.Millisecond
	firstPause     = 250 * time.Millisecond
	longestPause   = 8 * time.Second
	throttlePause  = time.Second / 2 // the longest after a throttle, because the pace is already lower then
	refreshes      = 2               // how often credentials or clock are corrected for one page
)

// regionWalk reads one Region of one account, from the end of the window to its
// beginning.
type regionWalk struct {
	place   int // the number of the Region
	account *accountSession
	name    string
	origin  string
	client  *cloudtrail.Client
	pace    *requestPacer
	now     func() time.Time
	timeout time.Duration
	scanner record.Scanner

	start, end time.Time // as sent; they do not change while there is a token
	token      string
	seen       pageOverlap
	repeats    seenAnswers
	since      time.Time // of the first request since the last new page; zero: there was none
	again      bool      // the paging was restarted, so that events may come twice
	done       bool
}

// regionPage is one step of a Region: a page, and the position after it.
type regionPage struct {
	pageReading
	region   int
	requests int       // how many the page took, with the throttled ones
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
		// This package repeats requests itself. The SDK would give up after a few
		// throttles, and it would use up the quota unseen.
		o.Retryer = aws.NopRetryer{}
		o.HTTPClient = ownBody{o.HTTPClient}
	})
	return r
}

// walkPages asks for page after page until the beginning of the window. It passes
// the events of each page to commit, which writes them to the resume file, and then
// the page to send. A Region that is given up is sent as a page with a skip. It
// also ends if send returns false, or if the context ends; the caller reports that.
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

// askPage gets the next page, and counts its requests in p. It repeats the request,
// at the Region's pace, until a new page comes. It returns an error if the Region
// refuses, or if no page has come for the Region's timeout.
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

// sendRequest sends one request for the page at r.token. Its timeout is left, but
// between leastTimeout and requestTimeout. All pages of a window have the same
// parameters, because a token is valid only with them.
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
		// The last page has a list, which may be empty. An answer without one was cut: the
		// SDK accepts an empty body.
		return pageAnswer{}, errEmptyAnswer
	}
	return pageAnswer{events: lookupEvents(out.Events), next: aws.ToString(out.NextToken)}, nil
}

// restartPaging drops the token, which is not valid any more, and ends the window
// just after the oldest event that was read. So the paging restarts there. Events
// come newest first, so no newer event is missing.
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

// narrowWindow moves the beginning of the window to the present beginning of the
// Event history, and restarts the paging. It returns false and changes nothing if
// the window does not begin before that, because AWS then refused it for another
// reason. It also does so if the whole window is older.
func (r *regionWalk) narrowWindow() bool {
	first := r.now().Add(-MaxAge + horizonMargin).Truncate(time.Second)
	if !r.start.Before(first) || r.end.Before(first) {
		return false
	}
	r.restartPaging()
	r.start = first
	return true
}

// backOff returns the pause before the next attempt: twice as long each time, up to
// longest. It is shortened at random by up to half, so that several clients do not
// ask at the same moments.
func backOff(attempt int, longest time.Duration) time.Duration {
	d := min(longest, firstPause<<min(attempt, 10))
	return d/2 + time.Duration(rand.Int64N(int64(d/2)))
}

// replayStep takes a page of the resume file, sets the Region to the position after
// it, and returns the page with its sign-ins.
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

// stepFor returns a line for the resume file: these events of a page, and the
// position of the Region after it.
func (r *regionWalk) stepFor(events []lookupEvent) pageStep {
	return pageStep{Account: r.account.id, Region: r.name, Start: r.start.Unix(), End: r.end.Unix(), Next: r.token, Again: r.again, Done: r.done, Events: events}
}

// yieldAll yields the events and the skips of a page. It returns false if the
// caller wants no more.
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
