package rule_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/analyzer/rule"
)

// TestEveryIDIsListed reads the constants from the source. A new id that is not in
// All fails this test, and so does an id that stands there twice.
func TestEveryIDIsListed(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "rule.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []string
	ast.Inspect(file, func(n ast.Node) bool {
		group, ok := n.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			return true
		}
		for _, spec := range group.Specs {
			for _, value := range spec.(*ast.ValueSpec).Values {
				if text, ok := value.(*ast.BasicLit); ok && text.Kind == token.STRING {
					id, err := strconv.Unquote(text.Value)
					if err != nil {
						t.Fatal(err)
					}
					declared = append(declared, id)
				}
			}
		}
		return false
	})
	listed := rule.IDs()
	slices.Sort(declared)
	slices.Sort(listed)
	if diff := cmp.Diff(declared, listed); diff != "" {
		t.Errorf("constants -, All +\n%s", diff)
	}
	if once := slices.Compact(slices.Clone(listed)); len(once) != len(listed) {
		t.Errorf("an id is listed twice: %v", listed)
	}
}

// TestSpecs checks what every rule must satisfy.
func TestSpecs(t *testing.T) {
	form := regexp.MustCompile(`^[a-z]+\.[a-z]+(-[a-z]+)*$`)
	for _, r := range rule.All() {
		t.Run(r.ID, func(t *testing.T) {
			if !form.MatchString(r.ID) {
				t.Error("the id is not of the form area.name")
			}
			if r.Severity < rule.Low || r.Severity > rule.Critical {
				t.Errorf("severity %d", r.Severity)
			}
			if r.Family >= rule.Families {
				t.Errorf("family %d of %d", r.Family, rule.Families)
			}
			if r.Fold <= 0 || r.Fold < r.Window {
				t.Errorf("a burst continues for %v, but the window is %v", r.Fold, r.Window)
			}
			if r.Window > 0 && r.Family != rule.PlaceFamily && r.Count == 0 {
				t.Error("the rule has a window but counts nothing in it")
			}
			count, window := r.Limits()
			if count > 0 && r.Count > count || window > 0 && r.Window > window {
				t.Errorf("the defaults %d, %v are beyond the limits %d, %v", r.Count, r.Window, count, window)
			}
		})
	}
}

// TestAllIsACopy checks that a caller may change what All returns.
func TestAllIsACopy(t *testing.T) {
	rule.All()[0].Severity = rule.Critical
	if got := rule.All()[0].Severity; got != rule.Medium {
		t.Errorf("severity %v after a caller changed its copy", got)
	}
}

func TestSettings(t *testing.T) {
	all := map[string]rule.Spec{}
	for _, r := range rule.All() {
		all[r.ID] = r
	}
	for id, want := range map[string][]string{
		rule.EndpointNew:     {"enabled", "severity", "threshold", "count", "window"},
		rule.EndpointIDCHome: {"enabled", "severity", "count", "window"},
		rule.EndpointHop:     {"enabled", "severity", "window"},
		rule.AuthSpray:       {"enabled", "severity", "count", "window"},
		rule.RootSignin:      {"enabled", "severity", "window"},
	} {
		if diff := cmp.Diff(want, all[id].Settings()); diff != "" {
			t.Errorf("%s: want -, got +\n%s", id, diff)
		}
	}
}

func TestLimits(t *testing.T) {
	type limits struct {
		Count  int
		Window time.Duration
	}
	want := map[string]limits{
		rule.AuthBruteforce:  {1000, 7 * 24 * time.Hour},
		rule.AuthSpray:       {1000, 7 * 24 * time.Hour},
		rule.AuthUnknownUser: {1000, 7 * 24 * time.Hour},
		rule.EndpointIDCHome: {100, 0},
	}
	for _, r := range rule.All() {
		count, window := r.Limits()
		if got := (limits{count, window}); got != want[r.ID] {
			t.Errorf("%s: %+v, want %+v", r.ID, got, want[r.ID])
		}
	}
}

func TestSeverityWords(t *testing.T) {
	for s, word := range map[rule.Severity]string{0: "none", rule.Low: "low", rule.Medium: "medium", rule.High: "high", rule.Critical: "critical", 9: "none"} {
		if s.String() != word {
			t.Errorf("%d is written %q, want %q", s, s, word)
		}
	}
	for text, want := range map[string]rule.Severity{"low": rule.Low, "Medium": rule.Medium, "HIGH": rule.High, "critical": rule.Critical} {
		if got, err := rule.ParseSeverity(text); err != nil || got != want {
			t.Errorf("%q is read as %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"none": `severity "none": want low, medium, high or critical`, "": `severity "": want low, medium, high or critical`,
		" low": `severity " low": want low, medium, high or critical`,
	} {
		if _, err := rule.ParseSeverity(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
