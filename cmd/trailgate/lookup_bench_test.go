package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	api "github.com/aws/aws-sdk-go-v2/service/cloudtrail"

	"trailgate/fixtures/cloudtrail"
	"trailgate/fixtures/s3"
)

// rival is another client that uses the same quota until the context ends. It asks for
// a page as soon as it has the one before. After a throttled request it waits for up to
// a second, as the AWS SDKs do at the first retry.
func rival(ctx context.Context, url, region string) {
	client := api.New(api.Options{Region: region, BaseEndpoint: aws.String(url), Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider(s3.AccessKey, s3.SecretKey, "")})
	for ctx.Err() == nil {
		if _, err := client.LookupEvents(ctx, &api.LookupEventsInput{}); err == nil {
			continue
		}
		t := time.NewTimer(rand.N(time.Second))
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// BenchmarkLookup compares an audit with the quota. A Region has 1,000 sign-ins, which
// are 20 pages. With the quota of AWS they take at least (20 - burst) / 2 seconds.
func BenchmarkLookup(b *testing.B) {
	const pages = 20
	floor := (pages - cloudtrail.DefaultBurst) / cloudtrail.DefaultRate
	bin := buildBinary(b)
	for _, c := range []struct {
		name    string
		regions int
		others  int
		mark    float64 // times the floor
	}{
		{"one-region", 1, 0, 1.05},
		{"17-regions", 17, 0, 1.05 * 1.15},
		{"two-others", 1, 2, 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			names := []string{"us-east-1", "us-east-2", "us-west-1", "us-west-2", "eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1", "eu-north-1",
				"ap-south-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "sa-east-1"}[:c.regions]
			var took time.Duration
			var counts cloudtrail.Counts
			for b.Loop() {
				server := &cloudtrail.Server{Clock: time.Now}
				want := eventHistory(b, server, pages*cloudtrail.MaxPage, names...)
				h := httptest.NewServer(server)
				ctx, cancel := context.WithCancel(b.Context())
				var others sync.WaitGroup
				for range c.others {
					others.Go(func() { rival(ctx, h.URL, names[0]) })
				}
				rows := filepath.Join(b.TempDir(), "rows.jsonl")
				took = runMeasured(b, historyEnv(h.URL), bin, "audit", "lookup://", "--format", "jsonl", "-o", rows).wall
				cancel()
				others.Wait()
				h.Close()
				counts = server.Counts()
				if got := rowIDs(b, rows); !slices.Equal(want, got) {
					b.Errorf("%d rows, want %d", len(got), len(want))
				}
			}
			b.ReportMetric(took.Seconds(), "s")
			b.ReportMetric(floor, "s-quota-floor")
			b.ReportMetric(took.Seconds()/floor, "ratio")
			if c.others > 0 {
				b.ReportMetric(float64(1+c.others), "ratio-fair-share")
			} else {
				b.ReportMetric(c.mark, "ratio-mark")
				b.ReportMetric(float64(counts.Throttled), "throttled")
				b.ReportMetric(0, "throttled-mark")
			}
			b.Log(fmt.Sprint(counts))
		})
	}
}
