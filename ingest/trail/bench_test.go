package trail_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	kgzip "github.com/klauspost/compress/gzip"

	"trailgate/ingest"
	"trailgate/ingest/trail"
	"trailgate/ingest/trail/store"
)

// BenchmarkDisk compares a whole reading with only inflating the same files. The
// ratio is the cost of everything but inflating.
func BenchmarkDisk(b *testing.B) {
	for _, c := range []struct {
		name           string
		files, records int
	}{
		{"files of 250 records", 400, 250},
		{"small files", 4000, 10},
	} {
		root := b.TempDir()
		paths := benchTrail(b, root, c.files, c.records)
		b.Run(c.name+"/inflate only", func(b *testing.B) {
			for b.Loop() {
				inflateAll(b, paths)
			}
		})
		b.Run(c.name+"/trail", func(b *testing.B) {
			for b.Loop() {
				n := 0
				s := &trail.Source{Store: store.Disk{Root: root}}
				for _, err := range s.Open(b.Context(), ingest.Window{}).Events() {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n == 0 {
					b.Fatal("no events")
				}
			}
		})
	}
}

// inflateAll inflates on all cores, and reuses its buffers.
func inflateAll(b *testing.B, paths []string) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			var z kgzip.Reader
			var out bytes.Buffer
			for {
				i := int(next.Add(1)) - 1
				if i >= len(paths) {
					return
				}
				packed, err := os.ReadFile(paths[i])
				if err != nil {
					b.Error(err)
					return
				}
				out.Reset()
				if err := z.Reset(bytes.NewReader(packed)); err != nil {
					b.Error(err)
					return
				}
				if _, err := io.Copy(&out, &z); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// benchTrail writes files of API records, one in a hundred with a sign-in.
func benchTrail(b *testing.B, root string, files, records int) []string {
	rnd := rand.New(rand.NewPCG(1, 2))
	var paths []string
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	for n := range files {
		lines := make([]string, records)
		for i := range lines {
			lines[i] = fmt.Sprintf(`{"eventVersion":"1.08","userIdentity":{"type":"AssumedRole","principalId":"AROAEXAMPLE:%x",`+
				`"arn":"arn:aws:sts::111122223333:assumed-role/worker/%x","accountId":"111122223333"},"eventTime":"2024-03-04T10:00:00Z",`+
				`"eventSource":"dynamodb.amazonaws.com","eventName":"DescribeTable","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.7",`+
				`"userAgent":"agent/%d","requestParameters":{"tableName":"t-%x"},"responseElements":null,"requestID":"%x","eventID":"%016x%016x",`+
				`"readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333"}`,
				rnd.Uint32(), rnd.Uint32(), rnd.IntN(20), rnd.Uint64(), rnd.Uint64(), rnd.Uint64(), rnd.Uint64())
		}
		if n%100 == 0 {
			lines[0] = signIn(fmt.Sprint(n))
		}
		out.Reset()
		z.Reset(&out)
		if _, err := io.WriteString(z, `{"Records":[`+strings.Join(lines, ",")+`]}`); err != nil {
			b.Fatal(err)
		}
		if err := z.Close(); err != nil {
			b.Fatal(err)
		}
		key := logKey("AWSLogs/", accountA, fmt.Sprintf("eu-west-%d", n%8), noon(n%30), n)
		put(b, root, key, out.Bytes())
		paths = append(paths, filepath.Join(root, filepath.FromSlash(key)))
	}
	return paths
}
