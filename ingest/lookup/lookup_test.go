package lookup_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/fixtures/cloudtrail"
	"trailgate/ingest"
	"trailgate/ingest/aws/answer"
	"trailgate/ingest/ingesttest"
	"trailgate/ingest/lookup"
)

// sourceWithoutRemarks is a Source without remarks, because they name the time of the run.
type sourceWithoutRemarks struct{ *lookup.Source }

func (s sourceWithoutRemarks) Open(ctx context.Context, w ingest.Window) ingest.Stream {
	return streamWithoutRemarks{s.Source.Open(ctx, w)}
}

// streamWithoutRemarks is a Stream of a sourceWithoutRemarks.
type streamWithoutRemarks struct{ ingest.Stream }

func (s streamWithoutRemarks) Coverage() ingest.Coverage {
	c := s.Stream.Coverage()
	c.Remarks = nil
	return c
}

func TestSource(t *testing.T) {
	ingesttest.Suite{Faultless: true, Open: func(t *testing.T, docs []ingesttest.Doc) ingest.Source {
		now := clockFrom(time.Date(2024, 3, 10, 0, 0, 0, 0, time.UTC))
		server := &cloudtrail.Server{Clock: now}
		src := &lookup.Source{Now: now}
		seen := map[string]bool{}
		for _, d := range docs {
			parts := strings.Split(path.Dir(d.Name), "/") // AWSLogs/ACCOUNT/CloudTrail/REGION/…
			for _, record := range d.Records {
				e, err := cloudtrail.FromRecord(record)
				if err != nil {
					t.Fatal(err)
				}
				server.Add(parts[1], parts[3], e)
			}
			if !seen[parts[1]] {
				seen[parts[1]] = true
				src.Accounts = append(src.Accounts, accountWithRole(server, parts[1]))
			}
		}
		return sourceWithoutRemarks{src}
	}}.Run(t)
}

// TestEveryEventOnce causes faults that may cost time, but no event.
func TestEveryEventOnce(t *testing.T) {
	fault := func(r ...cloudtrail.Rule) func(cloudtrail.Call) cloudtrail.Fault { return cloudtrail.Rules(r...) }
	rule := func(from, times int, f cloudtrail.Fault) cloudtrail.Rule {
		return cloudtrail.Rule{Op: cloudtrail.LookupEvents, From: from, Times: times, Fault: f}
	}
	for _, c := range []struct {
		name  string
		hook  func(cloudtrail.Call) cloudtrail.Fault
		hang  bool
		burst int
	}{
		{name: "nothing goes wrong"},
		{name: "a short page", hook: fault(rule(2, 1, cloudtrail.Fault{Short: 3}))},
		{name: "empty pages with a token", hook: fault(rule(1, 3, cloudtrail.Fault{Short: -1}))},
		{name: "an empty page at the end", hook: fault(rule(5, 1, cloudtrail.Fault{Short: 20}))},
		{name: "a throttle storm", hook: fault(rule(2, 30, cloudtrail.Fault{Code: cloudtrail.Throttling}))},
		{name: "a smaller quota", burst: 1},
		{name: "errors of the service", hook: fault(rule(1, 2, cloudtrail.Fault{Code: cloudtrail.InternalFailure}), rule(4, 2, cloudtrail.Fault{Code: cloudtrail.Unavailable}))},
		{name: "cut answers", hook: fault(rule(1, 1, cloudtrail.Fault{Cut: true}), rule(3, 2, cloudtrail.Fault{Cut: true, After: 700}))},
		{name: "an answer that never comes", hang: true},
		{name: "a lost token", hook: fault(rule(3, 1, cloudtrail.Fault{Code: cloudtrail.InvalidNextToken}))},
		{name: "lost tokens all along", hook: func(call cloudtrail.Call) (f cloudtrail.Fault) {
			if call.Token != "" && call.N%3 == 0 {
				f.Code = cloudtrail.InvalidNextToken
			}
			return f
		}},
		{name: "expired credentials", hook: fault(rule(3, 1, cloudtrail.Fault{Code: cloudtrail.ExpiredToken}))},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := clockFrom(today())
				server := &cloudtrail.Server{Clock: now, Hook: c.hook, Burst: c.burst}
				if c.hang {
					server.Hook = fault(rule(3, 1, cloudtrail.Fault{Gate: make(chan struct{})}))
				}
				want := slices.Concat(addSignIns(server, ownAccount, "us-east-1", 230), addSignIns(server, ownAccount, "eu-north-1", 201), addSignIns(server, otherAccount, "us-east-1", 1))
				src := &lookup.Source{Accounts: []lookup.Account{accountWithRole(server, ownAccount), accountWithRole(server, otherAccount)}, Now: now}
				got := readAll(t.Context(), src, ingest.Window{}, nil)
				wantIDs(t, want, got.ids)
				checkCoverage(t, got)
				if got.err != nil || len(got.skips) > 0 || got.cov.Partial || got.cov.Read != 3 {
					t.Errorf("ended with %v, skips %v, coverage %+v", got.err, got.skips, got.cov)
				}
				for _, e := range got.events {
					if !strings.HasPrefix(e.Origin, "lookup://"+e.Account+"/"+e.Region) || e.Carrier.String() != "lookup" {
						t.Fatalf("event of %s in %s has origin %q and carrier %v", e.Account, e.Region, e.Origin, e.Carrier)
					}
				}
			})
		})
	}
}

