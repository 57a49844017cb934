package awsclient

import (
	"context"
	"net"
	"net/http"
	"time"

	"trailgate/ingest/lookup"
	"trailgate/ingest/trail"
)

// idleTimeout is how long a connection to AWS may transfer nothing in both
// directions. After that the request on it fails, and the SDK sends it again. S3
// and CloudTrail answer within seconds.
const idleTimeout = time.Minute

// transport sets up the HTTP transport of the AWS clients. It keeps as many idle
// connections as there are requests at once, so that connections are used again. It
// also gives each connection the idle timeout.
func (c *Clients) transport(t *http.Transport) {
	t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, max(2*trail.DefaultWorkers, lookup.DefaultWorkers, c.Workers)
	t.DialContext = withIdleTimeout(t.DialContext, idleTimeout)
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// withIdleTimeout makes the connections of dial fail when they transfer nothing for
// the limit. The error of the pending call is then os.ErrDeadlineExceeded.
func withIdleTimeout(dial dialer, limit time.Duration) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &idleConn{c, limit, time.AfterFunc(limit, func() {
			// A deadline in the past ends the pending call with an error. The
			// package net/http then closes the connection.
			if c.SetDeadline(time.Unix(1, 0)) != nil {
				return // the connection is closed already
			}
		})}, nil
	}
}

// idleConn is a connection that restarts its idle timer at every call.
type idleConn struct {
	net.Conn
	limit time.Duration
	end   *time.Timer
}

// Read reads. It waits at most for the limit, counted from the last call.
func (c *idleConn) Read(b []byte) (int, error) {
	c.end.Reset(c.limit)
	return c.Conn.Read(b)
}

// Write writes. It also restarts the timer for a Read that waits for the answer.
func (c *idleConn) Write(b []byte) (int, error) {
	c.end.Reset(c.limit)
	return c.Conn.Write(b)
}

// Close stops the idle timer and closes the connection.
func (c *idleConn) Close() error {
	c.end.Stop()
	return c.Conn.Close()
}
