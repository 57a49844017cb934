package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/analyzer"
	"trailgate/analyzer/internal/samples"
	"trailgate/analyzer/policy"
	"trailgate/analyzer/rule"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/signin"
)

// mustParse reads a policy that must be right. It puts the version in front.
func mustParse(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("policy.yaml", []byte("version: 1\n"+text), region.Table{})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p
}

func decideOn(p *policy.Policy, e signin.Event) policy.Decision {
	return p.Decide(&e, analyzer.Classify(e))
}

const sample = `
rules:
  - name: identity-center
    match: {identity: AssumedRole, role: "AWSReservedSSO_*"}
    allow: [idc-home]
    severity: high
  - name: sydney
    match: {user: "/apac/*"}
    signin_url: https://example.signin.aws.amazon.com/console?region=ap-southeast-1
  - name: break-glass
    match: {account: ["111122223333"], user: "break-glass-*"}
    allow: [global]
    strict: true
    severity: critical
  - name: handed-out
    match: {user: handed}
    signin_url: https://example.signin.aws.amazon.com/console
    strict: true
  - name: replicated
    match: {session: mobile}
    allow: ["idc-home+[eu-west-1]", us-west-2]
  - {name: nobody, match: {identity: Root}, allow: []}
defaults: {allow: [us-east-1, "eu-*"], severity: low}
exceptions:
  - {match: {user: alice}, allow: [ap-south-1], until: 2025-03-04, reason: travelling}
  - {match: {user: bob}, allow: ["*"], until: 2025-03-03, reason: was away}
`

