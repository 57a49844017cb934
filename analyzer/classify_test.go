package analyzer_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trailgate/analyzer"
	"trailgate/analyzer/internal/samples"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/signin"
)

type verdictCase struct {
	name  string
	event signin.Event
	want  analyzer.Verdict
}

func classifyCases(t *testing.T, tests []verdictCase) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, analyzer.Classify(test.event)); diff != "" {
				t.Errorf("Classify (-want +got):\n%s", diff)
			}
		})
	}
}

func globalVerdict(b analyzer.Basis, c analyzer.Confidence, n ...analyzer.Note) analyzer.Verdict {
	return analyzer.Verdict{Scope: analyzer.ScopeGlobal, Endpoint: "global", Basis: b, Confidence: c, Notes: n, Partition: "aws"}
}

func regionalVerdict(r string, b analyzer.Basis, c analyzer.Confidence, n ...analyzer.Note) analyzer.Verdict {
	return analyzer.Verdict{Scope: analyzer.ScopeRegional, Endpoint: r, Basis: b, Confidence: c, Notes: n, Partition: "aws"}
}

func unknownVerdict(n ...analyzer.Note) analyzer.Verdict {
	return analyzer.Verdict{Notes: n, Partition: "aws"}
}

func inPartition(partition string, v analyzer.Verdict) analyzer.Verdict {
	v.Partition = partition
	return v
}

// TestObserved tests every pair of host and Region that published records show.
// The records are made for the test.
func TestObserved(t *testing.T) {
	const (
		host    = analyzer.BasisHost
		certain = analyzer.Certain
		high    = analyzer.High
	)
	regionalHost := func(r string) string { return r + "." + samples.UnprefixedHost }
	failed := samples.Event(samples.User(), "us-east-1", regionalHost("us-east-1"))
	failed.Outcome, failed.Identity.ARN = signin.Failure, ""
	toSydney := samples.Event(samples.Root(), "us-east-1", samples.UnprefixedHost)
	toSydney.LoginTo = "https://ap-southeast-2.console.aws.amazon.com/console/home"
	hidden := samples.Event(signin.Identity{Type: "IAMUser", Account: "111122223333", UserName: signin.Hidden}, "us-east-1", samples.UnprefixedHost)
	hidden.Outcome = signin.Failure
	saml := samples.Event(samples.Role(), "us-east-1", "")
	saml.Version, saml.SAMLProvider = "1.05", "arn:aws:iam::111122223333:saml-provider/idp"
	denied := samples.Event(samples.User(), "us-east-1", samples.UnprefixedHost)
	denied.Outcome, denied.ErrorCode, denied.Version = signin.Failure, "AccessDenied", "1.11"
	classifyCases(t, []verdictCase{
		{"user at the Region's host of the default Region", samples.Event(samples.User(), "us-east-1", regionalHost("us-east-1")), regionalVerdict("us-east-1", host, certain)},
		{"the same, failed", failed, regionalVerdict("us-east-1", host, certain)},
		{"user at the un-prefixed host", samples.Event(samples.User(), "us-east-1", samples.UnprefixedHost), globalVerdict(host, certain)},
		{"root", samples.Event(samples.Root(), "us-east-1", samples.UnprefixedHost), globalVerdict(host, certain)},
		{"root on the way to another Region's console", toSydney, globalVerdict(host, certain)},
		{"role by the federation endpoint", samples.Event(samples.Role(), "us-east-1", regionalHost("us-east-1")), regionalVerdict("us-east-1", host, certain)},
		{"user, perhaps proxied", samples.Event(samples.User(), "us-east-2", regionalHost("us-east-2")), regionalVerdict("us-east-2", host, certain, analyzer.MaybeProxied)},
		{"identity center at its home", samples.Event(samples.IdentityCenterRole("us-west-2/"), "us-west-2", regionalHost("us-west-2")), regionalVerdict("us-west-2", host, certain, analyzer.IdentityCenter)},
		{"identity center without host", samples.Event(samples.IdentityCenterRole("us-east-2/"), "us-east-2", ""), regionalVerdict("us-east-2", analyzer.BasisRegion, high, analyzer.IdentityCenter)},
		{"role from a user's session, without host", samples.Event(samples.Role(), "us-east-1", ""), unknownVerdict()},
		{"user in Seoul", samples.Event(samples.User(), "ap-northeast-2", regionalHost("ap-northeast-2")), regionalVerdict("ap-northeast-2", host, certain)},
		{"root of 2022, recorded elsewhere", samples.Event(samples.Root(), "ap-northeast-2", samples.UnprefixedHost), globalVerdict(host, high, analyzer.RegionMismatch)},
		{"saml of 2019", saml, unknownVerdict()},
		{"user in Stockholm, without host", samples.Event(samples.User(), "eu-north-1", ""), regionalVerdict("eu-north-1", analyzer.BasisRegion, high, analyzer.MaybeProxied)},
		{"user in Sydney, from the account's URL", samples.Event(samples.User(), "ap-southeast-2", regionalHost("ap-southeast-2")),
			regionalVerdict("ap-southeast-2", host, certain, analyzer.MaybeProxied)},
		{"user by ?region=", samples.Event(samples.User(), "us-west-1", ""), regionalVerdict("us-west-1", analyzer.BasisRegion, high)},
		{"unknown user name from a script", hidden, globalVerdict(host, certain)},
		{"denied by policy", denied, globalVerdict(host, certain)},
		{"anonymised Region", samples.Event(samples.User(), "eu-west-2r", samples.UnprefixedHost), globalVerdict(host, high, analyzer.RegionMismatch, analyzer.UnknownRegion)},
		{"marker, root", samples.Event(samples.Root(), "global", ""), globalVerdict(analyzer.BasisMarker, high)},
		{"marker, role", samples.Event(samples.Role(), "global", samples.UnprefixedHost), globalVerdict(host, certain)},
	})
}

