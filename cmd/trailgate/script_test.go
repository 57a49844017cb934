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

// TestScripts runs the scripts in testdata/script with the real command.
func TestScripts(t *testing.T) {
	gateway := os.Getenv("TRAILGATE_S3_GATEWAY")
	if gateway == "" {
		t.Log("NOTE: versitygw is not installed (make test installs it): s3:// is tested against the in-process stand-in ONLY")
	}
	earlier, err := filepath.Abs("testdata/written-by-42315f8")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
			env.Setenv("GORACE", os.Getenv("GORACE"))
			env.Setenv("AWS_CONFIG_FILE", filepath.Join(env.WorkDir, "no-config"))
			env.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(env.WorkDir, "no-credentials"))
			env.Setenv("AWS_REGION", "us-east-1")
			env.Setenv("GATEWAY", gateway)
			env.Setenv("EARLIER", earlier)
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
			"exits":     checkExit,
			"truth":     checkTruth,
			"addsup":    checkSums,
			"endtoend":  concatenate,
			"serve":     serveFolder,
			"interrupt": interruptCommand,
			"counts":    checkRequests,
			"swap":      replaceTexts,
			"latest":    checkLatest,
			"rows":      lakeToFile,
			"sorted":    sortLines,
			"earlier":   copyEarlier,
			"samerows":  compareRows,

			"cloudtrail": serveHistory,
			"pages":      checkPages,
		},
	})
}

// checkExit is the script command exits CODE COMMAND... The command must end with this
// exit status.
func checkExit(ts *testscript.TestScript, neg bool, args []string) {
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

// checkTruth is the script command truth TRUTH ROWS. Both files must hold the same rows.
// Only origin may differ.
func checkTruth(ts *testscript.TestScript, _ bool, args []string) {
	want, got := rowsWithoutOrigin(ts, args[0]), rowsWithoutOrigin(ts, args[1])
	if len(want) == 0 {
		ts.Fatalf("%s is empty", args[0])
	}
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(got):
			ts.Fatalf("row %d is missing: %s", i+1, want[i])
		case i >= len(want):
			ts.Fatalf("row %d is not expected: %s", i+1, got[i])
		case want[i] != got[i]:
			ts.Fatalf("row %d:\nwant %s\n got %s", i+1, want[i], got[i])
		}
	}
}

// rowsWithoutOrigin reads rows as JSON lines and removes the column origin.
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

// checkSums is the script command addsup REPORT. The counts in the JSON report must add
// up, and must agree with the rows.
func checkSums(ts *testscript.TestScript, _ bool, args []string) {
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

// concatenate is the script command endtoend FOLDER FILE. It writes all log files of a
// trail into one file, as cat does.
func concatenate(ts *testscript.TestScript, _ bool, args []string) {
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

// serverKey is the key of the server among the values of a script.
type serverKey struct{}

// server is the S3 server of a script and its LookupEvents server.
type server struct {
	standIn *s3.Server
	hit     <-chan struct{} // closed at the first request that is not answered
	history *cloudtrail.Server
}

// serveFolder is the script command
//
//	serve [-gateway] [-deny TEXT] [-vanish TEXT] [-cut TEXT] [-hold TEXT] FOLDER BUCKET
//
// It starts an S3 server with a bucket that holds the files of a folder. The flags are
// faults for the keys that contain TEXT. With -deny access is denied. With -vanish the
// key is missing when it is read. With -cut the first answer ends in mid-body. With
// -hold the server never answers.
func serveFolder(ts *testscript.TestScript, _ bool, args []string) {
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

// interruptCommand is the script command interrupt OUT COMMAND... It starts the command
// and interrupts it at the first request that the server does not answer. The exit status
// must be 130. The output goes to the file OUT.
func interruptCommand(ts *testscript.TestScript, _ bool, args []string) {
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

// checkRequests is the script command counts OP MAX. The S3 server must have had between
// 1 and MAX requests of this kind.
func checkRequests(ts *testscript.TestScript, _ bool, args []string) {
	most, err := strconv.Atoi(args[1])
	ts.Check(err)
	if n := ts.Value(serverKey{}).(*server).standIn.Counts().Requests[s3.Op(args[0])]; n == 0 || n > most {
		ts.Fatalf("%d requests %s, want 1 to %d", n, args[0], most)
	}
}

// replaceTexts is the script command swap FILE OLD NEW... It replaces texts in a file, so
// that outputs can be compared.
func replaceTexts(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	for pair := range slices.Chunk(args[1:], 2) {
		text = strings.ReplaceAll(text, os.Expand(pair[0], ts.Getenv), pair[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// checkLatest is the script command latest WHOLE PART... The files hold findings in CSV.
// If several parts hold a finding with the same id, the last one counts. The findings of
// all parts must be the findings of the whole.
func checkLatest(ts *testscript.TestScript, _ bool, args []string) {
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
		ts.Fatalf("the whole has %d lines, the parts have %d", whole, len(byID))
	}
}
