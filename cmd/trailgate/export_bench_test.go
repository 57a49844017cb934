package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"trailgate/fixtures"
	"trailgate/fixtures/s3"
	"trailgate/report/lake"
	"trailgate/report/parquet"
	"trailgate/report/row"
)

// BenchmarkExport compares the first export of a trail with an audit of it. It runs both in
// turns and reports the ratio of their best throughputs.
func BenchmarkExport(b *testing.B) {
	for _, c := range []struct {
		name   string
		config fixtures.Config
	}{
		{"4000x250", fixtures.Config{Files: 4000, RecordsPerFile: 250}},
		{"4000x250-signins-in-every-file", fixtures.Config{Files: 4000, RecordsPerFile: 250, SignIns: 6000, People: 200}},
	} {
		b.Run(c.name, func(b *testing.B) {
			dir := benchTrail(b, c.name, c.config)
			bin := buildBinary(b)
			inflateAll(b, dir) // the files are in the page cache from here on
			var audit, export time.Duration
			var peak float64
			lakes := 0
			for b.Loop() {
				for range 5 {
					audit = smallerTime(audit, runMeasured(b, nil, bin, "audit", dir).wall)
					lakes++
					u := runMeasured(b, nil, bin, "export", dir, "--to", filepath.Join(b.TempDir(), fmt.Sprint("lake-", lakes)), "--since", "2026-03-01")
					export, peak = smallerTime(export, u.wall), max(peak, u.peak)
				}
			}
			b.ReportMetric(audit.Seconds(), "s-auditing")
			b.ReportMetric(export.Seconds(), "s-exporting")
			b.ReportMetric(audit.Seconds()/export.Seconds(), "x-audit")
			b.ReportMetric(0.9, "x-audit-mark")
			b.ReportMetric(peak/1e6, "MB-peak")
		})
	}
}

// countingServer is an S3 server over a folder of buckets that counts its requests.
type countingServer struct {
	env    []string
	counts func() s3.Counts
}

// serveBuckets starts a server with the folders in root as buckets. It is versitygw if that
// is installed, and the stand-in otherwise.
func serveBuckets(b *testing.B, root string) countingServer {
	b.Helper()
	var out countingServer
	var handler http.Handler
	if gateway := os.Getenv("TRAILGATE_S3_GATEWAY"); gateway != "" {
		g, err := s3.StartGateway(context.Background(), gateway, root)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			if err := g.Stop(); err != nil {
				b.Error(err)
			}
		})
		proxy := &s3.Proxy{Target: g.URL}
		handler, out.counts = proxy, proxy.Counts
	} else {
		b.Log("NOTE: no versitygw (make bench installs it): the in-process stand-in serves")
		standIn := &s3.Server{}
		buckets, err := os.ReadDir(root)
		if err != nil {
			b.Fatal(err)
		}
		for _, bucket := range buckets {
			if err := standIn.AddFolder(bucket.Name(), filepath.Join(root, bucket.Name())); err != nil {
				b.Fatal(err)
			}
		}
		handler, out.counts = standIn, standIn.Counts
	}
	h := httptest.NewServer(handler)
	b.Cleanup(h.Close)
	out.env = []string{"AWS_ACCESS_KEY_ID=" + s3.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s3.SecretKey, "AWS_REGION=us-east-1", "AWS_ENDPOINT_URL_S3=" + h.URL}
	return out
}

// requests gives the number of requests of a kind since an earlier count.
func (s *countingServer) requests(before s3.Counts, op s3.Op) float64 {
	return float64(s.counts().Requests[op] - before.Requests[op])
}

// makeBuckets makes a folder with two buckets: a trail of 4 accounts × 10 Regions ×
// 31 days, and an empty one for lakes.
func makeBuckets(b *testing.B) string {
	b.Helper()
	config := fixtures.Config{Accounts: 4, Regions: 10, Days: 31, Files: 2480, RecordsPerFile: 40, OnePartition: true, NoNoise: true}
	root := b.TempDir()
	if err := os.CopyFS(filepath.Join(root, "trail"), os.DirFS(benchTrail(b, "bucket", config))); err != nil {
		b.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "lakes"), 0o700); err != nil {
		b.Fatal(err)
	}
	return root
}

