package lookup_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"trailgate/fixtures/cloudtrail"
	"trailgate/ingest"
	"trailgate/ingest/aws/answer"
	"trailgate/ingest/lookup"
)

// answeringTransport answers some requests itself. It passes on those for which answer
// returns neither a response nor an error.
type answeringTransport struct {
	next   http.RoundTripper
	mu     *sync.Mutex
	n      map[string]int // requests by operation
	answer func(op string, n int, r *http.Request) (*http.Response, error)
}

func (i answeringTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	op := r.URL.Path
	if _, name, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		op = name
	} else if _, name, ok := strings.Cut(string(body), "Action="); ok {
		op, _, _ = strings.Cut(name, "&")
	}
	i.mu.Lock()
	i.n[op]++
	n := i.n[op]
	i.mu.Unlock()
	if answer, err := i.answer(op, n, r); answer != nil || err != nil {
		return answer, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return i.next.RoundTrip(r)
}

// configWithAnswers is a configuration for the stand-in, with some answers replaced.
func configWithAnswers(s *cloudtrail.Server, answer func(op string, n int, r *http.Request) (*http.Response, error)) aws.Config {
	cfg := serverConfig(s)
	cfg.HTTPClient = &http.Client{Transport: answeringTransport{s, &sync.Mutex{}, map[string]int{}, answer}}
	return cfg
}

// makeResponse makes a response that does not come from the stand-in.
func makeResponse(r *http.Request, status int, body io.Reader) *http.Response {
	return &http.Response{Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, ContentLength: -1, Body: io.NopCloser(body), Request: r}
}

// endlessReader repeats a text and counts the bytes that were read.
type endlessReader struct {
	text string
	at   int64
}

func (e *endlessReader) Read(p []byte) (int, error) {
	n := copy(p, e.text[e.at%int64(len(e.text)):])
	e.at += int64(n)
	return n, nil
}

// TestAnswersWithoutPage checks that an answer without a page is not taken for the last
// page.
func TestAnswersWithoutPage(t *testing.T) {
	for _, c := range []struct {
		name, body string
		whole      bool // it is a page
	}{
		{name: "nothing"}, {name: "blank", body: " \n"}, {name: "no list", body: "{}"}, {name: "null", body: "null"},
		{name: "list of null", body: `{"Events":null}`}, {name: "a proxy", body: `{"message":"please sign in"}`},
		{name: "cut", body: `{"Events":[{"EventId":"x"`}, {name: "an empty list", body: `{"Events":[]}`, whole: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, last := range []int{2, 1 << 30} {
					server := &cloudtrail.Server{}
					want := addSignIns(server, ownAccount, "us-east-1", 60)
					cfg := configWithAnswers(server, func(op string, n int, r *http.Request) (*http.Response, error) {
						if op == "LookupEvents" && n >= 2 && n <= last {
							return makeResponse(r, http.StatusOK, strings.NewReader(c.body)), nil
						}
						return nil, nil
					})
					got := readAll(t.Context(), &lookup.Source{Accounts: []lookup.Account{{Config: cfg}}, Now: clockFrom(today())}, ingest.Window{}, nil)
					checkCoverage(t, got)
					switch {
					case c.whole || last > 2:
						wantIDs(t, want[:50], got.ids)
					default:
						wantIDs(t, want, got.ids)
					}
					if skipped := !c.whole && last > 2; got.err != nil || skipped != (len(got.skips) == 1 && got.skips[0].Cause == ingest.CauseTransport) {
						t.Errorf("until request %d: ended with %v, skips %v", last, got.err, got.skips)
					}
				}
			})
		})
	}
}

