package explain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"trailgate/analyzer/endpoint"
	"trailgate/ingest/aws/region"
)

const signInRecord = `{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","accountId":"111122223333","userName":"dana"},"eventTime":"2026-03-01T08:00:00Z",` +
	`"eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"eu-west-1","eventID":"one","recipientAccountId":"111122223333",` +
	`"responseElements":{"ConsoleLogin":"Success"},"tlsDetails":{"clientProvidedHostHeader":"eu-west-1.signin.aws.amazon.com"}}`

// TestURL explains a URL and a host. Only the host has the kind host.
func TestURL(t *testing.T) {
	var table region.Table
	for arg, want := range map[string]struct{ kind, scope, recorded string }{
		"https://ap-southeast-1.signin.aws.amazon.com/console": {"url", "regional", "ap-southeast-1"},
		"eu-west-1.signin.aws.amazon.com":                      {"host", "regional", "eu-west-1"},
	} {
		u, err := endpoint.ParseURL(table, arg)
		if err != nil {
			t.Fatal(err)
		}
		got := URL(arg, u)
		if got.Kind != want.kind || got.Scope != want.scope || !slices.Equal(got.RecordedIn, []string{want.recorded}) || len(got.Reasons) == 0 {
			t.Errorf("%s: got %+v, want %+v and a reason", arg, got, want)
		}
	}
}

// TestRecords explains the sign-ins of documents: with and without one, broken, and after
// the context has ended.
func TestRecords(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx   context.Context
		text  string
		count int
		err   error // nil: none; errAny: any
	}{
		"one":    {t.Context(), signInRecord, 1, nil},
		"two":    {t.Context(), `{"Records":[` + signInRecord + "," + signInRecord + `]}`, 2, nil},
		"none":   {t.Context(), `{"Records":[]}`, 0, ErrNoSignIn},
		"broken": {t.Context(), signInRecord + "\n{", 1, errAny},
		"ended":  {ended, signInRecord, 0, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := Records(c.ctx, strings.NewReader(c.text), "test", region.Table{}, nil)
			if len(all) != c.count {
				t.Errorf("got %d explanations, want %d", len(all), c.count)
			}
			if c.err == errAny && err == nil || c.err != errAny && !errors.Is(err, c.err) {
				t.Errorf("got error %v, want %v", err, c.err)
			}
			for _, x := range all {
				if x.Kind != "record" || x.Subject != "one" || x.Scope != "regional" || x.Principal == "" || x.EventTime != "2026-03-01T08:00:00Z" {
					t.Errorf("got %+v", x)
				}
			}
		})
	}
}

// errAny stands for an error of which the test does not know more.
var errAny = errors.New("any error")

// TestWrite writes two explanations in both formats.
func TestWrite(t *testing.T) {
	all, err := Records(t.Context(), strings.NewReader(signInRecord), "test", region.Table{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var words, lines bytes.Buffer
	for n := range 2 {
		if err := errors.Join(all[0].Write(&words, n, "table"), all[0].Write(&lines, n, "json")); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Split(words.String(), "\n\n"); len(got) != 2 || !strings.HasPrefix(got[0], "regional, eu-west-1  2026-03-01T08:00:00Z  ") {
		t.Errorf("words:\n%s", words.String())
	}
	for d := json.NewDecoder(&lines); d.More(); {
		var x Explanation
		if err := d.Decode(&x); err != nil || x.Notes == nil || x.RecordedIn[0] != "eu-west-1" {
			t.Errorf("JSON: %+v, %v", x, err)
		}
	}
}
