package detect_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/analyzer"
	"trailgate/analyzer/detect"
	"trailgate/analyzer/endpoint"
	"trailgate/analyzer/policy"
	"trailgate/ingest/signin"
)

const (
	testAccount = "111122223333"
	officeIP     = "192.0.2.1"
	homeIP       = "192.0.2.2"
	unknownIP    = "198.51.100.9"
)

// history is a stream of sign-ins in the making, one an hour unless told.
type trailBuilder struct {
	now    time.Time
	events []signin.Event
}

func newTrail() *trailBuilder {
	return &trailBuilder{now: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)}
}

func (h *trailBuilder) advance(d time.Duration) { h.now = h.now.Add(d) }

// at adds a success of an IAM user from the office, and hands it over to be
// changed.
func (h *trailBuilder) signIn(user, region string) *signin.Event {
	e := signin.Event{ID: fmt.Sprintf("%06d", len(h.events)), Time: h.now, Account: testAccount, Region: region, Host: region + ".signin.aws.amazon.com",
		Outcome: signin.Success, MFA: signin.MFAYes, SourceIP: officeIP,
		Identity: signin.Identity{Type: signin.TypeIAMUser, Account: testAccount, UserName: user}}
	if region == analyzer.Global {
		e.Region, e.Host = "us-east-1", "signin.aws.amazon.com"
	}
	h.events = append(h.events, e)
	h.advance(time.Hour)
	return &h.events[len(h.events)-1]
}

func (h *trailBuilder) signIns(n int, user, region string) {
	for range n {
		h.signIn(user, region)
	}
}

func failed(e *signin.Event) *signin.Event {
	e.Outcome, e.ErrorMessage, e.MFA = signin.Failure, "Failed authentication", signin.MFANo
	return e
}

func asIdentityCenter(e *signin.Event, home, session string) {
	role := "AWSReservedSSO_Admin_0123456789abcdef"
	e.MFA = signin.MFAUnknown
	e.Identity = signin.Identity{Type: signin.TypeAssumedRole, Account: testAccount, ARN: "arn:aws:sts::" + testAccount + ":assumed-role/" + role + "/" + session,
		IssuerARN: "arn:aws:iam::" + testAccount + ":role/aws-reserved/sso.amazonaws.com/" + home + "/" + role}
}

func asRoot(e *signin.Event) *signin.Event {
	e.Identity = signin.Identity{Type: signin.TypeRoot, Account: testAccount, ARN: "arn:aws:iam::" + testAccount + ":root"}
	return e
}

func detectAll(j *detect.Detector, events []signin.Event) []detect.Finding {
	for i := range events {
		j.Add(&events[i], analyzer.Classify(events[i]))
	}
	return j.Findings()
}

func summarize(all []detect.Finding) []string {
	out := []string{}
	for _, f := range all {
		out = append(out, fmt.Sprintf("%s %s %s x%d", f.Rule, f.Severity, f.Event.ID, f.Count))
	}
	return out
}

