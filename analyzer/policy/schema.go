package policy

import (
	"encoding/json"
	"math"
	"strings"

	"trailgate/analyzer/rule"
	"trailgate/ingest/signin"
)

// schemaObject is a JSON object. Its keys are sorted when it is encoded.
type schemaObject map[string]any

// Schema returns a JSON Schema (draft 2020-12) of policy files. Editors use it to
// complete and check YAML. It is indented and ends in a newline, and the bytes
// are the caller's own. It has exactly the keys that Parse reads. Only Parse
// checks Regions, URLs and names that are used twice.
func Schema() ([]byte, error) {
	b, err := json.MarshalIndent(rootSchema(), "", "  ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

func rootSchema() schemaObject {
	return schemaObject{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "Trailgate policy",
		"description": "Who may come through which console sign-in endpoint.",
		"$defs": schemaObject{
			"severity": schemaObject{"description": "How severe a finding is.", "anyOf": anyCase(severityWords(), false)},
			"globs":    oneOrMany(wordSchema()),
			"match":    matchSchema(),
			"allow": schemaObject{
				"description": `"global", Regions, globs of them such as "eu-*", "idc-home", or "idc-home+[REGION, ...]".`,
				"anyOf":       []any{textSchema(), schemaObject{"type": "array", "items": textSchema()}},
			},
			"strict":     schemaObject{"type": "boolean", "default": false, "description": "For IAM users, us-east-2, eu-north-1 and ap-southeast-2 do not count as the global endpoint."},
			"signin_url": schemaObject{"type": "string", "minLength": 1, "description": "Instead of allow: the sign-in URL that these people use."},
		},
		"type":                 "object",
		"additionalProperties": false,
		"required":             []string{"version"},
		"properties": schemaObject{
			"version":    schemaObject{"description": "The version of the format.", "enum": []any{1, FileVersion}},
			"rules":      schemaObject{"type": "array", "items": ruleSchema(), "description": "Tried in order. The first rule that matches decides."},
			"defaults":   defaultsSchema(),
			"exceptions": schemaObject{"type": "array", "items": exceptionSchema(), "description": "Endpoints that are also allowed, until a day."},
			"detections": detectionsSchema(),
		},
	}
}

func severityWords() []string {
	var out []string
	for s := rule.Low; s <= rule.Critical; s++ {
		out = append(out, s.String())
	}
	return out
}

func textSchema() schemaObject { return schemaObject{"type": "string", "minLength": 1} }

// wordSchema describes a text that may also look like a number or a boolean,
// because an author need not quote it.
func wordSchema() schemaObject {
	return schemaObject{"type": []string{"string", "number", "boolean"}, "minLength": 1}
}

// anyCase lists the words for completion, and accepts them in any letter case.
// With globs it also accepts any text with * or ?.
func anyCase(words []string, globs bool) []any {
	var pattern strings.Builder
	for i, w := range words {
		if i > 0 {
			pattern.WriteByte('|')
		}
		for _, c := range w {
			pattern.WriteString("[" + strings.ToUpper(string(c)) + strings.ToLower(string(c)) + "]")
		}
	}
	all := "^(" + pattern.String() + ")$"
	if globs {
		all += "|[*?]"
	}
	return []any{schemaObject{"enum": words}, schemaObject{"type": "string", "pattern": all}}
}

func schemaRef(name string) schemaObject { return schemaObject{"$ref": "#/$defs/" + name} }

func oneOrMany(item schemaObject) schemaObject {
	return schemaObject{"anyOf": []any{item, schemaObject{"type": "array", "minItems": 1, "items": item}}}
}

// exactlyOne requires one of the two keys that name endpoints.
func exactlyOne() []any {
	return []any{schemaObject{"required": []string{"allow"}}, schemaObject{"required": []string{"signin_url"}}}
}

func matchSchema() schemaObject {
	describe := map[MatchKey]string{
		KeyAccount:  "Account ids, as globs.",
		KeyIdentity: "Identity types, as globs: " + strings.Join(IdentityTypes(), ", ") + ".",
		KeyUser:     `IAM or federated users, as globs: a name, a path and name ("/apac/*"), or an ARN.`,
		KeyRole:     "Assumed roles, as globs: a name, a path and name, or an ARN.",
		KeySession:  "Role session names, as globs; for Identity Center the user.",
		KeyOutcome:  "Outcomes: " + signin.Success.String() + ", " + signin.Failure.String() + ", " + signin.OutcomeUnknown.String() + ".",
	}
	properties := schemaObject{}
	for t := range matchKeyCount {
		var globs schemaObject
		switch t {
		case KeyAccount:
			globs = oneOrMany(schemaObject{"type": []string{"string", "integer"}, "pattern": `^[0-9]{12}$|[*?]`, "maximum": 999_999_999_999})
		case KeyIdentity:
			globs = oneOrMany(schemaObject{"anyOf": anyCase(IdentityTypes(), true)})
		case KeyOutcome:
			globs = oneOrMany(schemaObject{"anyOf": anyCase(outcomeWords(), true)})
		default:
			globs = schemaRef("globs")
		}
		globs["description"] = describe[t]
		properties[t.String()] = globs
	}
	return schemaObject{"type": "object", "additionalProperties": false, "properties": properties,
		"description": "All keys must match. A missing key matches everybody."}
}

// pickKeys returns the properties of a mapping with these keys.
func pickKeys(keys []string) schemaObject {
	out := schemaObject{}
	for _, key := range keys {
		switch key {
		case "match", "allow", "strict", "signin_url", "severity":
			out[key] = schemaRef(key)
		default:
			out[key] = wordSchema()
		}
	}
	return out
}

func ruleSchema() schemaObject {
	return schemaObject{"type": "object", "additionalProperties": false, "properties": pickKeys(ruleKeys()), "oneOf": exactlyOne()}
}

func defaultsSchema() schemaObject {
	return schemaObject{"type": "object", "additionalProperties": false, "properties": pickKeys(defaultsKeys()),
		"not":         schemaObject{"required": []string{"allow", "signin_url"}},
		"description": "For people whom no rule matches. Rules without a severity use this severity too."}
}

func exceptionSchema() schemaObject {
	properties := pickKeys(exceptionKeys())
	properties["until"] = schemaObject{"type": "string", "pattern": `^\d{4}-\d{2}-\d{2}([Tt].+)?$`, "description": "The last day (UTC), or the moment of the end."}
	return schemaObject{"type": "object", "additionalProperties": false, "properties": properties,
		"required": []string{"match", "until", "reason"}, "oneOf": exactlyOne()}
}

// windowPattern matches what parseSpan reads. It also matches a window of zero,
// which parseSpan refuses.
const windowPattern = `^([0-9]+[dw]|[+]?(([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`

func detectionsSchema() schemaObject {
	rules := schemaObject{}
	for _, d := range rule.All() {
		count := schemaObject{"type": "integer", "minimum": 1, "maximum": math.MaxInt32}
		if most, _ := d.Limits(); most > 0 {
			count["maximum"] = most
		}
		all := schemaObject{
			"enabled":   schemaObject{"type": "boolean"},
			"severity":  schemaRef("severity"),
			"threshold": schemaObject{"type": "number", "exclusiveMinimum": 0, "description": "Bits of surprise."},
			"count":     count,
			"window":    schemaObject{"type": "string", "pattern": windowPattern, "description": "A duration: 10m, 6h, 7d."},
		}
		properties := schemaObject{}
		for _, key := range d.Settings() {
			properties[key] = all[key]
		}
		rules[d.ID] = schemaObject{"type": "object", "additionalProperties": false, "properties": properties}
	}
	return schemaObject{"type": "object", "additionalProperties": false, "properties": rules, "description": "Settings of the rules of findings: on or off, limits and severity."}
}
