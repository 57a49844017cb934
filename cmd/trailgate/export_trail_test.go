package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// plannedSignIn is one sign-in of a log file that a test will write.
type plannedSignIn struct {
	at     string // 2024-03-DDTHH:MM
	user   string
	region string
}

// plannedFiles are log files that a test will write: time stamp of delivery to sign-ins.
type plannedFiles map[string][]plannedSignIn

// batches gives the log files that arrive before the first run, the second and so on. The
// second batch has a new day and a log file that cannot be read. It also has late sign-ins
// for stored days, some before and some after the settled time. The third batch has the
// unreadable log file again, complete.
func batches() []plannedFiles {
	return []plannedFiles{
		{
			"2024-03-04T10:05": {{"2024-03-04T09:10", "dana", "us-east-1"}, {"2024-03-04T09:50", "eli", "eu-west-1"}},
			"2024-03-05T10:05": {{"2024-03-05T09:10", "dana", "us-east-1"}, {"2024-03-05T09:30", "eli", "us-east-1"}},
			"2024-03-05T20:05": {{"2024-03-05T19:30", "dana", "ap-south-1"}},
		}, {
			"2024-03-05T20:10": {{"2024-03-05T18:00", "eli", "eu-west-1"}, {"2024-03-04T09:20", "fay", "eu-west-1"}},
			"2024-03-06T08:05": {{"2024-03-06T07:10", "dana", "us-east-1"}, {"2024-03-05T21:10", "fay", "sa-east-1"}},
			"2024-03-06T09:05": {{"2024-03-06T08:10", "fay", "eu-west-1"}},
			"2024-03-06T09:10": nil,
		}, {
			"2024-03-06T09:10": {{"2024-03-06T08:20", "gus", "eu-west-1"}},
			"2024-03-06T21:05": {{"2024-03-06T20:10", "gus", "us-east-1"}, {"2024-03-06T07:30", "gus", "us-east-1"}},
			"2024-03-07T21:05": {{"2024-03-07T20:10", "dana", "eu-west-1"}},
		},
	}
}

// batchOf gives the i-th batch, for any i.
func batchOf(i int) plannedFiles {
	if all := batches(); i < len(all) {
		return all[i]
	}
	at := time.Date(2024, 3, 5, 9, 0, 0, 0, time.UTC).AddDate(0, 0, i)
	stamp := func(h time.Duration) string { return at.Add(h * time.Hour).Format("2006-01-02T15:04") }
	regions := []string{"us-east-1", "eu-west-1", "ap-south-1"}
	return plannedFiles{
		stamp(1): {{stamp(0), "dana", "us-east-1"}, {stamp(-3), "eli", regions[i%3]}},
		stamp(2): {{stamp(-20), "fay", regions[(i+1)%3]}, {stamp(1), "gus", regions[(i+2)%3]}},
	}
}

// arrive writes a batch into the trail. A log file without sign-ins is damaged.
func (r *exportHarness) arrive(t testing.TB, batch plannedFiles) {
	t.Helper()
	for stamp, sights := range batch {
		at, err := time.Parse("2006-01-02T15:04", stamp)
		if err != nil {
			t.Fatal(err)
		}
		body := []byte("\x1f\x8b")
		if sights != nil {
			body = packedLog(t, sights)
		}
		key := path.Join("AWSLogs/111122223333/CloudTrail/us-east-1", at.Format("2006/01/02"),
			fmt.Sprintf("111122223333_CloudTrail_us-east-1_%s_Unique%s.json.gz", at.Format("20060102T1504Z"), at.Format("0102150405")))
		file := filepath.Join(r.dir, "trail", filepath.FromSlash(key))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, body, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

func packedLog(t testing.TB, sights []plannedSignIn) []byte {
	t.Helper()
	var records []string
	for _, s := range sights {
		records = append(records, fmt.Sprintf(`{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","accountId":"111122223333","userName":%q},`+
			`"eventTime":"%s:00Z","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":%q,"sourceIPAddress":"192.0.2.7",`+
			`"userAgent":"Mozilla/5.0","responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MobileVersion":"No","MFAUsed":"Yes"},`+
			`"eventID":"%s-%s","recipientAccountId":"111122223333","tlsDetails":{"clientProvidedHostHeader":"%s.signin.aws.amazon.com"}}`,
			s.user, s.at, s.region, s.at, s.user, s.region))
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, `{"Records":[`+strings.Join(records, ",")+`]}`); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
