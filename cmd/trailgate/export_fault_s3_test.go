package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"trailgate/fixtures/s3"
	"trailgate/fixtures/suite"
)

// refuseWith answers with an error of S3 and does not carry out the request.
func refuseWith(code string, status int) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return // it has gone
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message><RequestId>1</RequestId></Error>", code)
	}
}

// doneBut carries a request out and answers otherwise, or not at all.
func doneBut(answer func(http.ResponseWriter, *http.Request, http.Handler)) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		silently(r, pass)
		if answer != nil {
			answer(w, r, pass)
			return
		}
		if err := hangUp(w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}
}

// only does something to requests of one method.
func only(method string, do func(http.ResponseWriter, *http.Request, http.Handler)) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method != method {
			pass.ServeHTTP(w, r)
			return
		}
		do(w, r, pass)
	}
}

// TestFaultyBucket has a bucket refuse the n-th request that writes, or answer
// it wrongly, or all from it on.
func TestFaultyBucket(t *testing.T) {
	t.Parallel()
	bin := commandAt(t)
	server := bucketServer(t)
	r := prepare(t, bin, inBucket(t, server), scenarios()[1])
	writes := &meddler{pass: &s3.Proxy{Target: server}, from: 1 << 40}
	r.copyLake(t, "base", "count")
	front := r.through(t, writes)
	if o := front.run(t, r.now, front.args(r.victim, "count")...); o.code != r.end.code {
		t.Fatal(o)
	}
	denied := refuseWith("AccessDenied", http.StatusForbidden)
	var group errgroup.Group
	group.SetLimit(8) // they mostly wait
	for name, test := range map[string]struct {
		do    func(http.ResponseWriter, *http.Request, http.Handler)
		ever  bool // all from the n-th on
		slow  bool
		wins  bool     // the run succeeds
		words []string // of its error
	}{
		"denied from":                  {do: denied, ever: true, words: []string{"denied (s3:", "grant s3:"}},
		"put denied from":              {do: only(http.MethodPut, denied), ever: true, words: []string{"denied (s3:PutObject)", "grant s3:PutObject"}},
		"500 at":                       {do: refuseWith("InternalError", http.StatusInternalServerError), wins: true},
		"503 from":                     {do: refuseWith("SlowDown", http.StatusServiceUnavailable), slow: true, ever: true, words: []string{"SlowDown"}},
		"carried out, but 500 at":      {do: doneBut(refuseWith("InternalError", http.StatusInternalServerError)), wins: true},
		"carried out, but 503 from":    {do: doneBut(refuseWith("SlowDown", http.StatusServiceUnavailable)), slow: true, ever: true, wins: true},
		"carried out, but hung up":     {do: doneBut(nil), wins: true},
		"carried out, but all hung up": {do: doneBut(nil), slow: true, ever: true, wins: true},
	} {
		for n := int64(1); n <= writes.writes.Load(); n++ {
			// Where all fail, every one of them is tried again and again.
			if test.slow && !slices.Contains([]int64{1, 4, 5, 12, 13}, n) || n%suite.Size[int64](4, 1) != suite.Size[int64](1, 0) {
				continue
			}
			fault := bucketFault{n: n, name: fmt.Sprintf("%s %d", name, n), do: test.do, ever: test.ever, words: test.words,
				wins: test.wins && (n > proofs || !test.ever)}
			group.Go(func() error {
				t.Run(fault.name, func(t *testing.T) { r.faulty(t, server, fault) })
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

// proofs are the writes with which a run takes the lock, and makes sure that
// the server refuses what it has to: for that it needs an answer.
const proofs = 3

// bucketFault is what a bucket does at the n-th write.
type bucketFault struct {
	n     int64
	name  string
	do    func(http.ResponseWriter, *http.Request, http.Handler)
	ever  bool     // from then on
	wins  bool     // the run succeeds
	words []string // of its error
}

func (r *ready) faulty(t *testing.T, server *url.URL, f bucketFault) {
	r.copyLake(t, "base", f.name)
	m := &meddler{pass: &s3.Proxy{Target: server}, from: f.n, to: f.n, do: f.do}
	if f.ever {
		m.to = 0
	}
	front := r.through(t, m)
	o := front.run(t, r.now, front.args(r.victim, f.name)...)
	committed := r.latest(t, f.name).Number > r.latest(t, "base").Number
	switch {
	case o.code == r.end.code && committed: // what failed is of no consequence
	case f.wins || o.code == r.end.code:
		t.Errorf("committed %v, but %v", committed, o)
	default:
		if err := failed(o, false, f.words...); err != nil {
			t.Error(err)
		}
		if committed {
			t.Errorf("committed, but %v", o)
		}
	}
	r.readers(t, f.name, "then")
	r.goesOn(t, f.name, "then", r.victim)
	if t.Failed() {
		t.Log(o)
	}
}

// TestNoConditions runs against servers that do not keep conditions: no state
// may be trusted to them.
func TestNoConditions(t *testing.T) {
	t.Parallel()
	bin := commandAt(t)
	server := bucketServer(t)
	conditional := func(do func(http.ResponseWriter, *http.Request, http.Handler)) func(http.ResponseWriter, *http.Request, http.Handler) {
		return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			if r.Header.Get("If-None-Match")+r.Header.Get("If-Match") == "" {
				pass.ServeHTTP(w, r)
				return
			}
			do(w, r, pass)
		}
	}
	for name, test := range map[string]struct {
		do    func(http.ResponseWriter, *http.Request, http.Handler)
		words []string
	}{
		"412 always": {refuseWith("PreconditionFailed", http.StatusPreconditionFailed), []string{"lock.json", "nobody holds it"}},
		"409 always": {refuseWith("ConditionalRequestConflict", http.StatusConflict), []string{"lock.json", "nobody holds it"}},
		"501":        {refuseWith("NotImplemented", http.StatusNotImplemented), []string{"lock.json", "the server knows no conditional writes"}},
		"passed over": {func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			r.Header.Del("If-None-Match")
			r.Header.Del("If-Match")
			pass.ServeHTTP(w, r)
		}, []string{"does not keep to them"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := server
			if name == "passed over" { // which a real server sees by the signature
				target = standIn(t)
			}
			places := inBucket(t, target)
			r := newRig(t, bin, places)
			r.arrive(t, batchOf(0))
			front := r.through(t, &meddler{pass: &s3.Proxy{Target: target}, from: 1, do: conditional(test.do)})
			o := front.run(t, rigNow(0), front.args("export", name, "--lock-wait", "0s")...)
			if err := failed(o, true, test.words...); err != nil {
				t.Error(err)
			}
			if got := r.keys(t, name, ".parquet"); len(got) > 0 {
				t.Errorf("written: %s", got)
			}
			if diff := cmp.Diff(0, int(r.latest(t, name).Number)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