// TestPaging checks that all requests of a window have the same parameters.
func TestPaging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := clockFrom(today())
		var mu sync.Mutex
		params := map[string]map[string]bool{}
		server := &cloudtrail.Server{Clock: now, Hook: func(c cloudtrail.Call) (f cloudtrail.Fault) {
			if c.Op != cloudtrail.LookupEvents {
				return f
			}
			mu.Lock()
			defer mu.Unlock()
			if params[c.Region] == nil {
				params[c.Region] = map[string]bool{}
			}
			params[c.Region][c.Params] = true
			switch {
			case c.N%4 == 2:
				f.Code = cloudtrail.Throttling
			case c.N == 7:
				f.Short = -1
			}
			return f
		}}
		addSignIns(server, ownAccount, "us-east-1", 400)
		addSignIns(server, ownAccount, "eu-north-1", 400)
		src := &lookup.Source{Accounts: []lookup.Account{{Config: serverConfig(server)}}, Now: now}
		if got := readAll(t.Context(), src, ingest.Window{Since: today().Add(-48 * time.Hour)}, nil); len(got.ids) != 800 {
			t.Errorf("%d sign-ins, want 800", len(got.ids))
		}
		want := fmt.Sprintf(`{"LookupAttributes":[{"AttributeKey":"EventName","AttributeValue":"ConsoleLogin"}],"StartTime":%d,"EndTime":%d,"MaxResults":50}`,
			today().Add(-48*time.Hour).Unix(), today().Unix())
		if diff := cmp.Diff(map[string]map[string]bool{"us-east-1": {want: true}, "eu-north-1": {want: true}}, params); diff != "" {
			t.Errorf("parameters (-want +got):\n%s", diff)
		}
	})
}

func TestRefusals(t *testing.T) {
	all := func(f cloudtrail.Fault) cloudtrail.Rule {
		return cloudtrail.Rule{Op: cloudtrail.LookupEvents, Region: "eu-north-1", Fault: f}
	}
	for _, c := range []struct {
		name  string
		rule  cloudtrail.Rule
		cause ingest.Cause
		says  string
		read  int // sign-ins
	}{
		{"denied", all(cloudtrail.Fault{Code: cloudtrail.AccessDenied}), ingest.CauseDenied, "cloudtrail:LookupEvents is needed: AccessDeniedException", 60},
		{"not enabled", all(cloudtrail.Fault{Code: cloudtrail.UnrecognizedClient}), ingest.CauseDenied, "may not be enabled", 60},
		{"never answers", cloudtrail.Rule{}, ingest.CauseTransport, "no page for 10m0s", 60},
		{"throttles for ever", all(cloudtrail.Fault{Code: cloudtrail.Throttling}), ingest.CauseThrottled, `no page for 10m0s, the last answer: ThrottlingException "Rate exceeded"`, 60},
		{"expired for good", all(cloudtrail.Fault{Code: cloudtrail.ExpiredToken}), ingest.CauseDenied, "the credentials have expired", 60},
		{"breaks after two pages", cloudtrail.Rule{Op: cloudtrail.LookupEvents, Region: "eu-north-1", From: 3, Fault: cloudtrail.Fault{Code: cloudtrail.InternalFailure}}, ingest.CauseTransport, "InternalFailure", 160},
		{"an unknown error", all(cloudtrail.Fault{Code: "TeapotException"}), ingest.CauseTransport, "TeapotException", 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := clockFrom(today())
				if c.rule.Op == "" {
					c.rule = all(cloudtrail.Fault{Gate: make(chan struct{})})
				}
				server := &cloudtrail.Server{Clock: now, Hook: cloudtrail.Rules(c.rule)}
				addSignIns(server, ownAccount, "us-east-1", 60)
				addSignIns(server, ownAccount, "eu-north-1", 160)
				src := &lookup.Source{Accounts: []lookup.Account{{Config: serverConfig(server)}}, Now: now, RegionTimeout: 10 * time.Minute}
				got := readAll(t.Context(), src, ingest.Window{}, nil)
				checkCoverage(t, got)
				if got.err != nil || len(got.ids) != c.read || got.cov.Partial {
					t.Errorf("%d sign-ins and %v, partial %v; want %d", len(got.ids), got.err, got.cov.Partial, c.read)
				}
				if len(got.skips) != 1 {
					t.Fatalf("skips %v, want one", got.skips)
				}
				if s := got.skips[0]; s.Cause != c.cause || s.Origin != "lookup://"+ownAccount+"/eu-north-1" || s.Record || !strings.Contains(s.Err.Error(), c.says) {
					t.Errorf("skip %+v, want cause %s and %q", s, c.cause, c.says)
				}
			})
		})
	}
}

