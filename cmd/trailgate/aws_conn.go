package main

import (
	"context"
	"net"
	"net/http"
	"time"

	"trailgate/ingest/lookup"
	"trailgate/ingest/trail"
)

// idleTimeout is how long a connection to AWS may stand still, in either direction,
// before the request on it is given up and made again. S3 and CloudTrail answer
// within seconds.
const idleTimeout = time.Minute

// transport lets as many connections be kept as there are requests in flight,
// or each would be made anew, and watches over those that stand still.
func (c *clients) transport(t *http.Transport) {
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, max(2*trail.DefaultWorkers, lookup.DefaultWorkers, c.workers)
	t.DialContext = withIdleTimeout(t.DialContext, idleTimeout)
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// withIdleTimeout breaks those connections of dial off that stand still for the limit.
func withIdleTimeout(dial dialer, limit time.Duration) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &idleConn{c, limit, time.AfterFunc(limit, func() {
			// A deadline that has passed ends the call under way with an
			// error that says so, and net/http then closes the connection.
			if c.SetDeadline(time.Unix(1, 0)) != nil {
				return // it is closed
			}
		})}, nil
	}
}

// idleConn puts its end off with every call.
type idleConn struct {
	net.Conn
	limit time.Duration
	end   *time.Timer
}

// Read reads; it waits no longer than the limit after the last call.
func (c *idleConn) Read(b []byte) (int, error) {
	c.end.Reset(c.limit)
	return c.Conn.Read(b)
}

// Write writes, and puts the end of a Read off that waits for the answer.
func (c *idleConn) Write(b []byte) (int, error) {
	c.end.Reset(c.limit)
	return c.Conn.Write(b)
}

// Close closes the connection.
func (c *idleConn) Close() error {
	c.end.Stop()
	return c.Conn.Close()
}
