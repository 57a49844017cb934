package analyzer

import (
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"trailgate/analyzer/endpoint"
)

// homeWord is what a policy calls the home Region of Identity Center.
const homeWord = "idc-home"

// allowance reads allow, signin_url and strict of a rule or an exception.
func (r *reader) allowance(fields []field) allowance {
	var a allowance
	var by *field
	for i, f := range fields {
		switch f.key {
		case "strict":
			a.strict = r.truth(f)
		case "allow", "signin_url":
			if by != nil {
				r.fail(f.at, "both %s and %s: the endpoints are given by the one or the other", by.key, f.key)
				return a
			}
			by, a.given = &fields[i], true
		}
	}
	switch {
	case by == nil:
	case by.key == "signin_url":
		r.url(&a, *by)
	default:
		for _, n := range r.list(*by) {
			if s, ok := r.text(n, by.at, "allow"); ok {
				r.allow(&a, s, start(n))
			}
		}
	}
	a.settle()
	return a
}

// settle brings what was read into the form that judging wants.
func (a *allowance) settle() {
	for _, name := range append([]string{Global}, endpoint.ProxiedRegions()...) {
		a.class = a.class || a.has(name)
	}
	if a.home {
		word := homeWord
		if len(a.replicas) > 0 {
			word += "+[" + strings.Join(a.replicas, ", ") + "]"
		}
		a.written = append(a.written, word)
	}
}

// allow reads one element of allow.
func (r *reader) allow(a *allowance, text string, where position) {
	word := strings.ToLower(strings.TrimSpace(text))
	rest, home := strings.CutPrefix(word, homeWord)
	switch {
	case word == Global:
		a.name(Global)
	case home && (rest == "" || rest[0] == '+'):
		a.home = true
		r.replicas(a, rest, where)
	case glob(word).wild():
		g := glob(word)
		if !r.anyEndpoint(g) {
			r.fail(where, "%.60q matches no endpoint: neither global nor any Region", text)
		}
		a.globs = append(a.globs, g)
		a.written = append(a.written, word)
	case strings.Contains(word, "/") || strings.Contains(word, ".") && !r.table.Known(word):
		r.fail(where, "%.200q looks like a URL or a host: give it as signin_url instead of allow", text)
	default:
		if name, ok := r.region(word, where); ok {
			a.name(name)
		}
	}
}

func (a *allowance) name(name string) {
	if !slices.Contains(a.names, name) {
		a.names = append(a.names, name)
		a.written = append(a.written, name)
	}
}

// replicas reads what follows idc-home: nothing, +REGION, or +[REGION, ...].
func (r *reader) replicas(a *allowance, rest string, where position) {
	if rest == "" {
		return
	}
	rest = strings.TrimSpace(rest[1:])
	rest = strings.TrimSuffix(strings.TrimPrefix(rest, "["), "]")
	for word := range strings.SplitSeq(rest, ",") {
		if name, ok := r.region(strings.TrimSpace(word), where); ok && !slices.Contains(a.replicas, name) {
			a.replicas = append(a.replicas, name)
		}
	}
}

// region wants a Region of the table.
func (r *reader) region(word string, where position) (string, bool) {
	if found, ok := r.table.Region(word); ok {
		return found.Name, true
	}
	if len(r.problems) == maxProblems {
		return "", false // to look for what was meant is work
	}
	words := []string{Global, homeWord}
	for _, p := range r.table.Partitions() {
		for _, region := range r.table.Regions(p) {
			words = append(words, region.Name)
		}
	}
	hint := endpointHint(word)
	if hint == "" {
		hint = suggest(word, words)
	}
	switch {
	case hint != "":
	case endpoint.RegionLike(word):
		hint = ": if it is a new one, add it with a regions file (--regions-file)"
	default:
		hint = `: want global, a Region, a glob of Regions such as "eu-*", or idc-home`
	}
	r.fail(where, "unknown Region %.60q%s", word, hint)
	return "", false
}

// anyEndpoint tells whether the glob matches any endpoint that there is.
func (r *reader) anyEndpoint(g glob) bool {
	if g.match(Global) {
		return true
	}
	for _, p := range r.table.Partitions() {
		for _, region := range r.table.Regions(p) {
			if g.match(region.Name) {
				return true
			}
		}
	}
	return false
}

// url resolves the very URL that people were handed. Where AWS chooses the
// Region, all that it chooses from are allowed.
func (r *reader) url(a *allowance, f field) {
	text, ok := r.text(f.value, f.at, "signin_url")
	if !ok {
		return
	}
	where := at(f.value)
	u, err := r.table.ParseURL(text)
	switch {
	case err != nil:
		r.fail(where, "%s", err)
	case u.Scope == endpoint.ScopeUnknown:
		r.fail(where, "signin_url does not tell the endpoint: %s", strings.Join(u.Reasons, " "))
	case u.Endpoint != "":
		a.name(u.Endpoint)
	default:
		a.name(Global)
		for _, name := range endpoint.ProxiedRegions() {
			a.name(name)
		}
	}
}

// truth reads a boolean.
func (r *reader) truth(f field) bool {
	n, ok := r.plain(f.value, f.at)
	switch b := n.(type) {
	case *ast.BoolNode:
		return b.Value
	case nil:
		if ok {
			r.fail(f.at, "%s is empty: want true or false", f.key)
		}
	default:
		r.fail(start(n), "%s: want true or false", f.key)
	}
	return false
}
