package trail_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"trailgate/ingest"
	"trailgate/ingest/trail"
	"trailgate/ingest/trail/store"
)

// The example makes a copy of a trail with one log file and reads its sign-ins,
// each once and in order of time. For a bucket, the Store is a *store.S3.
func Example() {
	root, err := os.MkdirTemp("", "trail")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(root)
	const key = "AWSLogs/111122223333/CloudTrail/us-east-1/2024/03/04/111122223333_CloudTrail_us-east-1_20240304T1005Z_a1B2c3.json.gz"
	if err := writeLog(filepath.Join(root, filepath.FromSlash(key))); err != nil {
		fmt.Println(err)
		return
	}

	source := &trail.Source{Store: store.Disk{Root: root}}
	window := ingest.Window{Since: time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)}
	merged, err := ingest.Merge(context.Background(), window, source)
	if err != nil {
		fmt.Println(err)
		return
	}
	for event := range merged.Events() {
		fmt.Println(event.Time.Format(time.DateTime), event.Identity.UserName, event.Host)
	}
	coverage := merged.Coverage
	fmt.Printf("%d of %d log files read, complete: %t\n", coverage.Read, coverage.Listed, coverage.Complete())
	// Output:
	// 2024-03-04 10:00:00 dana us-east-1.signin.aws.amazon.com
	// 1 of 1 log files read, complete: true
}

// The example resumes a trail: the second run leaves out the log file that the
// first has read.
func ExampleSource_Resume() {
	root, err := os.MkdirTemp("", "trail")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(root)
	const key = "AWSLogs/111122223333/CloudTrail/us-east-1/2024/03/04/111122223333_CloudTrail_us-east-1_20240304T1005Z_a1B2c3.json.gz"
	if err := writeLog(filepath.Join(root, filepath.FromSlash(key))); err != nil {
		fmt.Println(err)
		return
	}

	source := &trail.Source{Store: store.Disk{Root: root}}
	var from ingest.ResumePoint
	for range 2 {
		stream := source.Resume(context.Background(), ingest.Window{}, from)
		if _, err := ingest.MergeStreams(context.Background(), ingest.Window{}, stream); err != nil {
			fmt.Println(err)
			return
		}
		coverage := stream.Coverage()
		fmt.Printf("listed %d, read %d, known %d\n", coverage.Listed, coverage.Read, coverage.Excluded[ingest.ReasonKnown])
		from.Checkpoint = stream.Outcome().Checkpoint
	}
	// Output:
	// listed 1, read 1, known 0
	// listed 1, read 0, known 1
}

// writeLog writes a log file with one sign-in.
func writeLog(path string) error {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, `{"Records":[{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","accountId":"111122223333","userName":"dana"},`+
		`"eventTime":"2024-03-04T10:00:00Z","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"us-east-1",`+
		`"responseElements":{"ConsoleLogin":"Success"},"eventID":"6f3a2c1e-0000-4000-8000-000000000001",`+
		`"tlsDetails":{"clientProvidedHostHeader":"us-east-1.signin.aws.amazon.com"}}]}`); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, packed.Bytes(), 0o600)
}
