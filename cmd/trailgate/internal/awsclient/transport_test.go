package awsclient

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"
)

// TestIdleTimeout calls three servers: one that never answers, one that stops in the
// middle of its answer, and one that is slow but does not stop.
func TestIdleTimeout(t *testing.T) {
	const limit = time.Second
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request)
		late   bool
	}{
		{"says nothing", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, true},
		{"stops", func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.WriteString(w, "half"); err != nil || http.NewResponseController(w).Flush() != nil {
				t.Error("the half was not sent")
			}
			<-r.Context().Done()
		}, true},
		{"goes on", func(w http.ResponseWriter, _ *http.Request) {
			tick := time.NewTicker(limit / 16)
			defer tick.Stop()
			for range 24 {
				<-tick.C
				if _, err := io.WriteString(w, "bit"); err != nil || http.NewResponseController(w).Flush() != nil {
					t.Error("a bit was not sent")
				}
			}
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(c.answer))
			defer server.Close()
			client := http.Client{Transport: &http.Transport{DialContext: withIdleTimeout((&net.Dialer{}).DialContext, limit)}}
			answer, err := client.Get(server.URL)
			if err == nil {
				_, err = io.Copy(io.Discard, answer.Body)
				err = errors.Join(err, answer.Body.Close())
			}
			if late := errors.Is(err, os.ErrDeadlineExceeded); late != c.late || !late && err != nil {
				t.Errorf("ended with %v, late: %v, want %v", err, late, c.late)
			}
		})
	}
}