func TestNothingUsable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := clockFrom(today())
		server := &cloudtrail.Server{Clock: now, Hook: cloudtrail.Rules(cloudtrail.Rule{Op: cloudtrail.LookupEvents, Fault: cloudtrail.Fault{Code: cloudtrail.AccessDenied}})}
		addSignIns(server, ownAccount, "us-east-1", 1)
		addSignIns(server, ownAccount, "us-west-2", 1)
		got := readAll(t.Context(), &lookup.Source{Accounts: []lookup.Account{{Config: serverConfig(server)}}, Now: now}, ingest.Window{}, nil)
		var refused *lookup.RefusedError
		var denied *answer.DeniedError
		if !errors.As(got.err, &refused) || refused.Refused != 2 || !errors.As(got.err, &denied) || denied.Action != "cloudtrail:LookupEvents" {
			t.Errorf("ended with %v, want a RefusedError about 2 Regions", got.err)
		}
	})
}

func TestOneAccountRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := clockFrom(today())
		server := &cloudtrail.Server{Clock: now, Hook: cloudtrail.Rules(
			cloudtrail.Rule{Op: cloudtrail.AssumeRole, Account: otherAccount, Fault: cloudtrail.Fault{Code: cloudtrail.AccessDenied}})}
		want := addSignIns(server, ownAccount, "us-east-1", 60)
		addSignIns(server, otherAccount, "us-east-1", 60)
		src := &lookup.Source{Accounts: []lookup.Account{accountWithRole(server, otherAccount), accountWithRole(server, ownAccount)}, Now: now}
		got := readAll(t.Context(), src, ingest.Window{}, nil)
		wantIDs(t, want, got.ids)
		checkCoverage(t, got)
		if got.err != nil || len(got.skips) != 1 || got.skips[0].Origin != "arn:aws:iam::"+otherAccount+":role/audit" || got.skips[0].Cause != ingest.CauseDenied {
			t.Errorf("ended with %v, skips %v; want one for the role", got.err, got.skips)
		}
	})
}

func TestWhichRegions(t *testing.T) {
	denied := cloudtrail.Rule{Op: cloudtrail.ListRegions, Fault: cloudtrail.Fault{Code: cloudtrail.AccessDenied}}
	twelve := []string{"af-south-1", "ap-south-1", "ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2"}
	for _, c := range []struct {
		name    string
		named   []string
		rules   []cloudtrail.Rule
		listed  int
		skipped int
		remark  string
	}{
		{name: "the enabled ones", listed: 12, remark: "12 Regions, all that are enabled: af-south-1, ap-south-1"},
		{name: "those named", named: []string{"us-west-2", "eu-north-1"}, listed: 2, remark: "2 Regions, as named: eu-north-1, us-west-2"},
		{name: "those of the table", rules: []cloudtrail.Rule{denied}, listed: 34, skipped: 22, remark: "account 111122223333: which Regions are enabled could not be asked (account:ListRegions: AccessDeniedException"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := clockFrom(today())
				server := &cloudtrail.Server{Clock: now, Regions: twelve, Hook: cloudtrail.Rules(c.rules...)}
				addSignIns(server, ownAccount, "eu-north-1", 1)
				got := readAll(t.Context(), &lookup.Source{Accounts: []lookup.Account{{Config: serverConfig(server)}}, Regions: c.named, Now: now}, ingest.Window{}, nil)
				checkCoverage(t, got)
				if got.err != nil || got.cov.Listed != c.listed || len(got.skips) != c.skipped || len(got.ids) != 1 {
					t.Errorf("listed %d, %d skips, %d sign-ins, ended with %v; want %d, %d and 1", got.cov.Listed, len(got.skips), len(got.ids), got.err, c.listed, c.skipped)
				}
				if !slices.ContainsFunc(got.cov.Remarks, func(r string) bool { return strings.Contains(r, c.remark) }) {
					t.Errorf("remarks %q, want %q among them", got.cov.Remarks, c.remark)
				}
			})
		})
	}
}

