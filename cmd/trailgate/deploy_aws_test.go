package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// iamPolicy is an IAM policy document.
type iamPolicy struct {
	Version   string
	Statement []statement
}

// statement is one statement of a policy document. Action and Resource may be one text
// or a list.
type statement struct {
	Sid, Effect      string
	Action, Resource any
	Condition        map[string]map[string]any
}

// actions gives the actions of a statement.
func (s *statement) actions() []string { return texts(s.Action) }

// texts gives the texts of a JSON value that is one text or a list.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, one := range v {
			out = append(out, texts(one)...)
		}
		return out
	}
	return nil
}

// allowedActions gives all actions of a policy, sorted, each once. It fails the test if
// an action or a resource is a wildcard.
func (p *iamPolicy) allowedActions(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, s := range p.Statement {
		if s.Effect != "Allow" || len(s.actions()) == 0 {
			t.Errorf("statement %+v", s)
		}
		for _, a := range s.actions() {
			// GetObject does not carry a prefix. If the caller may not list the
			// whole bucket, S3 answers for a missing key that access is denied.
			if a == "s3:ListBucket" && s.Condition != nil {
				t.Errorf("%s has a condition", a)
			}
			if !regexp.MustCompile(`^[a-z0-9]+:[A-Za-z]+$`).MatchString(a) {
				t.Errorf("action %q", a)
			}
			for _, r := range texts(s.Resource) {
				if r == "*" || strings.Contains(a, "Object") != strings.HasSuffix(r, "/*") && strings.HasPrefix(a, "s3:") {
					t.Errorf("%s on %q", a, r)
				}
			}
		}
		all = append(all, s.actions()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// readPolicies reads the two policies in deploy/iam.
func readPolicies(t *testing.T) (read, write iamPolicy) {
	t.Helper()
	for name, p := range map[string]*iamPolicy{"iam/read-trail.json": &read, "iam/write-lake.json": &write} {
		d := json.NewDecoder(bytes.NewReader(readDeployFile(t, name)))
		d.DisallowUnknownFields()
		if err := d.Decode(p); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if p.Version != "2012-10-17" || d.More() {
			t.Errorf("%s: version %q", name, p.Version)
		}
	}
	return read, write
}

// TestDeployPoliciesAreTheLeast compares the policies with the actions in the code. They
// must allow these actions and no others.
func TestDeployPoliciesAreTheLeast(t *testing.T) {
	read, write := readPolicies(t)
	for _, test := range []struct {
		p       iamPolicy
		sources string
		want    []string
	}{
		{read, "../../ingest/trail/store/*.go", []string{"kms:Decrypt", "s3:GetObject", "s3:ListBucket"}},
		{write, "../../report/lake/*.go", []string{"kms:Decrypt", "kms:GenerateDataKey", "s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"}},
	} {
		allowed := test.p.allowedActions(t)
		if diff := cmp.Diff(test.want, allowed); diff != "" {
			t.Error(diff)
		}
		// The code names an action in an error for each request that it sends to S3.
		files, err := filepath.Glob(test.sources)
		if err != nil {
			t.Fatal(err)
		}
		named := map[string]bool{}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`"((?:s3|kms):[A-Z][A-Za-z]+)"`).FindAllStringSubmatch(string(b), -1) {
				named[m[1]] = true
				if !slices.Contains(allowed, m[1]) {
					t.Errorf("%s names %s, which the policy lacks", file, m[1])
				}
			}
		}
		for _, a := range allowed {
			if strings.HasPrefix(a, "s3:") && !named[a] {
				t.Errorf("the policy allows %s, and %s does not name it", a, test.sources)
			}
		}
	}
}

// The manual shows the policies that are in the files.
func TestDeployPoliciesAreTheManuals(t *testing.T) {
	text, err := os.ReadFile("doc/iam.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, m := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		var p iamPolicy
		if err := json.Unmarshal([]byte(m[1]), &p); err != nil {
			continue // not a policy
		}
		all := []string{}
		for _, s := range p.Statement {
			all = append(all, s.actions()...)
		}
		slices.Sort(all)
		shown[strings.Join(slices.Compact(all), " ")] = true
	}
	read, write := readPolicies(t)
	for _, p := range []iamPolicy{read, write} {
		if want := strings.Join(p.allowedActions(t), " "); !shown[want] {
			t.Errorf("doc/iam.md does not show a policy with just %s", want)
		}
	}
}

// template checks the references in a CloudFormation template.
type template struct {
	t          *testing.T
	known      map[string]bool // parameters, resources and pseudo parameters
	conditions map[string]any
	referred   map[string]bool // the known names that a reference was found to
}

// checkReferences checks every reference in a value.
func (c *template) checkReferences(v any) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			c.checkReferences(one)
		}
	case map[string]any:
		for key, value := range v {
			switch key {
			case "Ref":
				c.checkName(value)
			case "Fn::GetAtt":
				c.checkName(texts(value)[0])
			case "Fn::Sub":
				for _, m := range regexp.MustCompile(`\$\{([^}]+)\}`).FindAllStringSubmatch(value.(string), -1) {
					c.checkName(m[1])
				}
			case "Fn::If":
				if name := value.([]any)[0].(string); c.conditions[name] == nil {
					c.t.Errorf("condition %q is not defined", name)
				}
			}
			c.checkReferences(value)
		}
	}
}