func parsePolicy(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("test.yaml", []byte("version: 1\n"+text), endpoint.Table{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRules(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy string
		make   func(h *trailBuilder)
		want   []string
	}{
		{"a user at the usual endpoint", "", func(h *trailBuilder) { h.signIns(30, "alice", "eu-west-1") }, nil},
		{"new endpoint", "", func(h *trailBuilder) {
			h.signIns(40, "bob", "us-west-2")
			h.signIns(40, "alice", "eu-west-1")
			h.signIn("alice", "us-west-2")
		}, []string{"endpoint.new medium 000080 x1"}},
		{"new endpoint, new address, no second factor", "", func(h *trailBuilder) {
			h.signIns(40, "bob", "us-west-2")
			h.signIns(40, "alice", "eu-west-1")
			h.advance(time.Hour)
			h.signIn("alice", "us-west-2").SourceIP = unknownIP
			h.events[80].MFA = signin.MFANo
		}, []string{"endpoint.new high 000080 x1", "mfa.absent medium 000080 x1"}},
		{"a failure there weighs less, and a success soon after more", "", func(h *trailBuilder) {
			h.signIns(40, "bob", "us-west-2")
			h.signIns(40, "alice", "eu-west-1")
			failed(h.signIn("alice", "us-west-2"))
			h.signIn("alice", "us-west-2")
		}, []string{"endpoint.new medium 000080 x2"}},
		{"somebody who moved is flagged once", "", func(h *trailBuilder) {
			h.signIns(60, "bob", "us-west-2")
			h.signIns(60, "alice", "eu-west-1")
			for range 60 {
				h.signIn("alice", "us-west-2")
				h.advance(23 * time.Hour)
			}
		}, []string{"endpoint.new medium 000120 x1"}},
		{"first in account", "", func(h *trailBuilder) {
			h.signIns(40, "alice", "eu-west-1")
			h.signIns(100, "bob", "us-west-2")
			h.signIn("alice", "af-south-1")
		}, []string{"endpoint.first-in-account medium 000140 x1"}},
		{"the three proxied Regions are the global endpoint to IAM users", "", func(h *trailBuilder) {
			h.signIns(40, "alice", analyzer.Global)
			h.signIns(120, "bob", "us-west-2")
			h.signIn("alice", "us-east-2")
			h.signIn("alice", "eu-north-1")
			h.signIn("alice", "ap-southeast-2")
		}, nil},
		{"but not to a role session", "", func(h *trailBuilder) {
			for range 40 {
				asIdentityCenter(h.signIn("", "eu-north-1"), "eu-north-1", "carol")
			}
			h.signIns(120, "bob", "us-west-2")
			asIdentityCenter(h.signIn("", "us-east-2"), "eu-north-1", "carol")
		}, []string{"endpoint.idc-home medium 000160 x1"}},
		{"an additional Region of Identity Center becomes ordinary", "detections: {endpoint.new: {enabled: false}, endpoint.first-in-account: {enabled: false}}", func(h *trailBuilder) {
			for i := range 9 {
				asIdentityCenter(h.signIn("", "us-west-2"), "eu-west-1", fmt.Sprint("person-", i))
			}
		}, []string{"endpoint.idc-home medium 000000 x1", "endpoint.idc-home medium 000001 x1", "endpoint.idc-home medium 000002 x1",
			"endpoint.idc-home medium 000003 x1", "endpoint.idc-home medium 000004 x1"}},
		{"or the policy says that it is one", `rules: [{allow: ["idc-home+[us-west-2]"]}]`, func(h *trailBuilder) {
			asIdentityCenter(h.signIn("", "us-west-2"), "eu-west-1", "carol")
		}, nil},
		{"or names the Region", `rules: [{allow: [idc-home, us-west-2]}]`, func(h *trailBuilder) { asIdentityCenter(h.signIn("", "us-west-2"), "eu-west-1", "carol") }, nil},
		{"or makes an exception", "rules: [{allow: [idc-home]}]\nexceptions: [{match: {session: carol}, allow: [us-west-2], until: 2026-12-31, reason: r}]", func(h *trailBuilder) {
			asIdentityCenter(h.signIn("", "us-west-2"), "eu-west-1", "carol")
		}, nil},
		{"but not by a glob", `rules: [{allow: ["*"]}]`, func(h *trailBuilder) { asIdentityCenter(h.signIn("", "us-west-2"), "eu-west-1", "carol") },
			[]string{"endpoint.idc-home medium 000000 x1"}},
		{"nor for another Region", `rules: [{allow: ["idc-home+[us-east-2]"]}]`, func(h *trailBuilder) { asIdentityCenter(h.signIn("", "us-west-2"), "eu-west-1", "carol") },
			[]string{"endpoint.policy high 000000 x1"}},
		{"a user named unknown is somebody", "", func(h *trailBuilder) {
			h.signIns(40, "bob", "us-west-2")
			h.signIns(40, "unknown", "eu-west-1")
			h.signIn("unknown", "us-west-2")
		}, []string{"endpoint.new medium 000080 x1"}},
		{"a session named unknown as well", `rules: [{match: {session: unknown}, allow: [us-east-2]}]`, func(h *trailBuilder) {
			asIdentityCenter(h.signIn("", "eu-west-1"), "eu-west-1", "unknown")
			e := h.signIn("", "eu-west-1")
			e.MFA = signin.MFAUnknown
			e.Identity = signin.Identity{Type: signin.TypeAssumedRole, Account: testAccount, ARN: "arn:aws:sts::" + testAccount + ":assumed-role/Dev/unknown"}
		}, []string{"endpoint.policy medium 000000 x1", "endpoint.policy medium 000001 x1"}},
		{"a high count is kept", "detections: {endpoint.first-in-account: {count: 1200}, endpoint.new: {enabled: false}}", func(h *trailBuilder) {
			h.signIns(1100, "bob", "us-west-2")
			h.signIn("alice", "eu-west-1")
		}, nil},
		{"a failure does not teach", "", func(h *trailBuilder) {
			h.signIns(40, "bob", "us-west-2")
			h.signIns(40, "alice", "eu-west-1")
			for range 3 {
				failed(h.signIn("alice", "us-west-2"))
			}
			h.advance(48 * time.Hour)
			h.signIn("alice", "us-west-2")
		}, []string{"endpoint.new low 000080 x3", "endpoint.new medium 000083 x1"}},
		{"somebody new borrows from the account", "", func(h *trailBuilder) {
			h.signIns(90, "bob", "us-west-2")
			h.signIns(30, "alice", "eu-west-1")
			h.signIn("dora", "eu-west-1")
			h.signIn("emil", "us-west-2")
		}, nil},
		{"hop", "detections: {endpoint.new: {enabled: false}}", func(h *trailBuilder) {
			h.signIns(20, "bob", "us-west-2")
			h.signIns(20, "alice", "eu-west-1")
			h.advance(-55 * time.Minute)
			h.signIn("alice", "us-west-2").SourceIP = unknownIP
		}, []string{"endpoint.hop medium 000040 x1"}},
		{"no hop from one address, nor after hours", "detections: {endpoint.new: {enabled: false}}", func(h *trailBuilder) {
			h.signIns(20, "bob", "us-west-2")
			h.signIns(20, "alice", "eu-west-1")
			h.advance(-55 * time.Minute)
			h.signIn("alice", "us-west-2")
			h.advance(5 * time.Hour)
			h.signIn("alice", "eu-west-1").SourceIP = homeIP
		}, nil},
		{"foreign host", "", func(h *trailBuilder) { h.signIn("alice", "eu-west-1").Host = "signin.example.com" }, []string{"endpoint.foreign-host high 000000 x1"}},
		{"host and Region disagree", "", func(h *trailBuilder) { h.signIn("alice", "eu-west-1").Region = "eu-west-2" }, []string{"endpoint.region-mismatch low 000000 x1"}},
		{"root", "", func(h *trailBuilder) { asRoot(h.signIn("", analyzer.Global)) }, []string{"root.signin medium 000000 x1"}},
		{"root through a Region", "", func(h *trailBuilder) { asRoot(h.signIn("", "eu-west-1")) }, []string{"root.regional high 000000 x1"}},
		{"no second factor", "", func(h *trailBuilder) { h.signIn("alice", "eu-west-1").MFA = signin.MFANo }, []string{"mfa.absent low 000000 x1"}},
		{"nobody asks federated principals, nor failures, for a second factor", "", func(h *trailBuilder) {
			asIdentityCenter(h.signIn("", "eu-west-1"), "eu-west-1", "carol")
			h.events[0].MFA = signin.MFANo
			failed(h.signIn("alice", "eu-west-1"))
		}, nil},
		{"brute force", "", func(h *trailBuilder) {
			for range 12 {
				failed(h.signIn("alice", "eu-west-1"))
				h.advance(-59 * time.Minute)
			}
		}, []string{"auth.bruteforce medium 000007 x5"}},
		{"brute force that got in", "", func(h *trailBuilder) {
			for range 8 {
				failed(h.signIn("alice", "eu-west-1"))
				h.advance(-59 * time.Minute)
			}
			h.signIn("alice", "eu-west-1")
		}, []string{"auth.bruteforce high 000007 x2"}},
		{"seven failures are a bad morning", "", func(h *trailBuilder) {
			for range 7 {
				failed(h.signIn("alice", "eu-west-1"))
				h.advance(-59 * time.Minute)
			}
			h.signIn("alice", "eu-west-1")
		}, nil},
		{"spray", "", func(h *trailBuilder) {
			for i := range 6 {
				failed(h.signIn(fmt.Sprint("user-", i), analyzer.Global)).SourceIP = unknownIP
				h.advance(-59 * time.Minute)
			}
		}, []string{"auth.spray medium 000004 x2"}},
		{"a spray that got in with the last of them", "", func(h *trailBuilder) {
			for i := range 5 {
				failed(h.signIn(fmt.Sprint("user-", i), analyzer.Global)).SourceIP = unknownIP
				h.advance(-59 * time.Minute)
			}
			h.signIn("user-4", analyzer.Global).SourceIP = unknownIP
		}, []string{"auth.spray high 000004 x2"}},
		{"a spray of one", "detections: {auth.spray: {count: 1}}", func(h *trailBuilder) {
			failed(h.signIn("alice", analyzer.Global)).SourceIP = unknownIP
		}, []string{"auth.spray medium 000000 x1"}},
		{"an office full of people who mistype", "", func(h *trailBuilder) {
			for i := range 9 {
				h.signIn(fmt.Sprint("user-", i), analyzer.Global)
			}
			for i := range 9 {
				failed(h.signIn(fmt.Sprint("user-", i), analyzer.Global))
				h.advance(-59 * time.Minute)
			}
		}, nil},
		{"names that do not exist", "", func(h *trailBuilder) {
			for range 7 {
				failed(h.signIn(signin.Hidden, analyzer.Global))
				h.advance(-59 * time.Minute)
			}
		}, []string{"auth.unknown-user low 000004 x3"}},
		{"denied by policy", "", func(h *trailBuilder) { failed(h.signIn("alice", "eu-west-1")).ErrorCode = "AccessDenied" }, []string{"auth.denied-by-policy medium 000000 x1"}},
		{"policy", "rules: [{name: west, match: {user: alice}, allow: [us-west-2], severity: critical}]", func(h *trailBuilder) { h.signIn("alice", "eu-west-1"); h.signIn("bob", "eu-west-1") },
			[]string{"endpoint.policy critical 000000 x1"}},
		{"an exception keeps habit silent as well", "rules: [{name: all, allow: [eu-west-1, us-west-2]}]\nexceptions: [{match: {user: alice}, allow: [af-south-1], until: 2027-01-01, reason: travelling}]",
			func(h *trailBuilder) {
				h.signIns(40, "alice", "eu-west-1")
				h.signIns(100, "bob", "us-west-2")
				h.signIn("alice", "af-south-1")
			}, nil},
		{"a detection regraded, retuned and switched off", "detections: {mfa.absent: {severity: critical}, auth.bruteforce: {count: 3}, endpoint.region-mismatch: {enabled: false}}", func(h *trailBuilder) {
			h.signIn("alice", "eu-west-1").MFA = signin.MFANo
			h.signIn("bob", "eu-west-1").Region = "eu-west-2"
			for range 3 {
				failed(h.signIn("bob", "eu-west-1"))
				h.advance(-59 * time.Minute)
			}
		}, []string{"mfa.absent critical 000000 x1", "auth.bruteforce medium 000004 x1"}},
		{"unknown scope is nobody's fault", "rules: [{name: west, allow: [us-west-2]}]", func(h *trailBuilder) { h.signIn("alice", "us-east-1").Host = "" }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newTrail()
			c.make(h)
			j := &detect.Detector{}
			if c.policy != "" {
				j.Policy = parsePolicy(t, c.policy)
			}
			found := detectAll(j, h.events)
			if diff := cmp.Diff(append([]string{}, c.want...), summarize(found)); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
				for _, f := range found {
					t.Log(f.Rule, f.Reason)
				}
			}
		})
	}
}

