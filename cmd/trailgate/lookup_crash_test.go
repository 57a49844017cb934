package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"trailgate/fixtures/cloudtrail"
	"trailgate/fixtures/s3"
	"trailgate/fixtures/suite"
)

// eventHistory puts this number of sign-ins into each Region. They are a few seconds
// apart, and the newest is an hour old. It gives their ids, sorted.
func eventHistory(tb testing.TB, s *cloudtrail.Server, each int, regions ...string) []string {
	tb.Helper()
	begin := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	var ids []string
	for _, region := range regions {
		var events []cloudtrail.Event
		for i := range each {
			at := begin.Add(-time.Duration(i/3) * 7 * time.Second).Format(time.RFC3339)
			ids = append(ids, fmt.Sprintf("%s-%06d", region, i))
			e, err := cloudtrail.FromRecord(fmt.Appendf(nil, `{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","accountId":"111122223333","userName":"dana"},`+
				`"eventTime":%q,"eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":%q,"sourceIPAddress":"192.0.2.7","userAgent":"Mozilla/5.0",`+
				`"responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MobileVersion":"No","MFAUsed":"Yes"},"eventID":%q,`+
				`"recipientAccountId":"111122223333","tlsDetails":{"clientProvidedHostHeader":"%s.signin.aws.amazon.com"}}`, at, region, ids[len(ids)-1], region))
			if err != nil {
				tb.Fatal(err)
			}
			events = append(events, e)
		}
		s.Add(cloudtrail.DefaultAccount, region, events...)
	}
	slices.Sort(ids)
	return ids
}

// historyEnv gives the environment with which the command talks to the stand-in.
func historyEnv(url string) []string {
	return []string{"AWS_ENDPOINT_URL_CLOUDTRAIL=" + url, "AWS_ENDPOINT_URL_STS=" + url, "AWS_ENDPOINT_URL_ACCOUNT=" + url,
		"AWS_ACCESS_KEY_ID=" + s3.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s3.SecretKey, "AWS_REGION=us-east-1",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent"}
}

// rowIDs gives the event ids of a file of rows, sorted.
func rowIDs(tb testing.TB, path string) []string {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	var ids []string
	for line := range bytes.Lines(b) {
		var row struct {
			ID string `json:"event_id"`
		}
		if err := json.Unmarshal(line, &row); err != nil {
			tb.Fatal(err)
		}
		ids = append(ids, row.ID)
	}
	slices.Sort(ids)
	return ids
}

// kills is how often TestKilled kills the command, at least.
const kills = 60

// TestKilled kills the real command at random moments, at one of its first requests or
// at the answer. It then runs the same command with --resume until one run completes.
// It repeats this until the command was killed often enough. The rows must be complete
// each time. Only pages that were in flight at a kill may be asked for twice.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "trailgate")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	regions := []string{"us-east-1", "us-east-2", "eu-north-1", "ap-southeast-2"}
	server := &cloudtrail.Server{PageSize: 5}
	want := eventHistory(t, server, suite.Size(40, 200), regions...)
	var left atomic.Int64 // events until the kill; a request is two: it arrives, and it is answered
	moment := make(chan struct{}, 1)
	strike := func() {
		if left.Add(-1) == 0 {
			moment <- struct{}{}
		}
	}
	server.Hook = func(cloudtrail.Call) cloudtrail.Fault { strike(); return cloudtrail.Fault{} }
	server.Answered = func(cloudtrail.Call) { strike() }
	h := httptest.NewServer(server)
	defer h.Close()

	rng := rand.New(rand.NewPCG(7, 7))
	rows, state := filepath.Join(dir, "rows.jsonl"), filepath.Join(dir, "state")
	killed, before, repeats, kills := 0, 0, 0, suite.Size(4, kills)
	for done := false; killed < kills || !done; {
		done = false
		left.Store(1 + rng.Int64N(24))
		if killed >= kills {
			left.Store(0)
		}
		var stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), bin, "audit", "lookup://", "--resume", state, "--format", "jsonl", "-o", rows)
		cmd.Env, cmd.Stderr = historyEnv(h.URL), &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case <-moment:
			if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
			if err := <-ended; err != nil { // without an error the run ended before the kill
				killed++
				continue
			}
		case err := <-ended:
			if err != nil {
				t.Fatalf("after %d kills: %v\n%s", killed, err, stderr.String())
			}
		}
		done = true
		if got := rowIDs(t, rows); !slices.Equal(want, got) {
			t.Fatalf("after %d kills: %d rows, want %d", killed, len(got), len(want))
		}
		again := server.Counts().Repeats - repeats
		if most := (killed - before) * len(regions); again > most {
			t.Errorf("%d pages were asked for twice in %d kills, of which %d at most were in flight", again, killed-before, most)
		}
		t.Logf("complete after %d kills, %d pages asked for twice", killed-before, again)
		before, repeats = killed, server.Counts().Repeats
		if _, err := os.Stat(state); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the resume file of a complete run is still there: %v", err)
		}
	}
	if strays, err := filepath.Glob(filepath.Join(dir, ".*.tmp")); err != nil || len(strays) > killed {
		t.Errorf("strays: %s, %v", strings.Join(strays, " "), err)
	}
}
