package analyzer

import (
	"encoding/json"
	"math"
	"strings"

	"trailgate/ingest/signin"
)

// object is a JSON object. Its keys come out sorted.
type object map[string]any

// PolicySchema is a JSON Schema (draft 2020-12) of policy files, for editors
// that complete and check YAML by one. It is indented and ends in a newline;
// the bytes are the caller's own. It has the keys that ParsePolicy reads, and no
// others; Regions, URLs and names taken twice are for ParsePolicy alone.
func PolicySchema() ([]byte, error) {
	b, err := json.MarshalIndent(schema(), "", "  ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

func schema() object {
	return object{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "Trailgate policy",
		"description": "Who may come through which console sign-in endpoint.",
		"$defs": object{
			"severity": object{"description": "How grave a finding is.", "anyOf": anyCase(severities(), false)},
			"globs":    oneOrMany(word()),
			"match":    matchSchema(),
			"allow": object{
				"description": `"global", Regions, globs of them such as "eu-*", "idc-home", or "idc-home+[REGION, ...]".`,
				"anyOf":       []any{text(), object{"type": "array", "items": text()}},
			},
			"strict":     object{"type": "boolean", "default": false, "description": "For IAM users, us-east-2, eu-north-1 and ap-southeast-2 do not count as one with global."},
			"signin_url": object{"type": "string", "minLength": 1, "description": "Instead of allow: the sign-in URL that was handed to these people."},
		},
		"type":                 "object",
		"additionalProperties": false,
		"required":             []string{"version"},
		"properties": object{
			"version":    object{"description": "The version of the format.", "enum": []any{1, PolicyVersion}},
			"rules":      object{"type": "array", "items": ruleSchema(), "description": "Tried in order; the first that matches decides."},
			"defaults":   defaultsSchema(),
			"exceptions": object{"type": "array", "items": exceptionSchema(), "description": "What is allowed besides, until a day."},
			"detections": detectionsSchema(),
		},
	}
}

func severities() []string {
	var out []string
	for s := SeverityLow; s <= SeverityCritical; s++ {
		out = append(out, s.String())
	}
	return out
}

func text() object { return object{"type": "string", "minLength": 1} }

// word is a text that need not be quoted where YAML takes it for something else.
func word() object { return object{"type": []string{"string", "number", "boolean"}, "minLength": 1} }

// anyCase are the words, for an editor to complete, and the same in any letter
// case, or a glob of them.
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
	return []any{object{"enum": words}, object{"type": "string", "pattern": all}}
}

func ref(name string) object { return object{"$ref": "#/$defs/" + name} }

func oneOrMany(item object) object {
	return object{"anyOf": []any{item, object{"type": "array", "minItems": 1, "items": item}}}
}

// exactlyOne of the two ways to name endpoints.
func exactlyOne() []any {
	return []any{object{"required": []string{"allow"}}, object{"required": []string{"signin_url"}}}
}

func matchSchema() object {
	describe := map[trait]string{
		traitAccount:  "Account ids, as globs.",
		traitIdentity: "Identity types, as globs: " + strings.Join(identityTypes(), ", ") + ".",
		traitUser:     `IAM or federated users, as globs: a name, a path and name ("/apac/*"), or an ARN.`,
		traitRole:     "Assumed roles, as globs: a name, a path and name, or an ARN.",
		traitSession:  "Role session names, as globs; for Identity Center the user.",
		traitOutcome:  "Outcomes: " + signin.Success.String() + ", " + signin.Failure.String() + ", " + signin.OutcomeUnknown.String() + ".",
	}
	properties := object{}
	for t := range traits {
		var globs object
		switch t {
		case traitAccount:
			globs = oneOrMany(object{"type": []string{"string", "integer"}, "pattern": `^[0-9]{12}$|[*?]`, "maximum": 999_999_999_999})
		case traitIdentity:
			globs = oneOrMany(object{"anyOf": anyCase(identityTypes(), true)})
		case traitOutcome:
			globs = oneOrMany(object{"anyOf": anyCase(outcomes(), true)})
		default:
			globs = ref("globs")
		}
		globs["description"] = describe[t]
		properties[t.String()] = globs
	}
	return object{"type": "object", "additionalProperties": false, "properties": properties,
		"description": "All must match; what is left out matches everybody."}
}

// pick makes the properties of a mapping with these keys.
func pick(keys []string) object {
	out := object{}
	for _, key := range keys {
		switch key {
		case "match", "allow", "strict", "signin_url", "severity":
			out[key] = ref(key)
		default:
			out[key] = word()
		}
	}
	return out
}

func ruleSchema() object {
	return object{"type": "object", "additionalProperties": false, "properties": pick(ruleKeys()), "oneOf": exactlyOne()}
}

func defaultsSchema() object {
	return object{"type": "object", "additionalProperties": false, "properties": pick(defaultsKeys()),
		"not":         object{"required": []string{"allow", "signin_url"}},
		"description": "For whoever no rule matches; the severity also for rules that have none."}
}

func exceptionSchema() object {
	properties := pick(exceptionKeys())
	properties["until"] = object{"type": "string", "pattern": `^\d{4}-\d{2}-\d{2}([Tt].+)?$`, "description": "The last day (UTC), or the moment of the end."}
	return object{"type": "object", "additionalProperties": false, "properties": properties,
		"required": []string{"match", "until", "reason"}, "oneOf": exactlyOne()}
}

// windowPattern is what span reads, but for a window of nothing.
const windowPattern = `^([0-9]+[dw]|[+]?(([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`

func detectionsSchema() object {
	rules := object{}
	for _, d := range ruleList() {
		count := object{"type": "integer", "minimum": 1, "maximum": math.MaxInt32}
		if most, _ := d.most(); most > 0 {
			count["maximum"] = most
		}
		all := object{
			"enabled":   object{"type": "boolean"},
			"severity":  ref("severity"),
			"threshold": object{"type": "number", "exclusiveMinimum": 0, "description": "Bits of surprise."},
			"count":     count,
			"window":    object{"type": "string", "pattern": windowPattern, "description": "A duration: 10m, 6h, 7d."},
		}
		properties := object{}
		for _, key := range d.settings() {
			properties[key] = all[key]
		}
		rules[d.id] = object{"type": "object", "additionalProperties": false, "properties": properties}
	}
	return object{"type": "object", "additionalProperties": false, "properties": rules, "description": "Switch, tune or re-grade the rules of findings."}
}
