package endpoint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"trailgate/analyzer/endpoint"
	"trailgate/ingest/aws/region"
)

func TestParseURL(t *testing.T) {
	const (
		unknown  = endpoint.ScopeUnknown
		global   = endpoint.ScopeGlobal
		regional = endpoint.ScopeRegional
		low      = endpoint.Low
		high     = endpoint.High
	)
	proxied := []string{"ap-southeast-2", "eu-north-1", "us-east-1", "us-east-2"}
	home := []string{"us-east-1"}
	type verdict struct {
		Scope      endpoint.Scope
		Endpoint   string
		RecordedIn []string
		Historical bool
		Confidence endpoint.Confidence
	}
	tests := []struct {
		name, in string
		want     verdict
		says     string // part of the reasons
	}{
		{"alias", "https://example.signin.aws.amazon.com/console", verdict{regional, "", proxied, false, low}, "The Region is AWS's choice"},
		{"alias, no path", "example.signin.aws.amazon.com", verdict{regional, "", proxied, false, low}, `alias "example"`},
		{"account id", "https://111122223333.signin.aws.amazon.com/console/", verdict{regional, "", proxied, false, low}, "August 2024"},
		{"alias to a regional console", "https://example.signin.aws.amazon.com/console/ec2", verdict{regional, "", proxied, false, low}, "alias cookie"},
		{"alias to s3", "https://example.signin.aws.amazon.com/console/s3", verdict{global, "global", proxied, true, low}, "historical"},
		{"alias to s3, deeper", "example.signin.aws.amazon.com/console/s3/home?x=1", verdict{global, "global", proxied, true, low}, "historical"},
		{"alias and region", "https://example.signin.aws.amazon.com/console?region=ap-southeast-1",
			verdict{regional, "ap-southeast-1", []string{"ap-southeast-1"}, false, high}, "region parameter"},
		{"region wins over s3", "https://example.signin.aws.amazon.com/console/s3?region=EU-West-1",
			verdict{regional, "eu-west-1", []string{"eu-west-1"}, false, high}, "eu-west-1"},
		{"unknown region", "https://example.signin.aws.amazon.com/console?region=eu-prod-1", verdict{unknown, "", nil, false, low}, `"eu-prod-1"`},
		{"region of another partition", "https://signin.aws.amazon.com/console?region=cn-north-1", verdict{unknown, "", nil, false, low}, "cn-north-1"},
		{"two regions", "https://signin.aws.amazon.com/console?region=eu-west-1&region=eu-west-2", verdict{unknown, "", nil, false, low}, "eu-west-1, eu-west-2"},
		{"one region twice", "https://signin.aws.amazon.com/console?region=eu-west-1&region=eu-west-1",
			verdict{regional, "eu-west-1", []string{"eu-west-1"}, false, high}, "In a field test of January 2025 it worked"},
		{"empty region", "https://signin.aws.amazon.com/console?region=", verdict{global, "global", proxied, false, high}, "account-alias cookie"},
		{"region in the fragment", "https://signin.aws.amazon.com/console#region=eu-west-1", verdict{global, "global", proxied, false, high}, "has no effect"},
		{"alias shaped like a Region", "https://eu-prod-1.signin.aws.amazon.com/console", verdict{regional, "", proxied, false, low}, "looks like a Region's host"},
		{"alias named like a Region elsewhere", "https://cn-north-1.signin.aws.amazon.com/console", verdict{regional, "", proxied, false, low}, "not in partition aws"},
		{"many labels", "https://a.b.signin.aws.amazon.com/console", verdict{regional, "", proxied, false, low}, "not the host of a Region"},
		{"alias, saml", "https://example.signin.aws.amazon.com/saml", verdict{unknown, "", nil, false, low}, `"/saml"`},
		{"alias, elsewhere", "https://cn.signin.amazonaws.cn/console",
			verdict{unknown, "", []string{"cn-north-1", "cn-northwest-1"}, false, low}, "commercial partition only"},

		{"un-prefixed", "https://signin.aws.amazon.com/console", verdict{global, "global", proxied, false, high}, "whichever answers fastest"},
		{"un-prefixed, no path", "signin.aws.amazon.com", verdict{global, "global", proxied, false, high}, "root user"},
		{"un-prefixed, port and case", "HTTPS://SignIn.AWS.Amazon.com:443/", verdict{global, "global", proxied, false, high}, "un-prefixed"},
		{"un-prefixed to s3", "https://signin.aws.amazon.com/console/s3", verdict{global, "global", proxied, false, high}, "un-prefixed"},
		{"un-prefixed and region", "https://signin.aws.amazon.com/console?region=us-west-1",
			verdict{regional, "us-west-1", []string{"us-west-1"}, false, high}, "January 2025"},
		{"root with region", "https://signin.aws.amazon.com/?region=us-east-1", verdict{regional, "us-east-1", home, false, high}, "exception"},
		{"default saml", "https://signin.aws.amazon.com/saml", verdict{global, "global", home, false, high}, "SAML assertion"},
		{"saml with region", "https://signin.aws.amazon.com/saml?region=eu-west-1", verdict{global, "global", home, false, high}, "SAML assertion"},
		{"federation", "https://signin.aws.amazon.com/federation?Action=login", verdict{global, "global", home, false, low}, "federation endpoint"},
		{"switch role", "https://signin.aws.amazon.com/switchrole?account=111122223333", verdict{unknown, "", nil, false, low}, "SwitchRole"},
		{"redirect in the query", "https://signin.aws.amazon.com/signin?redirect_uri=https%3A%2F%2Fconsole.aws.amazon.com%2F%3Fregion%3Deu-west-1",
			verdict{global, "global", proxied, false, high}, "un-prefixed"},
		{"path with dots", "https://signin.aws.amazon.com/x/../saml/", verdict{global, "global", home, false, high}, "SAML assertion"},
		{"government", "https://signin.amazonaws-us-gov.com/console", verdict{global, "global", []string{"us-gov-west-1"}, false, low}, "No sign-in record of partition aws-us-gov"},
		{"government, fips", "signin-fips.amazonaws-us-gov.com", verdict{global, "global", []string{"us-gov-west-1"}, false, low}, "us-gov-west-1"},
		{"china", "https://signin.amazonaws.cn/", verdict{global, "global", []string{"cn-northwest-1"}, false, low}, "These statements assume"},

		{"regional", "https://us-west-1.signin.aws.amazon.com/console", verdict{regional, "us-west-1", []string{"us-west-1"}, false, high}, "January 2025 contradicts"},
		{"regional default", "us-east-1.signin.aws.amazon.com", verdict{regional, "us-east-1", home, false, high}, "sign-in host of us-east-1"},
		{"regional, same region", "https://eu-west-1.signin.aws.amazon.com/console?region=eu-west-1",
			verdict{regional, "eu-west-1", []string{"eu-west-1"}, false, high}, "sign-in host"},
		{"regional, other region", "https://eu-west-1.signin.aws.amazon.com/console?region=us-west-2",
			verdict{regional, "eu-west-1", []string{"eu-west-1", "us-west-2"}, false, low}, "does not document which"},
		{"regional, no region", "https://eu-west-1.signin.aws.amazon.com/console?region=moon",
			verdict{regional, "eu-west-1", []string{"eu-west-1"}, false, low}, `"moon"`},
		{"regional saml", "https://eu-west-1.signin.aws.amazon.com/saml/acs/x", verdict{regional, "eu-west-1", []string{"eu-west-1"}, false, high}, "SAML assertion"},
		{"identity center saml", "https://eu-west-1.signin.aws.amazon.com/platform/saml/acs/x",
			verdict{regional, "eu-west-1", []string{"eu-west-1"}, false, high}, "SAML assertion"},
		{"regional federation", "https://us-east-1.signin.aws.amazon.com/federation", verdict{regional, "us-east-1", home, false, high}, "agree"},
		{"regional switch role", "https://us-east-1.signin.aws.amazon.com/switchrole", verdict{unknown, "", nil, false, low}, "SwitchRole"},
		{"regional oauth", "https://us-east-2.signin.aws.amazon.com/oauth?client_id=x", verdict{regional, "us-east-2", []string{"us-east-2"}, false, high}, "us-east-2"},
		{"china, not in the reference", "signin.amazonaws.cn", verdict{global, "global", []string{"cn-northwest-1"}, false, low}, "does not cover partition aws-cn"},
		{"european sovereign, bare", "signin.amazonaws-eusc.eu", verdict{global, "global", []string{"eusc-de-east-1"}, false, low}, "No un-prefixed host of partition aws-eusc is published"},
		{"iso, bare", "signin.c2shome.ic.gov", verdict{global, "global", []string{"us-iso-east-1"}, false, low}, "expected to be recorded in us-iso-east-1"},
		{"regional, china", "https://cn-north-1.signin.amazonaws.cn/console?region=cn-north-1",
			verdict{regional, "cn-north-1", []string{"cn-north-1"}, false, low}, "No sign-in record"},
		{"european sovereign", "https://eusc-de-east-1.signin.amazonaws-eusc.eu", verdict{regional, "eusc-de-east-1", []string{"eusc-de-east-1"}, false, low}, "eusc-de-east-1"},

		{"console", "https://us-east-1.console.aws.amazon.com/console/home?region=us-east-1", verdict{unknown, "", nil, false, low}, "console itself"},
		{"portal", "https://d-0000000000.awsapps.com/start", verdict{unknown, "", nil, false, low}, "access portal"},
		{"oauth host", "https://us-east-1.oauth.signin.aws/", verdict{unknown, "", nil, false, low}, "control-plane"},
		{"stranger", "https://signin.aws.amazon.com.evil.example/console?region=eu-west-1", verdict{unknown, "", nil, false, low}, "proxy"},
		{"host as user", "https://signin.aws.amazon.com@evil.example/console", verdict{unknown, "", nil, false, low}, `goes to "evil.example"`},
		{"host as user and password", "https://signin.aws.amazon.com:443@evil.example", verdict{unknown, "", nil, false, low}, "proxy"},
		{"letters outside ASCII", "https://s\u0130gnin.aws.amazon.com/", verdict{unknown, "", nil, false, low}, "not under the sign-in domain of any partition"},
		{"address", "http://[2001:db8::1]:8080/", verdict{unknown, "", nil, false, low}, "not under the sign-in domain of any partition"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u, err := endpoint.ParseURL(region.Table{}, test.in)
			if err != nil {
				t.Fatal(err)
			}
			got := verdict{u.Scope, u.Endpoint, u.RecordedIn, u.Historical, u.Confidence}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("ParseURL(%q) (-want +got):\n%s", test.in, diff)
			}
			if all := strings.Join(u.Reasons, "\n"); !strings.Contains(all, test.says) {
				t.Errorf("ParseURL(%q) does not say %q:\n%s", test.in, test.says, all)
			}
			checkURL(t, test.in, u)
		})
	}
}