// noise is a seeded stream in which every rule has something to say.
func randomSignIns(seed uint64, n int) []signin.Event {
	r := rand.New(rand.NewPCG(seed, 1))
	h := newTrail()
	regions := [...]string{analyzer.Global, "us-east-2", "eu-west-1", "eu-west-1", "us-west-2", "us-east-1"}
	for range n {
		who := r.IntN(12)
		e := h.signIn(fmt.Sprint("user-", who), regions[(who+r.IntN(8)/7)%len(regions)])
		e.SourceIP = fmt.Sprint("192.0.2.", who+r.IntN(10)/9*100)
		switch p := r.IntN(100); {
		case p < 12:
			failed(e)
		case p < 16:
			failed(e).Identity.UserName = signin.Hidden
			e.SourceIP = unknownIP
		case p < 18:
			asRoot(e)
		case p < 22:
			e.MFA = signin.MFANo
		case p < 24:
			e.Host = "signin.example.com"
		case p < 30:
			asIdentityCenter(e, "eu-west-1", fmt.Sprint("person-", r.IntN(4)))
		case p < 31:
			failed(e).ErrorCode = "AccessDenied"
		case p < 33:
			e.Host = ""
		}
		h.advance(time.Duration(r.IntN(100)-58) * time.Minute)
		if r.IntN(200) == 0 {
			h.advance(20 * 24 * time.Hour)
		}
	}
	slices.SortFunc(h.events, func(a, b signin.Event) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return h.events
}

// TestBatchesChangeNothing judges a stream at once, and in many runs with the
// baseline saved and loaded between them.
func TestBatchesChangeNothing(t *testing.T) {
	for seed := range uint64(4) {
		events := randomSignIns(seed, 1500)
		whole := &detect.Detector{}
		want := detectAll(whole, events)
		if len(want) < 30 {
			t.Fatalf("only %d findings to compare", len(want))
		}
		r := rand.New(rand.NewPCG(seed, 2))
		var saved []byte
		byID := map[string]detect.Finding{}
		for rest := events; len(rest) > 0; {
			n := min(1+r.IntN(200), len(rest))
			j := &detect.Detector{}
			if saved != nil {
				var err error
				if j.Baseline, err = detect.ParseBaseline(saved); err != nil {
					t.Fatal(err)
				}
			}
			for _, f := range detectAll(j, rest[:n]) {
				byID[f.ID] = f
			}
			if j.Late() != 0 {
				t.Fatalf("%d sign-ins came late", j.Late())
			}
			var err error
			if saved, err = json.Marshal(j.Baseline); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		var got []detect.Finding
		for _, f := range want {
			got = append(got, byID[f.ID])
			delete(byID, f.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: at once -, in runs +\n%s", seed, diff)
		}
		if len(byID) > 0 {
			t.Fatalf("seed %d: %d findings of the runs are not among those of one run", seed, len(byID))
		}
		once, err := json.Marshal(whole.Baseline)
		if err != nil {
			t.Fatal(err)
		}
		if string(once) != string(saved) {
			t.Fatalf("seed %d: the saved states differ", seed)
		}
	}
}

// TestMoreHistoryMoreSurprise: the more somebody is seen at the usual
// endpoint, the more another one surprises.
func TestMoreHistoryMoreSurprise(t *testing.T) {
	tell := parsePolicy(t, "detections: {endpoint.new: {threshold: 0.000001, count: 1}, endpoint.first-in-account: {enabled: false}}")
	for seed := range uint64(2) {
		others := randomSignIns(seed, 200)
		last := 0.0
		for n := 1; n < 40; n++ {
			h := newTrail()
			h.events = slices.Clone(others)
			h.now = others[len(others)-1].Time
			h.advance(time.Hour)
			begin := h.now
			for i := range n {
				h.now = begin.Add(time.Duration(i) * 24 * time.Hour)
				h.signIn("alice", "eu-west-1")
			}
			h.now = begin.Add(70 * 24 * time.Hour)
			id := h.signIn("alice", "us-west-2").ID
			for _, f := range detectAll(&detect.Detector{Policy: tell}, h.events) {
				if f.Event.ID != id || f.Surprise == nil {
					continue
				}
				if *f.Surprise < last-1e-9 {
					t.Fatalf("seed %d: %d sign-ins: %.6f bits, fewer %.6f", seed, n, *f.Surprise, last)
				}
				last = *f.Surprise
			}
		}
		if last < 6 {
			t.Fatalf("seed %d: %.1f bits at the end", seed, last)
		}
	}
}

func TestLearnUntil(t *testing.T) {
	h := newTrail()
	h.signIns(3, "alice", "eu-west-1")
	h.events[1].MFA = signin.MFANo
	h.events[2].MFA = signin.MFANo
	j := &detect.Detector{LearnUntil: h.events[2].Time}
	if diff := cmp.Diff([]string{"mfa.absent medium 000002 x1"}, summarize(detectAll(j, h.events))); diff != "" {
		t.Error(diff)
	}
	if j.Judged() != 1 {
		t.Errorf("%d judged", j.Judged())
	}
}

// TestHiddenNames: who cannot be named is not judged, and nothing is learned
// of them.
func TestHiddenNames(t *testing.T) {
	h := newTrail()
	for range 4 {
		failed(h.signIn(signin.Hidden, "eu-west-1"))
		h.advance(3 * time.Hour)
	}
	h.signIn("alice", "us-east-1").Host = ""
	j := &detect.Detector{Policy: parsePolicy(t, "rules: [{name: none, allow: [us-west-2]}]")}
	if found := detectAll(j, h.events); len(found) != 0 {
		t.Errorf("found %v", summarize(found))
	}
	if j.NotJudged() != 5 || j.Baseline.Principals() != 1 {
		t.Errorf("%d not judged, %d principals", j.NotJudged(), j.Baseline.Principals())
	}
}

// TestAgain: a run over sign-ins that the baseline already knows repeats what
// needs no history, under the same ids, and learns nothing twice.
func TestAgain(t *testing.T) {
	h := newTrail()
	h.signIns(40, "alice", "eu-west-1")
	h.signIns(100, "bob", "us-west-2")
	h.signIn("alice", "us-west-2")
	asRoot(h.signIn("", analyzer.Global))
	first := &detect.Detector{}
	found := detectAll(first, h.events)
	before, err := json.Marshal(first.Baseline)
	if err != nil {
		t.Fatal(err)
	}
	again := &detect.Detector{Baseline: first.Baseline}
	if diff := cmp.Diff(summarize(found[len(found)-1:]), summarize(detectAll(again, h.events))); diff != "" {
		t.Error(diff)
	}
	if again.Late() != len(h.events) {
		t.Errorf("%d late", again.Late())
	}
	after, err := json.Marshal(first.Baseline)
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) {
		t.Error("something was learned twice")
	}
}

// TestReadTwice: a run over sign-ins of which the baseline knows the first ones
// finds nothing that one run over all of them does not find.
func TestReadTwice(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(h *trailBuilder)
		from int // the first sign-in that is read again
		many int // sign-ins of the first run
	}{
		{"a burst that goes on", func(h *trailBuilder) {
			for range 3 {
				asRoot(h.signIn("", analyzer.Global))
				h.advance(9 * time.Hour)
			}
		}, 1, 2},
		{"its first sign-in", func(h *trailBuilder) {
			for range 3 {
				asRoot(h.signIn("", analyzer.Global))
				h.advance(9 * time.Hour)
			}
		}, 0, 2},
		{"a second factor left off", func(h *trailBuilder) {
			h.signIn("alice", "eu-west-1")
			for range 3 {
				h.signIn("alice", "eu-west-1").MFA = signin.MFANo
			}
		}, 2, 3},
		{"a rule of habit", func(h *trailBuilder) {
			h.signIns(40, "bob", "us-west-2")
			h.signIns(40, "alice", "eu-west-1")
			for range 3 {
				h.signIn("alice", "us-west-2").Host = "us-west-2.signin.aws.amazon.com.example"
			}
		}, 81, 82},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newTrail()
			c.make(h)
			want := detectAll(&detect.Detector{}, h.events)
			first := &detect.Detector{}
			detectAll(first, h.events[:c.many])
			saved, err := json.Marshal(first.Baseline)
			if err != nil {
				t.Fatal(err)
			}
			b, err := detect.ParseBaseline(saved)
			if err != nil {
				t.Fatal(err)
			}
			got := detectAll(&detect.Detector{Baseline: b}, h.events[c.from:])
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("at once -, read twice +\n%s", diff)
			}
		})
	}
}