// TestEndlessAnswer checks that an endless answer is cut.
func TestEndlessAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &cloudtrail.Server{}
		want := addSignIns(server, ownAccount, "us-east-1", 60)
		body := &endlessReader{text: `{"EventId":"` + strings.Repeat("x", 1<<16) + `"},`}
		cfg := configWithAnswers(server, func(op string, n int, r *http.Request) (*http.Response, error) {
			if op == "LookupEvents" && n == 2 {
				return makeResponse(r, http.StatusOK, io.MultiReader(strings.NewReader(`{"Events":[`), body)), nil
			}
			return nil, nil
		})
		got := readAll(t.Context(), &lookup.Source{Accounts: []lookup.Account{{Config: cfg}}, Now: clockFrom(today())}, ingest.Window{}, nil)
		wantIDs(t, want, got.ids)
		if got.err != nil || len(got.skips) > 0 || body.at > 64<<20 {
			t.Errorf("ended with %v, skips %v, after %d bytes", got.err, got.skips, body.at)
		}
	})
}

// TestPagesWithoutEnd checks that a Region is given up if its pages never reach the
// beginning of the window.
func TestPagesWithoutEnd(t *testing.T) {
	page := func(next string, ids ...string) string {
		type event struct {
			EventID, EventName, EventSource string
			EventTime                       int64
			CloudTrailEvent                 string
		}
		events := []event{}
		for i, id := range ids {
			e := makeSignIn(id, ownAccount, "us-east-1", today().Add(-time.Duration(i+1)*time.Hour))
			events = append(events, event{id, e.Name, e.Source, e.Time.Unix(), e.Record})
		}
		b, err := json.Marshal(map[string]any{"Events": events, "NextToken": next})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for _, c := range []struct {
		name   string
		answer func(n int, token string) string
		events int           // different ones; -1: any number
		within time.Duration // the Region is given up
	}{
		{"a token that names itself", func(int, string) string { return page("A", "1", "2") }, 2, 6 * time.Minute},
		{"two tokens in turn", func(_ int, token string) string { return page(map[string]string{"A": "B"}[token]+"A", "1", "2") }, 2, 6 * time.Minute},
		{"ever new tokens", func(n int, _ string) string { return page(fmt.Sprint(n), "1", "2") }, 2, 6 * time.Minute},
		{"ever new tokens and nothing else", func(n int, _ string) string { return page(fmt.Sprint(n)) }, 0, time.Hour},
		{"new events that are old", func(n int, _ string) string { return page(fmt.Sprint(n), fmt.Sprint(n), "same") }, -1, 6 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := &cloudtrail.Server{}
				cfg := configWithAnswers(server, func(op string, n int, r *http.Request) (*http.Response, error) {
					var in struct{ NextToken string }
					if op != "LookupEvents" {
						return nil, nil
					}
					if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
						return nil, err
					}
					return makeResponse(r, http.StatusOK, strings.NewReader(c.answer(n, in.NextToken))), nil
				})
				path := filepath.Join(t.TempDir(), "state")
				began := time.Now()
				src := &lookup.Source{Accounts: []lookup.Account{{Config: cfg}}, Regions: []string{"us-east-1"}, Now: clockFrom(today()), ResumeFile: path, Asked: "90d"}
				got := readAll(t.Context(), src, ingest.Window{}, nil)
				if took := time.Since(began); len(got.skips) != 1 || got.skips[0].Cause != ingest.CauseTransport || took > c.within {
					t.Errorf("ended with %v, skips %v, after %v", got.err, got.skips, took)
				}
				ids := map[string]bool{}
				for _, id := range got.ids {
					ids[id] = true
				}
				if c.events >= 0 && len(ids) != c.events {
					t.Errorf("%d different events, want %d", len(ids), c.events)
				}
				if c.events > 0 {
					if b, err := os.ReadFile(path + ".pages"); err != nil || bytes.Count(b, []byte("\n")) > 4 {
						t.Errorf("%d lines of pages (%v)", bytes.Count(b, []byte("\n")), err)
					}
				}
			})
		})
	}
}

