package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"trailgate/fixtures/cloudtrail"
	"trailgate/fixtures/s3"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"trailgate": main, "trailgate-at": mainAt, "trailgate-document": mainDocument})
}

var update = flag.Bool("update", false, "rewrite the expected outputs in the scripts")

// TestScripts runs the real command through testdata/script.
func TestScripts(t *testing.T) {
	gateway := os.Getenv("TRAILGATE_S3_GATEWAY")
	if gateway == "" {
		t.Log("NOTE: no versitygw (make test installs it): s3:// is tested against the in-process stand-in ONLY")
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			env.Setenv("AWS_CONFIG_FILE", filepath.Join(env.WorkDir, "no-config"))
			env.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(env.WorkDir, "no-credentials"))
			env.Setenv("AWS_REGION", "us-east-1")
			env.Setenv("GATEWAY", gateway)
			env.Values[serverKey{}] = &server{}
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "gateway" {
				return gateway != "", nil
			}
			return false, errors.New("unknown condition " + strconv.Quote(cond))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     exits,
			"truth":     truth,
			"addsup":    addsUp,
			"endtoend":  endToEnd,
			"serve":     serve,
			"interrupt": interrupt,
			"counts":    counts,
			"swap":      swap,
			"latest":    latest,
			"rows":      lakeToFile,
			"sorted":    sortLines,

			"cloudtrail": serveHistory,
			"pages":      pages,
		},
	})
}

// exits CODE COMMAND... runs a command and wants this exit status.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit status %d, want %s", code, args[0])
	}
}

// truth TRUTH ROWS wants the same rows in both, but for origin.
func truth(ts *testscript.TestScript, _ bool, args []string) {
	want, got := rowsWithoutOrigin(ts, args[0]), rowsWithoutOrigin(ts, args[1])
	if len(want) == 0 {
		ts.Fatalf("%s is empty", args[0])
	}
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(got):
			ts.Fatalf("row %d is missing: %s", i+1, want[i])
		case i >= len(want):
			ts.Fatalf("row %d is one too many: %s", i+1, got[i])
		case want[i] != got[i]:
			ts.Fatalf("row %d:\nwant %s\n got %s", i+1, want[i], got[i])
		}
	}
}

func rowsWithoutOrigin(ts *testscript.TestScript, name string) []string {
	var out []string
	lines := bufio.NewScanner(strings.NewReader(ts.ReadFile(name)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var row map[string]any
		ts.Check(json.Unmarshal(lines.Bytes(), &row))
		delete(row, "origin")
		b, err := json.Marshal(row)
		ts.Check(err)
		out = append(out, string(b))
	}
	ts.Check(lines.Err())
	return out
}

// addsUp REPORT wants every count in a JSON report to add up, with itself and
// with the rows.
func addsUp(ts *testscript.TestScript, _ bool, args []string) {
	var r struct {
		Summary struct {
			SignIns    int            `json:"sign_ins"`
			Scopes     map[string]int `json:"scopes"`
			ByEndpoint []struct {
				N int `json:"sign_ins"`
			} `json:"by_endpoint"`
			ByPrincipal []struct {
				N int `json:"sign_ins"`
			} `json:"by_principal"`
		} `json:"summary"`
		Coverage struct {
			Complete bool
			Partial  bool
			Objects  struct {
				Listed, Read, Skipped, Excluded int
				By                              map[string]int `json:"skipped_by_cause"`
				Out                             map[string]int `json:"excluded_by_reason"`
			}
			Records struct {
				Seen, Duplicates, Filtered, Skipped int
				SignIns                             int            `json:"sign_ins"`
				Outside                             int            `json:"outside_window"`
				By                                  map[string]int `json:"skipped_by_cause"`
			}
			Skips []struct{ Record bool }
			More  int `json:"skips_unlisted"`
		}
		SignIns []json.RawMessage `json:"signins"`
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &r))
	o, rec := r.Coverage.Objects, r.Coverage.Records
	sum := func(m map[string]int) (n int) {
		for v := range maps.Values(m) {
			n += v
		}
		return n
	}
	ends, people := 0, 0
	for _, e := range r.Summary.ByEndpoint {
		ends += e.N
	}
	for _, p := range r.Summary.ByPrincipal {
		people += p.N
	}
	for what, ok := range map[string]bool{
		"objects listed = read + skipped + excluded":        o.Listed == o.Read+o.Skipped+o.Excluded,
		"objects skipped by cause":                          o.Skipped == sum(o.By),
		"objects excluded by reason":                        o.Excluded == sum(o.Out),
		"seen = sign-ins + duplicates + outside + filtered": rec.Seen == rec.SignIns+rec.Duplicates+rec.Outside+rec.Filtered,
		"records skipped by cause":                          rec.Skipped == sum(rec.By),
		"sign-ins = rows":                                   rec.SignIns == len(r.SignIns) && r.Summary.SignIns == len(r.SignIns),
		"sign-ins by scope":                                 r.Summary.SignIns == sum(r.Summary.Scopes),
		"sign-ins by endpoint":                              r.Summary.SignIns == ends,
		"sign-ins by principal":                             r.Summary.SignIns == people,
		"every skip is listed":                              len(r.Coverage.Skips)+r.Coverage.More == o.Skipped+rec.Skipped,
		"complete = nothing skipped":                        r.Coverage.Complete == (o.Skipped+rec.Skipped == 0 && !r.Coverage.Partial),
	} {
		if !ok {
			ts.Fatalf("does not add up: %s\nobjects %+v\nrecords %+v", what, o, rec)
		}
	}
}

