package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"trailgate/analyzer/rule"
	"trailgate/ingest/aws/region"
	"trailgate/ingest/signin"
)

// FileVersion is the version of policy files that Parse reads.
const FileVersion = "1"

// rootKeys and the functions below list the keys of a policy file, in the order
// in which messages name them.
func rootKeys() []string {
	return []string{"version", "rules", "defaults", "exceptions", "detections"}
}

func ruleKeys() []string {
	return []string{"name", "match", "allow", "signin_url", "strict", "severity"}
}

func defaultsKeys() []string { return []string{"allow", "signin_url", "strict", "severity"} }

func exceptionKeys() []string {
	return []string{"name", "match", "allow", "signin_url", "strict", "until", "reason"}
}

func allKeys() []string {
	return slices.Concat(rootKeys(), ruleKeys(), exceptionKeys(), matchKeys(), []string{"enabled", "threshold", "count", "window"})
}

func matchKeys() []string {
	keys := make([]string, matchKeyCount)
	for t := range matchKeyCount {
		keys[t] = t.String()
	}
	return keys
}

// policyReader reads a Policy from a document.
type policyReader struct {
	*document
	table region.Table
	p     *Policy
}

// Parse reads a policy file. file is its name for messages. The error is a
// Problems with everything that is wrong, not only the first mistake. The table
// gives the known Regions, and sign-in URLs are read with it. The caller may
// reuse data afterwards.
func Parse(file string, data []byte, table region.Table) (*Policy, error) {
	d, text := newDocument(file, data)
	r := policyReader{document: d, table: table, p: &Policy{file: file, source: d.source}}
	if len(d.problems) == 0 {
		if root := d.parseRoot(text); root != nil {
			r.readRoot(root)
		}
	}
	if len(d.problems) > 0 {
		return nil, d.problems.sortedByPlace()
	}
	r.p.globs = d.globs
	r.p.warnings = r.p.findWarnings().sortedByPlace()
	return r.p, nil
}

func (r *policyReader) readRoot(root ast.Node) {
	fields, ok := r.readMapping(root, position{1, 1}, "the policy", rootKeys())
	if !ok {
		return
	}
	// Rules without a severity take that of the defaults. So the defaults are
	// read first, wherever they are in the file.
	severity := rule.Medium
	versioned := false
	for _, f := range fields {
		switch f.key {
		case "version":
			versioned = true
			if v, ok := r.readText(f.value, f.at, "version"); ok && v != FileVersion {
				r.addProblem(valuePosition(f.value), "version %.60q: this program reads version %s", v, FileVersion)
			}
		case "defaults":
			r.readDefaults(f)
			if r.p.fallback.severity != 0 {
				severity = r.p.fallback.severity
			}
		}
	}
	if !versioned {
		r.addProblem(position{1, 1}, "version is missing: write version: %s", FileVersion)
	}
	r.p.fallback.severity = severity
	for _, f := range fields {
		switch f.key {
		case "rules":
			for i, n := range r.readEntries(f) {
				r.readRule(i, n, f.at, severity)
			}
		case "exceptions":
			for i, n := range r.readEntries(f) {
				r.readException(i, n, f.at)
			}
		case "detections":
			r.readDetections(f)
		}
	}
}

func (r *policyReader) readDefaults(f field) {
	d := policyRule{name: defaultsName, at: f.at}
	fields, ok := r.readMapping(f.value, f.at, defaultsName, defaultsKeys())
	if !ok {
		return
	}
	r.readCommon(&d, fields)
	r.p.fallback = d
}

func (r *policyReader) readRule(i int, n ast.Node, owner position, severity rule.Severity) {
	out := policyRule{name: fmt.Sprintf("rule %d", i+1), severity: severity, at: owner}
	what := out.name
	before := len(r.problems)
	fields, ok := r.readMapping(n, owner, what, ruleKeys())
	if !ok {
		return
	}
	misspelt := len(r.problems) > before // the misspelt key may be the missing one
	out.at = startPosition(n)
	for _, f := range fields {
		if f.key != "name" {
			continue
		}
		name, ok := r.readText(f.value, f.at, "name")
		if !ok {
			continue
		}
		if name == defaultsName || slices.ContainsFunc(r.p.rules, func(o policyRule) bool { return o.name == name }) {
			r.addProblem(startPosition(f.value), "the name %.60q is already used: findings name the rule, so each rule needs its own name", name)
		}
		out.name = name
	}
	r.readCommon(&out, fields)
	if !out.allow.given && !misspelt {
		r.addProblem(out.at, "%s names no endpoints: give allow: [global, REGION, ...] or signin_url: URL", what)
	}
	r.p.rules = append(r.p.rules, out)
}

// readCommon reads the keys that rules and defaults share into out: match, severity and
// the allowed endpoints.
func (r *policyReader) readCommon(out *policyRule, fields []field) {
	for _, f := range fields {
		switch f.key {
		case "match":
			out.match = r.readMatcher(f)
		case "severity":
			out.severity = r.readSeverity(f)
		}
	}
	out.allow = r.readAllowance(fields)
}

func (r *policyReader) readSeverity(f field) rule.Severity {
	word, ok := r.readText(f.value, f.at, "severity")
	if !ok {
		return 0
	}
	s, err := rule.ParseSeverity(word)
	if err != nil {
		r.addProblem(valuePosition(f.value), "%s", err)
	}
	return s
}

