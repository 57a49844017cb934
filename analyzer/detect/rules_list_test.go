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
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

// ruleMethods returns the names of all methods of Detector that have the form of a
// rule's method. It reads them from the source of this package.
func ruleMethods(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	methods := map[string]bool{}
	collect := func(n ast.Node) bool {
		f, ok := n.(*ast.FuncDecl)
		if !ok || f.Recv == nil || f.Type.Results == nil || len(f.Type.Results.List) != 2 {
			return true
		}
		receiver, ok := f.Recv.List[0].Type.(*ast.StarExpr)
		if !ok || receiver.X.(*ast.Ident).Name != "Detector" {
			return true
		}
		if result, ok := f.Type.Results.List[0].Type.(*ast.Ident); ok && result.Name == "match" {
			methods[f.Name.Name] = true
		}
		return true
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, collect)
	}
	return methods
}

// TestEveryRuleHasItsMethod checks the three places that a new rule needs: the
// list in package rule, the list in this package, and a method with the name of
// the id.
func TestEveryRuleHasItsMethod(t *testing.T) {
	methods := ruleMethods(t)
	tests := ruleTests()
	if len(tests) != len(rule.All()) {
		t.Fatalf("%d rules have an entry in ruleTests, and there are %d", len(tests), len(rule.All()))
	}
	for i, spec := range rule.All() {
		name := camelCase(spec.ID)
		if !methods[name] {
			t.Errorf("%s: Detector has no method %s", spec.ID, name)
		}
		delete(methods, name)
		switch {
		case tests[i].Spec != spec:
			t.Errorf("%s: ruleTests has %+v in its place", spec.ID, tests[i].Spec)
		case tests[i].test == nil:
			t.Errorf("%s: ruleTests has no method for it", spec.ID)
		default:
			used := runtime.FuncForPC(reflect.ValueOf(tests[i].test).Pointer()).Name()
			if !strings.HasSuffix(used, "."+name) {
				t.Errorf("%s: ruleTests names the method %s", spec.ID, used)
			}
		}
	}
	for name := range methods {
		t.Errorf("the method %s belongs to none of the rules", name)
	}
}

// TestAddedRule adds a rule to a copy of the list and sees its finding. It shows
// what a new rule needs: a Spec and a method.
func TestAddedRule(t *testing.T) {
	spec := rule.Spec{ID: "time.weekend", Family: rule.DeniedFamily, Severity: rule.High, Fold: time.Hour}
	weekend := func(_ *Detector, obs *observation, spec rule.Spec) (match, bool) {
		day := obs.event.Time.Weekday()
		return match{Spec: spec, observed: day.String(), reason: "a sign-in at the weekend"}, day == time.Saturday || day == time.Sunday
	}
	d := Detector{}
	d.prepareWith(append(ruleTests(), ruleTest{spec, weekend}))
	friday := time.Date(2026, 3, 6, 9, 0, 0, 0, time.UTC)
	for i, id := range []string{"friday", "saturday", "sunday", "monday"} {
		e := signin.Event{ID: id, Time: friday.AddDate(0, 0, i), Account: "111122223333", Region: "eu-west-1", Outcome: signin.Success, MFA: signin.MFAYes,
			Identity: signin.Identity{Type: signin.TypeIAMUser, Account: "111122223333", UserName: "alice"}}
		d.Add(&e, analyzer.Classify(e))
	}
	found := d.Findings()
	if len(found) != 2 {
		t.Fatalf("found %+v", found)
	}
	for i, want := range []string{"saturday", "sunday"} {
		f := found[i]
		if f.Event.ID != want || f.Rule != spec.ID || f.Severity != rule.High || f.Observed != []string{"Saturday", "Sunday"}[i] {
			t.Errorf("found %s of %s, %s, observed %s", f.Rule, f.Event.ID, f.Severity, f.Observed)
		}
	}
}
