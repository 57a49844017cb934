package main

import (
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"trailgate/fixtures/cloudtrail"
	"trailgate/fixtures/s3"
	"trailgate/ingest"
)

// serveHistory is the script command
//
//	cloudtrail [-quota] [-deny REGION] [-unknown REGION] [-hang REGION] [-storm REGION]
//		[-expire REGION] [-hold REGION] [-nolist] [-norole ACCOUNT] FOLDER
//
// It starts a server for LookupEvents that answers with the records of a trail. With
// -quota the server keeps the quota of AWS. In a Region of -hold it does not answer
// after the first page.
func serveHistory(ts *testscript.TestScript, _ bool, args []string) {
	srv := ts.Value(serverKey{}).(*server)
	hit := make(chan struct{})
	struck := sync.OnceFunc(func() { close(hit) })
	history := &cloudtrail.Server{PageSize: 20}
	var rules []cloudtrail.Rule
	add := func(r cloudtrail.Rule, f cloudtrail.Fault) {
		r.Fault = f
		rules = append(rules, r)
	}
	for len(args) > 1 {
		flag, value := args[0], args[1]
		region := cloudtrail.Rule{Op: cloudtrail.LookupEvents, Region: value}
		args = args[2:]
		switch flag {
		case "-quota":
			history.Clock, args = time.Now, append([]string{value}, args...)
		case "-deny":
			add(region, cloudtrail.Fault{Code: cloudtrail.AccessDenied})
		case "-unknown":
			add(region, cloudtrail.Fault{Code: cloudtrail.UnrecognizedClient})
		case "-hang":
			add(region, cloudtrail.Fault{Gate: make(chan struct{})})
		case "-storm":
			region.Times = 3
			add(region, cloudtrail.Fault{Code: cloudtrail.Throttling})
		case "-expire":
			region.From = 2
			add(region, cloudtrail.Fault{Code: cloudtrail.ExpiredToken})
		case "-hold":
			region.From = 2
			add(region, cloudtrail.Fault{Gate: make(chan struct{})})
			srv.hit = hit
		case "-norole":
			add(cloudtrail.Rule{Op: cloudtrail.AssumeRole, Account: value}, cloudtrail.Fault{Code: cloudtrail.AccessDenied})
		case "-nolist":
			add(cloudtrail.Rule{Op: cloudtrail.ListRegions}, cloudtrail.Fault{Code: cloudtrail.AccessDenied})
			args = append([]string{value}, args...)
		default:
			ts.Fatalf("cloudtrail: unknown flag %s", flag)
		}
	}
	hook := cloudtrail.Rules(rules...)
	history.Hook = func(c cloudtrail.Call) cloudtrail.Fault {
		f := hook(c)
		if f.Gate != nil {
			struck()
		}
		return f
	}
	ts.Check(history.AddFolder(ts.MkAbs(args[0])))
	h := httptest.NewServer(history)
	ts.Defer(h.CloseClientConnections)
	srv.history = history
	for _, service := range [...]string{"CLOUDTRAIL", "STS", "ACCOUNT"} {
		ts.Setenv("AWS_ENDPOINT_URL_"+service, h.URL)
	}
	ts.Setenv("AWS_ACCESS_KEY_ID", s3.AccessKey)
	ts.Setenv("AWS_SECRET_ACCESS_KEY", s3.SecretKey)
}

// checkPages is the script command pages WHAT MIN MAX. WHAT is pages, repeats or
// throttled. The LookupEvents server must have counted between MIN and MAX of them.
func checkPages(ts *testscript.TestScript, _ bool, args []string) {
	counts := ts.Value(serverKey{}).(*server).history.Counts()
	n := map[string]int{"pages": counts.Pages, "repeats": counts.Repeats, "throttled": counts.Throttled}[args[0]]
	low, err := strconv.Atoi(args[1])
	ts.Check(err)
	high, err := strconv.Atoi(args[2])
	ts.Check(err)
	if n < low || n > high {
		ts.Fatalf("%d %s, want %d to %d", n, args[0], low, high)
	}
}

func TestReached(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		now  ingest.Progress
		want string
	}{
		{"nothing yet", ingest.Progress{Listed: 2, Rate: 1, Quota: 4, Reach: []ingest.Reach{{Region: "us-east-1", Back: at}, {Region: "us-west-2"}}},
			"0 of 2 Regions, 0 sign-ins, 1.0 of 4 requests/s"},
		{"the last one", ingest.Progress{Listed: 3, Done: 1, SignIns: 70, Rate: 3.9, Quota: 4, Reach: []ingest.Reach{
			{Region: "us-east-1", Back: at.Add(-time.Hour)}, {Region: "us-west-2", Back: at}, {Region: "eu-west-1", Back: at.Add(time.Hour), Done: true}}},
			"1 of 3 Regions, 70 sign-ins, 3.9 of 4 requests/s, all back to 2026-03-01 12:00:00 (us-west-2)"},
		{"the end", ingest.Progress{Listed: 1, Done: 1, SignIns: 7, Reach: []ingest.Reach{{Region: "us-east-1", Back: at, Done: true}}},
			"1 of 1 Regions, 7 sign-ins, 0.0 of 0 requests/s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := reached(c.now); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