// TestDenseSecond puts more events into one second than fit on a page. The Region refuses
// each of its own tokens. So it is given up, and the events that it gave are kept.
func TestDenseSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &cloudtrail.Server{Hook: func(c cloudtrail.Call) (f cloudtrail.Fault) {
			if c.Token != "" {
				f.Code = cloudtrail.InvalidNextToken
			}
			return f
		}}
		for i := range 70 {
			server.Add(ownAccount, "us-east-1", makeSignIn(fmt.Sprint(i), ownAccount, "us-east-1", today().Add(-time.Hour)))
		}
		got := readAll(t.Context(), &lookup.Source{Accounts: []lookup.Account{{Config: serverConfig(server)}}, Now: clockFrom(today())}, ingest.Window{}, nil)
		checkCoverage(t, got)
		if len(got.ids) != 50 || len(got.skips) != 1 || got.skips[0].Cause != ingest.CauseTransport {
			t.Errorf("%d sign-ins, skips %v", len(got.ids), got.skips)
		}
	})
}

// TestWrongClock uses a clock that is wrong by years. AWS refuses the signature, and the
// SDK learns the time from the answer.
func TestWrongClock(t *testing.T) {
	for _, code := range []string{"InvalidSignatureException", "RequestTimeTooSkewed", "RequestExpired"} {
		t.Run(code, func(t *testing.T) {
			for _, stubborn := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					now := clockFrom(today())
					server := &cloudtrail.Server{}
					want := addSignIns(server, ownAccount, "us-east-1", 160)
					asked := 0
					cfg := configWithAnswers(server, func(op string, _ int, r *http.Request) (*http.Response, error) {
						if op != "LookupEvents" {
							return nil, nil
						}
						asked++
						signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
						if err != nil {
							return nil, err
						}
						if !stubborn && now().Sub(signed).Abs() < 5*time.Minute {
							return nil, nil
						}
						out := makeResponse(r, http.StatusBadRequest, strings.NewReader(fmt.Sprintf(`{"__type":%q,"message":"Signature expired"}`, code)))
						out.Header.Set("Date", now().UTC().Format(http.TimeFormat))
						return out, nil
					})
					got := readAll(t.Context(), &lookup.Source{Accounts: []lookup.Account{{Config: cfg}}, Now: now}, ingest.Window{}, nil)
					if !stubborn {
						wantIDs(t, want, got.ids)
						return
					}
					if asked != 3 || len(got.skips) != 1 || got.skips[0].Cause != ingest.CauseDenied || !strings.Contains(got.skips[0].Err.Error(), "the clock of this machine may be wrong") {
						t.Errorf("asked %d times, skips %v", asked, got.skips)
					}
				})
			}
		})
	}
}