func TestParseURLErrors(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", `parse sign-in url "": empty`},
		{"  ", `parse sign-in url "  ": empty`},
		{"https://", `parse sign-in url "https://": no host`},
		{"https:///console", `parse sign-in url "https:///console": no host`},
		{"ftp://signin.aws.amazon.com/", `parse sign-in url "ftp://signin.aws.amazon.com/": scheme "ftp": want https`},
		{"https://signin.aws.amazon.com\\@evil.example/", `parse sign-in url "https://signin.aws.amazon.com\\@evil.example/": net/url: invalid userinfo`},
		{"https://evil.example\\.signin.aws.amazon.com/", `parse sign-in url "https://evil.example\\.signin.aws.amazon.com/": invalid character "\\" in host name`},
		{"https://%73ignin.aws.amazon.com/", `parse sign-in url "https://%73ignin.aws.amazon.com/": invalid URL escape "%73"`},
		{"https://signin.aws.amazon.com /", `parse sign-in url "https://signin.aws.amazon.com /": invalid character " " in host name`},
		{"javascript:alert(1)", `parse sign-in url "javascript:alert(1)": invalid port ":alert(1)" after host`},
		{"https://signin.aws\n.amazon.com", `parse sign-in url "https://signin.aws\n.amazon.com": net/url: invalid control character in URL`},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			u, err := endpoint.ParseURL(region.Table{}, test.in)
			if err == nil {
				t.Fatalf("no error: %+v", u)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

// checkURL checks what must be true of every URL.
func checkURL(t *testing.T, in string, u endpoint.URL) {
	t.Helper()
	var table region.Table
	switch u.Scope {
	case endpoint.ScopeGlobal:
		if u.Endpoint != endpoint.GlobalName || !slices.Contains(u.RecordedIn, table.Default(u.Partition)) {
			t.Errorf("%q is global: %+v", in, u)
		}
	case endpoint.ScopeRegional:
		if u.Endpoint != "" && table.Partition(u.Endpoint) != u.Partition || len(u.RecordedIn) == 0 {
			t.Errorf("%q is regional: %+v", in, u)
		}
	case endpoint.ScopeUnknown:
		if u.Endpoint != "" || u.Confidence != endpoint.Low {
			t.Errorf("%q is unknown: %+v", in, u)
		}
	}
	if u.Partition != u.Host.Partition || u.Confidence == endpoint.Certain || len(u.Reasons) == 0 {
		t.Errorf("%q: %+v", in, u)
	}
	if !slices.IsSorted(u.RecordedIn) {
		t.Errorf("%q: not sorted: %v", in, u.RecordedIn)
	}
	for _, r := range u.RecordedIn {
		if table.Partition(r) != u.Partition {
			t.Errorf("%q: recorded in %q of another partition", in, r)
		}
	}
	for _, s := range u.Reasons {
		if s == "" || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Errorf("%q: reason %q", in, s)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{
		"https://example.signin.aws.amazon.com/console/s3?region=eu-west-1#region=x", "signin.aws.amazon.com", "//a@signin.amazonaws.cn:443/saml",
		"https://us-east-1.signin.aws.amazon.com/federation?region=a&region=b", "https://d-0000000000.awsapps.com/start", "https://[::1%25en0]/", ":", "%",
		"https://acme.signin.amazonaws-us-gov.com/console/\x1b[31m",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := endpoint.ParseURL(region.Table{}, s)
		if err != nil {
			if strings.ContainsFunc(err.Error(), func(c rune) bool { return c < ' ' || c == 0x7f }) {
				t.Errorf("control characters in the error %q", err)
			}
			return
		}
		checkURL(t, s, u)
	})
}