// checkName checks one reference by name.
func (c *template) checkName(name any) {
	s, ok := name.(string)
	if !ok || !c.known[s] {
		c.t.Errorf("reference to %v, which is not defined", name)
	}
	c.referred[s] = true
}

// valueAt gives the value at a path of keys and indexes.
func valueAt(t *testing.T, v any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok || m[s] == nil {
				t.Fatalf("key %v of path %v is missing", s, path)
			}
			v = m[s]
		case int:
			l, ok := v.([]any)
			if !ok || len(l) <= s {
				t.Fatalf("index %v of path %v is missing", s, path)
			}
			v = l[s]
		}
	}
	return v
}

// commandWords gives the words of a command of a container. It replaces each
// substitution by the word example.
func commandWords(t *testing.T, v any) []string {
	t.Helper()
	var out []string
	for _, one := range v.([]any) {
		if m, ok := one.(map[string]any); ok {
			one = regexp.MustCompile(`\$\{[^}]+\}`).ReplaceAllString(valueAt(t, m, "Fn::Sub").(string), "example")
		}
		out = append(out, one.(string))
	}
	return out
}

// statements gives the statements of a policy in a template, with the conditional ones.
func statements(t *testing.T, v any) iamPolicy {
	t.Helper()
	var p iamPolicy
	for _, one := range v.([]any) {
		m := one.(map[string]any)
		if branches, ok := m["Fn::If"]; ok {
			m = valueAt(t, branches, 1).(map[string]any)
		}
		p.Statement = append(p.Statement, statement{Effect: m["Effect"].(string), Action: m["Action"]})
	}
	return p
}

func TestDeployECS(t *testing.T) {
	var doc map[string]any
	if err := yaml.Unmarshal(readDeployFile(t, "ecs/schedule.yaml"), &doc); err != nil {
		t.Fatal(err)
	}
	c := &template{t: t, known: map[string]bool{}, referred: map[string]bool{}, conditions: valueAt(t, doc, "Conditions").(map[string]any)}
	for _, pseudo := range []string{"AWS::Partition", "AWS::Region", "AWS::AccountId", "AWS::NoValue"} {
		c.known[pseudo] = true
	}
	parameters, resources := valueAt(t, doc, "Parameters").(map[string]any), valueAt(t, doc, "Resources").(map[string]any)
	for name := range parameters {
		c.known[name] = true
	}
	for name := range resources {
		c.known[name] = true
	}
	c.checkReferences(doc)
	for name := range parameters {
		if !c.referred[name] {
			t.Errorf("parameter %s is not used", name)
		}
	}

	container := valueAt(t, resources, "Task", "Properties", "ContainerDefinitions", 0)
	wantExport(t, append(commandWords(t, valueAt(t, container, "EntryPoint")), commandWords(t, valueAt(t, container, "Command"))...))
	wantImage(t, valueAt(t, parameters, "Image", "Default").(string))
	if ro := valueAt(t, container, "ReadonlyRootFilesystem"); ro != true {
		t.Error("the container can write to its image")
	}
	if stop := valueAt(t, container, "StopTimeout"); fmt.Sprint(stop) != "30" {
		t.Errorf("StopTimeout %v: want more than the ten seconds that a run may take to stop", stop)
	}

	// The roles may do exactly what the policies in deploy/iam allow.
	read, write := readPolicies(t)
	for i, want := range []iamPolicy{read, write} {
		got := statements(t, valueAt(t, resources, "TaskRole", "Properties", "Policies", i, "PolicyDocument", "Statement"))
		if diff := cmp.Diff(want.allowedActions(t), got.allowedActions(t)); diff != "" {
			t.Error(diff)
		}
	}
	start := statements(t, valueAt(t, resources, "ScheduleRole", "Properties", "Policies", 0, "PolicyDocument", "Statement"))
	if diff := cmp.Diff([]string{"ecs:RunTask", "iam:PassRole"}, start.allowedActions(t)); diff != "" {
		t.Error(diff)
	}
	for _, s := range valueAt(t, resources, "ScheduleRole", "Properties", "Policies", 0, "PolicyDocument", "Statement").([]any) {
		valueAt(t, s, "Condition")
		if r := valueAt(t, s, "Resource"); r == "*" {
			t.Error("the role of the scheduler is not limited to a resource")
		}
	}
	if s := valueAt(t, parameters, "Schedule", "Default").(string); !regexp.MustCompile(`^cron\(\d+ \d+ \* \* \? \*\)$`).MatchString(s) {
		t.Errorf("schedule %q", s)
	}
	target := valueAt(t, resources, "Nightly", "Properties", "Target", "EcsParameters")
	if n := valueAt(t, target, "TaskCount"); fmt.Sprint(n) != "1" {
		t.Errorf("%v tasks", n)
	}
}
