package policy

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"trailgate/analyzer"
	"trailgate/analyzer/endpoint"
	"trailgate/ingest/aws/region"
)

// HomeWord is the word of a policy file for the home Region of Identity Center.
const HomeWord = "idc-home"

// readAllowance reads allow, signin_url and strict from the fields of a rule or an
// exception. It adds a problem if both allow and signin_url are given.
func (r *policyReader) readAllowance(fields []field) allowance {
	var a allowance
	var by *field
	for i, f := range fields {
		switch f.key {
		case "strict":
			a.strict = r.readBool(f)
		case "allow", "signin_url":
			if by != nil {
				r.addProblem(f.at, "both %s and %s: give the endpoints with only one of them", by.key, f.key)
				return a
			}
			by, a.given = &fields[i], true
		}
	}
	switch {
	case by == nil:
	case by.key == "signin_url":
		r.readSignInURL(&a, *by)
	default:
		for _, n := range r.readList(*by) {
			if s, ok := r.readText(n, by.at, "allow"); ok {
				r.addAllowed(&a, s, startPosition(n))
			}
		}
	}
	a.finishAllowance()
	return a
}

// finishAllowance sets namesProxyClass from the names and globs, and adds idc-home to
// written if home is set.
func (a *allowance) finishAllowance() {
	for _, name := range append([]string{analyzer.Global}, endpoint.ProxiedRegions()...) {
		a.namesProxyClass = a.namesProxyClass || a.allowsName(name)
	}
	if a.home {
		word := HomeWord
		if len(a.replicas) > 0 {
			word += "+[" + strings.Join(a.replicas, ", ") + "]"
		}
		a.written = append(a.written, word)
	}
}

// addAllowed reads one element of allow and adds it to a: global, a Region, a glob of
// them, or idc-home with its replicas. It adds a problem for any other text, and for a
// glob that matches no endpoint.
func (r *policyReader) addAllowed(a *allowance, text string, where position) {
	word := strings.ToLower(strings.TrimSpace(text))
	rest, home := strings.CutPrefix(word, HomeWord)
	switch {
	case word == analyzer.Global:
		a.addName(analyzer.Global)
	case home && (rest == "" || rest[0] == '+'):
		a.home = true
		r.readReplicas(a, rest, where)
	case glob(word).hasWildcard():
		g := glob(word)
		if !r.matchesAnyEndpoint(g) {
			r.addProblem(where, "%.60q matches no endpoint: neither global nor any Region", text)
		}
		a.globs = append(a.globs, g)
		a.written = append(a.written, word)
	case strings.Contains(word, "/") || strings.Contains(word, ".") && !r.table.Known(word):
		r.addProblem(where, "%.200q looks like a URL or a host: give it as signin_url instead of allow", text)
	default:
		if name, ok := r.lookUpRegion(word, where); ok {
			a.addName(name)
		}
	}
}

func (a *allowance) addName(name string) {
	if !slices.Contains(a.names, name) {
		a.names = append(a.names, name)
		a.written = append(a.written, name)
	}
}

// readReplicas reads rest, the text after idc-home: nothing, +REGION, or +[REGION,
// ...]. It adds these Regions to a.replicas, and a problem for each unknown one.
func (r *policyReader) readReplicas(a *allowance, rest string, where position) {
	if rest == "" {
		return
	}
	rest = strings.TrimSpace(rest[1:])
	rest = strings.TrimSuffix(strings.TrimPrefix(rest, "["), "]")
	for word := range strings.SplitSeq(rest, ",") {
		if name, ok := r.lookUpRegion(strings.TrimSpace(word), where); ok && !slices.Contains(a.replicas, name) {
			a.replicas = append(a.replicas, name)
		}
	}
}

// lookUpRegion returns the name of a Region as the table writes it. If the word is not
// in the table, it adds a problem with a hint and returns false.
func (r *policyReader) lookUpRegion(word string, where position) (string, bool) {
	if found, ok := r.table.Region(word); ok {
		return found.Name, true
	}
	if len(r.problems) == maxProblems {
		return "", false // save the search for a similar word
	}
	words := []string{analyzer.Global, HomeWord}
	for _, p := range r.table.Partitions() {
		for _, region := range r.table.Regions(p) {
			words = append(words, region.Name)
		}
	}
	hint := endpointHint(word)
	if hint == "" {
		hint = suggestWord(word, words)
	}
	switch {
	case hint != "":
	case region.HasShape(word):
		hint = ": if it is a new one, add it with a regions file (--regions-file)"
	default:
		hint = `: want global, a Region, a glob of Regions such as "eu-*", or idc-home`
	}
	r.addProblem(where, "unknown Region %.60q%s", word, hint)
	return "", false
}

// matchesAnyEndpoint tells whether the glob matches the global endpoint or any
// Region.
func (r *policyReader) matchesAnyEndpoint(g glob) bool {
	if g.matchesText(analyzer.Global) {
		return true
	}
	for _, p := range r.table.Partitions() {
		for _, region := range r.table.Regions(p) {
			if g.matchesText(region.Name) {
				return true
			}
		}
	}
	return false
}

// readSignInURL allows the endpoint that a sign-in URL leads to. If AWS chooses the
// Region, it allows the global endpoint and the three proxied Regions. It adds a
// problem if the URL is not valid or does not show the endpoint.
func (r *policyReader) readSignInURL(a *allowance, f field) {
	text, ok := r.readText(f.value, f.at, "signin_url")
	if !ok {
		return
	}
	where := valuePosition(f.value)
	u, err := endpoint.ParseURL(r.table, text)
	switch {
	case err != nil:
		r.addProblem(where, "%s", err)
	case u.Scope == endpoint.ScopeUnknown:
		r.addProblem(where, "signin_url does not show the endpoint: %s", strings.Join(u.Reasons, " "))
	case u.Endpoint != "":
		a.addName(u.Endpoint)
	default:
		a.addName(analyzer.Global)
		for _, name := range endpoint.ProxiedRegions() {
			a.addName(name)
		}
	}
}

// readBool reads a boolean. It adds a problem and returns false for anything else.
func (r *policyReader) readBool(f field) bool {
	n, ok := r.resolveScalar(f.value, f.at)
	switch b := n.(type) {
	case *ast.BoolNode:
		return b.Value
	case nil:
		if ok {
			r.addProblem(f.at, "%s is empty: want true or false", f.key)
		}
	default:
		r.addProblem(startPosition(n), "%s: want true or false", f.key)
	}
	return false
}