// TestModel tests combinations of host and Region that published records need not
// show.
func TestModel(t *testing.T) {
	const (
		host    = analyzer.BasisHost
		region  = analyzer.BasisRegion
		certain = analyzer.Certain
		high    = analyzer.High
	)
	malformed := samples.Event(samples.User(), "us-east-1", samples.UnprefixedHost)
	malformed.Malformed = true
	everything := samples.Event(samples.User(), "eu-north-1", "acme."+samples.UnprefixedHost)
	everything.Malformed = true
	loginTo := samples.Event(samples.User(), "us-east-1", "")
	loginTo.LoginTo = "https://eu-west-1.console.aws.amazon.com/console/home?region=eu-west-1"
	federated := signin.Identity{Type: "FederatedUser", Account: "111122223333", ARN: "arn:aws:sts::111122223333:federated-user/dave"}
	classifyCases(t, []verdictCase{
		{"no event at all", signin.Event{}, unknownVerdict()},
		{"global host, no Region", samples.Event(samples.User(), "", samples.UnprefixedHost), globalVerdict(host, certain)},
		{"global host, spelled otherwise", samples.Event(samples.User(), " US-EAST-1 ", "SIGNIN.aws.amazon.com.:443"), globalVerdict(host, certain)},
		{"global host, other Region", samples.Event(samples.Role(), "eu-west-1", samples.UnprefixedHost), globalVerdict(host, high, analyzer.RegionMismatch)},
		{"global host, proxied Region", samples.Event(samples.User(), "eu-north-1", samples.UnprefixedHost), globalVerdict(host, high, analyzer.MaybeProxied, analyzer.RegionMismatch)},
		{"global host, other partition", samples.Event(samples.User(), "cn-northwest-1", samples.UnprefixedHost), globalVerdict(host, high, analyzer.RegionMismatch)},
		{"regional host, no Region", samples.Event(samples.User(), "", "eu-west-1."+samples.UnprefixedHost), regionalVerdict("eu-west-1", host, certain)},
		{"regional host, other Region", samples.Event(samples.Role(), "eu-west-2", "eu-west-1."+samples.UnprefixedHost), regionalVerdict("eu-west-1", host, high, analyzer.RegionMismatch)},
		{"regional host, proxied Region", samples.Event(samples.User(), "us-east-2", "us-west-1."+samples.UnprefixedHost),
			regionalVerdict("us-west-1", host, high, analyzer.MaybeProxied, analyzer.RegionMismatch)},
		{"regional host, marker", samples.Event(samples.Role(), "global", "eu-west-1."+samples.UnprefixedHost), regionalVerdict("eu-west-1", host, high, analyzer.RegionMismatch)},
		{"regional host, unknown Region", samples.Event(samples.Role(), "moon-1", "eu-west-1."+samples.UnprefixedHost),
			regionalVerdict("eu-west-1", host, high, analyzer.RegionMismatch, analyzer.UnknownRegion)},
		{"role at a proxied Region", samples.Event(samples.Role(), "us-east-2", "us-east-2."+samples.UnprefixedHost), regionalVerdict("us-east-2", host, certain)},
		{"root at a Region", samples.Event(samples.Root(), "eu-west-1", ""), regionalVerdict("eu-west-1", region, high)},
		{"root in the default Region", samples.Event(samples.Root(), "us-east-1", ""), globalVerdict(analyzer.BasisIdentity, high)},
		{"root, nothing else", samples.Event(samples.Root(), "", ""), unknownVerdict()},
		{"user in the default Region", samples.Event(samples.User(), "us-east-1", ""), unknownVerdict()},
		{"user in the default Region with LoginTo", loginTo, unknownVerdict()},
		{"federated user in the default Region", samples.Event(federated, "us-east-1", ""), unknownVerdict()},
		{"identity center in the default Region", samples.Event(samples.IdentityCenterRole(""), "us-east-1", ""), unknownVerdict(analyzer.IdentityCenter)},
		{"identity center, home elsewhere", samples.Event(samples.IdentityCenterRole("eu-west-1/"), "us-east-1", ""), unknownVerdict(analyzer.IdentityCenter)},
		{"marker, spelled otherwise", samples.Event(samples.User(), " Global ", ""), globalVerdict(analyzer.BasisMarker, high)},
		{"unknown Region", samples.Event(samples.User(), "eu-prod-1", ""), unknownVerdict(analyzer.UnknownRegion)},
		{"unknown Region, root", samples.Event(samples.Root(), "moon-1", ""), unknownVerdict(analyzer.UnknownRegion)},
		{"pseudo Region", samples.Event(samples.User(), "aws-global", ""), unknownVerdict(analyzer.UnknownRegion)},
		{"blank Region", samples.Event(samples.User(), "  ", ""), unknownVerdict()},
		{"account host, Region", samples.Event(samples.Role(), "eu-west-1", "acme."+samples.UnprefixedHost), regionalVerdict("eu-west-1", region, high, analyzer.AccountHost)},
		{"account host like a Region", samples.Event(samples.Role(), "us-east-1", "eu-prod-1."+samples.UnprefixedHost), unknownVerdict(analyzer.AccountHost)},
		{"account host, marker", samples.Event(samples.Role(), "global", "111122223333."+samples.UnprefixedHost), globalVerdict(analyzer.BasisMarker, high, analyzer.AccountHost)},
		{"account host, root", samples.Event(samples.Root(), "us-east-1", "acme."+samples.UnprefixedHost), globalVerdict(analyzer.BasisIdentity, high, analyzer.AccountHost)},
		{"foreign host, Region", samples.Event(samples.Role(), "eu-west-1", "signin.evil.example"), regionalVerdict("eu-west-1", region, high, analyzer.ForeignHost)},
		{"foreign host, default Region", samples.Event(samples.Role(), "us-east-1", samples.UnprefixedHost+".evil.example"), unknownVerdict(analyzer.ForeignHost)},
		{"foreign host, user information", samples.Event(samples.Role(), "us-east-1", "us-east-1@"+samples.UnprefixedHost), unknownVerdict(analyzer.ForeignHost)},
		{"portal host", samples.Event(samples.IdentityCenterRole("eu-west-1/"), "eu-west-1", "eu-west-1.signin.aws"),
			regionalVerdict("eu-west-1", region, high, analyzer.ForeignHost, analyzer.IdentityCenter)},
		{"malformed field", malformed, globalVerdict(host, certain, analyzer.MalformedField)},
		{"many notes", everything, regionalVerdict("eu-north-1", region, high, analyzer.AccountHost, analyzer.MalformedField, analyzer.MaybeProxied)},
	})
}

