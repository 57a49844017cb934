package main

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/rogpeppe/go-internal/testscript"

	"trailgate/fixtures/s3"

	"trailgate/report/lake"
	"trailgate/report/parquet"
	"trailgate/report/row"
)

// rowsIn gives the rows of a table of a lake as JSON, sorted, one for each row:
// two lakes hold the same if these are equal, however their files are cut.
func rowsIn(t testing.TB, store lake.Store, kind row.Kind) []string {
	t.Helper()
	switch kind {
	case row.SignIns:
		return readAll[row.SignIn](t, store, kind)
	default:
		return readAll[row.Finding](t, store, kind)
	}
}

func readAll[R row.Row](t testing.TB, store lake.Store, kind row.Kind) []string {
	t.Helper()
	table := &lake.Table{Store: store, Name: string(kind)}
	files, err := table.Files(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range files {
		for row, err := range rowsOf[R](t.Context(), table, f) {
			if err != nil {
				t.Fatal(err)
			}
			var line bytes.Buffer
			if err := json.NewEncoder(&line).Encode(row); err != nil {
				t.Fatal(err)
			}
			out = append(out, line.String())
		}
	}
	slices.Sort(out)
	return out
}

// lakeToFile is the script command rows LAKE TABLE FILE: it writes the rows of a
// table of a lake to a file as JSON lines, in the order of the table.
func lakeToFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: rows LAKE TABLE FILE")
	}
	var store lake.Store = lake.Disk{Root: ts.MkAbs(args[0])}
	if place, ok := strings.CutPrefix(args[0], "s3://"); ok {
		bucket, prefix, _ := strings.Cut(place, "/")
		store = lake.S3{Bucket: bucket, Prefix: prefix, Client: awss3.New(awss3.Options{
			BaseEndpoint: aws.String(ts.Getenv("AWS_ENDPOINT_URL_S3")), UsePathStyle: true, Region: "us-east-1",
			Credentials: credentials.NewStaticCredentialsProvider(s3.AccessKey, s3.SecretKey, "")})}
	}
	table := &lake.Table{Store: store, Name: args[1]}
	files, err := table.Files(context.Background(), 0, 0)
	ts.Check(err)
	var lines []string
	for _, f := range files {
		if table.Name == string(row.SignIns) {
			lines = append(lines, linesOf[row.SignIn](ts, table, f)...)
		} else {
			lines = append(lines, linesOf[row.Finding](ts, table, f)...)
		}
	}
	slices.Sort(lines) // by time and id, or by id
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(strings.Join(lines, "")), 0o600))
}

func linesOf[R row.Row](ts *testscript.TestScript, table *lake.Table, f lake.File) []string {
	var out []string
	for row, err := range rowsOf[R](context.Background(), table, f) {
		ts.Check(err)
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false) // as --format jsonl
		ts.Check(encoder.Encode(row))
		out = append(out, line.String())
	}
	return out
}

// sortLines is the script command sorted FILE: it puts the lines in order.
func sortLines(ts *testscript.TestScript, _ bool, args []string) {
	lines := slices.Sorted(strings.Lines(ts.ReadFile(args[0])))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(lines, "")), 0o600))
}

// rowsOf reads the rows of a file of a lake, in their order.
func rowsOf[R row.Row](ctx context.Context, t *lake.Table, f lake.File) iter.Seq2[R, error] {
	data, err := t.Read(ctx, f)
	if err != nil {
		return func(yield func(R, error) bool) {
			var none R
			yield(none, err)
		}
	}
	return parquet.Read[R](bytes.NewReader(data), int64(len(data)))
}
