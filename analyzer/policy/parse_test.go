package policy_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trailgate/analyzer/internal/samples"
	"trailgate/analyzer/policy"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/signin"
)

// TestMistakes makes one mistake at a time in a policy that is otherwise right.
func TestMistakes(t *testing.T) {
	const head = "version: 1\nrules:\n"
	for _, c := range []struct{ name, policy, want string }{
		{"empty", "", "p.yaml: the file is empty: a policy begins with version: 1"},
		{"a comment", "# nothing\n", "p.yaml: the file is empty: a policy begins with version: 1"},
		{"a list", "- version: 1\n", "p.yaml:1:1: the policy: want a mapping with version, rules, defaults, exceptions, detections, not a list"},
		{"no version", "rules: []\n", "p.yaml:1:1: version is missing: write version: 1"},
		{"other version", "version: 2\n", `p.yaml:1:10: version "2": this program reads version 1`},
		{"two documents", "version: 1\n---\nversion: 1\n", "p.yaml:3:1: a second document begins here: a policy file holds one document"},
		{"unknown key", "version: 1\nrulez: []\n", `p.yaml:2:1: unknown key "rulez" in the policy: did you mean "rules"?`},
		{"unknown key without a neighbour", "version: 1\nfoo: []\n", `p.yaml:2:1: unknown key "foo" in the policy: want one of version, rules, defaults, exceptions, detections`},
		{"rules as a mapping", "version: 1\nrules: {allow: [global]}\n", "p.yaml:2:8: rules: want a list, each entry with a dash in front, not a mapping"},
		{"no endpoints", head + "  - match: {user: a}\n", "p.yaml:3:5: rule 1 names no endpoints: give allow: [global, REGION, ...] or signin_url: URL"},
		{"unknown key in a rule", head + "  - {name: x, alow: [global]}\n", `p.yaml:3:15: unknown key "alow" in rule 1: did you mean "allow"?`},
		{"unknown matcher", head + "  - {match: {group: a}, allow: [global]}\n",
			`p.yaml:3:14: unknown key "group" in match: want one of account, identity, user, role, session, outcome`},
		{"unknown Region", head + "  - allow:\n      - eu-west-1\n      - eu-wset-2\n", `p.yaml:5:9: unknown Region "eu-wset-2": did you mean "eu-west-2"?`},
		{"new Region", head + "  - allow: [xx-nowhere-7]\n", `p.yaml:3:13: unknown Region "xx-nowhere-7": if it is a new one, add it with a regions file (--regions-file)`},
		{"no Region at all", head + "  - allow: [everywhere]\n", `p.yaml:3:13: unknown Region "everywhere": want global, a Region, a glob of Regions such as "eu-*", or idc-home`},
		{"glob of no Region", head + "  - allow: [\"zz-*\"]\n", `p.yaml:3:13: "zz-*" matches no endpoint: neither global nor any Region`},
		{"URL as a Region", head + "  - allow: [signin.aws.amazon.com]\n", `p.yaml:3:13: "signin.aws.amazon.com" looks like a URL or a host: give it as signin_url instead of allow`},
		{"both", head + "  - {allow: [global], signin_url: \"https://signin.aws.amazon.com/console\"}\n",
			"p.yaml:3:23: both allow and signin_url: give the endpoints with only one of them"},
		{"foreign URL", head + "  - signin_url: https://signin.aws.example/console\n",
			`p.yaml:3:17: signin_url does not show the endpoint: "signin.aws.example" is not under the sign-in domain of any partition, so it is not an AWS sign-in endpoint. ` +
				"If it leads to one anyway, it is a proxy between the user and AWS, and it sees the password."},
		{"misspelt Region in a URL", head + "  - signin_url: https://example.signin.aws.amazon.com/console?region=eu-wset-1\n",
			`p.yaml:3:17: signin_url does not show the endpoint: "example.signin.aws.amazon.com" is the sign-in page of the account with the alias "example": ` +
				`it redirects the browser and is not an endpoint itself. The query asks for region "eu-wset-1", which is not one Region of partition aws in the table. ` +
				"The behaviour of the sign-in site is then not known."},
		{"no URL", head + "  - signin_url: ftp://example.com\n", `p.yaml:3:17: parse sign-in url "ftp://example.com": scheme "ftp": want https`},
		{"replica that is not a Region", head + "  - allow: [\"idc-home+[eu-west-11]\"]\n", `p.yaml:3:13: unknown Region "eu-west-11": did you mean "eu-west-1"?`},
		{"home misspelt", head + "  - allow: [idc-hme]\n", `p.yaml:3:13: unknown Region "idc-hme": did you mean "idc-home"?`},
		{"account", head + "  - {match: {account: 1234}, allow: [global]}\n", `p.yaml:3:23: account "1234": an account id has 12 digits`},
		{"identity", head + "  - {match: {identity: IamUsr}, allow: [global]}\n", `p.yaml:3:24: identity "IamUsr" is not a value that CloudTrail records: did you mean "IAMUser"?`},
		{"outcome", head + "  - {match: {outcome: failed}, allow: [global]}\n", `p.yaml:3:23: outcome "failed" is not a value that CloudTrail records: want one of success, failure, unknown`},
		{"severity", head + "  - {allow: [global], severity: hi}\n", `p.yaml:3:33: severity "hi": want low, medium, high or critical`},
		{"strict", head + "  - {allow: [global], strict: perhaps}\n", "p.yaml:3:31: strict: want true or false"},
		{"empty match", head + "  - match:\n    allow: [global]\n", "p.yaml:3:5: match is empty: leave it out if the rule is for everybody"},
		{"empty matcher", head + "  - {match: {user: []}, allow: [global]}\n", "p.yaml:3:14: user is an empty list, which nobody matches: leave it out or name somebody"},
		{"a mapping for a text", head + "  - {match: {user: [{a: b}]}, allow: [global]}\n", "p.yaml:3:21: user: want a text, not a mapping"},
		{"name taken", head + "  - {name: a, allow: [global]}\n  - {name: a, match: {user: b}, allow: [global]}\n", `p.yaml:4:12: the name "a" is already used: findings name the rule, so each rule needs its own name`},
		{"name of the defaults", head + "  - {name: defaults, allow: [global]}\n", `p.yaml:3:12: the name "defaults" is already used: findings name the rule, so each rule needs its own name`},
		{"exception without end", "version: 1\nexceptions:\n  - {match: {user: a}, allow: [global], reason: r}\n", "p.yaml:3:5: exception 1 has no until: say for how long, as 2026-12-31"},
		{"exception without reason", "version: 1\nexceptions:\n  - {match: {user: a}, allow: [global], until: 2026-12-31}\n", "p.yaml:3:5: exception 1 has no reason: say why, for the next reader"},
		{"no date", "version: 1\nexceptions:\n  - {match: {user: a}, allow: [global], until: 31.12.2026, reason: r}\n",
			`p.yaml:3:48: until "31.12.2026" is not a date: write 2026-12-31, which includes that day (UTC), or 2026-12-31T18:00:00Z`},
		{"unknown detection", "version: 1\ndetections:\n  mfa.absnt: {enabled: true}\n", `p.yaml:3:3: unknown key "mfa.absnt" in detections: did you mean "mfa.absent"?`},
		{"unknown setting", "version: 1\ndetections:\n  endpoint.new: {treshold: 8}\n", `p.yaml:3:18: unknown key "treshold" in endpoint.new: did you mean "threshold"?`},
		{"threshold", "version: 1\ndetections:\n  endpoint.new: {threshold: .nan}\n", `p.yaml:3:29: threshold ".nan": want a number of bits above 0`},
		{"count", "version: 1\ndetections:\n  auth.spray: {count: 1.5}\n", `p.yaml:3:23: count "1.5": want a whole number from 1`},
		{"window", "version: 1\ndetections:\n  auth.spray: {window: 0h}\n", `p.yaml:3:24: window "0h": want a duration such as 10m, 6h or 7d`},
		{"a tab", "version: 1\nrules:\n\t- allow: [global]\n", "p.yaml:3:1: a tab in the indentation: YAML wants spaces"},
		{"a star", head + "  - allow: [*]\n", `p.yaml:3:13: a glob that starts with * has to be quoted: "*"`},
		{"a star before a word", head + "  - {match: {user: *-admin}, allow: [global]}\n",
			`p.yaml:3:20: an unquoted * starts a YAML alias, which a policy does not use: put a glob in quotes, "*"`},
		{"an anchor", head + "  - {match: {user: &a b}, allow: [global]}\n", "p.yaml:3:20: an unquoted & starts a YAML anchor, which a policy does not use"},
		{"brackets in brackets", head + "  - allow: [idc-home+[eu-west-1]]\n", `p.yaml:3:13: quote it inside a list: "idc-home+[REGION]"`},
		{"a bracket left open", head + "  - allow: [global\n  - allow: [global]\n", "p.yaml:4:3: a dash inside the bracket that opens at 3:12: close the bracket, or remove the dash"},
		{"a key twice", head + "  - {allow: [global], allow: [global]}\n", `p.yaml:3:23: not YAML: mapping key "allow" already defined at [3:6]`},
		{"nested without end", strings.Repeat("[", 100), "p.yaml:1:65: nested more than 64 levels deep"},
		{"too many keys", "version: 1\ndefaults:\n" + strings.Repeat("  allow: a\n", 300), "p.yaml:259:3: a mapping with more than 256 keys"},
		{"a long key", "version: 1\n" + strings.Repeat("k", 50) + ": 1\n", `p.yaml:2:1: unknown key "` + strings.Repeat("k", 50) + `": no key of a policy is that long`},
		{"a long text", head + "  - {match: {user: \"" + strings.Repeat("*a", 2000) + "\"}, allow: [global]}\n", "p.yaml:3:20: user has 4000 bytes: a text has at most 2048"},
		{"a complex key", head + "  - {match: {user: ? }, allow: [global]}\n", "p.yaml:3:20: an unquoted ? starts a YAML key of many words, which a policy does not use: put a glob in quotes"},
		{"Latin-1", head + "  - name: x\n    match: {user: \"j\xf6rg\"}\n    allow: [global]\n", "p.yaml:4:21: not UTF-8: save the file as UTF-8"},
		{"Latin-1 after a byte order mark", "\ufeffversion: 1 # \xe9\n", "p.yaml:1:14: not UTF-8: save the file as UTF-8"},
		{"UTF-16", "\xff\xfev\x00e\x00", "p.yaml:1:1: UTF-16, not UTF-8: save the file as UTF-8"},
		{"UTF-16 with the other byte order", "\xfe\xff\x00v\x00e", "p.yaml:1:1: UTF-16, not UTF-8: save the file as UTF-8"},
		{"UTF-16 without a byte order mark", "v\x00e\x00", "p.yaml:1:2: a NUL, as in UTF-16: save the file as UTF-8"},
		{"a NUL", "version: 1\r\n# \x00\n", "p.yaml:2:3: a NUL, as in UTF-16: save the file as UTF-8"},
		{"no blank after a dash", head + "  -match: {user: a}\n   allow: [global]\n", "p.yaml:3:3: a dash needs a blank after it: - match"},
		{"no blank after a second dash", head + "  - allow: [global]\n  -name: b\n   allow: [global]\n", "p.yaml:4:3: a dash needs a blank after it: - name"},
		{"no blank after a dash in allow", head + "  - allow:\n      -global\n", `p.yaml:4:7: unknown Region "-global": an entry of a list needs a blank after its dash`},
		{"no blank after a colon", "version:1\n", "p.yaml:1:1: a colon needs a blank after it: version: 1"},
		{"no blank after a colon further down", head + "  - allow: [global]\n    severity:high\n", "p.yaml:4:5: a colon needs a blank after it: severity: high"},
		{"a no-break space", "version: 1\nrules:\n\u00a0 - allow: [global]\n", "p.yaml:3:1: a no-break space: YAML needs plain spaces"},
		{"several endpoints in one text", head + "  - allow: global, us-east-1\n", `p.yaml:3:12: unknown Region "global, us-east-1": several endpoints are a list, [global, us-east-1]`},
		{"all", head + "  - allow: all\n", `p.yaml:3:12: unknown Region "all": "*", in quotes, is every endpoint`},
		{"none", head + "  - allow: none\n", `p.yaml:3:12: unknown Region "none": [] allows nothing`},
		{"a star in a list", head + "  - match:\n      user:\n        - *\n    allow: [global]\n", `p.yaml:5:11: a glob that starts with * has to be quoted: "*"`},
		{"an at", head + "  - match: {user: @a}\n    allow: [global]\n", "p.yaml:3:19: '@' is a reserved character: put the text in quotes"},
		{"an exclamation mark", head + "  - match: {user: !a}\n    allow: [global]\n", "p.yaml:3:19: an unquoted ! starts a YAML tag: put the text in quotes"},
		{"a key in an open bracket", head + "  - allow: [global\n    severity: high\n", "p.yaml:4:5: a key inside the bracket that opens at 3:12: close it"},
		{"a bracket too many", head + "  - allow: [global]]\n", `p.yaml:3:20: "]" closes a bracket that is not open`},
		{"an apostrophe", head + "  - name: 'bob's'\n    allow: [global]\n", `p.yaml:3:16: not YAML: the text ended with the quotation mark before this: quote it with " instead`},
		{"one blank too few", head + "  - name: a\n   allow: [global]\n", "p.yaml:4:4: not YAML: this line does not begin in the column of the lines before it: keys of one mapping begin in one column"},
		{"one blank too many", head + "  - name: a\n     allow: [global]\n", "p.yaml:3:11: not YAML: there is a colon after a value: put the text in quotes, or write the next key on a new line"},
		{"a colon in a text", head + "  - name: a: b\n    allow: [global]\n", "p.yaml:3:11: not YAML: there is a colon after a value: put the text in quotes, or write the next key on a new line"},
		{"an equals sign", "version = 1\nrules: []\n", "p.yaml:1:1: want KEY: VALUE here; a comment begins with #"},
		{"a threshold for a rule without one", "version: 1\ndetections:\n  mfa.absent: {threshold: 3}\n", `p.yaml:3:16: unknown key "threshold" in mfa.absent: want one of enabled, severity, window`},
		{"a count for a rule without one", "version: 1\ndetections:\n  endpoint.policy: {count: 3}\n", `p.yaml:3:21: unknown key "count" in endpoint.policy: want one of enabled, severity, window`},
		{"a count above what a baseline keeps", "version: 1\ndetections:\n  auth.spray: {count: 1001}\n", "p.yaml:3:23: count 1001: auth.spray counts up to 1000"},
		{"more people than a baseline keeps", "version: 1\ndetections:\n  endpoint.idc-home: {count: 101}\n", "p.yaml:3:30: count 101: endpoint.idc-home counts up to 100"},
		{"a window above what a baseline keeps", "version: 1\ndetections:\n  auth.bruteforce: {window: 8d}\n", `p.yaml:3:29: window "8d": auth.bruteforce looks back 7 days at most`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := policy.Parse("p.yaml", []byte(c.policy), region.Table{})
			var problems policy.Problems
			if p != nil || !errors.As(err, &problems) {
				t.Fatalf("%v, %v", p, err)
			}
			if len(problems) != 1 || err.Error() != c.want {
				t.Errorf(" got %s\nwant %s", errors.Join(splitProblems(problems)...), c.want)
			}
		})
	}
}

