package policy_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"trailgate/analyzer/policy"
	"trailgate/ingest/aws/region"
)

// jsonSchema checks values against the part of JSON Schema that the schema of
// policies uses.
type jsonSchema struct{ defs map[string]any }

func (s jsonSchema) takes(schema map[string]any, v any) bool {
	count := func(all any) (n int) {
		for _, one := range all.([]any) {
			if s.takes(one.(map[string]any), v) {
				n++
			}
		}
		return n
	}
	for key, want := range schema {
		ok := true
		switch key {
		case "$ref":
			ok = s.takes(s.defs[want.(string)[len("#/$defs/"):]].(map[string]any), v)
		case "anyOf":
			ok = count(want) > 0
		case "oneOf":
			ok = count(want) == 1
		case "not":
			ok = !s.takes(want.(map[string]any), v)
		case "enum":
			ok = slices.Contains(want.([]any), v)
		case "type":
			kinds, many := want.([]any)
			if !many {
				kinds = []any{want}
			}
			ok = slices.ContainsFunc(kinds, func(kind any) bool { return isA(v, kind.(string)) })
		default:
			ok = s.within(schema, key, want, v)
		}
		if !ok {
			return false
		}
	}
	return true
}

// within checks a keyword that applies to one type only.
func (s jsonSchema) within(schema map[string]any, key string, want, v any) bool {
	switch v := v.(type) {
	case string:
		return (key != "minLength" || float64(utf8.RuneCountInString(v)) >= want.(float64)) &&
			(key != "pattern" || regexp.MustCompile(want.(string)).MatchString(v))
	case float64:
		return (key != "minimum" || v >= want.(float64)) && (key != "maximum" || v <= want.(float64)) && (key != "exclusiveMinimum" || v > want.(float64))
	case []any:
		return (key != "minItems" || float64(len(v)) >= want.(float64)) &&
			(key != "items" || !slices.ContainsFunc(v, func(one any) bool { return !s.takes(want.(map[string]any), one) }))
	case map[string]any:
		switch key {
		case "required":
			return !slices.ContainsFunc(want.([]any), func(name any) bool { _, ok := v[name.(string)]; return !ok })
		case "properties":
			known := want.(map[string]any)
			for name, one := range v {
				property, ok := known[name].(map[string]any)
				if !ok && schema["additionalProperties"] == false || ok && !s.takes(property, one) {
					return false
				}
			}
		}
	}
	return true
}

func isA(v any, kind string) bool {
	switch v := v.(type) {
	case string:
		return kind == "string"
	case bool:
		return kind == "boolean"
	case float64:
		return kind == "number" || kind == "integer" && v == float64(int64(v))
	case []any:
		return kind == "array"
	case map[string]any:
		return kind == "object"
	}
	return kind == "null"
}

// TestSchemaTakesTheSame checks that the schema and the parser accept and refuse
// the same files.
func TestSchemaTakesTheSame(t *testing.T) {
	b, err := policy.Schema()
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(b, &schema); err != nil {
		t.Fatal(err)
	}
	s := jsonSchema{defs: schema["$defs"].(map[string]any)}
	for text, want := range map[string]bool{
		"defaults: {severity: high}": true, "defaults: {severity: CriticaL}": true, "defaults: {severity: none}": false, "defaults: {severity: 1}": false,
		"rules: [{name: a, allow: [global]}]": true, "rules: [{name: 12, allow: []}]": true, "rules: [{name: true, allow: []}]": true, "rules: [{name: '', allow: []}]": false,
		"rules: [{name: [a], allow: []}]": false, "rules: [{allow: ['']}]": false, "rules: [{allow: [1]}]": false, "rules: [{allow: '*'}]": true, "rules: [{name: a}]": false,
		"rules: [{match: {user: ''}, allow: []}]": false, "rules: [{match: {user: [a, '']}, allow: []}]": false, "rules: [{match: {user: []}, allow: []}]": false,
		"rules: [{match: {user: 12}, allow: []}]": true, "rules: [{match: {user: 1.5}, allow: []}]": true, "rules: [{match: {role: true}, allow: []}]": true,
		"rules: [{match: {account: 111122223333}, allow: []}]": true, "rules: [{match: {account: '1111-2222-3333'}, allow: []}]": false, "rules: [{match: {account: '1111*'}, allow: []}]": true,
		"rules: [{match: {identity: [iamuser, ROOT, 'Ass*']}, allow: []}]": true, "rules: [{match: {identity: robot}, allow: []}]": false,
		"rules: [{match: {outcome: [Success, '*n']}, allow: []}]": true, "rules: [{match: {outcome: failed}, allow: []}]": false, "rules: [{match: {outcome: 1}, allow: []}]": false,
		"exceptions: [{match: {user: a}, allow: [global], until: '2030-01-01', reason: 42}]": true,
		"exceptions: [{match: {user: a}, allow: [global], until: '2030-01-01', reason: ''}]": false,
		"exceptions: [{match: {user: a}, allow: [global], until: '1.1.2030', reason: x}]":    false,
		"detections: {endpoint.new: {count: 2147483647}}":                                    true,
		"detections: {endpoint.new: {count: 2147483648}}":                                    false,
		"detections: {endpoint.new: {count: 0}}":                                             false,
		"detections: {auth.spray: {count: 1001}}":                                            false,
		"detections: {auth.spray: {window: 7d}}":                                             true,
		"detections: {auth.spray: {window: 1w}}":                                             true,
		"detections: {auth.spray: {window: 1h30m}}":                                          true,
		"detections: {auth.spray: {window: .5h}}":                                            true,
		"detections: {auth.spray: {window: 60}}":                                             false,
		"detections: {auth.spray: {window: soon}}":                                           false,
		"detections: {auth.spray: {window: ''}}":                                             false,
		"detections: {auth.spray: {window: 1d12h}}":                                          false,
		"detections: {endpoint.new: {threshold: 0}}":                                         false,
		"detections: {endpoint.new: {threshold: 0.5, enabled: true, severity: Low}}":         true,
	} {
		text = "version: 1\n" + text
		_, err := policy.Parse("p.yaml", []byte(text), region.Table{})
		if (err == nil) != want {
			t.Errorf("%s: the parser says %v", text, err)
		}
		doc, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(doc, &v); err != nil {
			t.Fatal(err)
		}
		if s.takes(schema, v) != want {
			t.Errorf("%s: the schema takes it: %v", text, !want)
		}
	}
}
