package analyzer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/analyzer"
	"trailgate/analyzer/endpoint"
	"trailgate/ingest/signin"
)

// policy reads a policy that is meant to be right. The version is put in front.
func policy(t testing.TB, text string) *analyzer.Policy {
	t.Helper()
	p, err := analyzer.ParsePolicy("policy.yaml", []byte("version: 1\n"+text), endpoint.Table{})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p
}

func judge(p *analyzer.Policy, e signin.Event) analyzer.Decision {
	return p.Judge(&e, analyzer.Classify(e))
}

func userAt(path, region string) signin.Event {
	id := user()
	id.UserName = path[strings.LastIndexByte(path, '/')+1:]
	id.ARN = "arn:aws:iam::111122223333:user" + path
	return at(id, region, region+"."+unPrefixed)
}

// without is the failed sign-in of the same user: it has no ARN.
func without(e signin.Event) signin.Event {
	e.Identity.ARN, e.Outcome = "", signin.Failure
	return e
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
	p := policy(t, sample)
	line := func(rule string, n int, s analyzer.Severity, allowed bool, expected ...string) analyzer.Decision {
		return analyzer.Decision{Rule: rule, Line: n, Judged: true, Allowed: allowed, Severity: s, Expected: expected}
	}
	not := func(d analyzer.Decision, why string) analyzer.Decision {
		d.Judged, d.Allowed, d.Expected, d.Why = false, false, nil, why
		return d
	}
	const low, high, critical = analyzer.SeverityLow, analyzer.SeverityHigh, analyzer.SeverityCritical
	const us, sydney, europe = "us-west-2", "ap-southeast-2", "eu-*"
	bare := sso("")
	bare.IssuerARN = ""
	mobile := sso("us-west-2/")
	mobile.ARN = strings.Replace(mobile.ARN, "/carol", "/mobile", 1)
	hidden := at(signin.Identity{Type: "IAMUser", Account: "111122223333", UserName: signin.Hidden}, "us-east-1", unPrefixed)
	travels := line("defaults", 24, low, true, "us-east-1", europe)
	travels.Exception = "travelling (line 26)"
	late := line("defaults", 24, low, false, "us-east-1", europe)
	late.Expired = "was away (line 27)"
	const dependent = "the record does not tell what it depends on: the home Region of Identity Center, or the path of the user"
	for _, c := range []struct {
		name  string
		event signin.Event
		want  analyzer.Decision
	}{
		{"identity center at home", at(sso("us-west-2/"), us, us+"."+unPrefixed), line("identity-center", 4, high, true, us)},
		{"identity center elsewhere", at(sso("us-west-2/"), "eu-west-1", ""), line("identity-center", 4, high, false, us)},
		{"identity center at the global host", at(sso("us-west-2/"), "us-east-1", unPrefixed), line("identity-center", 4, high, false, us)},
		{"a path without Region is us-east-1", at(sso(""), "us-east-1", "us-east-1."+unPrefixed), line("identity-center", 4, high, true, "us-east-1")},
		{"no path, no home", at(bare, us, ""), not(line("identity-center", 4, high, false), dependent)},
		{"no path, but the global host is nobody's home", at(bare, "us-east-1", unPrefixed), line("identity-center", 4, high, false, "idc-home")},
		{"no path of China", at(of(sso(""), "aws-cn"), "cn-north-1", ""), not(line("identity-center", 4, high, false), dependent)},
		{"by the region of a URL", userAt("/apac/alice", "ap-southeast-1"), line("sydney", 8, low, true, "ap-southeast-1")},
		{"not by that of another", userAt("/apac/carl", us), line("sydney", 8, low, false, "ap-southeast-1")},
		{"strict at the global host", at(named("break-glass-1"), "us-east-1", unPrefixed), line("break-glass", 11, critical, true, "global")},
		{"strict where it may be proxied", at(named("break-glass-1"), sydney, ""), line("break-glass", 11, critical, false, "global")},
		{"a URL for which AWS chooses", at(named("handed"), sydney, ""), line("handed-out", 16, low, true, "global", sydney, "eu-north-1", "us-east-2")},
		{"but not among all Regions", at(named("handed"), us, ""), line("handed-out", 16, low, false, "global", sydney, "eu-north-1", "us-east-2")},
		{"root by nothing", at(root(), "us-east-1", unPrefixed), line("nobody", 23, low, false)},
		{"defaults", userAt("/carl", "eu-west-3"), line("defaults", 24, low, true, "us-east-1", europe)},
		{"defaults, not allowed", userAt("/carl", us), line("defaults", 24, low, false, "us-east-1", europe)},
		{"eu-north-1 is as good as global", at(user(), "us-east-1", unPrefixed), line("defaults", 24, low, true, "us-east-1", europe)},
		{"not for roles", at(role(), "us-east-1", unPrefixed), line("defaults", 24, low, false, "us-east-1", europe)},
		{"the last day of an exception counts", userAt("/alice", "ap-south-1"), travels},
		{"an exception does not allow all", userAt("/alice", "ap-south-2"), line("defaults", 24, low, false, "us-east-1", europe)},
		{"an exception that has expired", userAt("/bob", "ap-south-2"), late},
		{"unknown endpoint", at(user(), "us-east-1", ""), not(line("defaults", 24, low, false), "the endpoint is not known")},
		{"hidden name", hidden, not(line("defaults", 24, low, false), "nobody can be named for it")},
		{"replicas of identity center", at(mobile, "eu-west-1", ""), line("identity-center", 4, high, false, us)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, judge(p, c.event), equateEmpty()); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func named(name string) signin.Identity {
	id := user()
	id.UserName, id.ARN = name, "arn:aws:iam::111122223333:user/"+name
	return id
}

func equateEmpty() cmp.Option {
	return cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })
}

