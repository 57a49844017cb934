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

// answerError answers with an error of S3 and does not handle the request.
func answerError(code string, status int) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return // it has gone
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message><RequestId>1</RequestId></Error>", code)
	}
}

// doThenAnswer handles a request and gives another answer than that of the server.
func doThenAnswer(answer func(http.ResponseWriter, *http.Request, http.Handler)) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		runSilently(r, pass)
		if answer != nil {
			answer(w, r, pass)
			return
		}
		if err := closeConnection(w); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}
}

// onlyMethod disturbs the requests of one method.
func onlyMethod(method string, do func(http.ResponseWriter, *http.Request, http.Handler)) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method != method {
			pass.ServeHTTP(w, r)
			return
		}
		do(w, r, pass)
	}
}

// TestFaultyBucket makes a bucket refuse the n-th request that writes, or give a wrong
// answer to it. In some cases it does so for all writes from the n-th on.
func TestFaultyBucket(t *testing.T) {
	t.Parallel()
	bin := commandAt(t)
	server := bucketServer(t)
	r := prepareScenario(t, bin, lakesInBucket(t, server), victimScenarios()[1])
	writes := &meddler{pass: &s3.Proxy{Target: server}, from: 1 << 40}
	r.copyLake(t, "base", "count")
	front := r.through(t, writes)
	if o := front.run(t, r.now, front.args(r.victim, "count")...); o.code != r.end.code {
		t.Fatal(o)
	}
	denied := answerError("AccessDenied", http.StatusForbidden)
	var group errgroup.Group
	group.SetLimit(8) // they mostly wait
	for name, test := range map[string]struct {
		do    func(http.ResponseWriter, *http.Request, http.Handler)
		ever  bool // all from the n-th on
		slow  bool
		wins  bool     // the run succeeds
		words []string // of its error
	}{
		"denied from":                  {do: denied, ever: true, words: []string{"access denied, s3:", "grant s3:"}},
		"put denied from":              {do: onlyMethod(http.MethodPut, denied), ever: true, words: []string{"access denied, s3:PutObject is needed", "grant s3:PutObject"}},
		"500 at":                       {do: answerError("InternalError", http.StatusInternalServerError), wins: true},
		"503 from":                     {do: answerError("SlowDown", http.StatusServiceUnavailable), slow: true, ever: true, words: []string{"SlowDown"}},
		"carried out, but 500 at":      {do: doThenAnswer(answerError("InternalError", http.StatusInternalServerError)), wins: true},
		"carried out, but 503 from":    {do: doThenAnswer(answerError("SlowDown", http.StatusServiceUnavailable)), slow: true, ever: true, wins: true},
		"carried out, but hung up":     {do: doThenAnswer(nil), wins: true},
		"carried out, but all hung up": {do: doThenAnswer(nil), slow: true, ever: true, wins: true},
	} {
		for n := int64(1); n <= writes.writes.Load(); n++ {
			// If all writes fail, the SDK tries each of them several times.
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

// proofs is the number of writes with which a run takes the lock and checks that the server
// keeps conditions. Without an answer to these writes a run cannot continue.
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

func (r *preparedScenario) faulty(t *testing.T, server *url.URL, f bucketFault) {
	r.copyLake(t, "base", f.name)
	m := &meddler{pass: &s3.Proxy{Target: server}, from: f.n, to: f.n, do: f.do}
	if f.ever {
		m.to = 0
	}
	front := r.through(t, m)
	o := front.run(t, r.now, front.args(r.victim, f.name)...)
	committed := r.latest(t, f.name).Number > r.latest(t, "base").Number
	switch {
	case o.code == r.end.code && committed: // the write that failed was not necessary
	case f.wins || o.code == r.end.code:
		t.Errorf("committed %v, but %v", committed, o)
	default:
		if err := checkFailure(o, false, f.words...); err != nil {
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

// TestNoConditions runs against servers that do not keep conditions. The command must
// refuse to keep a state there.
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
		"412 always": {answerError("PreconditionFailed", http.StatusPreconditionFailed), []string{"lock.json", "nobody holds it"}},
		"409 always": {answerError("ConditionalRequestConflict", http.StatusConflict), []string{"lock.json", "nobody holds it"}},
		"501":        {answerError("NotImplemented", http.StatusNotImplemented), []string{"lock.json", "the server knows no conditional writes"}},
		"passed over": {func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			r.Header.Del("If-None-Match")
			r.Header.Del("If-Match")
			pass.ServeHTTP(w, r)
		}, []string{"does not keep to them"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := server
			if name == "passed over" { // a real server would refuse the signature
				target = standIn(t)
			}
			places := lakesInBucket(t, target)
			r := newExportHarness(t, bin, places)
			r.arrive(t, batchOf(0))
			front := r.through(t, &meddler{pass: &s3.Proxy{Target: target}, from: 1, do: conditional(test.do)})
			o := front.run(t, runTime(0), front.args("export", name, "--lock-wait", "0s")...)
			if err := checkFailure(o, true, test.words...); err != nil {
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
