package trail_test

import (
	"fmt"
	"strings"
	"testing"

	"trailgate/fixtures/s3"
	"trailgate/ingest"
	"trailgate/ingest/trail"
)

// checkpoints runs a modelTrail against a server.
func (s *bucketSuite) checkpoints(t *testing.T) {
	var broken string
	b := s.open(t, func(c s3.Call) s3.Fault {
		if broken != "" && c.Op == s3.ListObjectsV2 && strings.HasPrefix(c.Key, broken) {
			return s3.Fault{Code: s3.AccessDenied}
		}
		return s3.Fault{}
	})
	w := newModelTrail(t, testStore{
		store:  b,
		put:    func(key string, body []byte) { b.put(t, key, body) },
		remove: func(key string) { b.remove(t, key) },
	}, 2)
	for n := range 8 {
		w.passTime()
		if broken = ""; n%4 == 2 {
			broken = w.folders()[0]
		}
		w.runOnce(broken, -1)
	}
	broken = ""
	w.finishRuns()
}

// checkpointBudget counts the requests of a run with nothing new.
func (s *bucketSuite) checkpointBudget(t *testing.T) {
	b := s.open(t, nil)
	body := logFile(t, "one")
	for account := range 4 {
		for region := range 10 {
			for d := range 31 {
				b.put(t, logKey("AWSLogs/", fmt.Sprintf("%012d", 111122223333+account), fmt.Sprintf("eu-west-%d", region), noon(d), 0), body)
			}
		}
	}
	src := &trail.Source{Store: b}
	stream := src.Resume(t.Context(), ingest.Window{}, ingest.ResumePoint{})
	first := drain(stream)
	before := b.proxy.Counts().Requests
	second := drain(src.Resume(t.Context(), ingest.Window{}, ingest.ResumePoint{Checkpoint: stream.Outcome().Checkpoint}))
	after := b.proxy.Counts().Requests
	if len(first.ids) != 1240 || len(second.ids) != 0 || second.cov.Excluded["known"] != 80 || second.err != nil {
		t.Errorf("%d and then %d events, excluded %v, error %v; want 1240 and none", len(first.ids), len(second.ids), second.cov.Excluded, second.err)
	}
	if n := after[s3.ListObjectsV2] - before[s3.ListObjectsV2]; n > 50 || after[s3.GetObject] != before[s3.GetObject] {
		t.Errorf("%d list requests and %d downloads with nothing new, want at most 50 and none", n, after[s3.GetObject]-before[s3.GetObject])
	}
}