func TestJudge(t *testing.T) {
	p := mustParse(t, sample)
	line := func(rule string, n int, s rule.Severity, allowed bool, expected ...string) policy.Decision {
		return policy.Decision{Rule: rule, Line: n, Judged: true, Allowed: allowed, Severity: s, Expected: expected}
	}
	not := func(d policy.Decision, why string) policy.Decision {
		d.Judged, d.Allowed, d.Expected, d.Why = false, false, nil, why
		return d
	}
	const low, high, critical = rule.Low, rule.High, rule.Critical
	const us, sydney, europe = "us-west-2", "ap-southeast-2", "eu-*"
	bare := samples.IdentityCenterRole("")
	bare.IssuerARN = ""
	mobile := samples.IdentityCenterRole("us-west-2/")
	mobile.ARN = strings.Replace(mobile.ARN, "/carol", "/mobile", 1)
	hidden := samples.Event(signin.Identity{Type: "IAMUser", Account: "111122223333", UserName: signin.Hidden}, "us-east-1", samples.UnprefixedHost)
	travels := line("defaults", 24, low, true, "us-east-1", europe)
	travels.Exception = "travelling (line 26)"
	late := line("defaults", 24, low, false, "us-east-1", europe)
	late.Expired = "was away (line 27)"
	const dependent = "the decision depends on the home Region of Identity Center or on the path of the user, which the record does not show"
	for _, c := range []struct {
		name  string
		event signin.Event
		want  policy.Decision
	}{
		{"identity center at home", samples.Event(samples.IdentityCenterRole("us-west-2/"), us, us+"."+samples.UnprefixedHost), line("identity-center", 4, high, true, us)},
		{"identity center elsewhere", samples.Event(samples.IdentityCenterRole("us-west-2/"), "eu-west-1", ""), line("identity-center", 4, high, false, us)},
		{"identity center at the global host", samples.Event(samples.IdentityCenterRole("us-west-2/"), "us-east-1", samples.UnprefixedHost), line("identity-center", 4, high, false, us)},
		{"a path without Region is us-east-1", samples.Event(samples.IdentityCenterRole(""), "us-east-1", "us-east-1."+samples.UnprefixedHost), line("identity-center", 4, high, true, "us-east-1")},
		{"no path, no home", samples.Event(bare, us, ""), not(line("identity-center", 4, high, false), dependent)},
		{"no path, at the global host", samples.Event(bare, "us-east-1", samples.UnprefixedHost), line("identity-center", 4, high, false, "idc-home")},
		{"no path of China", samples.Event(samples.InPartition(samples.IdentityCenterRole(""), "aws-cn"), "cn-north-1", ""), not(line("identity-center", 4, high, false), dependent)},
		{"by the region of a URL", samples.UserAt("/apac/alice", "ap-southeast-1"), line("sydney", 8, low, true, "ap-southeast-1")},
		{"the URL of another user", samples.UserAt("/apac/carl", us), line("sydney", 8, low, false, "ap-southeast-1")},
		{"strict at the global host", samples.Event(samples.NamedUser("break-glass-1"), "us-east-1", samples.UnprefixedHost), line("break-glass", 11, critical, true, "global")},
		{"strict where it may be proxied", samples.Event(samples.NamedUser("break-glass-1"), sydney, ""), line("break-glass", 11, critical, false, "global")},
		{"a URL for which AWS chooses", samples.Event(samples.NamedUser("handed"), sydney, ""), line("handed-out", 16, low, true, "global", sydney, "eu-north-1", "us-east-2")},
		{"AWS does not choose among all Regions", samples.Event(samples.NamedUser("handed"), us, ""), line("handed-out", 16, low, false, "global", sydney, "eu-north-1", "us-east-2")},
		{"root, who may use nothing", samples.Event(samples.Root(), "us-east-1", samples.UnprefixedHost), line("nobody", 23, low, false)},
		{"defaults", samples.UserAt("/carl", "eu-west-3"), line("defaults", 24, low, true, "us-east-1", europe)},
		{"defaults, not allowed", samples.UserAt("/carl", us), line("defaults", 24, low, false, "us-east-1", europe)},
		{"eu-north-1 counts as global for a user", samples.Event(samples.User(), "us-east-1", samples.UnprefixedHost), line("defaults", 24, low, true, "us-east-1", europe)},
		{"eu-north-1 does not count as global for a role", samples.Event(samples.Role(), "us-east-1", samples.UnprefixedHost), line("defaults", 24, low, false, "us-east-1", europe)},
		{"the last day of an exception counts", samples.UserAt("/alice", "ap-south-1"), travels},
		{"an exception does not allow all", samples.UserAt("/alice", "ap-south-2"), line("defaults", 24, low, false, "us-east-1", europe)},
		{"an exception that has expired", samples.UserAt("/bob", "ap-south-2"), late},
		{"unknown endpoint", samples.Event(samples.User(), "us-east-1", ""), not(line("defaults", 24, low, false), "the endpoint is not known")},
		{"hidden name", hidden, not(line("defaults", 24, low, false), "the record does not name a person")},
		{"replicas of identity center", samples.Event(mobile, "eu-west-1", ""), line("identity-center", 4, high, false, us)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, decideOn(p, c.event), equateEmpty()); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func equateEmpty() cmp.Option {
	return cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })
}

