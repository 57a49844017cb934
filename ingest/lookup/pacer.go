package lookup

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// The pace of a Region. We assume that AWS keeps a token bucket: Quota tokens flow in
// each second, and it holds burst tokens. We use a little less than flows in.
const (
	burst    = 2
	headroom = 0.99
)

// requestPacer keeps the requests to one Region within the quota. AWS counts a request at
// some unknown moment between its sending and its answer. We take the token when the
// answer arrives. So our bucket is never fuller than theirs, however long a request
// takes.
type requestPacer struct {
	limiter *rate.Limiter
	full    rate.Limit
	now     func() time.Time
}

func newRequestPacer(quota float64, now func() time.Time) *requestPacer {
	full := rate.Limit(quota * headroom)
	return &requestPacer{limiter: rate.NewLimiter(full, burst), full: full, now: now}
}

// waitForToken waits until a request may be sent, or returns the context's error.
// It does not take the token: takeToken does, when the answer has arrived.
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

// takeToken counts a request whose answer has arrived.
func (p *requestPacer) takeToken() { p.limiter.ReserveN(p.now(), 1) }

// slowDown lowers the pace by a fifth, but not below half of the full pace. From
// then on, it does not allow bursts. It is for a request that AWS refused as too
// fast: another client uses the same quota, or the quota is smaller than assumed. A
// refused request costs no token, and a client that asks less often than the others
// would get nothing.
func (p *requestPacer) slowDown() {
	now := p.now()
	p.limiter.SetBurstAt(now, 1)
	p.limiter.SetLimitAt(now, max(p.full/2, p.limiter.Limit()*0.8))
}

// speedUp raises the pace a little, up to the full pace.
func (p *requestPacer) speedUp() {
	if now := p.limiter.Limit(); now < p.full {
		p.limiter.SetLimitAt(p.now(), min(p.full, now*1.05))
	}
}

// sleepContext waits until the time is over or the context ends. It returns the
// context's error, if it has one.
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