// BenchmarkExportNothingNew exports a bucket in which nothing is new since the
// run before. Trail, lake and state are in buckets.
func BenchmarkExportNothingNew(b *testing.B) {
	bin := buildBinary(b)
	server := serveBuckets(b, makeBuckets(b))
	args := []string{"export", "s3://trail", "--to", "s3://lakes/lake", "--since", "2026-03-01"}
	runMeasured(b, server.env, bin, args...)
	var u usage
	var lists, gets, puts float64
	for b.Loop() {
		before := server.counts()
		again := runMeasured(b, server.env, bin, args...)
		lists, gets = server.requests(before, s3.ListObjectsV2), server.requests(before, s3.GetObject)
		puts = server.requests(before, s3.PutObject)
		if u.cpu == 0 || again.cpu < u.cpu {
			u = again
		}
	}
	b.ReportMetric(u.wall.Seconds(), "s")
	b.ReportMetric(u.cpu.Seconds(), "s-cpu")
	b.ReportMetric(1, "s-cpu-mark")
	b.ReportMetric(lists, "lists")
	b.ReportMetric(100, "lists-mark")
	b.ReportMetric(gets, "gets")
	b.ReportMetric(puts, "puts")
	b.ReportMetric(u.peak/1e6, "MB-peak")
}

// BenchmarkExportHourly measures one more run into a lake that has a file for every hour of
// a year. The run exports the last two days of the month of the trail.
func BenchmarkExportHourly(b *testing.B) {
	bin := buildBinary(b)
	root := makeBuckets(b)
	addHourlyFiles(b, filepath.Join(root, "lakes", "lake"))
	server := serveBuckets(b, root)
	args := []string{"export", "s3://trail", "--to", "s3://lakes/lake", "--state", "s3://lakes/state", "--since", "2026-03-01"}
	runMeasured(b, server.env, bin, append(args, "--until", "2026-03-30")...)
	var first usage
	var lists, gets, puts float64
	for b.Loop() {
		before := server.counts()
		u := runMeasured(b, server.env, bin, args...)
		if first.wall == 0 { // the later ones have nothing new
			first = u
			lists, gets = server.requests(before, s3.ListObjectsV2), server.requests(before, s3.GetObject)
			puts = server.requests(before, s3.PutObject)
		}
	}
	b.ReportMetric(first.wall.Seconds(), "s")
	b.ReportMetric(first.cpu.Seconds(), "s-cpu")
	b.ReportMetric(lists, "lists")
	b.ReportMetric(gets, "gets")
	b.ReportMetric(puts, "puts")
	b.ReportMetric(first.peak/1e6, "MB-peak")
}

// addHourlyFiles gives a lake 24 files in each of the 365 days up to the trail's last.
func addHourlyFiles(b *testing.B, root string) {
	b.Helper()
	table := &lake.Table{Name: string(row.SignIns)}
	for n := range 365 {
		day := time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -n)
		var body bytes.Buffer
		err := parquet.Write(&body, func(yield func(row.SignIn) bool) {
			for i := range 12 {
				id := fmt.Sprintf("%08d-0000-4000-8000-%012d", n, i)
				if !yield(row.SignIn{EventID: id, EventTime: day.Add(time.Duration(i) * time.Minute), EventDate: row.DateOf(day)}) {
					return
				}
			}
		}, parquet.Options{Version: version, Bloom: []string{"event_id", "principal"}})
		if err != nil {
			b.Fatal(err)
		}
		for hour := range 24 {
			key := table.Key(lake.Partition{Day: row.Date(row.DateOf(day))}, int64(1_000_000+hour), "0123456789ab")
			path := filepath.Join(root, filepath.FromSlash(key))
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, body.Bytes(), 0o600)); err != nil {
				b.Fatal(err)
			}
		}
	}
}