func splitProblems(problems policy.Problems) []error {
	var out []error
	for _, p := range problems {
		out = append(out, p)
	}
	return out
}

func TestEveryMistakeAtOnce(t *testing.T) {
	_, err := policy.Parse("p.yaml", []byte("\ufeffversion: 1\r\nrules:\r\n  - {näme: x, alow: [global]}\r\nrulez: 1\r\n"), region.Table{})
	var problems policy.Problems
	if !errors.As(err, &problems) || len(problems) != 3 || !strings.HasSuffix(err.Error(), "(and 2 more)") {
		t.Fatalf("%v", err)
	}
	want := []string{
		`p.yaml:3:15: unknown key "alow" in rule 1: did you mean "allow"?`,
		`    3 |   - {näme: x, alow: [global]}`,
		`      |               ^`,
	}
	if diff := cmp.Diff(want, problems[1].Lines()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLongLine(t *testing.T) {
	_, err := policy.Parse("p.yaml", []byte("version: 1\nrules: [{allow: [global], match: {user: ["+strings.Repeat("someone, ", 99)+"{}]}}]"), region.Table{})
	var problems policy.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("%v", err)
	}
	lines := problems[0].Lines()
	if len(lines[1]) > 140 || lines[1][strings.IndexByte(lines[2], '^')] != '{' {
		t.Errorf("%s", strings.Join(lines, "\n"))
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		name, policy string
		want         []string
	}{
		{"shadowed by everybody", "- {allow: [global]}\n- {match: {user: a}, allow: [global]}", []string{`rule "rule 2" can never decide: rule "rule 1" (line 3) matches the same people first`}},
		{"shadowed by a glob", `- {name: a, match: {user: "al*"}, allow: [global]}` + "\n" + `- {name: b, match: {user: "al?ce*", outcome: failure}, allow: [global]}`,
			[]string{`rule "b" can never decide: rule "a" (line 3) matches the same people first`}},
		{"shadowed by two", "- {name: a, match: {user: a}, allow: [global]}\n- {name: b, match: {user: [b, d]}, allow: [global]}\n- {name: c, match: {user: [a, b]}, allow: [global]}",
			[]string{`rule "c" can never decide: rule "a" (line 3) or rule "b" (line 4) matches the same people first`}},
		{"any name is any path", `- {name: a, match: {user: "*"}, allow: [global]}` + "\n" + `- {name: b, match: {user: "/apac/*"}, allow: [global]}`,
			[]string{`rule "b" can never decide: rule "a" (line 3) matches the same people first`}},
		{"not shadowed by half", "- {match: {user: a}, allow: [global]}\n- {match: {user: [a, b]}, allow: [global]}", nil},
		{"not shadowed by one with more to match", "- {match: {user: a, outcome: success}, allow: [global]}\n- {match: {user: a}, allow: [global]}", nil},
		{"not shadowed by a narrower glob", `- {match: {user: "a?"}, allow: [global]}` + "\n" + `- {match: {user: "a*"}, allow: [global]}`, nil},
		{"a path does not cover a name", `- {match: {user: "/*"}, allow: [global]}` + "\n" + `- {match: {user: a}, allow: [global]}`, nil},
		{"shadowed by any account", `- {name: a, match: {account: "*"}, allow: [global]}` + "\n" + `- {name: b, match: {user: alice}, allow: [global]}`,
			[]string{`rule "b" can never decide: rule "a" (line 3) matches the same people first`}},
		{"shadowed by any identity", `- {name: a, match: {identity: "*"}, allow: [global]}` + "\n" + `- {name: b, match: {session: "x*"}, allow: [global]}`,
			[]string{`rule "b" can never decide: rule "a" (line 3) matches the same people first`}},
		{"shadowed by every outcome", `- {name: a, match: {outcome: [success, failure, unknown]}, allow: [global]}` + "\n" + `- {name: b, match: {user: alice}, allow: [global]}`,
			[]string{`rule "b" can never decide: rule "a" (line 3) matches the same people first`}},
		{"shadowed by globs of outcomes", `- {name: a, match: {outcome: ["?u*", "*n*", "f*"]}, allow: [global]}` + "\n" + `- {name: b, match: {user: alice, outcome: "*"}, allow: [global]}`,
			[]string{`rule "b" can never decide: rule "a" (line 3) matches the same people first`}},
		{"shadowed by the identity of roles", `- {name: a, match: {identity: AssumedRole}, allow: [global]}` + "\n" + `- {name: b, match: {role: x}, allow: [global]}`,
			[]string{`rule "b" can never decide: rule "a" (line 3) matches the same people first`}},
		{"shadowed by the identity of roles among others", `- {name: a, match: {identity: [Root, assumed*]}, allow: [global]}` + "\n" + `- {name: b, match: {session: x, identity: "*"}, allow: [global]}`,
			[]string{`rule "b" can never decide: rule "a" (line 3) matches the same people first`}},
		{"not shadowed by two outcomes", `- {name: a, match: {outcome: [success, failure]}, allow: [global]}` + "\n" + `- {name: b, match: {user: alice}, allow: [global]}`,
			nil},
		{"not shadowed by an account of twelve characters", `- {name: a, match: {account: "????????????"}, allow: [global]}` + "\n" + `- {name: b, match: {user: alice}, allow: [global]}`,
			nil},
		{"not shadowed by an account with something", `- {name: a, match: {account: "?*"}, allow: [global]}` + "\n" + `- {name: b, match: {user: alice}, allow: [global]}`,
			nil},
		{"not shadowed by the identity of users", `- {name: a, match: {identity: IAMUser}, allow: [global]}` + "\n" + `- {name: b, match: {role: x}, allow: [global]}`,
			nil},
		{"not shadowed by any role", `- {name: a, match: {role: "*"}, allow: [global]}` + "\n" + `- {name: b, match: {user: alice}, allow: [global]}`,
			nil},
		{"not shadowed by any session", `- {name: a, match: {session: "*"}, allow: [global]}` + "\n" + `- {name: b, match: {role: x}, allow: [global]}`,
			nil},
		{"not shadowed by an identity", `- {name: a, match: {identity: "?*"}, allow: [global]}` + "\n" + `- {name: b, match: {user: alice}, allow: [global]}`,
			nil},
		{"a user with a role", "- {match: {user: a, role: b}, allow: [global]}", []string{`rule "rule 1" can never match: nobody has a user name and a role at once`}},
		{"a role of users", "- {match: {identity: IAMUser, role: b}, allow: [global]}", []string{`rule "rule 1" can never match: only the identity AssumedRole has a role and a session`}},
		{"a name of root", "- {match: {identity: Root, user: b}, allow: [global]}", []string{`rule "rule 1" can never match: identities of this kind have no user name`}},
		{"a glob that matches a proxied Region", `- {allow: ["eu-*"]}`,
			[]string{`rule "rule 1" also allows IAM users the global endpoint: "eu-*" matches eu-north-1, which for them counts as the global endpoint; strict: true keeps the two apart`}},
		{"the same with strict", `- {allow: ["eu-*"], strict: true}`, nil},
		{"the same for roles", `- {match: {role: a}, allow: ["eu-*"]}`, nil},
		{"the same, with global", `- {allow: ["eu-*", global]}`, nil},
		{"a comma in a name", `- {match: {user: "alice, bob"}, allow: [global]}`, []string{`user "alice, bob" is one name with a comma in it: several names are a list, [one, other]`}},
		{"an intended comma", `- {match: {user: ["alice,bob", 'o,p']}, allow: [global]}`, nil},
		{"a comma without quotes", "- match: {user: [x]}\n  allow: [global]\n- match:\n    session: alice,bob\n  allow: [global]", []string{`session "alice,bob" is one name with a comma in it: several names are a list, [one, other]`}},
		{"a list of names", `- {match: {user: [alice, bob]}, allow: [global]}`, nil},
		{"names without a comma", `- {match: {session: alice bob}, allow: [global]}`, []string{`session "alice bob" is one name with a blank in it: several names are a list, [one, other]`}},
		{"dashes without a blank", "- allow: [global]\n  match:\n    user:\n      -alice\n      -bob", []string{`user "-alice -bob" begins with a dash: an entry of a list needs a blank after its dash`}},
		{"an intended dash", `- {match: {user: "-alice"}, allow: [global]}`, nil},
		{"typographic quotation marks", "- {match: {user: \u201calice\u201d}, allow: [global]}", []string{"user \"\u201calice\u201d\" holds typographic quotation marks: use plain ones"}},
		{"a regular expression", `- {match: {user: "^adm"}, allow: [global]}`, []string{`user "^adm" looks like a regular expression: here * stands for any text and ? for one character`}},
		{"an exclusion", `- {match: {user: "!alice"}, allow: [global]}`, []string{`user "!alice" does not exclude anybody: to exclude people, place a rule about them before this one`}},
		{"a role's ARN for a user's", `- {match: {user: "arn:aws:iam::111122223333:role/x"}, allow: [global]}`, []string{`user "arn:aws:iam::111122223333:role/x" is the ARN of a role, which no user has`}},
		{"a session's ARN for a role's", `- {match: {role: "arn:aws:sts::111122223333:assumed-role/x/y"}, allow: [global]}`,
			[]string{`role "arn:aws:sts::111122223333:assumed-role/x/y" is not the ARN of a role: write arn:aws:iam::ACCOUNT:role/NAME`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, w := range mustParse(t, "rules:\n"+c.policy).Warnings() {
				got = append(got, w.Text)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestSchemaHasTheSameKeys compares the keys of the schema with those of the
// parser. The message about an unknown key lists the known keys.
func TestSchemaHasTheSameKeys(t *testing.T) {
	b, err := policy.Schema()
	if err != nil {
		t.Fatal(err)
	}
	type node struct {
		Properties map[string]json.RawMessage
		Items      *json.RawMessage
		Additional *bool `json:"additionalProperties"`
	}
	var root struct {
		node
		Defs map[string]node `json:"$defs"`
	}
	parse := func(raw []byte) (n node) {
		if err := json.Unmarshal(raw, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := json.Unmarshal(b, &root); err != nil {
		t.Fatal(err)
	}
	item := func(key string) node { return parse(*parse(root.Properties[key]).Items) }
	detections := parse(root.Properties["detections"])
	for _, c := range []struct {
		name, policy string
		schema       node
	}{
		{"root", "zzzzzz: 1\n", root.node},
		{"rule", "rules: [{zzzzzz: 1}]", item("rules")},
		{"match", "rules: [{match: {zzzzzz: 1}}]", root.Defs["match"]},
		{"defaults", "defaults: {zzzzzz: 1}", parse(root.Properties["defaults"])},
		{"exception", "exceptions: [{zzzzzz: 1}]", item("exceptions")},
		{"detections", "detections: {zzzzzz: 1}", detections},
		{"detection", "detections: {root.signin: {zzzzzz: 1}}", parse(detections.Properties["root.signin"])},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := policy.Parse("p.yaml", []byte("version: 1\n"+c.policy), region.Table{})
			found := regexp.MustCompile(`unknown key "zzzzzz" in [^:]*: want one of ([^\n]*)`).FindStringSubmatch(joinErrors(err))
			if found == nil {
				t.Fatalf("%v", err)
			}
			want := strings.Split(found[1], ", ")
			slices.Sort(want)
			var got []string
			for key := range c.schema.Properties {
				got = append(got, key)
			}
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-parser +schema):\n%s", diff)
			}
			if c.schema.Additional == nil || *c.schema.Additional {
				t.Error("the schema takes other keys too")
			}
		})
	}
}

func joinErrors(err error) string {
	var problems policy.Problems
	if !errors.As(err, &problems) {
		return ""
	}
	return errors.Join(splitProblems(problems)...).Error()
}

// FuzzPolicy checks that the reader does not panic and shows the place of a
// mistake. A warning about a dead rule must be true.
func FuzzPolicy(f *testing.F) {
	f.Add([]byte("version: 1\n"+sample), "alice", "AWSReservedSSO_x", "eu-west-1")
	for _, s := range []string{"version: 1\nrules: [{match: {user: \"a*\"}, allow: [\"*\"]}, {match: {user: [ab, \"a?c\"]}, allow: [idc-home]}]",
		"? [a]\n: {b: *c}", "<<: {version: 1}", "version: !!str 1\nrules:\n- allow: |\n    global\n", "\tversion: 1", "%YAML 1.2\n---\nversion: 1", "version: 1\nrules:\n  -match: {user: a}\n   allow:[global]\n", "a: b: c:", "\xff\xfea\x00",
		"detections: {auth.spray: {count: 1001, window: 8d}}"} {
		f.Add([]byte(s), "abc", "r", "us-east-2")
	}
	for _, s := range expensivePolicies(200) {
		f.Add([]byte(s), "abc", "r", "us-east-2")
	}
	f.Fuzz(func(t *testing.T, data []byte, name, role, place string) {
		p, err := policy.Parse("p.yaml", data, region.Table{})
		if err != nil {
			var problems policy.Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Fatalf("%v", err)
			}
			for _, problem := range problems {
				if strings.Count(string(data), "\n")+strings.Count(string(data), "\r")+1 < problem.Line || problem.Line < 0 || problem.Line > 0 && problem.Column < 1 {
					t.Errorf("%v is not in the file", problem)
				}
				problem.Lines()
			}
			return
		}
		dead := map[int]bool{}
		for _, w := range p.Warnings() {
			dead[w.Line] = dead[w.Line] || strings.Contains(w.Text, " can never ")
		}
		tally := policy.Tally{Policy: p}
		for _, id := range []signin.Identity{samples.NamedUser(name), {Type: "IAMUser", Account: "111122223333", UserName: name},
			{Type: "AssumedRole", Account: "111122223333", ARN: "arn:aws:sts::111122223333:assumed-role/" + role + "/" + name}, samples.Root()} {
			e := samples.Event(id, place, "")
			d := decideOn(p, e)
			if d.Allowed && !d.Judged || d.Judged == (d.Why != "") || d.Judged && (d.Rule == "" || d.Severity == 0) {
				t.Errorf("%+v", d)
			}
			if d.Judged && dead[d.Line] && onlyRuleAt(data, d.Line) {
				t.Errorf("%+v decided by a rule that is said to be dead", d)
			}
			tally.Add(&e, d)
		}
		tally.Exceptions()
		tally.Unreached()
	})
}

// onlyRuleAt tells whether a line certainly holds at most one rule.
func onlyRuleAt(data []byte, line int) bool {
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data)), "\n")
	return line <= len(lines) && strings.Count(lines[line-1], "{")+strings.Count(lines[line-1], "allow") <= 1
}

