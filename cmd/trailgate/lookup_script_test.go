package main

import (
	"net/http/httptest"
	"strconv"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"trailgate/fixtures/cloudtrail"
	"trailgate/fixtures/s3"
)

// cloudtrail [-quota] [-deny REGION] [-unknown REGION] [-hang REGION] [-storm REGION]
// [-expire REGION] [-hold REGION] [-nolist] [-norole ACCOUNT] FOLDER
// puts the records of a trail behind a LookupEvents server. -quota holds it to
// AWS's; a Region on -hold is never answered from its second page on.
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

// pages WHAT MIN MAX wants so many pages (or repeats, or throttled requests) of
// the LookupEvents server so far.
func pages(ts *testscript.TestScript, _ bool, args []string) {
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
