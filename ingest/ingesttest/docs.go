package ingesttest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"path"
	"strings"
	"time"

	"trailgate/ingest"
)

// Doc is one document that the source under test must hold. A source with files
// stores Data under Name. A source with single records uses Records. A Doc must
// not be changed.
type Doc struct {
	Name    string       // a key in the layout of a trail bucket
	Records [][]byte     // JSON of the sign-ins, each once
	Data    []byte       // a log file with these records and another, as gzip
	Fault   ingest.Cause // the skip that Data must cause; empty: none
	IDs     []string     // event ids that can be read, even with a Fault
	Lost    int          // sign-ins that are skipped as single records
}

// startTime is the time of the first record of the documents.
func startTime() time.Time { return time.Date(2024, 3, 4, 10, 0, 0, 0, time.UTC) }

// soundDocs are documents without a fault: for each of three accounts and two Regions
// so many files, an hour apart, with three sign-ins each.
func soundDocs(files int) []Doc {
	var out []Doc
	for _, account := range [...]string{"111122223333", "444455556666", "123456789012"} {
		for _, region := range [...]string{"us-east-1", "eu-north-1"} {
			for n := range files {
				out = append(out, soundDoc(account, region, n))
			}
		}
	}
	return out
}

func soundDoc(account, region string, n int) Doc {
	at := startTime().Add(time.Duration(n) * time.Hour)
	d := Doc{Name: logFileKey(account, region, at.Add(5*time.Minute), n)}
	lines := []string{otherRecord(account, region, at)}
	for i := range 3 {
		id := fmt.Sprintf("%s-%s-%d-%d", account, region, n, i)
		d.IDs = append(d.IDs, id)
		lines = append(lines, signIn(account, region, at.Add(time.Duration(i)*time.Minute), id))
		d.Records = append(d.Records, []byte(lines[len(lines)-1]))
	}
	d.Data = gzipText(`{"Records":[` + strings.Join(lines, ",") + `]}`)
	return d
}

// faultyDocs are documents with one fault each.
func faultyDocs() []Doc {
	const account, region = "111122223333", "us-west-2"
	cut := soundDoc(account, region, 0)
	cut.Fault, cut.IDs, cut.Records = ingest.CauseTruncated, nil, nil
	cut.Data = cut.Data[:len(cut.Data)/2]

	corrupt := soundDoc(account, region, 1)
	corrupt.Fault, corrupt.IDs, corrupt.Records = ingest.CauseCorrupt, nil, nil
	corrupt.Data = bytes.Clone(corrupt.Data)
	corrupt.Data[len(corrupt.Data)-8] ^= 0xff

	empty := soundDoc(account, region, 2)
	empty.Fault, empty.IDs, empty.Records, empty.Data = ingest.CauseEmpty, nil, nil, []byte{}

	trailing := soundDoc(account, region, 3)
	trailing.Fault = ingest.CauseTrailing
	trailing.Data = append(bytes.Clone(trailing.Data), "garbage behind the end"...)

	foreign := soundDoc(account, region, 4)
	foreign.Fault, foreign.IDs, foreign.Records = ingest.CauseUnknown, nil, nil
	foreign.Data = gzipText("no JSON, and ConsoleLogin only by name")

	nameless := soundDoc(account, region, 5)
	nameless.Lost, nameless.Records = 1, nil
	at := startTime().Add(5 * time.Hour)
	nameless.IDs = []string{"sound-neighbour"}
	nameless.Data = gzipText(`{"Records":[` + signIn(account, region, at, "") + "," + signIn(account, region, at, "sound-neighbour") + `]}`)
	return []Doc{cut, corrupt, empty, trailing, foreign, nameless}
}

func logFileKey(account, region string, delivered time.Time, n int) string {
	file := fmt.Sprintf("%s_CloudTrail_%s_%s_Unique%010d.json.gz", account, region, delivered.Format("20060102T1504Z"), n)
	return path.Join("AWSLogs", account, "CloudTrail", region, delivered.Format("2006/01/02"), file)
}

// signIn is a ConsoleLogin record; without an id it has no eventID.
func signIn(account, region string, at time.Time, id string) string {
	eventID := ""
	if id != "" {
		eventID = fmt.Sprintf(`"eventID":%q,`, id)
	}
	return fmt.Sprintf(`{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","accountId":%q,`+
		`"arn":"arn:aws:iam::%s:user/dana","userName":"dana"},"eventTime":%q,"eventSource":"signin.amazonaws.com",`+
		`"eventName":"ConsoleLogin","awsRegion":%q,"sourceIPAddress":"192.0.2.7","userAgent":"Mozilla/5.0","requestParameters":null,`+
		`"responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MobileVersion":"No","MFAUsed":"Yes"},%s`+
		`"eventType":"AwsConsoleSignIn","recipientAccountId":%q,"tlsDetails":{"clientProvidedHostHeader":"%s.signin.aws.amazon.com"}}`,
		account, account, at.Format(time.RFC3339), region, eventID, account, region)
}

// otherRecord is a record that is not a sign-in.
func otherRecord(account, region string, at time.Time) string {
	return fmt.Sprintf(`{"eventVersion":"1.08","userIdentity":{"type":"AWSService"},"eventTime":%q,"eventSource":"s3.amazonaws.com",`+
		`"eventName":"ListBuckets","awsRegion":%q,"eventID":"other","recipientAccountId":%q}`, at.Format(time.RFC3339), region, account)
}

// gzipText gives the gzip form of a text. It is nil if that fails, which then fails
// the test.
func gzipText(text string) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil
	}
	if _, err := z.Write([]byte(text)); err != nil {
		return nil
	}
	if err := z.Close(); err != nil {
		return nil
	}
	return b.Bytes()
}
