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

// policy is one of IAM's.
type policy struct {
	Version   string
	Statement []statement
}

type statement struct {
	Sid, Effect      string
	Action, Resource any
	Condition        map[string]map[string]any
}

// actions are those of a statement, which may be one or a list.
func (s *statement) actions() []string { return texts(s.Action) }

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

// allows are all actions of a policy, sorted, each once. It wants none to be
// wider than it says.
func (p *policy) allows(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, s := range p.Statement {
		if s.Effect != "Allow" || len(s.actions()) == 0 {
			t.Errorf("statement %+v", s)
		}
		for _, a := range s.actions() {
			// A GetObject has no prefix, and without the right to list all S3 says
			// of an absent key not that it is absent, but that it is denied.
			if a == "s3:ListBucket" && s.Condition != nil {
				t.Errorf("%s under a condition", a)
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

func readPolicies(t *testing.T) (read, write policy) {
	t.Helper()
	for name, p := range map[string]*policy{"iam/read-trail.json": &read, "iam/write-lake.json": &write} {
		d := json.NewDecoder(bytes.NewReader(deployed(t, name)))
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

// The policies allow what the code may ask for, and nothing else.
func TestDeployPoliciesAreTheLeast(t *testing.T) {
	read, write := readPolicies(t)
	for _, test := range []struct {
		p       policy
		sources string
		want    []string
	}{
		{read, "../../ingest/trail/*.go", []string{"kms:Decrypt", "s3:GetObject", "s3:ListBucket"}},
		{write, "../../report/lake/*.go", []string{"kms:Decrypt", "kms:GenerateDataKey", "s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"}},
	} {
		allowed := test.p.allows(t)
		if diff := cmp.Diff(test.want, allowed); diff != "" {
			t.Error(diff)
		}
		// The actions that errors name are those that S3 was asked for.
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
				t.Errorf("the policy allows %s, and nothing in %s names it", a, test.sources)
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
		var p policy
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
	for _, p := range []policy{read, write} {
		if want := strings.Join(p.allows(t), " "); !shown[want] {
			t.Errorf("doc/iam.md does not show a policy with just %s", want)
		}
	}
}

// template is a CloudFormation template, taken apart.
type template struct {
	t          *testing.T
	known      map[string]bool // parameters, resources and pseudo parameters
	conditions map[string]any
	referred   map[string]bool
}

// walk looks at every reference.
func (c *template) walk(v any) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			c.walk(one)
		}
	case map[string]any:
		for key, value := range v {
			switch key {
			case "Ref":
				c.refer(value)
			case "Fn::GetAtt":
				c.refer(texts(value)[0])
			case "Fn::Sub":
				for _, m := range regexp.MustCompile(`\$\{([^}]+)\}`).FindAllStringSubmatch(value.(string), -1) {
					c.refer(m[1])
				}
			case "Fn::If":
				if name := value.([]any)[0].(string); c.conditions[name] == nil {
					c.t.Errorf("condition %q is none", name)
				}
			}
			c.walk(value)
		}
	}
}

func (c *template) refer(name any) {
	s, ok := name.(string)
	if !ok || !c.known[s] {
		c.t.Errorf("reference to %v, which is nothing", name)
	}
	c.referred[s] = true
}

// at descends into maps and lists.
func at(t *testing.T, v any, path ...any) any {
	t.Helper()
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok || m[s] == nil {
				t.Fatalf("no %v of %v", s, path)
			}
			v = m[s]
		case int:
			l, ok := v.([]any)
			if !ok || len(l) <= s {
				t.Fatalf("no %v of %v", s, path)
			}
			v = l[s]
		}
	}
	return v
}

// commandWords are a container's, with its substitutions made.
func commandWords(t *testing.T, v any) []string {
	t.Helper()
	var out []string
	for _, one := range v.([]any) {
		if m, ok := one.(map[string]any); ok {
			one = regexp.MustCompile(`\$\{[^}]+\}`).ReplaceAllString(at(t, m, "Fn::Sub").(string), "example")
		}
		out = append(out, one.(string))
	}
	return out
}

// statements are those of a policy in a template, conditional ones included.
func statements(t *testing.T, v any) policy {
	t.Helper()
	var p policy
	for _, one := range v.([]any) {
		m := one.(map[string]any)
		if branches, ok := m["Fn::If"]; ok {
			m = at(t, branches, 1).(map[string]any)
		}
		p.Statement = append(p.Statement, statement{Effect: m["Effect"].(string), Action: m["Action"]})
	}
	return p
}

func TestDeployECS(t *testing.T) {
	var doc map[string]any
	if err := yaml.Unmarshal(deployed(t, "ecs/schedule.yaml"), &doc); err != nil {
		t.Fatal(err)
	}
	c := &template{t: t, known: map[string]bool{}, referred: map[string]bool{}, conditions: at(t, doc, "Conditions").(map[string]any)}
	for _, pseudo := range []string{"AWS::Partition", "AWS::Region", "AWS::AccountId", "AWS::NoValue"} {
		c.known[pseudo] = true
	}
	parameters, resources := at(t, doc, "Parameters").(map[string]any), at(t, doc, "Resources").(map[string]any)
	for name := range parameters {
		c.known[name] = true
	}
	for name := range resources {
		c.known[name] = true
	}
	c.walk(doc)
	for name := range parameters {
		if !c.referred[name] {
			t.Errorf("parameter %s is for nothing", name)
		}
	}

	container := at(t, resources, "Task", "Properties", "ContainerDefinitions", 0)
	wantExport(t, append(commandWords(t, at(t, container, "EntryPoint")), commandWords(t, at(t, container, "Command"))...))
	wantImage(t, at(t, parameters, "Image", "Default").(string))
	if ro := at(t, container, "ReadonlyRootFilesystem"); ro != true {
		t.Error("it can write to the image")
	}
	if stop := at(t, container, "StopTimeout"); fmt.Sprint(stop) != "30" {
		t.Errorf("StopTimeout %v: a run may take ten seconds to stop", stop)
	}

	// The roles may do what the policies in deploy/iam say, and no more.
	read, write := readPolicies(t)
	for i, want := range []policy{read, write} {
		got := statements(t, at(t, resources, "TaskRole", "Properties", "Policies", i, "PolicyDocument", "Statement"))
		if diff := cmp.Diff(want.allows(t), got.allows(t)); diff != "" {
			t.Error(diff)
		}
	}
	start := statements(t, at(t, resources, "ScheduleRole", "Properties", "Policies", 0, "PolicyDocument", "Statement"))
	if diff := cmp.Diff([]string{"ecs:RunTask", "iam:PassRole"}, start.allows(t)); diff != "" {
		t.Error(diff)
	}
	for _, s := range at(t, resources, "ScheduleRole", "Properties", "Policies", 0, "PolicyDocument", "Statement").([]any) {
		at(t, s, "Condition")
		if r := at(t, s, "Resource"); r == "*" {
			t.Error("the scheduler may do it to anything")
		}
	}
	if s := at(t, parameters, "Schedule", "Default").(string); !regexp.MustCompile(`^cron\(\d+ \d+ \* \* \? \*\)$`).MatchString(s) {
		t.Errorf("schedule %q", s)
	}
	target := at(t, resources, "Nightly", "Properties", "Target", "EcsParameters")
	if n := at(t, target, "TaskCount"); fmt.Sprint(n) != "1" {
		t.Errorf("%v tasks", n)
	}
}