func TestWindow(t *testing.T) {
	day := 24 * time.Hour
	at := func(age time.Duration) time.Time { return today().Add(-age) }
	for _, c := range []struct {
		name       string
		w          ingest.Window
		clamp      bool
		since      time.Time
		start, end time.Time // as sent
		remark     string
		fails      string
	}{
		{name: "open", since: at(90 * day), start: at(90*day - 30*time.Second), end: today()},
		{name: "ninety days", w: ingest.Window{Since: at(90 * day)}, since: at(90 * day), start: at(90*day - 30*time.Second), end: today()},
		{name: "a week", w: ingest.Window{Since: at(9 * day), Until: at(2 * day)}, since: at(9 * day), start: at(9 * day), end: at(2*day + time.Second)},
		{name: "into the future", w: ingest.Window{Since: at(day), Until: at(-day)}, since: at(day), start: at(day), end: today()},
		{name: "too far", w: ingest.Window{Since: at(91 * day)}, fails: "LookupEvents reaches back 90 days, to 2025-12-20T12:00:00Z"},
		{name: "too far, cut", w: ingest.Window{Since: at(91 * day)}, clamp: true, since: at(90 * day), start: at(90*day - 30*time.Second), end: today(), remark: "asked from 2025-12-19T12:00:00Z"},
		{name: "wholly too far", w: ingest.Window{Since: at(99 * day), Until: at(91 * day)}, clamp: true, fails: "reaches back 90 days"},
		{name: "wholly in the future", w: ingest.Window{Since: at(-day)}, fails: "is in the future"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var params []string
			server := &cloudtrail.Server{Hook: func(c cloudtrail.Call) cloudtrail.Fault {
				if c.Op == cloudtrail.LookupEvents {
					params = append(params, c.Params)
				}
				return cloudtrail.Fault{}
			}}
			server.Add(ownAccount, "us-east-1", makeSignIn("newest", ownAccount, "us-east-1", today().Add(-time.Second)))
			src := &lookup.Source{Accounts: []lookup.Account{{Config: serverConfig(server)}}, Now: today, Clamp: c.clamp}
			bound, err := src.Bound(c.w)
			got := readAll(t.Context(), src, c.w, nil)
			if c.fails != "" {
				var window *lookup.WindowError
				if !errors.As(err, &window) || !strings.Contains(err.Error(), c.fails) || !errors.As(got.err, &window) || len(params) > 0 {
					t.Errorf("bound with %v, read with %v after %d requests; want %q and none", err, got.err, len(params), c.fails)
				}
				return
			}
			if err != nil || got.err != nil {
				t.Fatal(err, got.err)
			}
			if !bound.Since.Equal(c.since) || !bound.Until.Equal(c.w.Until) {
				t.Errorf("bound to %v to %v, want %v to %v", bound.Since, bound.Until, c.since, c.w.Until)
			}
			want := fmt.Sprintf(`"StartTime":%d,"EndTime":%d,`, c.start.Unix(), c.end.Unix())
			if len(params) != 1 || !strings.Contains(params[0], want) {
				t.Errorf("asked for %v, want %s", params, want)
			}
			if c.remark != "" && !strings.Contains(strings.Join(got.cov.Remarks, "\n"), c.remark) {
				t.Errorf("remarks %q, want %q", got.cov.Remarks, c.remark)
			}
		})
	}
}

func TestTimeRangeRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := clockFrom(today())
		server := &cloudtrail.Server{Clock: now, Hook: cloudtrail.Rules(cloudtrail.Rule{Op: cloudtrail.LookupEvents, Fault: cloudtrail.Fault{Code: cloudtrail.InvalidTimeRange}})}
		addSignIns(server, ownAccount, "us-east-1", 1)
		got := readAll(t.Context(), &lookup.Source{Accounts: []lookup.Account{{Config: serverConfig(server)}}, Now: now}, ingest.Window{Since: today().Add(-time.Hour)}, nil)
		var window *lookup.WindowError
		if !errors.As(got.err, &window) || window.Err == nil {
			t.Errorf("ended with %v, want a WindowError of LookupEvents", got.err)
		}
		checkCoverage(t, got)
	})
}

// TestEdgeMovesOn asks a Region late. The beginning of the window is not in the Event
// history any more by then.
func TestEdgeMovesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := clockFrom(today())
		server := &cloudtrail.Server{Clock: now, Hook: cloudtrail.Rules(
			cloudtrail.Rule{Op: cloudtrail.LookupEvents, Times: 20, Fault: cloudtrail.Fault{Code: cloudtrail.Unavailable}})}
		want := addSignIns(server, ownAccount, "us-east-1", 60)
		got := readAll(t.Context(), &lookup.Source{Accounts: []lookup.Account{{Config: serverConfig(server)}}, Now: now}, ingest.Window{}, nil)
		wantIDs(t, want, got.ids)
		if got.err != nil || !strings.Contains(strings.Join(got.cov.Remarks, "\n"), "had nothing older than") {
			t.Errorf("ended with %v, remarks %q", got.err, got.cov.Remarks)
		}
	})
}

func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := clockFrom(today())
		server := &cloudtrail.Server{Clock: now}
		server.Hook = func(c cloudtrail.Call) cloudtrail.Fault {
			if c.Op == cloudtrail.LookupEvents && c.Region == "us-east-1" && (c.N == 2 || c.N == 5) {
				server.Expire()
			}
			return cloudtrail.Fault{}
		}
		want := slices.Concat(addSignIns(server, ownAccount, "us-east-1", 300), addSignIns(server, ownAccount, "us-west-2", 300))
		got := readAll(t.Context(), &lookup.Source{Accounts: []lookup.Account{accountWithRole(server, ownAccount)}, Now: now}, ingest.Window{}, nil)
		wantIDs(t, want, got.ids)
		if n := server.Counts().Requests[cloudtrail.AssumeRole]; got.err != nil || len(got.skips) > 0 || n != 3 {
			t.Errorf("ended with %v, skips %v, the role assumed %d times; want 3", got.err, got.skips, n)
		}
	})
}

// TestOuterFields reads events whose record lacks what the fields of the event have.
func TestOuterFields(t *testing.T) {
	at := today().Add(-time.Hour)
	bare := cloudtrail.Event{ID: "outer-id", Name: "ConsoleLogin", Source: "signin.amazonaws.com", Username: "dana", Time: at,
		Record: `{"eventVersion":"1.08","awsRegion":"us-east-1","recipientAccountId":"111122223333"}`}
	empty, text := bare, bare
	empty.ID, empty.Record = "empty", ""
	text.ID, text.Record = "text", "not a record"
	foreign := bare
	foreign.ID, foreign.Source, foreign.Record = "foreign", "example.amazonaws.com", `{"eventName":"ConsoleLogin","eventSource":"example.amazonaws.com"}`
	server := &cloudtrail.Server{}
	server.Add(ownAccount, "us-east-1", bare, empty, text, foreign)
	got := readAll(t.Context(), &lookup.Source{Accounts: []lookup.Account{{Config: serverConfig(server)}}, Now: clockFrom(today())}, ingest.Window{}, nil)
	if got.err != nil || len(got.events) != 1 {
		t.Fatalf("%d events, ended with %v", len(got.events), got.err)
	}
	if e := got.events[0]; e.ID != "outer-id" || !e.Time.Equal(at) || e.Identity.UserName != "dana" || e.Account != ownAccount {
		t.Errorf("got %+v", e)
	}
	if len(got.skips) != 2 || got.skips[0].Cause != ingest.CauseRecord || !got.skips[0].Record {
		t.Errorf("skips %v, want the two events without a record", got.skips)
	}
}

