package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"trailgate/report"
)

// runWith runs a command line with a list of formats. It returns the exit status,
// standard output and standard error.
func runWith(t *testing.T, formats []report.Format, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), process{
		args: args, stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, formats: formats,
		getenv: func(string) string { return "" },
		now:    func() time.Time { return time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC) },
	})
	return code, stdout.String(), stderr.String()
}

// A format that is added to the list is in the help and can be used, without a
// change of the command.
func TestAddedFormatIsOffered(t *testing.T) {
	added, _ := report.FindFormat(report.Formats(), "csv")
	added.Name = "lines"
	formats := append(report.Formats(), added)
	for _, verb := range []string{"audit", "coverage"} {
		if _, out, _ := runWith(t, formats, verb, "--help"); !strings.Contains(out, ", lines (default") {
			t.Errorf("help of %s does not list the format:\n%s", verb, out)
		}
	}
	if _, out, _ := runWith(t, formats, "audit", "--help"); !strings.Contains(out, ", lines: signins by default") {
		t.Errorf("help of --rows does not list the format:\n%s", out)
	}
	trail := filepath.Join("..", "..", "report", "convert", "testdata", "trail")
	_, want, _ := runWith(t, formats, "audit", trail, "--format", "csv", "--rows", "findings")
	_, got, errs := runWith(t, formats, "audit", trail, "--format", "lines", "--rows", "findings")
	if got != want || !strings.HasPrefix(got, "finding_id,") {
		t.Errorf("wrote %q, want %q; %s", got, want, errs)
	}
}

// A format or a table that does not exist is refused before anything is listed. A
// long run would otherwise fail at its end.
func TestFormatIsCheckedBeforeReading(t *testing.T) {
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE12")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "example")
	t.Setenv("AWS_REGION", "us-east-1")
	bucket := []string{"s3://example-trail", "--endpoint-url", server.URL}
	for _, refused := range [][]string{
		{"audit", "--format", "yaml"},
		{"audit", "--rows", "people"},
		{"audit", "--rows", "coverage"},
		{"audit", "--format", "csv", "--rows", "people"},
		{"audit", "--format", "json", "--rows", "findings"},
		{"coverage", "--format", "yaml"},
	} {
		code, out, errs := runWith(t, nil, append(refused, bucket...)...)
		if code != exitUsage || out != "" || !strings.Contains(errs, "error: --") {
			t.Errorf("%v: status %d, output %q, errors %q", refused, code, out, errs)
		}
		if n := requests.Swap(0); n > 0 {
			t.Errorf("%v: refused after %d requests", refused, n)
		}
	}
	if code, _, errs := runWith(t, nil, append([]string{"audit"}, bucket...)...); code == 0 || requests.Load() == 0 {
		t.Errorf("a valid format: status %d, %d requests, errors %q", code, requests.Load(), errs)
	}
}
