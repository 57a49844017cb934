package detect_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/analyzer"
	"trailgate/analyzer/detect"
	"trailgate/analyzer/policy"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/signin"
)

const (
	testAccount = "111122223333"
	officeIP    = "192.0.2.1"
	homeIP      = "192.0.2.2"
	unknownIP   = "198.51.100.9"
)

// trailBuilder makes a stream of sign-ins. Each sign-in comes an hour after the
// one before it. Call advance to change that.
type trailBuilder struct {
	now    time.Time
	events []signin.Event
}

func newTrail() *trailBuilder {
	return &trailBuilder{now: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)}
}

func (h *trailBuilder) advance(d time.Duration) { h.now = h.now.Add(d) }

// signIn adds a successful sign-in of an IAM user from the office. It returns the
// event, so that the test can change it.
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

// signIns adds n sign-ins of one user.
func (h *trailBuilder) signIns(n int, user, region string) {
	for range n {
		h.signIn(user, region)
	}
}

// failed turns a sign-in into a failed one.
func failed(e *signin.Event) *signin.Event {
	e.Outcome, e.ErrorMessage, e.MFA = signin.Failure, "Failed authentication", signin.MFANo
	return e
}

// asIdentityCenter turns a sign-in into one of an Identity Center role.
func asIdentityCenter(e *signin.Event, home, session string) {
	role := "AWSReservedSSO_Admin_0123456789abcdef"
	e.MFA = signin.MFAUnknown
	e.Identity = signin.Identity{Type: signin.TypeAssumedRole, Account: testAccount, ARN: "arn:aws:sts::" + testAccount + ":assumed-role/" + role + "/" + session,
		IssuerARN: "arn:aws:iam::" + testAccount + ":role/aws-reserved/sso.amazonaws.com/" + home + "/" + role}
}

// asRoot turns a sign-in into one of the root user.
func asRoot(e *signin.Event) *signin.Event {
	e.Identity = signin.Identity{Type: signin.TypeRoot, Account: testAccount, ARN: "arn:aws:iam::" + testAccount + ":root"}
	return e
}

// detectAll adds all sign-ins and returns the findings.
func detectAll(d *detect.Detector, events []signin.Event) []detect.Finding {
	for i := range events {
		d.Add(&events[i], analyzer.Classify(events[i]))
	}
	return d.Findings()
}

// summarize writes each finding in one line: rule, severity, event id, and the
// number of sign-ins in the burst.
func summarize(all []detect.Finding) []string {
	out := []string{}
	for _, f := range all {
		out = append(out, fmt.Sprintf("%s %s %s x%d", f.Rule, f.Severity, f.Event.ID, f.Count))
	}
	return out
}

// ruleCase says what a Detector finds in a trail. Want has the findings as summarize
// writes them.
type ruleCase struct {
	name   string
	policy string // see parsePolicy
	make   func(h *trailBuilder)
	want   []string
}

// check makes the trail and compares what is found with what the case wants.
func (c ruleCase) check(t *testing.T) {
	h := newTrail()
	c.make(h)
	found := detectAll(&detect.Detector{Policy: parsePolicy(t, c.policy)}, h.events)
	if diff := cmp.Diff(append([]string{}, c.want...), summarize(found)); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
		for _, f := range found {
			t.Log(f.Rule, f.Reason)
		}
	}
}

// parsePolicy parses a policy without its first line, the version. An empty text gives
// no policy, which is nil.
func parsePolicy(t testing.TB, text string) *policy.Policy {
	t.Helper()
	if text == "" {
		return nil
	}
	p, err := policy.Parse("test.yaml", []byte("version: 1\n"+text), region.Table{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// randomSignIns makes a stream in which every rule finds something. The same seed
// gives the same stream.
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
