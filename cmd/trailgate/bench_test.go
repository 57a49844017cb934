package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"

	"trailgate/fixtures"
	"trailgate/fixtures/s3"
)

// benchTrail makes a trail for a benchmark. If TRAILGATE_BENCH_DIR is set, it keeps
// the trail there for later runs.
func benchTrail(b *testing.B, name string, c fixtures.Config) string {
	b.Helper()
	dir := os.Getenv("TRAILGATE_BENCH_DIR")
	if dir == "" {
		dir = b.TempDir()
	}
	dir = filepath.Join(dir, name)
	complete := dir + ".complete"
	if _, err := os.Stat(complete); err == nil {
		return dir
	}
	if err := os.RemoveAll(dir); err != nil {
		b.Fatal(err)
	}
	c.Dir, c.NoTruth = dir, true
	if _, err := fixtures.Generate(b.Context(), c); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(complete, nil, 0o600); err != nil {
		b.Fatal(err)
	}
	return dir
}

// buildBinary builds the command in the way in which it is released.
func buildBinary(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "trailgate")
	build := exec.CommandContext(b.Context(), "go", "build", "-trimpath", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return path
}

// usage is the time and memory that a process used.
type usage struct {
	wall time.Duration
	cpu  time.Duration
	peak float64 // bytes
}

// runMeasured runs a command to its end and says what it used.
func runMeasured(b *testing.B, env []string, path string, args ...string) usage {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), path, args...)
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		b.Fatalf("%v: %v\n%s", args, err, stderr.String())
	}
	return usage{time.Since(start), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), peakOf(cmd.ProcessState)}
}

// inflateAll reads and inflates all log files on all cores and does nothing else.
// Every reader of a trail must do this work, so it is the lower limit.
func inflateAll(b *testing.B, dir string) time.Duration {
	b.Helper()
	start := time.Now()
	var paths []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(path, "/CloudTrail/") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	next := make(chan string, len(paths))
	for _, p := range paths {
		next <- p
	}
	close(next)
	var group errgroup.Group
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			var z gzip.Reader
			for path := range next {
				packed, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				if err := z.Reset(bytes.NewReader(packed)); err != nil {
					return err
				}
				if _, err := io.Copy(io.Discard, &z); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

// BenchmarkAudit compares an audit with inflateAll. It runs both in turns and reports
// the ratio of their best times.
func BenchmarkAudit(b *testing.B) {
	for _, c := range []struct {
		name   string
		config fixtures.Config
		mark   float64
	}{
		{"4000x250", fixtures.Config{Files: 4000, RecordsPerFile: 250}, 1.35},
		{"4000x250-signins-in-every-file", fixtures.Config{Files: 4000, RecordsPerFile: 250, SignIns: 6000, People: 200}, 1.35},
		{"40000x10", fixtures.Config{Files: 40000, RecordsPerFile: 10}, 1.5},
	} {
		b.Run(c.name, func(b *testing.B) {
			dir := benchTrail(b, c.name, c.config)
			bin := buildBinary(b)
			inflateAll(b, dir) // puts the files into the page cache
			var bare, audit time.Duration
			var peak float64
			for b.Loop() {
				for range 5 {
					bare = smallerTime(bare, inflateAll(b, dir))
					u := runMeasured(b, nil, bin, "audit", dir)
					audit, peak = smallerTime(audit, u.wall), max(peak, u.peak)
				}
			}
			b.ReportMetric(bare.Seconds(), "s-inflating")
			b.ReportMetric(audit.Seconds(), "s-auditing")
			b.ReportMetric(audit.Seconds()/bare.Seconds(), "ratio")
			b.ReportMetric(c.mark, "ratio-mark")
			b.ReportMetric(peak/1e6, "MB-peak")
		})
	}
}

func smallerTime(a, b time.Duration) time.Duration { return min(cmp.Or(a, b), b) }

// BenchmarkManySignIns audits a million sign-ins, once as tables and once as rows.
func BenchmarkManySignIns(b *testing.B) {
	dir := benchTrail(b, "million", fixtures.Config{SignIns: 1_000_000, People: 6000, RecordsPerFile: 300})
	bin := buildBinary(b)
	for _, args := range [][]string{{"audit", dir}, {"audit", dir, "--format", "parquet"}, {"audit", dir, "--format", "json"}} {
		b.Run(args[len(args)-1][strings.LastIndex(args[len(args)-1], "/")+1:], func(b *testing.B) {
			var u usage
			for b.Loop() {
				u = runMeasured(b, nil, bin, args...)
			}
			b.ReportMetric(u.wall.Seconds(), "s")
			b.ReportMetric(u.peak/1e6, "MB-peak")
			b.ReportMetric(1500, "MB-mark")
		})
	}
}

// BenchmarkBucket reads a bucket of 4 accounts × 10 Regions × 31 days. A proxy between
// the command and the server counts the requests.
func BenchmarkBucket(b *testing.B) {
	dir := benchTrail(b, "bucket", fixtures.Config{Accounts: 4, Regions: 10, Days: 31, Files: 2480, RecordsPerFile: 40, OnePartition: true, NoNoise: true})
	bin := buildBinary(b)
	var server string
	env := []string{"AWS_ACCESS_KEY_ID=" + s3.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s3.SecretKey, "AWS_REGION=us-east-1"}
	proxy := &s3.Proxy{}
	if gateway := os.Getenv("TRAILGATE_S3_GATEWAY"); gateway != "" {
		g, err := s3.StartGateway(context.Background(), gateway, filepath.Dir(dir))
		if err != nil {
			b.Fatal(err)
		}
		defer func() {
			if err := g.Stop(); err != nil {
				b.Error(err)
			}
		}()
		proxy.Target = g.URL
		h := httptest.NewServer(proxy)
		defer h.Close()
		server = h.URL
	} else {
		b.Skip("SKIPPED: no versitygw (make bench installs it)")
	}
	env = append(env, "AWS_ENDPOINT_URL_S3="+server)
	var u usage
	runs := 0
	for b.Loop() {
		u = runMeasured(b, env, bin, "audit", "s3://bucket")
		runs++
	}
	counts := proxy.Counts()
	b.ReportMetric(u.wall.Seconds(), "s")
	b.ReportMetric(float64(counts.Requests[s3.ListObjectsV2])/float64(runs), "lists")
	b.ReportMetric(60, "lists-mark")
	b.ReportMetric(float64(counts.Requests[s3.GetObject])/float64(runs), "gets")
	b.ReportMetric(float64(counts.PeakOf[s3.ListObjectsV2]), "lists-in-flight")
	b.ReportMetric(float64(counts.PeakOf[s3.GetObject]), "gets-in-flight")
	b.Log(fmt.Sprint(counts.Requests))
}
