package endpoint_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trailgate/analyzer/endpoint"
	"trailgate/ingest/aws/region"
)

func TestParseHost(t *testing.T) {
	global := func(name, partition string) endpoint.Host {
		return endpoint.Host{Class: endpoint.Global, Service: endpoint.SignIn, Name: name, Partition: partition}
	}
	regional := func(name, partition, region string) endpoint.Host {
		return endpoint.Host{Class: endpoint.Regional, Service: endpoint.SignIn, Name: name, Partition: partition, Region: region}
	}
	account := func(name, partition, label string) endpoint.Host {
		return endpoint.Host{Class: endpoint.Account, Service: endpoint.SignIn, Name: name, Partition: partition, Label: label}
	}
	foreign := func(name string, s endpoint.Service) endpoint.Host {
		return endpoint.Host{Class: endpoint.Foreign, Service: s, Name: name}
	}
	fips := func(h endpoint.Host) endpoint.Host { h.FIPS = true; return h }
	const domain = "signin.aws.amazon.com"
	tests := []struct {
		in   string
		want endpoint.Host
	}{
		{"", endpoint.Host{}},

		{domain, global(domain, "aws")},
		{"SignIn.AWS.Amazon.com", global(domain, "aws")},
		{domain + ":443", global(domain, "aws")},
		{domain + ":", global(domain, "aws")},
		{domain + ".", global(domain, "aws")},
		{domain + ".:443", global(domain, "aws")},
		{"signin.amazonaws.cn", global("signin.amazonaws.cn", "aws-cn")},
		{"signin.amazonaws-us-gov.com", global("signin.amazonaws-us-gov.com", "aws-us-gov")},
		{"signin-fips.amazonaws-us-gov.com", fips(global("signin-fips.amazonaws-us-gov.com", "aws-us-gov"))},
		{"signin.amazonaws-eusc.eu", global("signin.amazonaws-eusc.eu", "aws-eusc")},
		{"signin.c2shome.ic.gov", global("signin.c2shome.ic.gov", "aws-iso")},
		{"signin.sc2shome.sgov.gov", global("signin.sc2shome.sgov.gov", "aws-iso-b")},
		{"signin.csphome.adc-e.uk", global("signin.csphome.adc-e.uk", "aws-iso-e")},
		{"signin.csphome.hci.ic.gov", global("signin.csphome.hci.ic.gov", "aws-iso-f")},

		{"us-east-1." + domain, regional("us-east-1."+domain, "aws", "us-east-1")},
		{"AP-Southeast-7." + domain + ".:8443", regional("ap-southeast-7."+domain, "aws", "ap-southeast-7")},
		{"cn-north-1.signin.amazonaws.cn", regional("cn-north-1.signin.amazonaws.cn", "aws-cn", "cn-north-1")},
		{"us-gov-east-1.signin.amazonaws-us-gov.com", regional("us-gov-east-1.signin.amazonaws-us-gov.com", "aws-us-gov", "us-gov-east-1")},
		{"us-gov-east-1.signin-fips.amazonaws-us-gov.com", fips(regional("us-gov-east-1.signin-fips.amazonaws-us-gov.com", "aws-us-gov", "us-gov-east-1"))},
		{"eusc-de-east-1.signin.amazonaws-eusc.eu", regional("eusc-de-east-1.signin.amazonaws-eusc.eu", "aws-eusc", "eusc-de-east-1")},
		{"us-iso-west-1.signin.c2shome.ic.gov", regional("us-iso-west-1.signin.c2shome.ic.gov", "aws-iso", "us-iso-west-1")},
		{"us-isob-east-1.signin.sc2shome.sgov.gov", regional("us-isob-east-1.signin.sc2shome.sgov.gov", "aws-iso-b", "us-isob-east-1")},
		{"eu-isoe-west-1.signin.csphome.adc-e.uk", regional("eu-isoe-west-1.signin.csphome.adc-e.uk", "aws-iso-e", "eu-isoe-west-1")},
		{"us-isof-east-1.signin.csphome.hci.ic.gov", regional("us-isof-east-1.signin.csphome.hci.ic.gov", "aws-iso-f", "us-isof-east-1")},
		{"signin.eu-west-1.amazonaws.com", regional("signin.eu-west-1.amazonaws.com", "aws", "eu-west-1")},
		{"signin-fips.us-east-2.amazonaws.com", fips(regional("signin-fips.us-east-2.amazonaws.com", "aws", "us-east-2"))},
		{"signin-fips.us-gov-west-1.amazonaws.com", fips(regional("signin-fips.us-gov-west-1.amazonaws.com", "aws-us-gov", "us-gov-west-1"))},
		{"signin.cn-north-1.amazonaws.com.cn", regional("signin.cn-north-1.amazonaws.com.cn", "aws-cn", "cn-north-1")},

		{"123456789012." + domain, account("123456789012."+domain, "aws", "123456789012")},
		{"acme." + domain, account("acme."+domain, "aws", "acme")},
		{"eu-prod-1." + domain, account("eu-prod-1."+domain, "aws", "eu-prod-1")},
		{"us-east-1.acme." + domain, account("us-east-1.acme."+domain, "aws", "us-east-1.acme")},
		{"acme.us-east-1." + domain, account("acme.us-east-1."+domain, "aws", "acme.us-east-1")},
		{"cn-north-1." + domain, account("cn-north-1."+domain, "aws", "cn-north-1")},
		{"us-east-1.signin.amazonaws.cn", account("us-east-1.signin.amazonaws.cn", "aws-cn", "us-east-1")},
		{"signin." + domain, account("signin."+domain, "aws", "signin")},
		{"acme.signin-fips.amazonaws-us-gov.com", account("acme.signin-fips.amazonaws-us-gov.com", "aws-us-gov", "acme")},

		{domain + ".evil.example", foreign(domain+".evil.example", endpoint.NoService)},
		{"evil-" + domain, foreign("evil-"+domain, endpoint.NoService)},
		{"us-east-1-" + domain, foreign("us-east-1-"+domain, endpoint.NoService)},
		{"signin-fips.aws.amazon.com", foreign("signin-fips.aws.amazon.com", endpoint.NoService)},
		{"signinaws.amazon.com", foreign("signinaws.amazon.com", endpoint.NoService)},
		{"aws.amazon.com", foreign("aws.amazon.com", endpoint.NoService)},
		{"signin.cn-north-1.amazonaws.com", foreign("signin.cn-north-1.amazonaws.com", endpoint.NoService)},
		{"signin.eu-prod-1.amazonaws.com", foreign("signin.eu-prod-1.amazonaws.com", endpoint.NoService)},
		{"signin.us-east-1.amazonaws.com.evil.example", foreign("signin.us-east-1.amazonaws.com.evil.example", endpoint.NoService)},
		{"192.0.2.7:443", foreign("192.0.2.7", endpoint.NoService)},
		{"us-east-1.console.aws.amazon.com", foreign("us-east-1.console.aws.amazon.com", endpoint.Console)},
		{"console.amazonaws.cn", foreign("console.amazonaws.cn", endpoint.Console)},
		{"us-east-1.signin.aws", foreign("us-east-1.signin.aws", endpoint.Portal)},
		{"us-east-1.sso.signin.aws", foreign("us-east-1.sso.signin.aws", endpoint.Portal)},
		{"us-east-1.oauth.signin.aws", foreign("us-east-1.oauth.signin.aws", endpoint.OAuth)},
		{"signin.eu-west-1.api.aws", foreign("signin.eu-west-1.api.aws", endpoint.OAuth)},
		{"signin.cn-north-1.api.amazonwebservices.com.cn", foreign("signin.cn-north-1.api.amazonwebservices.com.cn", endpoint.OAuth)},
		{"d-0000000000.awsapps.com", foreign("d-0000000000.awsapps.com", endpoint.Portal)},
		{"ssoins-0000000000000000.eu-west-1.portal.amazonaws.com", foreign("ssoins-0000000000000000.eu-west-1.portal.amazonaws.com", endpoint.Portal)},
		{"ssoins-0000000000000000.portal.eu-west-1.app.aws", foreign("ssoins-0000000000000000.portal.eu-west-1.app.aws", endpoint.Portal)},
		{"evilawsapps.com", foreign("evilawsapps.com", endpoint.NoService)},
	}
	for _, in := range []string{
		" " + domain, domain + " ", "." + domain, domain + "..", "us-east-1.." + domain, "user@" + domain, "us-east-1@" + domain,
		domain + ":44x", domain + ":443:443", domain + ":123456", domain + "/console", domain + "\x00", domain + "\n",
		"s\u0130gnin.aws.amazon.com", "signin\u3002aws.amazon.com", "\u0455ignin.aws.amazon.com", "[2001:db8::1]:443", "[" + domain + "]",
		":443", ".", " ", "%73ignin.aws.amazon.com", strings.Repeat("a", 64) + "." + domain, strings.Repeat("a.", 200) + domain, "\xff." + domain,
	} {
		tests = append(tests, struct {
			in   string
			want endpoint.Host
		}{in, foreign(in, endpoint.NoService)})
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			if diff := cmp.Diff(test.want, endpoint.ParseHost(region.Table{}, test.in)); diff != "" {
				t.Errorf("ParseHost(%q) (-want +got):\n%s", test.in, diff)
			}
		})
	}
}