func (r *policyReader) readException(i int, n ast.Node, owner position) {
	what := fmt.Sprintf("exception %d", i+1)
	before := len(r.problems)
	fields, ok := r.readMapping(n, owner, what, exceptionKeys())
	if !ok {
		return
	}
	misspelt := len(r.problems) > before
	x := exception{at: startPosition(n), allow: r.readAllowance(fields)}
	missing := map[string]string{
		"match": "say for whom", "until": "say for how long, as 2026-12-31", "reason": "say why, for the next reader",
	}
	for _, f := range fields {
		delete(missing, f.key)
		switch f.key {
		case "match":
			x.match = r.readMatcher(f)
		case "until":
			x.until = r.readUntil(f)
		case "reason":
			x.reason, _ = r.readText(f.value, f.at, "reason")
		case "name":
			x.label, _ = r.readText(f.value, f.at, "name")
		}
	}
	for _, key := range [...]string{"match", "until", "reason"} {
		if hint, ok := missing[key]; ok && !misspelt {
			r.addProblem(x.at, "%s has no %s: %s", what, key, hint)
		}
	}
	if !x.allow.given && !misspelt {
		r.addProblem(x.at, "%s names no endpoints: give allow: [global, REGION, ...] or signin_url: URL", what)
	}
	if x.label == "" {
		x.label = x.reason
	}
	x.label = fmt.Sprintf("%s (line %d)", x.label, x.at.line)
	if slices.ContainsFunc(r.p.exceptions, func(o exception) bool { return o.label == x.label }) {
		x.label = fmt.Sprintf("%s, column %d)", strings.TrimSuffix(x.label, ")"), x.at.column)
	}
	r.p.exceptions = append(r.p.exceptions, x)
}

// readUntil reads the end of an exception: a UTC day, which is included, or a moment. It
// returns the first moment after the end. It adds a problem for any other text.
func (r *policyReader) readUntil(f field) time.Time {
	s, ok := r.readText(f.value, f.at, "until")
	if !ok {
		return time.Time{}
	}
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return day.AddDate(0, 0, 1)
	}
	moment, err := time.Parse(time.RFC3339, s)
	if err != nil {
		r.addProblem(valuePosition(f.value), "until %.60q is not a date: write 2026-12-31, which includes that day (UTC), or 2026-12-31T18:00:00Z", s)
	}
	return moment.UTC()
}

func (r *policyReader) readMatcher(f field) matcher {
	var m matcher
	n, ok := r.resolveScalar(f.value, f.at)
	if !ok || n == nil {
		if ok {
			r.addProblem(f.at, "match is empty: leave it out if the rule is for everybody")
		}
		return m
	}
	fields, _ := r.readMapping(n, f.at, "match", matchKeys())
	for _, c := range fields {
		t := MatchKey(slices.Index(matchKeys(), c.key))
		nodes := r.readList(c)
		if seq, empty := c.value.(*ast.SequenceNode); empty && len(seq.Values) == 0 {
			r.addProblem(c.at, "%s is an empty list, which nobody matches: leave it out or name somebody", c.key)
		}
		for _, n := range nodes {
			if s, ok := r.readText(n, c.at, c.key); ok {
				p := r.readPattern(t, s, startPosition(n))
				p.plain = n.GetToken().Type == token.StringType
				m[t] = append(m[t], p)
			}
		}
	}
	return m
}

// readPattern makes a pattern of a text under the key t. It adds a problem if an
// account, identity or outcome can never match.
func (r *policyReader) readPattern(t MatchKey, text string, where position) pattern {
	p := pattern{glob: glob(text), at: where, text: text, id: r.globs}
	r.globs++
	switch t {
	case KeyAccount:
		if !p.hasWildcard() && (len(text) != 12 || strings.Trim(text, "0123456789") != "") {
			r.addProblem(where, "account %.60q: an account id has 12 digits", text)
		}
	case KeyIdentity:
		p.by = compareWord
		r.requireOneOf(&p, "identity", IdentityTypes())
	case KeyOutcome:
		p.by = compareWord
		r.requireOneOf(&p, "outcome", outcomeWords())
	case KeyUser, KeyRole:
		switch {
		case strings.HasPrefix(text, "arn:"):
			p.by = compareARN
		case strings.Contains(text, "/"):
			p.by = comparePath
			p.glob = glob("/" + strings.TrimPrefix(text, "/"))
		}
	}
	return p
}

// IdentityTypes lists the types that CloudTrail documents (CloudTrail User Guide,
// "CloudTrail userIdentity element"). The slice is the caller's own.
func IdentityTypes() []string {
	return []string{signin.TypeIAMUser, signin.TypeRoot, signin.TypeAssumedRole, signin.TypeFederatedUser, "SAMLUser", "WebIdentityUser",
		"IdentityCenterUser", "Role", "Directory", "AWSAccount", "AWSService", "Unknown"}
}

// outcomeWords lists the values of the outcome.
func outcomeWords() []string {
	return []string{signin.Success.String(), signin.Failure.String(), signin.OutcomeUnknown.String()}
}

// requireOneOf reports a glob that matches none of the words.
func (r *policyReader) requireOneOf(p *pattern, what string, words []string) {
	if !slices.ContainsFunc(words, p.matchesFold) {
		r.addProblem(p.at, "%s %.60q is not a value that CloudTrail records%s", what, p.text, suggestWord(p.text, words))
	}
}