// FuzzGlob compares globs with regular expressions, and warnings about dead rules
// with the globs.
func FuzzGlob(f *testing.F) {
	f.Add("a*b?c", "aXbYc", "a*")
	f.Add("***", "", "?")
	f.Add("*é?", "xéy", "*é*")
	f.Fuzz(func(t *testing.T, glob, name, other string) {
		word := regexp.MustCompile(`^[a-zé*?.-]{1,20}$`)
		if !word.MatchString(glob) || !word.MatchString(other) || !regexp.MustCompile(`^[a-zé.-]{1,20}$`).MatchString(name) {
			return
		}
		matches := func(g string) bool {
			re := strings.NewReplacer("*", ".*", "?", ".", ".", `\.`).Replace(g)
			return regexp.MustCompile("^(?:" + re + ")$").MatchString(name)
		}
		p := mustParse(t, "rules:\n- {name: first, match: {user: \""+glob+"\"}, allow: [global]}\n- {name: second, match: {user: \""+other+"\"}, allow: [global]}\n")
		want := ""
		switch {
		case matches(glob):
			want = "first"
		case matches(other):
			want = "second"
		}
		if d := decideOn(p, samples.Event(samples.NamedUser(name), "eu-west-1", "")); d.Rule != want {
			t.Errorf("%q by %q and %q: %+v, want rule %q", name, glob, other, d, want)
		}
		if want == "second" && len(p.Warnings()) > 0 {
			t.Errorf("%q decides on %q, but: %v", other, name, p.Warnings())
		}
	})
}
