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

// s3Client makes a client that talks to a server directly.
func s3Client(t testing.TB, endpoint string) *awss3.Client {
	t.Helper()
	return awss3.New(awss3.Options{BaseEndpoint: aws.String(endpoint), UsePathStyle: true, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(s3.AccessKey, s3.SecretKey, "")})
}

// bucketServer starts a server with an empty bucket "lakes". It is versitygw if that is
// installed, and the stand-in otherwise.
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

// lakesInBucket gives the locations of lakes in a bucket.
func lakesInBucket(t testing.TB, server *url.URL) *lakeLocations {
	t.Helper()
	client := s3Client(t, server.String())
	return &lakeLocations{args: []string{"--endpoint-url", server.String()},
		env: []string{"AWS_ACCESS_KEY_ID=" + s3.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s3.SecretKey, "AWS_REGION=us-east-1",
			"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent"},
		url:   func(name string) string { return "s3://lakes/" + name },
		store: func(name string) lake.Store { return lake.S3{Client: client, Bucket: "lakes", Prefix: name} }}
}

// through gives the same harness behind a handler that sees each request first.
func (r *exportHarness) through(t testing.TB, h http.Handler) *exportHarness {
	t.Helper()
	front := httptest.NewServer(h)
	t.Cleanup(front.Close)
	out, places := *r, *r.places
	places.args = []string{"--endpoint-url", front.URL}
	out.places = &places
	return &out
}

// meddler passes requests on, and disturbs some of those that write.
type meddler struct {
	pass http.Handler
	from int64 // the first write that is disturbed
	to   int64 // the last one; 0: all from the first on
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

// runSilently lets the server handle a request and keeps the answer.
func runSilently(r *http.Request, pass http.Handler) *httptest.ResponseRecorder {
	kept := httptest.NewRecorder()
	pass.ServeHTTP(kept, r)
	return kept
}

// closeConnection closes the connection without an answer.
func closeConnection(w http.ResponseWriter) error {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	return conn.Close()
}

// TestKilledAtEachWrite kills the command at the n-th request that writes to a bucket. It
// does so before the server has done the write, and after that but before the answer. The
// second case leaves the same objects as the first case of the next write. So the test
// makes it for one command only.
func TestKilledAtEachWrite(t *testing.T) {
	t.Parallel()
	bin := commandAt(t)
	server := bucketServer(t)
	for _, s := range victimScenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			places := lakesInBucket(t, server)
			url, store := places.url, places.store
			places.url = func(name string) string { return url(s.victim + fmt.Sprint(len(s.before)) + "/" + name) }
			places.store = func(name string) lake.Store { return store(s.victim + fmt.Sprint(len(s.before)) + "/" + name) }
			r := prepareScenario(t, bin, places, s)
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

// killedAtWrite kills a command at its n-th write. It reports whether there was one.
func (r *preparedScenario) killedAtWrite(t *testing.T, server *url.URL, n int64, done bool) bool {
	t.Helper()
	name := fmt.Sprintf("dead-%d-%v", n, done)
	r.copyLake(t, "base", name)
	var victim atomic.Pointer[exec.Cmd]
	begun := make(chan struct{})
	m := &meddler{pass: &s3.Proxy{Target: server}, from: n, to: n}
	m.do = func(w http.ResponseWriter, req *http.Request, pass http.Handler) {
		if done {
			runSilently(req, pass)
		} else if _, err := io.Copy(io.Discard, req.Body); err != nil { // a server notices only after this that the client is gone
			t.Error(err)
		}
		<-begun
		if err := victim.Load().Process.Kill(); err != nil {
			t.Error(err)
		}
		<-req.Context().Done() // wait until the command is dead
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