func TestPartitions(t *testing.T) {
	const (
		host    = analyzer.BasisHost
		certain = analyzer.Certain
		low     = analyzer.Low
	)
	domains := map[string]string{
		"aws": samples.UnprefixedHost, "aws-cn": "signin.amazonaws.cn", "aws-us-gov": "signin.amazonaws-us-gov.com", "aws-eusc": "signin.amazonaws-eusc.eu",
		"aws-iso": "signin.c2shome.ic.gov", "aws-iso-b": "signin.sc2shome.sgov.gov", "aws-iso-e": "signin.csphome.adc-e.uk",
		"aws-iso-f": "signin.csphome.hci.ic.gov",
	}
	var tests []verdictCase
	var table region.Table
	published := []string{"aws", "aws-cn", "aws-us-gov"}
	for _, p := range table.Partitions() {
		home := table.Default(p)
		bare := low
		if slices.Contains(published, p) {
			bare = certain
		}
		tests = append(tests,
			verdictCase{p + " global", samples.Event(samples.InPartition(samples.Role(), p), home, domains[p]), inPartition(p, globalVerdict(host, bare))},
			verdictCase{p + " marker", samples.Event(samples.InPartition(samples.Role(), p), "global", ""), inPartition(p, globalVerdict(analyzer.BasisMarker, analyzer.High))},
			verdictCase{p + " default Region", samples.Event(samples.InPartition(samples.Role(), p), home, ""), inPartition(p, unknownVerdict())},
			verdictCase{p + " nothing but an ARN", samples.Event(samples.InPartition(samples.Role(), p), "", ""), inPartition(p, unknownVerdict())},
			verdictCase{p + " account host", samples.Event(signin.Identity{}, "", "acme."+domains[p]), inPartition(p, unknownVerdict(analyzer.AccountHost))},
		)
		inference := low
		if p == "aws" {
			inference = analyzer.High
		}
		tests = append(tests, verdictCase{p + " root", samples.Event(samples.InPartition(samples.Root(), p), home, ""), inPartition(p, globalVerdict(analyzer.BasisIdentity, inference))})
		for _, r := range table.Regions(p) {
			tests = append(tests, verdictCase{p + " host of " + r.Name, samples.Event(samples.InPartition(samples.Role(), p), r.Name, r.Name+"."+domains[p]), inPartition(p, regionalVerdict(r.Name, host, certain))})
			if r.Name != home {
				tests = append(tests, verdictCase{p + " in " + r.Name, samples.Event(samples.InPartition(samples.Role(), p), r.Name, ""), inPartition(p, regionalVerdict(r.Name, analyzer.BasisRegion, inference))})
			}
		}
	}
	tests = append(tests,
		verdictCase{"fips", samples.Event(samples.InPartition(samples.User(), "aws-us-gov"), "us-gov-west-1", "signin-fips.amazonaws-us-gov.com"), inPartition("aws-us-gov", globalVerdict(host, certain))},
		verdictCase{"host before ARN", samples.Event(samples.InPartition(samples.Role(), "aws-cn"), "", samples.UnprefixedHost), globalVerdict(host, certain)},
		verdictCase{"Region before ARN", samples.Event(samples.InPartition(samples.Role(), "aws-cn"), "us-east-1", ""), unknownVerdict()},
		verdictCase{"Region before account host", samples.Event(samples.Role(), "us-east-1", "acme.signin.amazonaws.cn"), unknownVerdict(analyzer.AccountHost)},
		verdictCase{"partition that does not exist", samples.Event(samples.InPartition(samples.Role(), "aws-moon"), "global", ""), globalVerdict(analyzer.BasisMarker, analyzer.High)},
	)
	classifyCases(t, tests)
}