func TestReasons(t *testing.T) {
	h := newTrail()
	h.signIn("bob", "us-west-2")
	h.signIns(142, "alice", "eu-west-1")
	h.signIns(99, "bob", "us-west-2")
	h.signIn("alice", "us-west-2").SourceIP = unknownIP
	h.events[242].MFA = signin.MFANo
	found := detectAll(&detect.Detector{}, h.events)
	if len(found) == 0 {
		t.Fatal("nothing found")
	}
	f := found[0]
	for _, want := range []string{"first sign-in at us-west-2 in 143", " % of account 111122223333's", "bits of surprise (threshold 6)",
		`address "198.51.100.9" is new`, "no second factor", "hence high instead of medium"} {
		if !strings.Contains(f.Reason, want) {
			t.Errorf("%q lacks %q", f.Reason, want)
		}
	}
	if diff := cmp.Diff([]string{"eu-west-1"}, f.Expected); diff != "" || f.Observed != "us-west-2" || f.Surprise == nil {
		t.Errorf("expected %v, observed %q, surprise %v", f.Expected, f.Observed, f.Surprise)
	}
}

// TestNumbersInReasons: what a finding counts, it counts alike in all of its
// columns, and says no more than the baseline knows.
func TestNumbersInReasons(t *testing.T) {
	failuresOf := func(h *trailBuilder, n int) time.Time {
		for range n {
			failed(h.signIn("alice", "eu-west-1"))
			h.advance(-59 * time.Minute)
		}
		return h.events[n-1].Time
	}
	for _, c := range []struct {
		name, policy  string
		make          func(h *trailBuilder) (learnUntil time.Time)
		observed      string
		reason, lacks string
	}{
		{"the first that is flagged is the eleventh", "", func(h *trailBuilder) time.Time { return failuresOf(h, 11) }, "11 failures", "11 failures within 60 minutes", "10"},
		{"one failure", "detections: {auth.bruteforce: {count: 1}}", func(h *trailBuilder) time.Time { failuresOf(h, 1); return time.Time{} }, "1 failure", "1 failure within 60 minutes", "failures"},
		{"a spray that got in", "detections: {auth.spray: {count: 2}}", func(h *trailBuilder) time.Time {
			for _, who := range []string{"alice", "bob"} {
				failed(h.signIn(who, analyzer.Global)).SourceIP = unknownIP
				h.advance(-59 * time.Minute)
			}
			h.signIn("bob", analyzer.Global).SourceIP = unknownIP
			return h.events[2].Time
		}, "2 principals", `a success from "198.51.100.9", where 2 principals failed within 60 minutes`, "others"},
		{"a window of 150 minutes", "detections: {auth.bruteforce: {window: 150m}}", func(h *trailBuilder) time.Time { failuresOf(h, 8); return time.Time{} }, "8 failures", "8 failures within 2 h 30 min", "hours"},
		{"a window that is none of whole minutes", "detections: {auth.bruteforce: {window: 2h59m59s}}", func(h *trailBuilder) time.Time { failuresOf(h, 8); return time.Time{} }, "8 failures", "8 failures within 3 hours", ""},
		{"a window of seconds", "detections: {auth.bruteforce: {window: 90s, count: 1}}", func(h *trailBuilder) time.Time { failuresOf(h, 1); return time.Time{} }, "1 failure", "1 failure within 90 seconds", ""},
		{"root, nobody knows how", "", func(h *trailBuilder) time.Time {
			asRoot(h.signIn("", analyzer.Global)).Outcome = signin.OutcomeUnknown
			return time.Time{}
		},
			"global", "tried to sign in with an unknown outcome from", "failed"},
		{"sign-ins at an endpoint that is not known, then one that is", "", func(h *trailBuilder) time.Time {
			h.signIn("bob", "eu-west-1")
			h.signIns(180, "bob", "us-west-2")
			for range 30 {
				h.signIn("alice", "us-east-1").Host = ""
			}
			h.signIn("alice", "eu-west-1")
			return h.events[211].Time
		}, "eu-west-1", "first sign-in of this principal whose endpoint is known came through eu-west-1", "this principal came"},
		{"the same among others", "detections: {endpoint.new: {threshold: 3}}", func(h *trailBuilder) time.Time {
			h.signIns(20, "bob", "us-west-2")
			for range 30 {
				h.signIn("alice", "us-east-1").Host = ""
			}
			h.signIns(4, "alice", "eu-west-1")
			h.advance(3 * time.Hour)
			h.signIn("alice", "us-west-2")
			return h.events[54].Time
		}, "us-west-2", "first sign-in at us-west-2 in 5 whose endpoint is known", ""},
		{"the account's share counts what the counts count", "", func(h *trailBuilder) time.Time {
			h.signIns(60, "bob", "us-west-2")
			h.advance(540 * 24 * time.Hour)
			h.signIns(60, "alice", "eu-west-1")
			h.signIn("alice", "us-west-2")
			return h.events[120].Time
		}, "us-west-2", "50 % of account", ""},
		{"more addresses than are remembered", "", func(h *trailBuilder) time.Time {
			h.signIns(20, "bob", "us-west-2")
			for i := range 40 {
				h.signIn("alice", "eu-west-1").SourceIP = fmt.Sprint("192.0.2.", 100+i%20)
			}
			h.signIn("alice", "us-west-2").SourceIP = "192.0.2.100"
			return time.Time{}
		}, "us-west-2", "first sign-in at us-west-2 in 41", "is new for"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newTrail()
			j := &detect.Detector{LearnUntil: c.make(h)}
			if c.policy != "" {
				j.Policy = parsePolicy(t, c.policy)
			}
			found := detectAll(j, h.events)
			if len(found) != 1 {
				t.Fatalf("found %v", summarize(found))
			}
			f := found[0]
			if f.Observed != c.observed || !strings.Contains(f.Reason, c.reason) || c.lacks != "" && strings.Contains(f.Reason, c.lacks) {
				t.Errorf("observed %q, reason %q", f.Observed, f.Reason)
			}
		})
	}
}

func TestExplainJudgement(t *testing.T) {
	h := newTrail()
	h.signIns(10, "alice", "eu-west-1")
	j := &detect.Detector{Policy: parsePolicy(t, "rules: [{name: west, match: {user: alice}, allow: [us-west-2]}]")}
	detectAll(j, h.events)
	e := *h.signIn("alice", "eu-west-1")
	text := strings.Join(j.Explain(&e, analyzer.Classify(e)), "\n")
	for _, want := range []string{`does not allow it: rule "west" (line 2) allows us-west-2`, "knows 10 sign-ins of this principal, 10 of them at this endpoint", "Rule endpoint.policy (medium)"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
}
