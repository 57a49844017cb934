package detect

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"trailgate/analyzer"
	"trailgate/analyzer/rule"
	"trailgate/ingest/signin"
)

// camelCase turns the id of a rule into the name of its method.
func camelCase(id string) string {
	words := strings.FieldsFunc(id, func(c rune) bool { return c == '.' || c == '-' })
	for i, w := range words[1:] {
		words[i+1] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "")
}

// detectorMethods lists the methods of Detector in the source of this package.
func detectorMethods(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	methods := map[string]bool{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil {
				continue
			}
			if star, ok := f.Recv.List[0].Type.(*ast.StarExpr); ok {
				if typ, ok := star.X.(*ast.Ident); ok && typ.Name == "Detector" {
					methods[f.Name.Name] = true
				}
			}
		}
	}
	return methods
}

// TestEveryRuleHasItsMethod checks that each rule has a method with the name of its
// id, and that the list has this method and no other.
func TestEveryRuleHasItsMethod(t *testing.T) {
	methods := detectorMethods(t)
	tests := ruleTests()
	if len(tests) != len(rule.All()) {
		t.Fatalf("%d tests for %d rules", len(tests), len(rule.All()))
	}
	for i, spec := range rule.All() {
		want := camelCase(spec.ID)
		if !methods[want] {
			t.Errorf("%s: Detector has no method %s", spec.ID, want)
		}
		if tests[i].ID != spec.ID || tests[i].test == nil {
			t.Errorf("%s: the list has no test for it", spec.ID)
			continue
		}
		name := runtime.FuncForPC(reflect.ValueOf(tests[i].test).Pointer()).Name()
		if !strings.HasSuffix(name, "."+want) {
			t.Errorf("%s: the list has %s, want %s", spec.ID, name, want)
		}
	}
}

// TestNewRule adds a rule to a copy of the list. One entry and one function are
// enough to get its findings.
func TestNewRule(t *testing.T) {
	mobile := ruleTest{
		Spec: rule.Spec{ID: "signin.mobile", Family: rule.DeniedFamily, Severity: rule.Low, Fold: time.Hour},
		test: func(_ *Detector, s *observation, spec rule.Spec) (match, bool) {
			return match{Spec: spec, reason: "a mobile page was used", observed: "mobile"}, s.event.Mobile == signin.Yes
		},
	}
	j := &Detector{tests: append(ruleTests(), mobile)}
	for i, flag := range []signin.Flag{signin.No, signin.Yes} {
		e := signin.Event{ID: string(rune('a' + i)), Time: time.Date(2026, 3, 2, 8, i, 0, 0, time.UTC), Account: "111122223333",
			Region: "eu-west-1", Host: "eu-west-1.signin.aws.amazon.com", Outcome: signin.Success, MFA: signin.MFAYes, SourceIP: "192.0.2.1",
			Identity: signin.Identity{Type: signin.TypeIAMUser, Account: "111122223333", UserName: "alice"}, Mobile: flag}
		j.Add(&e, analyzer.Classify(e))
	}
	found := j.Findings()
	if len(found) != 1 {
		t.Fatalf("%d findings, want 1", len(found))
	}
	if f := found[0]; f.Rule != "signin.mobile" || f.Event.ID != "b" || f.Reason != "a mobile page was used" || f.Severity != rule.Low {
		t.Errorf("finding %+v", f)
	}
}

func TestFormatDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Second: "1 second", 1500 * time.Millisecond: "2 seconds", 90 * time.Second: "90 seconds",
		2 * time.Minute: "2 minutes", 150 * time.Second: "2 min 30 s", time.Hour: "60 minutes", 150 * time.Minute: "2 h 30 min",
		3*time.Hour - time.Second: "3 hours", 48 * time.Hour: "2 days", 60 * time.Hour: "2 d 12 h",
	} {
		if got := formatDuration(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestFormatPercent(t *testing.T) {
	for share, want := range map[float64]string{0: "none", 0.0004: "under 0.1 %", 0.077: "7.7 %", 0.47: "47 %", 1: "100 %"} {
		if got := formatPercent(share); got != want {
			t.Errorf("%v: %q, want %q", share, got, want)
		}
	}
}

func TestClipText(t *testing.T) {
	if got := clipText("short"); got != "short" {
		t.Errorf("%q", got)
	}
	long := clipText(strings.Repeat("ü", 300))
	if n := len([]rune(long)); n != 201 || !strings.HasSuffix(long, "…") {
		t.Errorf("%d characters, %q", n, long)
	}
}

// TestRememberAddress checks that the latest address comes first and that the list
// does not grow above its limit.
func TestRememberAddress(t *testing.T) {
	h := &principalHistory{}
	for i := range maxAddresses + 4 {
		h.rememberAddress(string(rune('a' + i)))
	}
	if len(h.Addresses) != maxAddresses || h.Addresses[0] != "t" {
		t.Fatalf("addresses %v", h.Addresses)
	}
	if h.knowsAddress("a") || !h.knowsAddress("t") {
		t.Error("the oldest addresses should be dropped first")
	}
	h.rememberAddress("s")
	h.rememberAddress("")
	if h.Addresses[0] != "s" || h.Addresses[1] != "t" || len(h.Addresses) != maxAddresses {
		t.Errorf("addresses %v", h.Addresses)
	}
	if (*principalHistory)(nil).knowsAddress("s") {
		t.Error("a new principal knows no address")
	}
}

// TestDecay checks that a sign-in loses half of its weight in a half-life, and that
// the count does not change.
func TestDecay(t *testing.T) {
	var c endpointCounts
	c.addSignIn("eu-west-1", 0)
	c.addSignIn("us-west-2", int64(HalfLife/time.Second))
	if c.At[0].N != 0.5 || c.At[1].N != 1 || c.Seen != 2 || c.At[0].Times != 1 {
		t.Errorf("counts %+v", c)
	}
	if got := c.totalWeight(); got != 1.5 {
		t.Errorf("total weight %v", got)
	}
	if got := c.usualEndpoints(); len(got) != 2 || got[0] != "us-west-2" {
		t.Errorf("usual endpoints %v", got)
	}
	if got := c.decayFactor(0); got != 1 {
		t.Errorf("an earlier moment changes the weights by %v", got)
	}
}

// TestRelatedRules checks which pairs of rules are further evidence when they meet.
func TestRelatedRules(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{rule.RootSignin, rule.RootRegional, true},
		{rule.EndpointNew, rule.EndpointFirstInAccount, true},
		{rule.EndpointIDCHome, rule.EndpointNew, true},
		{rule.EndpointNew, rule.EndpointHop, false},
		{rule.AuthSpray, rule.AuthBruteforce, false},
		{rule.RootSignin, rule.EndpointForeignHost, false},
	} {
		if relatedRules(c.a, c.b) != c.want || relatedRules(c.b, c.a) != c.want {
			t.Errorf("%s and %s: want %v", c.a, c.b, c.want)
		}
	}
}

// TestForgetFailures checks that only failures outside the longest window are dropped.
func TestForgetFailures(t *testing.T) {
	now := int64(rule.MaxWindow/time.Second) + 100
	b := &Baseline{}
	b.prepareMaps()
	b.hidden["old"], b.hidden["new"] = []int64{50, 99}, []int64{50, 100}
	b.sources["old"] = &addressFailures{Fails: []failedAttempt{{"a", 99}}}
	b.sources["new"] = &addressFailures{Fails: []failedAttempt{{"a", 99}}, Hidden: []int64{100}}
	b.forgetFailures(now)
	if b.hidden["old"] != nil || b.hidden["new"] == nil || b.sources["old"] != nil || b.sources["new"] == nil {
		t.Errorf("hidden %v, sources %v", b.hidden, b.sources)
	}
	if n := countSince([]int64{1, 2, 3}, 2); n != 2 {
		t.Errorf("%d moments", n)
	}
	if got := dropOlder([]int64{1, 2, 3}, 2); len(got) != 2 || got[0] != 2 {
		t.Errorf("moments %v", got)
	}
}
