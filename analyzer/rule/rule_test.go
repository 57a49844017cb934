package rule_test

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"trailgate/analyzer/rule"
)

// TestIDs checks that the ids are unique, have the form "group.name", and come in
// the order of All.
func TestIDs(t *testing.T) {
	form := regexp.MustCompile(`^[a-z]+\.[a-z]+(-[a-z]+)*$`)
	ids := rule.IDs()
	if len(ids) != len(rule.All()) {
		t.Fatalf("%d ids for %d rules", len(ids), len(rule.All()))
	}
	for i, spec := range rule.All() {
		if ids[i] != spec.ID {
			t.Errorf("id %d is %q, want %q", i, ids[i], spec.ID)
		}
		if !form.MatchString(spec.ID) {
			t.Errorf("id %q has another form", spec.ID)
		}
		if slices.Index(ids, spec.ID) != i {
			t.Errorf("id %q is not unique", spec.ID)
		}
	}
}

// TestDefaults checks that each default is one that a policy could set too.
func TestDefaults(t *testing.T) {
	for _, spec := range rule.All() {
		count, window := spec.Limits()
		switch {
		case spec.Severity < rule.Low || spec.Severity > rule.Critical:
			t.Errorf("%s: severity %d", spec.ID, spec.Severity)
		case spec.Family >= rule.Families:
			t.Errorf("%s: family %d", spec.ID, spec.Family)
		case spec.Fold <= 0 || spec.Fold < spec.Window:
			t.Errorf("%s: fold %v, window %v", spec.ID, spec.Fold, spec.Window)
		case count > 0 && spec.Count > count, window > 0 && spec.Window > window:
			t.Errorf("%s: the default is above the limit", spec.ID)
		}
	}
}

// TestSettings checks that a policy may set a number only for a rule that uses it.
func TestSettings(t *testing.T) {
	for _, spec := range rule.All() {
		want := []string{"enabled", "severity"}
		if spec.Threshold > 0 {
			want = append(want, "threshold")
		}
		if spec.Count > 0 {
			want = append(want, "count")
		}
		want = append(want, "window")
		if diff := cmp.Diff(want, spec.Settings()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", spec.ID, diff)
		}
	}
}

// TestLimits checks the limits that follow from what a baseline keeps.
func TestLimits(t *testing.T) {
	type limit struct {
		Count  int
		Window time.Duration
	}
	failures := limit{rule.MaxFailures, rule.MaxWindow}
	want := map[string]limit{
		rule.AuthBruteforce: failures, rule.AuthSpray: failures, rule.AuthUnknownUser: failures,
		rule.EndpointIDCHome: {Count: rule.MaxHomePeople},
	}
	for _, spec := range rule.All() {
		var got limit
		got.Count, got.Window = spec.Limits()
		if diff := cmp.Diff(want[spec.ID], got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", spec.ID, diff)
		}
	}
}

// TestAllIsACopy checks that a caller who changes the list changes only a copy.
func TestAllIsACopy(t *testing.T) {
	rule.All()[0].ID = "changed"
	if rule.All()[0].ID == "changed" {
		t.Error("the list was changed")
	}
}

func TestSeverityWords(t *testing.T) {
	for word, want := range map[string]rule.Severity{"low": rule.Low, "Medium": rule.Medium, "HIGH": rule.High, "critical": rule.Critical} {
		if got, err := rule.ParseSeverity(word); err != nil || got != want {
			t.Errorf("ParseSeverity(%q) = %v, %v", word, got, err)
		}
	}
	for _, word := range []string{"", "none", "grave", "low "} {
		if got, err := rule.ParseSeverity(word); err == nil {
			t.Errorf("ParseSeverity(%q) = %v", word, got)
		}
	}
	if got := rule.Severity(0).String(); got != "none" {
		t.Errorf("the zero severity is %q", got)
	}
}
