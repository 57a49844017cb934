package lookup

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// How a Region is paced. The quota is taken for a bucket that fills at Quota
// and holds burst; a little less is drawn from it than runs in.
const (
	burst    = 2
	headroom = 0.99
)

// requestPacer keeps the requests to one Region within the quota. Between sending a
// request and its answer nobody knows when AWS has counted it: it is booked
// when the answer is there. So the level is never above that of a bucket on the
// other side, however long requests take, and no pace is lost to their length.
type requestPacer struct {
	limiter *rate.Limiter
	full    rate.Limit
	now     func() time.Time
}

func newRequestPacer(quota float64, now func() time.Time) *requestPacer {
	full := rate.Limit(quota * headroom)
	return &requestPacer{limiter: rate.NewLimiter(full, burst), full: full, now: now}
}

// waitForToken returns once a request may be sent, or with the context's error.
func (p *requestPacer) waitForToken(ctx context.Context) error {
	for {
		missing := 1 - p.limiter.TokensAt(p.now())
		if missing <= 0 {
			return ctx.Err()
		}
		if err := sleepContext(ctx, time.Duration(missing/float64(p.limiter.Limit())*float64(time.Second))+time.Microsecond); err != nil {
			return err
		}
	}
}

// takeToken books a request whose answer is there.
func (p *requestPacer) takeToken() { p.limiter.ReserveN(p.now(), 1) }

// slowDown slows down, to half the pace at the most: somebody else is drawing
// on the same quota, or it is smaller than it was taken for. A refused request
// takes nothing from it, and who asks less often than the others gets nothing.
func (p *requestPacer) slowDown() {
	now := p.now()
	p.limiter.SetBurstAt(now, 1)
	p.limiter.SetLimitAt(now, max(p.full/2, p.limiter.Limit()*0.8))
}

// speedUp speeds up again, by little.
func (p *requestPacer) speedUp() {
	if now := p.limiter.Limit(); now < p.full {
		p.limiter.SetLimitAt(p.now(), min(p.full, now*1.05))
	}
}

// sleepContext waits until the time is over or the context ends.
func sleepContext(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