func TestTableOfOnesOwn(t *testing.T) {
	table, err := region.ParseTable([]byte("ap-newland-9"))
	if err != nil {
		t.Fatal(err)
	}
	c := analyzer.Classifier{Table: table}
	for _, host := range []string{"", "ap-newland-9." + samples.UnprefixedHost} {
		e := samples.Event(samples.Role(), "ap-newland-9", host)
		if v := c.Classify(e); v.Scope != analyzer.ScopeRegional || v.Endpoint != "ap-newland-9" || v.Notes != nil {
			t.Errorf("host %q: %+v", host, v)
		}
		if v := analyzer.Classify(e); v.Scope != analyzer.ScopeUnknown || !v.Has(analyzer.UnknownRegion) {
			t.Errorf("host %q, embedded table: %+v", host, v)
		}
	}
}

// checkInvariants checks what must be true of every verdict.
func checkInvariants(t *testing.T, e signin.Event, v analyzer.Verdict) {
	t.Helper()
	var table region.Table
	ok := true
	switch v.Scope {
	case analyzer.ScopeGlobal:
		ok = v.Endpoint == analyzer.Global && v.Basis != analyzer.BasisNone && v.Basis != analyzer.BasisRegion
	case analyzer.ScopeRegional:
		ok = table.Partition(v.Endpoint) == v.Partition && (v.Basis == analyzer.BasisHost || v.Basis == analyzer.BasisRegion)
	case analyzer.ScopeUnknown:
		ok = v.Endpoint == "" && v.Basis == analyzer.BasisNone && v.Confidence == analyzer.Low
	default:
		ok = false
	}
	ok = ok && table.Default(v.Partition) != ""
	ok = ok && (v.Confidence != analyzer.Certain || v.Basis == analyzer.BasisHost && !v.Has(analyzer.RegionMismatch))
	ok = ok && (!v.Has(analyzer.RegionMismatch) || v.Basis == analyzer.BasisHost)
	ok = ok && (v.Basis != analyzer.BasisHost || !v.Has(analyzer.AccountHost) && !v.Has(analyzer.ForeignHost))
	ok = ok && (!v.Has(analyzer.MaybeProxied) || e.Identity.Type == "IAMUser")
	ok = ok && slices.IsSorted(v.Notes) && len(slices.Compact(slices.Clone(v.Notes))) == len(v.Notes) && (v.Notes == nil) == (len(v.Notes) == 0)
	if !ok {
		t.Errorf("%+v\nhas verdict %+v", e, v)
	}
	if diff := cmp.Diff(v, analyzer.Classify(e)); diff != "" {
		t.Errorf("a second verdict differs:\n%s", diff)
	}
	// An account host or a foreign host must give the same verdict as a missing
	// host.
	if v.Has(analyzer.ForeignHost) {
		e.Host = ""
		v.Notes = slices.DeleteFunc(slices.Clone(v.Notes), func(n analyzer.Note) bool { return n == analyzer.ForeignHost })
		if len(v.Notes) == 0 {
			v.Notes = nil
		}
		if diff := cmp.Diff(v, analyzer.Classify(e)); diff != "" {
			t.Errorf("a foreign host is not as good as none:\n%s", diff)
		}
	}
}