// endToEnd FOLDER FILE puts all log files of a trail behind one another, as cat does.
func endToEnd(ts *testscript.TestScript, _ bool, args []string) {
	var all bytes.Buffer
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(filepath.ToSlash(path), "/CloudTrail/") {
			return err
		}
		b, err := os.ReadFile(path)
		all.Write(b)
		return err
	}))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), all.Bytes(), 0o600))
}

// serverKey finds a script's server among its values.
type serverKey struct{}

// server is the S3 server of a script, and its Event history.
type server struct {
	standIn *s3.Server
	hit     <-chan struct{} // closed once a held key was asked for
	history *cloudtrail.Server
}

// serve [-gateway] [-deny TEXT] [-vanish TEXT] [-cut TEXT] [-hold TEXT] FOLDER BUCKET
// puts a folder behind an S3 server. Keys that contain TEXT are denied, gone,
// cut in mid-body the first time, or never answered.
func serve(ts *testscript.TestScript, _ bool, args []string) {
	srv := ts.Value(serverKey{}).(*server)
	hit := make(chan struct{})
	struck := sync.OnceFunc(func() { close(hit) })
	srv.hit = hit
	var rules []s3.Rule
	real := false
	for len(args) > 2 {
		switch args[0] {
		case "-gateway":
			real, args = true, args[1:]
			continue
		case "-deny":
			rules = append(rules, s3.Rule{Contains: args[1], Fault: s3.Fault{Code: s3.AccessDenied}})
		case "-vanish":
			rules = append(rules, s3.Rule{Op: s3.GetObject, Contains: args[1], Fault: s3.Fault{Code: s3.NoSuchKey}})
		case "-cut":
			rules = append(rules, s3.Rule{Op: s3.GetObject, Contains: args[1], Times: 1, Fault: s3.Fault{Cut: true, After: 100}})
		case "-hold":
			rules = append(rules, s3.Rule{Op: s3.GetObject, Contains: args[1], Fault: s3.Fault{Gate: make(chan struct{})}})
		default:
			ts.Fatalf("serve: unknown flag %s", args[0])
		}
		args = args[2:]
	}
	folder, bucket := ts.MkAbs(args[0]), args[1]
	endpoint := ""
	if real {
		root := ts.MkAbs("gateway-root")
		ts.Check(os.MkdirAll(root, 0o700))
		ts.Check(os.CopyFS(filepath.Join(root, bucket), os.DirFS(folder)))
		g, err := s3.StartGateway(context.Background(), ts.Getenv("GATEWAY"), root)
		ts.Check(err)
		ts.Defer(func() { ts.Check(g.Stop()) })
		endpoint = g.URL.String()
	} else {
		hook := s3.Rules(rules...)
		srv.standIn = &s3.Server{Hook: func(c s3.Call) s3.Fault {
			f := hook(c)
			if f.Gate != nil {
				struck()
			}
			return f
		}}
		ts.Check(srv.standIn.AddFolder(bucket, folder))
		h := httptest.NewServer(srv.standIn)
		ts.Defer(h.Close)
		endpoint = h.URL
	}
	ts.Setenv("AWS_ENDPOINT_URL_S3", endpoint)
	ts.Setenv("AWS_ACCESS_KEY_ID", s3.AccessKey)
	ts.Setenv("AWS_SECRET_ACCESS_KEY", s3.SecretKey)
}

// interrupt OUT COMMAND... starts a command, interrupts it once it asks for a
// held key, and wants exit status 130. Its output goes to OUT.
func interrupt(ts *testscript.TestScript, _ bool, args []string) {
	path := ""
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if found, err := exec.LookPath(filepath.Join(dir, args[1])); err == nil && path == "" {
			path = found
		}
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(path, args[2:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), &stdout, &stderr
	for _, name := range [...]string{"PATH", "HOME", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_CLOUDTRAIL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_ACCOUNT", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	ts.Check(cmd.Start())
	<-ts.Value(serverKey{}).(*server).hit
	ts.Check(cmd.Process.Signal(os.Interrupt))
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 130 {
		ts.Fatalf("%v, want exit status 130\n%s%s", err, stdout.String(), stderr.String())
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), append(stdout.Bytes(), stderr.Bytes()...), 0o600))
}

// counts OP MAX wants at most so many requests of a kind so far, and some.
func counts(ts *testscript.TestScript, _ bool, args []string) {
	most, err := strconv.Atoi(args[1])
	ts.Check(err)
	if n := ts.Value(serverKey{}).(*server).standIn.Counts().Requests[s3.Op(args[0])]; n == 0 || n > most {
		ts.Fatalf("%d requests %s, want 1 to %d", n, args[0], most)
	}
}

// swap FILE OLD NEW... replaces texts in a file, so that outputs can be compared.
func swap(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	for pair := range slices.Chunk(args[1:], 2) {
		text = strings.ReplaceAll(text, os.Expand(pair[0], ts.Getenv), pair[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// latest WHOLE PART... wants the findings of the parts, of those with the same
// id the last, to be those of the whole, in CSV.
func latest(ts *testscript.TestScript, _ bool, args []string) {
	byID := map[string]string{}
	for _, name := range args[1:] {
		for line := range strings.Lines(ts.ReadFile(name)) {
			id, _, _ := strings.Cut(line, ",")
			byID[id] = line
		}
	}
	whole := 0
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		whole++
		if id, _, _ := strings.Cut(line, ","); byID[id] != line {
			ts.Fatalf("whole: %sparts: %s", line, byID[id])
		}
	}
	if whole != len(byID) {
		ts.Fatalf("%d lines in the whole, %d in the parts", whole, len(byID))
	}
}
