package analyzer_test

import (
	"strings"
	"testing"
	"time"

	"trailgate/analyzer"
	"trailgate/ingest/signin"
)

func TestExplain(t *testing.T) {
	old := at(user(), "us-east-2", "us-east-2."+unPrefixed)
	old.Time = time.Date(2023, 1, 10, 0, 0, 0, 0, time.UTC)
	ancient := at(role(), "us-east-1", "")
	ancient.Version = "1.05"
	failed := at(user(), "us-east-1", "")
	failed.Outcome, failed.LoginTo = signin.Failure, "https://console.aws.amazon.com/"
	malformed := at(user(), "us-east-1", unPrefixed)
	malformed.Malformed = true
	bare := sso("")
	bare.IssuerARN = ""
	tests := []struct {
		name  string
		event signin.Event
		says  []string
		not   []string
	}{
		{"global", at(user(), "us-east-1", unPrefixed),
			[]string{"came through the global endpoint (confidence: certain)", `asked for the host "signin.aws.amazon.com" (tlsDetails.clientProvidedHostHeader)`,
				`awsRegion "us-east-1" agrees`, "General Reference"}, []string{"typed the global URL", "cannot be told"}},
		{"regional", at(role(), "eu-west-1", "eu-west-1."+unPrefixed),
			[]string{"regional endpoint of eu-west-1 (confidence: certain)", "the sign-in host of that Region"}, []string{"General Reference"}},
		{"no Region", at(role(), "", "eu-west-1."+unPrefixed), []string{"no awsRegion to compare with"}, nil},
		{"fips", at(role(), "us-gov-west-1", "signin-fips.amazonaws-us-gov.com"), []string{"FIPS", "No sign-in record of partition aws-us-gov"}, nil},
		{"mismatch", at(root(), "ap-northeast-2", unPrefixed), []string{`awsRegion "ap-northeast-2" disagrees`, "root record of 2022"}, []string{"agrees."}},
		{"regional mismatch", at(role(), "eu-west-2", "eu-west-1."+unPrefixed), []string{`awsRegion "eu-west-2" disagrees`, "no published record"}, nil},
		{"marker", at(root(), "global", ""), []string{`awsRegion is "global"`, "EventBridge"}, nil},
		{"region", at(role(), "eu-west-1", ""), []string{"not the default Region of partition aws (us-east-1)", `eventVersion "1.08" may have`}, nil},
		{"root elsewhere", at(root(), "eu-west-1", ""), []string{"the same may be true here"}, nil},
		{"root", at(root(), "us-east-1", ""), []string{"This is the root user", "exceptions"}, nil},
		{"unknown", failed, []string{"Through which endpoint the failed sign-in came cannot be told", "lie there alike", "LoginTo", "the regional one of us-east-1"}, nil},
		{"older than tlsDetails", ancient, []string{`eventVersion "1.05" is older than tlsDetails`}, nil},
		{"nothing", signin.Event{}, []string{"no awsRegion and no usable host"}, nil},
		{"unknown Region", at(user(), "eu-west-2r", ""), []string{`awsRegion "eu-west-2r" is no Region in the table`}, nil},
		{"account host", at(role(), "eu-west-1", "acme."+unPrefixed), []string{"left out of account", "account id or alias"}, nil},
		{"foreign host", at(role(), "eu-west-1", "signin.evil.example"), []string{"reverse proxy"}, nil},
		{"look-alike host", at(role(), "eu-west-1", "\u0455ignin.aws.amazon.com"), []string{`"\u0455ignin.aws.amazon.com"`}, nil},
		{"portal host", at(role(), "eu-west-1", "eu-west-1.signin.aws"), []string{"one of AWS's (Identity Center access portal)"}, []string{"reverse proxy"}},
		{"proxied", at(user(), "us-east-2", "us-east-2."+unPrefixed), []string{"typed the global URL"}, []string{"of 2025"}},
		{"proxied before it was documented", old, []string{"typed the global URL", "for a sign-in of 2023"}, nil},
		{"identity center at home", at(sso("us-west-2/"), "us-west-2", ""), []string{`names "us-west-2" as the home Region`}, []string{"another endpoint"}},
		{"identity center elsewhere", at(sso("us-west-2/"), "eu-west-1", ""), []string{"another endpoint than that"}, nil},
		{"identity center at the global host", at(sso("us-west-2/"), "us-east-1", unPrefixed), []string{"another endpoint than that"}, nil},
		{"identity center in the default Region", at(sso(""), "us-east-1", ""),
			[]string{"documented to mean us-east-1", "probably the regional endpoint of us-east-1"}, []string{"password typed"}},
		{"identity center without path", at(bare, "us-east-1", ""), []string{"does not have its path"}, []string{"probably"}},
		{"identity center of China", at(of(sso(""), "aws-cn"), "cn-north-1", ""), []string{"names no home Region."}, []string{"us-east-1"}},
		{"un-prefixed host of China", at(of(role(), "aws-cn"), "cn-north-1", "signin.amazonaws.cn"),
			[]string{"expected to be recorded in cn-northwest-1", "General Reference does not cover partition aws-cn"}, []string{"documented to be", "lists it"}},
		{"bare domain of the sovereign cloud", at(of(role(), "aws-eusc"), "eusc-de-east-1", "signin.amazonaws-eusc.eu"),
			[]string{"(confidence: low)", "the bare sign-in domain of partition aws-eusc", "No un-prefixed host of partition aws-eusc is published"}, []string{"General Reference", "the un-prefixed"}},
		{"bare domain of an iso partition", at(of(role(), "aws-iso"), "us-iso-east-1", "signin.c2shome.ic.gov"), []string{"is published"}, []string{"General Reference"}},
		{"un-prefixed host of GovCloud", at(of(role(), "aws-us-gov"), "us-gov-west-1", "signin.amazonaws-us-gov.com"), []string{"lists it as the endpoint of us-gov-west-1"}, nil},
		{"root of GovCloud", at(of(root(), "aws-us-gov"), "us-gov-west-1", ""), []string{"remarkable", "carried over"}, []string{"AWS documents root", "documented to"}},
		{"root of GovCloud at a host", at(of(root(), "aws-us-gov"), "us-gov-west-1", "signin.amazonaws-us-gov.com"), []string{"remarkable"}, nil},
		{"root of China", at(of(root(), "aws-cn"), "cn-northwest-1", ""), []string{"is carried over"}, []string{"AWS documents root", "remarkable"}},
		{"malformed", malformed, []string{"a type that cannot be read"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := analyzer.Classify(test.event)
			all := strings.Join(analyzer.Explain(test.event, v), "\n")
			for _, s := range test.says {
				if !strings.Contains(all, s) {
					t.Errorf("does not say %q:\n%s", s, all)
				}
			}
			for _, s := range test.not {
				if strings.Contains(all, s) {
					t.Errorf("says %q:\n%s", s, all)
				}
			}
			wording(t, test.event, v)
		})
	}
}

// wording holds what is true of every explanation.
func wording(t *testing.T, e signin.Event, v analyzer.Verdict) {
	t.Helper()
	out := analyzer.Explain(e, v)
	if len(out) < 2 {
		t.Errorf("%+v is explained by %q", e, out)
	}
	for _, s := range out {
		if s == "" || strings.Contains(s, "%!") && !strings.Contains(e.Region+e.Host+e.Version+e.Identity.IssuerARN, "%!") ||
			strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f || c == 0x202e }) {
			t.Errorf("%+v is explained by %q", e, s)
		}
	}
}

func TestWords(t *testing.T) {
	var got []string
	for b := analyzer.BasisNone; b <= analyzer.BasisHost; b++ {
		got = append(got, b.String())
	}
	for s := analyzer.ScopeUnknown; s <= analyzer.ScopeRegional; s++ {
		got = append(got, s.String())
	}
	for c := analyzer.Low; c <= analyzer.Certain; c++ {
		got = append(got, c.String())
	}
	const want = "none identity region marker host unknown global regional low high certain"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("words %q, want %q", s, want)
	}
}