// TestProgress compares the reported progress with what has happened.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := clockFrom(today())
		server := &cloudtrail.Server{Clock: now}
		addSignIns(server, ownAccount, "us-east-1", 1000)
		addSignIns(server, ownAccount, "eu-north-1", 120)
		var all []ingest.Progress
		src := &lookup.Source{Accounts: []lookup.Account{{Config: serverConfig(server)}}, Now: now, Progress: func(p ingest.Progress) { all = append(all, p) }}
		readAll(t.Context(), src, ingest.Window{}, nil)
		for i, p := range all {
			if p.Listed != 2 || !strings.HasPrefix(p.Text, fmt.Sprintf("%d of 2 Regions, %d sign-ins, ", p.Done, p.SignIns)) {
				t.Errorf("step %d: %+v", i, p)
			}
		}
		last := all[len(all)-1]
		if last.Done != 2 || last.SignIns != 1120 || len(all) != 23 {
			t.Errorf("%d steps, the last %+v", len(all), last)
		}
		halfway := all[len(all)/2].Text
		var done, signIns int
		var rate, quota float64
		if _, err := fmt.Sscanf(halfway, "%d of 2 Regions, %d sign-ins, %f of %f requests/s,", &done, &signIns, &rate, &quota); err != nil || rate < 1.5 || rate > 2*quota {
			t.Errorf("halfway: %q (%v)", halfway, err)
		}
	})
}

// slowTransport waits before it sends a request.
type slowTransport struct {
	next http.RoundTripper
	by   func(*http.Request) time.Duration
}

func (s slowTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	t := time.NewTimer(s.by(r))
	defer t.Stop()
	select {
	case <-t.C:
		return s.next.RoundTrip(r)
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
}

// TestPace compares the time that a Region takes with the time that the quota allows. The
// requests are slow, most of all the first ones, and none of them may be throttled.
func TestPace(t *testing.T) {
	for _, regions := range []int{1, 17} {
		t.Run(fmt.Sprint(regions), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				now := clockFrom(today())
				server := &cloudtrail.Server{Clock: now}
				var names []string
				for i := range regions {
					names = append(names, fmt.Sprintf("xx-test-%d", i+1))
					addSignIns(server, ownAccount, names[i], 1000)
				}
				cfg := serverConfig(server)
				n := 0
				var mu sync.Mutex
				cfg.HTTPClient = &http.Client{Transport: slowTransport{server, func(*http.Request) time.Duration {
					mu.Lock()
					defer mu.Unlock()
					n++
					if n <= 1+regions {
						return 150 * time.Millisecond
					}
					return time.Duration(n*7%60) * time.Millisecond
				}}}
				began := time.Now()
				got := readAll(t.Context(), &lookup.Source{Accounts: []lookup.Account{{Config: cfg}}, Regions: names, Now: now}, ingest.Window{}, nil)
				took, floor := time.Since(began), (20.0-cloudtrail.DefaultBurst)/cloudtrail.DefaultRate
				if len(got.ids) != 1000*regions || server.Counts().Throttled > 0 {
					t.Errorf("%d sign-ins, %d requests throttled", len(got.ids), server.Counts().Throttled)
				}
				if ratio := (took.Seconds() - 0.3) / floor; ratio > 1.05 { // the request for the account id and the one for the first page are not in the floor
					t.Errorf("took %v, %.3f times the %v s that the quota allows", took, ratio, floor)
				}
			})
		})
	}
}

// TestContention shares the quota with two clients that ask without a pause.
func TestContention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := clockFrom(today())
		server := &cloudtrail.Server{Clock: now}
		want := addSignIns(server, ownAccount, "us-east-1", 1000)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for i := range 2 {
			go func() {
				others := lookup.Source{Accounts: []lookup.Account{{Config: serverConfig(server)}}, Regions: []string{"us-east-1"}, Now: now, RegionTimeout: time.Hour}
				for ctx.Err() == nil {
					readAll(ctx, &others, ingest.Window{Since: today().Add(-time.Duration(2+i) * time.Hour)}, nil)
				}
			}()
		}
		got := readAll(t.Context(), &lookup.Source{Accounts: []lookup.Account{{Config: serverConfig(server)}}, Now: now}, ingest.Window{}, nil)
		wantIDs(t, want, got.ids)
		if got.err != nil || len(got.skips) > 0 {
			t.Errorf("ended with %v, skips %v", got.err, got.skips)
		}
		if server.Counts().Throttled == 0 {
			t.Error("no request was throttled, so the test has tested nothing")
		}
	})
}