func TestJudgeOne(t *testing.T) {
	replicated := sso("us-west-2/")
	const unknownPath = `rule "apac" may be the one that decides, but the record has no ARN to tell the path by`
	apac := "rules:\n  - {name: apac, match: {user: \"/apac/*\"}, allow: [ap-south-1]}\n"
	europe := "defaults: {allow: [eu-west-1]}\n"
	for _, c := range []struct {
		name, policy string
		event        signin.Event
		judged, ok   bool
		why          string
	}{
		{"no policy speaks", "rules: []", at(user(), "eu-west-1", ""), false, false, "no rule of the policy is about this person"},
		{"defaults of a severity alone judge nobody", "defaults: {severity: high}", at(user(), "eu-west-1", ""), false, false, "no rule of the policy is about this person"},
		{"replica", `defaults: {allow: ["idc-home+[eu-west-1, eu-west-2]"]}`, at(replicated, "eu-west-2", ""), true, true, ""},
		{"home beside replicas", `defaults: {allow: ["idc-home+[eu-west-1]"]}`, at(replicated, "us-west-2", ""), true, true, ""},
		{"neither home nor replica", `defaults: {allow: ["idc-home+[eu-west-1]"]}`, at(replicated, "eu-west-3", ""), true, false, ""},
		{"replicas are for identity center alone", `defaults: {allow: ["idc-home+[eu-west-1]"]}`, at(role(), "eu-west-1", ""), true, false, ""},
		{"home and a Region", "defaults: {allow: [idc-home, eu-west-1]}", at(role(), "eu-west-1", ""), true, true, ""},
		{"proxied from one to another", "defaults: {allow: [us-east-2]}", userAt("/x", "eu-north-1"), true, true, ""},
		{"proxied from one to global", "defaults: {allow: [us-east-2]}", at(user(), "us-east-1", unPrefixed), true, true, ""},
		{"not proxied to the default Region's own host", "defaults: {allow: [global]}", userAt("/x", "us-east-1"), true, false, ""},
		{"strict defaults", "defaults: {allow: [us-east-2], strict: true}", userAt("/x", "eu-north-1"), true, false, ""},
		{"failed sign-in that may be of the path", apac + europe, without(userAt("/apac/x", "ap-south-1")), false, false, unknownPath},
		{"failed sign-in allowed either way", apac + "defaults: {allow: [ap-south-1]}", without(userAt("/apac/x", "ap-south-1")), true, true, ""},
		{"failed sign-in allowed neither way", apac + europe, without(userAt("/apac/x", "us-west-2")), true, false, ""},
		{"failed sign-in that another name tells from the path", "rules:\n  - {name: apac, match: {user: /apac/mary}, allow: [ap-south-1]}\n" + europe,
			without(userAt("/x", "eu-west-1")), true, true, ""},
		{"exception by a path that is not recorded", europe + `exceptions: [{match: {user: "/apac/*"}, allow: [ap-south-1], until: 2030-01-01, reason: r}]`,
			without(userAt("/apac/x", "ap-south-1")), false, false, "the record does not tell what it depends on: the home Region of Identity Center, or the path of the user"},
		{"by ARN", "rules: [{match: {user: \"arn:aws:iam::*:user/apac/*\"}, allow: [ap-south-1]}]", userAt("/apac/x", "ap-south-1"), true, true, ""},
		{"by role path", "rules: [{match: {role: aws-reserved/sso.amazonaws.com/*}, allow: [ap-south-1]}]", at(sso("us-west-2/"), "ap-south-1", ""), true, true, ""},
		{"by outcome", "rules: [{match: {outcome: Failure}, allow: [ap-south-1]}]", userAt("/x", "ap-south-1"), false, false, "no rule of the policy is about this person"},
		{"identity in any letter case", "rules: [{match: {identity: iamuser}, allow: [ap-south-1]}]", userAt("/x", "ap-south-1"), true, true, ""},
		{"names in their own letter case", "rules: [{match: {user: X}, allow: [ap-south-1]}]", userAt("/x", "ap-south-1"), false, false, "no rule of the policy is about this person"},
		{"account with leading zeros", "rules: [{match: {account: 012345678901}, allow: [ap-south-1]}]", in012(userAt("/x", "ap-south-1")), true, true, ""},
		{"one character", "rules: [{match: {session: \"b?b\"}, allow: [ap-south-1]}]", at(role(), "ap-south-1", ""), true, true, ""},
		{"a star is all endpoints", `defaults: {allow: "*"}`, at(role(), "us-east-1", unPrefixed), true, true, ""},
		{"historical URL", "defaults: {signin_url: \"https://example.signin.aws.amazon.com/console/s3\"}", at(user(), "us-east-1", unPrefixed), true, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := judge(policy(t, c.policy), c.event)
			if d.Judged != c.judged || d.Allowed != c.ok || d.Why != c.why {
				t.Errorf("%+v", d)
			}
		})
	}
}

