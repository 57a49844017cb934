package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"trailgate/fixtures/s3"
	"trailgate/fixtures/suite"
	"trailgate/report/lake"
)

// s3Client talks to a server straight.
func s3Client(t testing.TB, endpoint string) *awss3.Client {
	t.Helper()
	return awss3.New(awss3.Options{BaseEndpoint: aws.String(endpoint), UsePathStyle: true, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(s3.AccessKey, s3.SecretKey, "")})
}

// bucketServer starts a server with an empty bucket "lakes": versitygw, or the
// stand-in where there is none.
func bucketServer(t testing.TB) *url.URL {
	t.Helper()
	if bin := os.Getenv("TRAILGATE_S3_GATEWAY"); bin != "" {
		root := fastDir(t)
		if err := os.Mkdir(filepath.Join(root, "lakes"), 0o700); err != nil {
			t.Fatal(err)
		}
		g, err := s3.StartGateway(t.Context(), bin, root)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := g.Stop(); err != nil {
				t.Error(err)
			}
		})
		return g.URL
	}
	t.Log("NOTE: no versitygw (make test installs it): tested against the in-process stand-in ONLY")
	return standIn(t)
}

// standIn starts the stand-in with an empty bucket "lakes".
func standIn(t testing.TB) *url.URL {
	t.Helper()
	server := &s3.Server{}
	server.AddBucket("lakes")
	h := httptest.NewServer(server)
	t.Cleanup(h.Close)
	u, err := url.Parse(h.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// inBucket makes lakes in a bucket.
func inBucket(t testing.TB, server *url.URL) *places {
	t.Helper()
	client := s3Client(t, server.String())
	return &places{args: []string{"--endpoint-url", server.String()},
		env: []string{"AWS_ACCESS_KEY_ID=" + s3.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s3.SecretKey, "AWS_REGION=us-east-1",
			"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent"},
		url:   func(name string) string { return "s3://lakes/" + name },
		store: func(name string) lake.Store { return lake.S3{Client: client, Bucket: "lakes", Prefix: name} }}
}

// through is the same rig behind a handler that gets at each request first.
func (r *rig) through(t testing.TB, h http.Handler) *rig {
	t.Helper()
	front := httptest.NewServer(h)
	t.Cleanup(front.Close)
	out, places := *r, *r.places
	places.args = []string{"--endpoint-url", front.URL}
	out.places = &places
	return &out
}

// meddler passes requests on, and does something to the n-th one that writes.
type meddler struct {
	pass http.Handler
	from int64 // the first write that is meddled with
	to   int64 // the last; 0: all from the first on
	do   func(w http.ResponseWriter, r *http.Request, pass http.Handler)

	writes atomic.Int64
}

func (m *meddler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut || r.Method == http.MethodDelete {
		if n := m.writes.Add(1); n >= m.from && (m.to == 0 || n <= m.to) {
			m.do(w, r, m.pass)
			return
		}
	}
	m.pass.ServeHTTP(w, r)
}

// silently carries a request out and keeps the answer back.
func silently(r *http.Request, pass http.Handler) *httptest.ResponseRecorder {
	kept := httptest.NewRecorder()
	pass.ServeHTTP(kept, r)
	return kept
}

// hangUp closes the connection without an answer.
func hangUp(w http.ResponseWriter) error {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	return conn.Close()
}

// TestKilledAtEachWrite kills the command when the n-th request that writes to
// a bucket has come, before it is carried out, and when it has been, before the
// answer. To what is left that is the same as before the next one, so that for
// all but one command the half of it is enough.
func TestKilledAtEachWrite(t *testing.T) {
	t.Parallel()
	bin := commandAt(t)
	server := bucketServer(t)
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			places := inBucket(t, server)
			url, store := places.url, places.store
			places.url = func(name string) string { return url(s.victim + fmt.Sprint(len(s.before)) + "/" + name) }
			places.store = func(name string) lake.Store { return store(s.victim + fmt.Sprint(len(s.before)) + "/" + name) }
			r := prepare(t, bin, places, s)
			for n := int64(1); ; n++ {
				for _, done := range []bool{false, true} {
					if !done && n > 1 && (len(s.before) != 1 || suite.Size(true, false)) {
						continue
					}
					if !r.killedAtWrite(t, server, n, done) {
						t.Logf("%d writes", n-1)
						return
					}
					if t.Failed() {
						return
					}
				}
			}
		})
	}
}

// killedAtWrite tells whether there was an n-th write.
func (r *ready) killedAtWrite(t *testing.T, server *url.URL, n int64, done bool) bool {
	t.Helper()
	name := fmt.Sprintf("dead-%d-%v", n, done)
	r.copyLake(t, "base", name)
	var victim atomic.Pointer[exec.Cmd]
	begun := make(chan struct{})
	m := &meddler{pass: &s3.Proxy{Target: server}, from: n, to: n}
	m.do = func(w http.ResponseWriter, req *http.Request, pass http.Handler) {
		if done {
			silently(req, pass)
		} else if _, err := io.Copy(io.Discard, req.Body); err != nil { // a server sees only then that the client goes away
			t.Error(err)
		}
		<-begun
		if err := victim.Load().Process.Kill(); err != nil {
			t.Error(err)
		}
		<-req.Context().Done() // until it is dead
	}
	var out lockedBuffer
	front := r.through(t, m)
	cmd := front.command(t, &out, r.now, 0, "", front.args(r.victim, name)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	victim.Store(cmd)
	close(begun)
	err := cmd.Wait()
	when := fmt.Sprintf("killed at write %d, carried out %v", n, done)
	if code := cmd.ProcessState.ExitCode(); code != killed {
		if code != r.end.code || n < 5 {
			t.Errorf("%s: %v\n%s", when, err, out.String())
		}
		return false
	}
	r.readers(t, name, when)
	r.goesOn(t, name, when, r.victim)
	return true
}