func TestEveryRegionHasItsHost(t *testing.T) {
	var table region.Table
	domains := [...]string{
		"signin.aws.amazon.com", "signin.amazonaws.cn", "signin.amazonaws-us-gov.com", "signin.amazonaws-eusc.eu",
		"signin.c2shome.ic.gov", "signin.sc2shome.sgov.gov", "signin.csphome.adc-e.uk", "signin.csphome.hci.ic.gov",
	}
	for i, p := range table.Partitions() {
		for _, r := range table.Regions(p) {
			for j, domain := range domains {
				h := endpoint.ParseHost(table, r.Name+"."+domain)
				if want := i == j; (h.Class == endpoint.Regional && h.Region == r.Name && h.Partition == p) != want {
					t.Errorf("%s.%s: %+v", r.Name, domain, h)
				}
			}
		}
	}
}

func FuzzParseHost(f *testing.F) {
	for _, s := range []string{
		"", "signin.aws.amazon.com", "us-east-1.signin.aws.amazon.com:443", "acme.signin.amazonaws.cn.", "signin-fips.us-gov-west-1.amazonaws.com",
		"a@signin.aws.amazon.com", "signin.aws.amazon.com.evil.example", "s\u0130gnin.aws.amazon.com", "us-east-1.signin.aws",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var table region.Table
		h := endpoint.ParseHost(table, s)
		bare := strings.ToLower(s)
		if i := strings.IndexByte(bare, ':'); i >= 0 {
			bare = bare[:i]
		}
		bare = strings.TrimSuffix(bare, ".")
		switch h.Class {
		case endpoint.Absent:
			if s != "" || h != (endpoint.Host{}) {
				t.Errorf("%q is absent: %+v", s, h)
			}
			return
		case endpoint.Global:
			if !strings.HasPrefix(bare, "signin.") && !strings.HasPrefix(bare, "signin-fips.") || h.Region != "" || h.Label != "" {
				t.Errorf("%q is global: %+v", s, h)
			}
		case endpoint.Regional:
			if table.Partition(h.Region) != h.Partition || !strings.Contains(bare, h.Region) || h.Label != "" {
				t.Errorf("%q is regional: %+v", s, h)
			}
		case endpoint.Account:
			if h.Label == "" || !strings.HasPrefix(bare, h.Label+".signin") || h.Region != "" {
				t.Errorf("%q is an account's: %+v", s, h)
			}
		case endpoint.Foreign:
			if h.Partition != "" || h.Region != "" || h.Label != "" {
				t.Errorf("%q is foreign: %+v", s, h)
			}
			return
		}
		if h.Name != bare || h.Partition == "" || h.Service != endpoint.SignIn {
			t.Errorf("%q has name %q: %+v", s, bare, h)
		}
		if again := endpoint.ParseHost(table, h.Name); again != h {
			t.Errorf("%q: %+v, and its name: %+v", s, h, again)
		}
	})
}

func TestWords(t *testing.T) {
	var got []string
	for c := endpoint.Absent; c <= endpoint.Foreign; c++ {
		got = append(got, c.String())
	}
	for s := endpoint.NoService; s <= endpoint.OAuth; s++ {
		got = append(got, s.String())
	}
	want := []string{
		"absent", "global", "regional", "account", "foreign",
		"none", "console sign-in", "console", "Identity Center access portal", "AWS Sign-In token service",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
}