func TestJudgeOne(t *testing.T) {
	replicated := samples.IdentityCenterRole("us-west-2/")
	const unknownPath = `rule "apac" may apply, but the record has no ARN, so the path is not known`
	apac := "rules:\n  - {name: apac, match: {user: \"/apac/*\"}, allow: [ap-south-1]}\n"
	europe := "defaults: {allow: [eu-west-1]}\n"
	for _, c := range []struct {
		name, policy string
		event        signin.Event
		judged, ok   bool
		why          string
	}{
		{"no rule matches", "rules: []", samples.Event(samples.User(), "eu-west-1", ""), false, false, "no rule of the policy matches this person"},
		{"defaults with only a severity do not decide", "defaults: {severity: high}", samples.Event(samples.User(), "eu-west-1", ""), false, false, "no rule of the policy matches this person"},
		{"replica", `defaults: {allow: ["idc-home+[eu-west-1, eu-west-2]"]}`, samples.Event(replicated, "eu-west-2", ""), true, true, ""},
		{"home in addition to replicas", `defaults: {allow: ["idc-home+[eu-west-1]"]}`, samples.Event(replicated, "us-west-2", ""), true, true, ""},
		{"neither home nor replica", `defaults: {allow: ["idc-home+[eu-west-1]"]}`, samples.Event(replicated, "eu-west-3", ""), true, false, ""},
		{"replicas are for identity center alone", `defaults: {allow: ["idc-home+[eu-west-1]"]}`, samples.Event(samples.Role(), "eu-west-1", ""), true, false, ""},
		{"home and a Region", "defaults: {allow: [idc-home, eu-west-1]}", samples.Event(samples.Role(), "eu-west-1", ""), true, true, ""},
		{"proxied from one to another", "defaults: {allow: [us-east-2]}", samples.UserAt("/x", "eu-north-1"), true, true, ""},
		{"proxied from one to global", "defaults: {allow: [us-east-2]}", samples.Event(samples.User(), "us-east-1", samples.UnprefixedHost), true, true, ""},
		{"not proxied to the default Region's own host", "defaults: {allow: [global]}", samples.UserAt("/x", "us-east-1"), true, false, ""},
		{"strict defaults", "defaults: {allow: [us-east-2], strict: true}", samples.UserAt("/x", "eu-north-1"), true, false, ""},
		{"failed sign-in that may match the path", apac + europe, samples.FailedWithoutARN(samples.UserAt("/apac/x", "ap-south-1")), false, false, unknownPath},
		{"failed sign-in allowed either way", apac + "defaults: {allow: [ap-south-1]}", samples.FailedWithoutARN(samples.UserAt("/apac/x", "ap-south-1")), true, true, ""},
		{"failed sign-in allowed neither way", apac + europe, samples.FailedWithoutARN(samples.UserAt("/apac/x", "us-west-2")), true, false, ""},
		{"failed sign-in whose name cannot match the path", "rules:\n  - {name: apac, match: {user: /apac/mary}, allow: [ap-south-1]}\n" + europe,
			samples.FailedWithoutARN(samples.UserAt("/x", "eu-west-1")), true, true, ""},
		{"exception by a path that is not recorded", europe + `exceptions: [{match: {user: "/apac/*"}, allow: [ap-south-1], until: 2030-01-01, reason: r}]`,
			samples.FailedWithoutARN(samples.UserAt("/apac/x", "ap-south-1")), false, false, "the decision depends on the home Region of Identity Center or on the path of the user, which the record does not show"},
		{"by ARN", "rules: [{match: {user: \"arn:aws:iam::*:user/apac/*\"}, allow: [ap-south-1]}]", samples.UserAt("/apac/x", "ap-south-1"), true, true, ""},
		{"by role path", "rules: [{match: {role: aws-reserved/sso.amazonaws.com/*}, allow: [ap-south-1]}]", samples.Event(samples.IdentityCenterRole("us-west-2/"), "ap-south-1", ""), true, true, ""},
		{"by outcome", "rules: [{match: {outcome: Failure}, allow: [ap-south-1]}]", samples.UserAt("/x", "ap-south-1"), false, false, "no rule of the policy matches this person"},
		{"identity in any letter case", "rules: [{match: {identity: iamuser}, allow: [ap-south-1]}]", samples.UserAt("/x", "ap-south-1"), true, true, ""},
		{"names in their own letter case", "rules: [{match: {user: X}, allow: [ap-south-1]}]", samples.UserAt("/x", "ap-south-1"), false, false, "no rule of the policy matches this person"},
		{"account with leading zeros", "rules: [{match: {account: 012345678901}, allow: [ap-south-1]}]", inAccount012(samples.UserAt("/x", "ap-south-1")), true, true, ""},
		{"one character", "rules: [{match: {session: \"b?b\"}, allow: [ap-south-1]}]", samples.Event(samples.Role(), "ap-south-1", ""), true, true, ""},
		{"a star matches all endpoints", `defaults: {allow: "*"}`, samples.Event(samples.Role(), "us-east-1", samples.UnprefixedHost), true, true, ""},
		{"historical URL", "defaults: {signin_url: \"https://example.signin.aws.amazon.com/console/s3\"}", samples.Event(samples.User(), "us-east-1", samples.UnprefixedHost), true, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := decideOn(mustParse(t, c.policy), c.event)
			if d.Judged != c.judged || d.Allowed != c.ok || d.Why != c.why {
				t.Errorf("%+v", d)
			}
		})
	}
}