func TestInvariants(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	regions := []string{"", "global", "moon-1", " EU-WEST-1 ", "us-east-1", "us-east-2", "eu-north-1", "eu-west-1", "cn-north-1", "us-gov-west-1", "us-iso-west-1"}
	hosts := []string{"", samples.UnprefixedHost, "signin.amazonaws.cn", "signin-fips.amazonaws-us-gov.com", "signin.c2shome.ic.gov", "evil.example", "a@" + samples.UnprefixedHost}
	for range 20_000 {
		host := pick(hosts...)
		if r.IntN(2) == 0 {
			host = pick("acme", "us-east-1", "us-east-2", "cn-north-1", "us-iso-west-1", "111122223333", "a.b", "") + "." + host
		}
		id := samples.InPartition([]signin.Identity{samples.User(), samples.Root(), samples.Role(), samples.IdentityCenterRole(""), samples.IdentityCenterRole("eu-west-1/")}[r.IntN(5)], pick("aws", "aws-cn", "aws-iso-e", "x", ""))
		e := samples.Event(id, pick(regions...), host)
		e.Malformed = r.IntN(4) == 0
		v := analyzer.Classify(e)
		checkInvariants(t, e, v)
		checkWording(t, e, v)
	}
}

func FuzzClassify(f *testing.F) {
	f.Add("IAMUser", "arn:aws:iam::111122223333:user/alice", "", "us-east-1", samples.UnprefixedHost, "1.08", false)
	f.Add("AssumedRole", "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_A_1/carol", samples.SSORolePath+"eu-west-1/x", "eu-west-1", "", "1.05", true)
	f.Add("Root", "arn:aws-cn:iam::111122223333:root", "", "global", "acme.signin.amazonaws.cn", "", false)
	f.Add("", ":::::", "arn:aws:iam::1:role/aws-reserved/sso.amazonaws.com/\x1b/x", "\x1b[31m", "\u202e.example", "1.\x00", false)
	f.Fuzz(func(t *testing.T, kind, arn, issuer, region, host, version string, malformed bool) {
		e := signin.Event{
			Identity: signin.Identity{Type: kind, ARN: arn, IssuerARN: issuer}, Region: region, Host: host, Version: version, Malformed: malformed,
		}
		v := analyzer.Classify(e)
		checkInvariants(t, e, v)
		checkWording(t, e, v)
	})
}

func BenchmarkClassify(b *testing.B) {
	for _, bench := range []struct {
		name  string
		event signin.Event
	}{
		{"host", samples.Event(samples.User(), "us-east-1", samples.UnprefixedHost)},
		{"regional", samples.Event(samples.Role(), "eu-west-1", "eu-west-1."+samples.UnprefixedHost)},
		{"proxied", samples.Event(samples.User(), "us-east-2", "us-east-2."+samples.UnprefixedHost)},
		{"no-host", samples.Event(samples.User(), "us-east-1", "")},
		{"identity-center", samples.Event(samples.IdentityCenterRole("us-west-2/"), "us-west-2", "us-west-2."+samples.UnprefixedHost)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				analyzer.Classify(bench.event)
			}
		})
	}
}
