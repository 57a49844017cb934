package record_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"trailgate/ingest/record"
)

// file is a log file of 250 records with a sign-in at its end, plain and packed.
func file(b *testing.B) (plain, packed []byte) {
	b.Helper()
	call := `{"eventVersion":"1.09","userIdentity":{"type":"AssumedRole","principalId":"AROACKCEVSQ6C2EXAMPLE:i-0123456789abcdef0","arn":"arn:aws:sts::111122223333:assumed-role/app/i-0123456789abcdef0","accountId":"111122223333","accessKeyId":"ASIAIOSFODNN7EXAMPLE","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROACKCEVSQ6C2EXAMPLE","arn":"arn:aws:iam::111122223333:role/app","accountId":"111122223333","userName":"app"},"attributes":{"creationDate":"2026-03-01T08:12:00Z","mfaAuthenticated":"false"}}},"eventTime":"2026-03-01T10:00:00Z","eventSource":"kms.amazonaws.com","eventName":"Decrypt","awsRegion":"eu-west-1","sourceIPAddress":"192.0.2.10","userAgent":"aws-sdk-go-v2/1.30 os/linux lang/go#1.22","requestParameters":{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::example-bucket/path/to/an/object.json"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"},"responseElements":null,"requestID":"11111111-2222-4333-8444-555555555555","eventID":"66666666-7777-4888-9999-000000000000","readOnly":true,"resources":[{"accountId":"111122223333","type":"AWS::KMS::Key","ARN":"arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"}],"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"kms.eu-west-1.amazonaws.com"}},`
	plain = []byte(`{"Records":[` + strings.Repeat(call, 250) + rec("1") + `]}`)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(plain); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return plain, z.Bytes()
}

// BenchmarkScan walks a file up to a sign-in at its end.
func BenchmarkScan(b *testing.B) {
	plain, _ := file(b)
	b.SetBytes(int64(len(plain)))
	var s record.Scanner
	for b.Loop() {
		for _, err := range s.Scan(plain, "o") {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkScanNothing scans a file without a sign-in.
func BenchmarkScanNothing(b *testing.B) {
	plain, _ := file(b)
	plain = bytes.ReplaceAll(plain, []byte("ConsoleLogin"), []byte("CheckMfa    "))
	b.SetBytes(int64(len(plain)))
	var s record.Scanner
	for b.Loop() {
		for range s.Scan(plain, "o") {
			b.Fatal("found something")
		}
	}
}

// BenchmarkInflate is the cost to compare with: scanning should be much cheaper.
func BenchmarkInflate(b *testing.B) {
	plain, packed := file(b)
	b.SetBytes(int64(len(plain)))
	var s record.Scanner
	var buf []byte
	for b.Loop() {
		var err error
		if buf, err = s.Inflate(buf, packed, 0); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecode reads a sign-in by itself.
func BenchmarkDecode(b *testing.B) {
	doc := []byte(`{"Records":[` + rec("1") + `]}`)
	var s record.Scanner
	for b.Loop() {
		for _, err := range s.Scan(doc, "o") {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkScanReader streams lines.
func BenchmarkScanReader(b *testing.B) {
	plain, _ := file(b)
	lines := bytes.ReplaceAll(plain[len(`{"Records":[`):len(plain)-2], []byte("}},{"), []byte("}}\n{"))
	b.SetBytes(int64(len(lines)) * 10)
	var s record.Scanner
	for b.Loop() {
		readers := make([]io.Reader, 10)
		for i := range readers {
			readers[i] = io.MultiReader(bytes.NewReader(lines), strings.NewReader("\n"))
		}
		for _, err := range s.ScanReader(io.MultiReader(readers...), "o", 0) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}