func inAccount012(e signin.Event) signin.Event {
	e.Account = "012345678901"
	return e
}

func TestNoPolicy(t *testing.T) {
	var p *policy.Policy
	if d := decideOn(p, samples.Event(samples.User(), "eu-west-1", "")); d.Judged || d.Why == "" {
		t.Errorf("%+v", d)
	}
	if d := p.Detection("root.signin"); d != (policy.Detection{}) || p.Warnings() != nil || p.String() != "no policy" {
		t.Errorf("%+v, %q", d, p)
	}
}

func TestDetections(t *testing.T) {
	p := mustParse(t, "detections:\n  mfa.absent: {enabled: false, severity: HIGH}\n  endpoint.new: {threshold: 8.5, count: 4, window: 2d}\n  endpoint.hop: {enabled: true, window: 90m}\n")
	for id, want := range map[string]policy.Detection{
		"mfa.absent":   {Enabled: signin.No, Severity: rule.High},
		"endpoint.new": {Threshold: 8.5, Count: 4, Window: 48 * time.Hour},
		"endpoint.hop": {Enabled: signin.Yes, Window: 90 * time.Minute},
		"root.signin":  {},
	} {
		if got := p.Detection(id); got != want {
			t.Errorf("%s: %+v, want %+v", id, got, want)
		}
	}
}

func TestTally(t *testing.T) {
	p := mustParse(t, `
rules:
  - {name: away, match: {user: [alice, zoe]}, allow: [eu-west-1]}
  - {name: both, match: {user: bob, outcome: failure}, allow: [eu-west-1]}
defaults: {allow: [us-west-2]}
exceptions:
  - {match: {user: alice}, allow: [ap-south-1], until: 2025-03-01, reason: over}
  - {match: {user: alice}, allow: [ap-south-2], until: 2025-03-04T05:00:00Z, reason: needed}
  - {match: {user: bob}, allow: [ap-south-1], until: 2030-01-01, reason: idle}
  - {match: {user: bob}, allow: [ca-central-1], until: 2030-01-01, reason: used, name: trip}
`)
	tally := policy.Tally{Policy: p}
	for _, e := range []signin.Event{
		samples.UserAt("/alice", "eu-west-1"), samples.UserAt("/alice", "ap-south-2"), samples.UserAt("/bob", "ca-central-1"),
		samples.Event(samples.User(), "us-east-1", ""), samples.FailedWithoutARN(samples.UserAt("/eve", "us-west-2")),
	} {
		tally.Add(&e, decideOn(p, e))
	}
	if got, want := tally.String(), "5 sign-ins: 3 allowed, 1 not allowed, 1 not judged"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	var got []string
	for _, w := range append(tally.Exceptions(), tally.Unreached()...) {
		if !w.Warning {
			t.Errorf("%v is not a warning", w)
		}
		got = append(got, w.Error())
	}
	want := []string{
		`policy.yaml:8:5: exception "over (line 8)" expired at the end of 2025-03-01`,
		`policy.yaml:9:5: exception "needed (line 9)" expired at 2025-03-04T05:00:00Z; 1 sign-in since then would have needed it`,
		`policy.yaml:10:5: exception "idle (line 10)" was never used: no sign-in needed it`,
		`policy.yaml:4:40: user "zoe" matches nobody among 5 sign-ins`,
		`policy.yaml:5:5: rule "both" decided none of 5 sign-ins: earlier rules did, or its globs never matched together`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"the endpoint is not known": 1}, tally.Whys()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var none policy.Tally
	if none.Exceptions() != nil || none.Unreached() != nil {
		t.Error("a tally of nothing warns")
	}
}