// TestAccountErrors checks the causes and words for an account that cannot be opened.
func TestAccountErrors(t *testing.T) {
	gate := make(chan struct{})
	refuse := func(status int, code string) func(string, int, *http.Request) (*http.Response, error) {
		return func(op string, _ int, r *http.Request) (*http.Response, error) {
			if op != "AssumeRole" {
				return nil, nil
			}
			body := "<html>busy</html>"
			if code != "" {
				body = "<ErrorResponse><Error><Code>" + code + "</Code><Message>so it is</Message></Error></ErrorResponse>"
			}
			return makeResponse(r, status, strings.NewReader(body)), nil
		}
	}
	for _, c := range []struct {
		name   string
		answer func(string, int, *http.Request) (*http.Response, error)
		none   bool // no credentials at all
		cause  ingest.Cause
		says   string
		action string // of a DeniedError
		code   string
	}{
		{"denied", refuse(403, "AccessDenied"), false, ingest.CauseDenied, `sts:AssumeRole is needed: AccessDenied "so it is"`, "sts:AssumeRole", "AccessDenied"},
		{"expired", refuse(403, "ExpiredToken"), false, ingest.CauseDenied, "the credentials have expired: ExpiredToken", "", "ExpiredToken"},
		{"busy", refuse(503, ""), false, ingest.CauseTransport, "StatusCode: 503", "", ""},
		{"broken", refuse(500, "InternalFailure"), false, ingest.CauseTransport, "sts:AssumeRole: InternalFailure", "", "InternalFailure"},
		{"throttled", refuse(400, "Throttling"), false, ingest.CauseThrottled, "sts:AssumeRole: Throttling", "", "Throttling"},
		{"unreachable", func(op string, _ int, _ *http.Request) (*http.Response, error) {
			return nil, errors.New("connection refused")
		}, false, ingest.CauseTransport, "connection refused", "", ""},
		{"hanging", func(op string, n int, r *http.Request) (*http.Response, error) {
			<-gate
			return refuse(403, "AccessDenied")(op, n, r)
		}, false, ingest.CauseTransport, "no credentials in time", "", ""},
		{"no credentials", nil, true, ingest.CauseDenied, "get credentials", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate = make(chan struct{})
				defer synctest.Wait()
				defer close(gate)
				server := &cloudtrail.Server{}
				addSignIns(server, ownAccount, "us-east-1", 1)
				cfg, arn := configWithAnswers(server, c.answer), "arn:aws:iam::"+ownAccount+":role/audit"
				if c.none {
					cfg.Credentials = aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
						return aws.Credentials{}, &smithy.OperationError{ServiceID: "ec2imds", OperationName: "GetMetadata", Err: errors.New("no EC2 IMDS role found")}
					}))
				}
				cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), arn))
				got := readAll(t.Context(), &lookup.Source{Accounts: []lookup.Account{{Config: cfg, Role: arn}}, Now: clockFrom(today())}, ingest.Window{}, nil)
				if len(got.skips) != 1 || got.skips[0].Cause != c.cause || !strings.Contains(got.skips[0].Err.Error(), c.says) {
					t.Fatalf("skips %v, want one for %s with %q", got.skips, c.cause, c.says)
				}
				text := got.err.Error()
				if hint := strings.Contains(text, "get credentials") || strings.Contains(text, "failed to refresh cached credentials"); hint != c.none {
					t.Errorf("whether the error says that credentials are missing: %q", text)
				}
				var denied *answer.DeniedError
				if errors.As(got.err, &denied); (denied != nil) != (c.action != "") || denied != nil && denied.Action != c.action {
					t.Errorf("ended with %v, want a DeniedError for %q", got.err, c.action)
				}
				var api smithy.APIError
				if errors.As(got.err, &api); c.code != "" && (api == nil || api.ErrorCode() != c.code) {
					t.Errorf("ended with %v, want the code %s behind it", got.err, c.code)
				}
			})
		})
	}
}

// TestRoleWithdrawn lets the credentials of a role expire, and then refuses the role.
func TestRoleWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := clockFrom(today())
		server := &cloudtrail.Server{Clock: now}
		server.Hook = func(c cloudtrail.Call) (f cloudtrail.Fault) {
			switch {
			case c.Op == cloudtrail.LookupEvents && c.N == 2:
				server.Expire()
			case c.Op == cloudtrail.AssumeRole && c.N > 1:
				f.Code = cloudtrail.AccessDenied
			}
			return f
		}
		addSignIns(server, ownAccount, "us-east-1", 160)
		got := readAll(t.Context(), &lookup.Source{Accounts: []lookup.Account{accountWithRole(server, ownAccount)}, Now: now}, ingest.Window{}, nil)
		if len(got.skips) != 1 || !strings.HasPrefix(got.skips[0].Err.Error(), "access denied, sts:AssumeRole is needed: AccessDenied ") {
			t.Errorf("skips %v, want one of sts:AssumeRole", got.skips)
		}
	})
}

// TestHangingIdentity lets GetCallerIdentity hang. ListRegions still works, because it has
// a timeout of its own.
func TestHangingIdentity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := clockFrom(today())
		server := &cloudtrail.Server{Clock: now, Hook: cloudtrail.Rules(
			cloudtrail.Rule{Op: cloudtrail.GetCallerIdentity, Fault: cloudtrail.Fault{Gate: make(chan struct{})}})}
		want := addSignIns(server, ownAccount, "us-east-1", 60)
		got := readAll(t.Context(), &lookup.Source{Accounts: []lookup.Account{{Config: serverConfig(server)}}, Now: now}, ingest.Window{}, nil)
		wantIDs(t, want, got.ids)
		if got.err != nil || got.cov.Listed != 1 || !strings.Contains(strings.Join(got.cov.Remarks, "\n"), "all that are enabled") {
			t.Errorf("ended with %v, listed %d, remarks %q", got.err, got.cov.Listed, got.cov.Remarks)
		}
	})
}
