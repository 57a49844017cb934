package analyzer_test

import (
	"strings"
	"testing"
	"time"

	"trailgate/analyzer"
	"trailgate/analyzer/internal/samples"
	"trailgate/ingest/signin"
)

func TestExplain(t *testing.T) {
	old := samples.Event(samples.User(), "us-east-2", "us-east-2."+samples.UnprefixedHost)
	old.Time = time.Date(2023, 1, 10, 0, 0, 0, 0, time.UTC)
	ancient := samples.Event(samples.Role(), "us-east-1", "")
	ancient.Version = "1.05"
	failed := samples.Event(samples.User(), "us-east-1", "")
	failed.Outcome, failed.LoginTo = signin.Failure, "https://console.aws.amazon.com/"
	malformed := samples.Event(samples.User(), "us-east-1", samples.UnprefixedHost)
	malformed.Malformed = true
	bare := samples.IdentityCenterRole("")
	bare.IssuerARN = ""
	tests := []struct {
		name  string
		event signin.Event
		says  []string
		not   []string
	}{
		{"global", samples.Event(samples.User(), "us-east-1", samples.UnprefixedHost),
			[]string{"came through the global endpoint (confidence: certain)", `asked for the host "signin.aws.amazon.com" (tlsDetails.clientProvidedHostHeader)`,
				`awsRegion "us-east-1" agrees`, "General Reference"}, []string{"typed the global URL", "does not show which endpoint"}},
		{"regional", samples.Event(samples.Role(), "eu-west-1", "eu-west-1."+samples.UnprefixedHost),
			[]string{"regional endpoint of eu-west-1 (confidence: certain)", "the sign-in host of that Region"}, []string{"General Reference"}},
		{"no Region", samples.Event(samples.Role(), "", "eu-west-1."+samples.UnprefixedHost), []string{"no awsRegion to compare with"}, nil},
		{"fips", samples.Event(samples.Role(), "us-gov-west-1", "signin-fips.amazonaws-us-gov.com"), []string{"FIPS", "No sign-in record of partition aws-us-gov"}, nil},
		{"mismatch", samples.Event(samples.Root(), "ap-northeast-2", samples.UnprefixedHost), []string{`awsRegion "ap-northeast-2" disagrees`, "root record of 2022"}, []string{"agrees."}},
		{"regional mismatch", samples.Event(samples.Role(), "eu-west-2", "eu-west-1."+samples.UnprefixedHost), []string{`awsRegion "eu-west-2" disagrees`, "No published record"}, nil},
		{"marker", samples.Event(samples.Root(), "global", ""), []string{`awsRegion is "global"`, "EventBridge"}, nil},
		{"region", samples.Event(samples.Role(), "eu-west-1", ""), []string{"not the default Region of partition aws (us-east-1)", `eventVersion "1.08" may have`}, nil},
		{"root elsewhere", samples.Event(samples.Root(), "eu-west-1", ""), []string{"The same may be true here"}, nil},
		{"root", samples.Event(samples.Root(), "us-east-1", ""), []string{"This is the root user", "exceptions"}, nil},
		{"unknown", failed, []string{"The record does not show which endpoint the failed sign-in came through", "are both recorded there", "LoginTo", "the regional endpoint of us-east-1"}, nil},
		{"older than tlsDetails", ancient, []string{`eventVersion "1.05" is older than tlsDetails`}, nil},
		{"nothing", signin.Event{}, []string{"no awsRegion and no usable host"}, nil},
		{"unknown Region", samples.Event(samples.User(), "eu-west-2r", ""), []string{`awsRegion "eu-west-2r" is not a Region in the table`}, nil},
		{"account host", samples.Event(samples.Role(), "eu-west-1", "acme."+samples.UnprefixedHost), []string{"so it was not used", "account id or alias"}, nil},
		{"foreign host", samples.Event(samples.Role(), "eu-west-1", "signin.evil.example"), []string{"reverse proxy"}, nil},
		{"look-alike host", samples.Event(samples.Role(), "eu-west-1", "\u0455ignin.aws.amazon.com"), []string{`"\u0455ignin.aws.amazon.com"`}, nil},
		{"portal host", samples.Event(samples.Role(), "eu-west-1", "eu-west-1.signin.aws"), []string{"belongs to AWS (Identity Center access portal)"}, []string{"reverse proxy"}},
		{"proxied", samples.Event(samples.User(), "us-east-2", "us-east-2."+samples.UnprefixedHost), []string{"typed the global URL"}, []string{"of 2025"}},
		{"proxied before it was documented", old, []string{"typed the global URL", "For a sign-in of 2023"}, nil},
		{"identity center at home", samples.Event(samples.IdentityCenterRole("us-west-2/"), "us-west-2", ""), []string{`names "us-west-2" as the home Region`}, []string{"a different endpoint"}},
		{"identity center elsewhere", samples.Event(samples.IdentityCenterRole("us-west-2/"), "eu-west-1", ""), []string{"a different endpoint"}, nil},
		{"identity center at the global host", samples.Event(samples.IdentityCenterRole("us-west-2/"), "us-east-1", samples.UnprefixedHost), []string{"a different endpoint"}, nil},
		{"identity center in the default Region", samples.Event(samples.IdentityCenterRole(""), "us-east-1", ""),
			[]string{"documented to mean us-east-1", "probably the regional endpoint of us-east-1"}, []string{"password typed"}},
		{"identity center without path", samples.Event(bare, "us-east-1", ""), []string{"does not have its path"}, []string{"probably"}},
		{"identity center of China", samples.Event(samples.InPartition(samples.IdentityCenterRole(""), "aws-cn"), "cn-north-1", ""), []string{"names no home Region."}, []string{"us-east-1"}},
		{"un-prefixed host of China", samples.Event(samples.InPartition(samples.Role(), "aws-cn"), "cn-north-1", "signin.amazonaws.cn"),
			[]string{"expected to be recorded in cn-northwest-1", "General Reference does not cover partition aws-cn"}, []string{"documented to be", "lists it"}},
		{"bare domain of the sovereign cloud", samples.Event(samples.InPartition(samples.Role(), "aws-eusc"), "eusc-de-east-1", "signin.amazonaws-eusc.eu"),
			[]string{"(confidence: low)", "the bare sign-in domain of partition aws-eusc", "No un-prefixed host of partition aws-eusc is published"}, []string{"General Reference", "the un-prefixed"}},
		{"bare domain of an iso partition", samples.Event(samples.InPartition(samples.Role(), "aws-iso"), "us-iso-east-1", "signin.c2shome.ic.gov"), []string{"is published"}, []string{"General Reference"}},
		{"un-prefixed host of GovCloud", samples.Event(samples.InPartition(samples.Role(), "aws-us-gov"), "us-gov-west-1", "signin.amazonaws-us-gov.com"), []string{"lists it as the endpoint of us-gov-west-1"}, nil},
		{"root of GovCloud", samples.Event(samples.InPartition(samples.Root(), "aws-us-gov"), "us-gov-west-1", ""), []string{"is unusual", "is assumed to sign in", "is assumed to mean the same"}, []string{"AWS documents that root", "documented to"}},
		{"root of GovCloud at a host", samples.Event(samples.InPartition(samples.Root(), "aws-us-gov"), "us-gov-west-1", "signin.amazonaws-us-gov.com"), []string{"is unusual"}, nil},
		{"root of China", samples.Event(samples.InPartition(samples.Root(), "aws-cn"), "cn-northwest-1", ""), []string{"is assumed to sign in"}, []string{"AWS documents that root", "is unusual"}},
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
			checkWording(t, test.event, v)
		})
	}
}

// checkWording checks what must be true of every explanation.
func checkWording(t *testing.T, e signin.Event, v analyzer.Verdict) {
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