func in012(e signin.Event) signin.Event {
	e.Account = "012345678901"
	return e
}

func TestNoPolicy(t *testing.T) {
	var p *analyzer.Policy
	if d := judge(p, at(user(), "eu-west-1", "")); d.Judged || d.Why == "" {
		t.Errorf("%+v", d)
	}
	if d := p.Detection("root.signin"); d != (analyzer.Detection{}) || p.Warnings() != nil || p.String() != "no policy" {
		t.Errorf("%+v, %q", d, p)
	}
}

func TestDetections(t *testing.T) {
	p := policy(t, "detections:\n  mfa.absent: {enabled: false, severity: HIGH}\n  endpoint.new: {threshold: 8.5, count: 4, window: 2d}\n  endpoint.hop: {enabled: true, window: 90m}\n")
	for id, want := range map[string]analyzer.Detection{
		"mfa.absent":   {Enabled: signin.No, Severity: analyzer.SeverityHigh},
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
	p := policy(t, `
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
	tally := analyzer.Tally{Policy: p}
	for _, e := range []signin.Event{
		userAt("/alice", "eu-west-1"), userAt("/alice", "ap-south-2"), userAt("/bob", "ca-central-1"),
		at(user(), "us-east-1", ""), without(userAt("/eve", "us-west-2")),
	} {
		tally.Add(&e, judge(p, e))
	}
	if got, want := tally.String(), "5 sign-ins: 3 allowed, 1 not allowed, 1 not judged"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	var got []string
	for _, w := range append(tally.Exceptions(), tally.Unreached()...) {
		if !w.Warning {
			t.Errorf("%v is no warning", w)
		}
		got = append(got, w.Error())
	}
	want := []string{
		`policy.yaml:8:5: exception "over (line 8)" expired with 2025-03-01`,
		`policy.yaml:9:5: exception "needed (line 9)" expired at 2025-03-04T05:00:00Z, and 1 sign-in since would have needed it`,
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
	var none analyzer.Tally
	if none.Exceptions() != nil || none.Unreached() != nil {
		t.Error("a tally of nothing warns")
	}
}
