package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// document is a YAML file and the problems found in it so far.
type document struct {
	file     string
	source   []string
	problems Problems
	globs    int
}

// field is one key of a mapping with its value.
type field struct {
	key   string
	at    position // of the key
	value ast.Node
}

// newDocument splits the file into lines. It also returns the text, which may be
// used only without problems.
func newDocument(file string, data []byte) (*document, string) {
	d := &document{file: file}
	if len(data) > maxPolicy {
		d.addProblem(position{}, "the file has %d bytes: a policy has at most %d", len(data), maxPolicy)
		return d, ""
	}
	// In YAML a single carriage return ends a line, so it must count as a line
	// here.
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(string(data), "\ufeff"))
	for line := range strings.Lines(text) {
		d.source = append(d.source, strings.TrimSuffix(line, "\n"))
	}
	d.checkEncoding(data)
	return d, text
}

func newProblem(file string, source []string, at position, format string, args ...any) Problem {
	p := Problem{File: file, Line: at.line, Column: at.column, Text: fmt.Sprintf(format, args...)}
	if at.line > 0 && at.line <= len(source) {
		p.Source = source[at.line-1]
	}
	return p
}

// addProblem adds an error at a place in the file. The zero position stands for the file
// as a whole. After maxProblems errors it does nothing, and the last one says so.
func (d *document) addProblem(at position, format string, args ...any) {
	switch n := len(d.problems); {
	case n == maxProblems:
		return
	case n == maxProblems-1:
		format, args = "more than %d mistakes: the others are left out", []any{n}
	}
	d.problems = append(d.problems, newProblem(d.file, d.source, at, format, args...))
}

// parseRoot parses the text and returns its single document. If the text is empty or
// not valid, it adds a problem and returns nil.
func (d *document) parseRoot(text string) ast.Node {
	tokens, ok := d.scanTokens(text)
	if !ok {
		return nil
	}
	f, err := parser.Parse(tokens, 0)
	if err != nil {
		d.addSyntaxError(err)
		return nil
	}
	for _, doc := range f.Docs {
		if doc.Body != nil {
			return doc.Body
		}
	}
	d.addProblem(position{}, "the file is empty: a policy begins with version: 1")
	return nil
}

// addSyntaxError adds an error of the YAML parser. Frequent mistakes get a
// message of their own.
func (d *document) addSyntaxError(err error) {
	var where interface {
		GetMessage() string
		GetToken() *token.Token
	}
	if !errors.As(err, &where) || where.GetToken() == nil {
		text, _, _ := strings.Cut(err.Error(), "\n")
		d.addProblem(position{}, "not YAML: %.200q", text)
		return
	}
	p := where.GetToken().Position
	spot := position{max(1, min(p.Line, len(d.source))), max(1, p.Column)}
	line := ""
	if len(d.source) > 0 {
		line = d.source[spot.line-1]
	}
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	column, text := findUnquoted(line)
	switch {
	case strings.Contains(indent, "\t"):
		d.addProblem(position{spot.line, strings.IndexByte(indent, '\t') + 1}, "a tab in the indentation: YAML wants spaces")
	case column > 0:
		d.addProblem(position{spot.line, column}, "%s", text)
	default:
		d.addProblem(spot, "%.200s", explainSyntax(strings.ToValidUTF8(where.GetMessage(), "?"), line, spot.column))
	}
}

func valuePosition(n ast.Node) position {
	t := n.GetToken()
	if t == nil || t.Position == nil {
		return position{}
	}
	return position{t.Position.Line, t.Position.Column}
}

// startPosition returns where a node begins for a reader. The token of a mapping
// is its first colon, so the first key is used.
func startPosition(n ast.Node) position {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return valuePosition(m.Values[0].Key)
	}
	return valuePosition(n)
}

// resolveScalar returns n without its tags. It returns nil and true for an absent or
// null node. For an anchor or alias it adds a problem and returns false, because a
// policy must be readable from top to bottom.
func (d *document) resolveScalar(n ast.Node, owner position) (ast.Node, bool) {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return nil, true
	case *ast.TagNode:
		return d.resolveScalar(n.Value, owner)
	case *ast.AliasNode:
		d.addProblem(valuePosition(n), `an unquoted * starts a YAML alias, which a policy does not use: put a glob in quotes, "*"`)
		return nil, false
	case *ast.AnchorNode:
		d.addProblem(valuePosition(n), "an unquoted & starts a YAML anchor, which a policy does not use")
		return nil, false
	}
	return n, true
}

// readMapping reads the fields of a mapping, in the order of the file. It reports
// unknown keys and keys that are given twice, and leaves them out. It adds a problem
// and returns false if the node is not a mapping. owner is the place for a problem with
// an absent node, what names the mapping in messages, and known lists the valid keys.
func (d *document) readMapping(n ast.Node, owner position, what string, known []string) ([]field, bool) {
	n, ok := d.resolveScalar(n, owner)
	if !ok {
		return nil, false
	}
	var pairs []*ast.MappingValueNode
	switch n := n.(type) {
	case nil:
		d.addProblem(owner, "%s is empty: want a mapping with %s", what, strings.Join(known, ", "))
		return nil, false
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		d.addProblem(startPosition(n), "%s: want a mapping with %s, not %s", what, strings.Join(known, ", "), kindOf(n))
		return nil, false
	}
	var out []field
	for _, pair := range pairs {
		f := field{at: valuePosition(pair.Key), value: pair.Value}
		key, ok := scalarValue(pair.Key)
		f.key = key
		switch {
		case !ok:
			d.addProblem(f.at, "%s: a key has to be a word", what)
		case !slices.Contains(known, f.key):
			d.addProblem(f.at, "unknown key %.60q in %s%s", f.key, what, suggestWord(f.key, known))
		case slices.ContainsFunc(out, func(o field) bool { return o.key == f.key }):
			d.addProblem(f.at, "%s is given twice in %s", f.key, what)
		default:
			out = append(out, f)
		}
	}
	return out, true
}

// readList returns the elements of a sequence. A single value counts as a list of one.
// It adds a problem if the value is absent.
func (d *document) readList(f field) []ast.Node {
	n, ok := d.resolveScalar(f.value, f.at)
	switch n := n.(type) {
	case nil:
		if ok {
			d.addProblem(f.at, "%s is empty", f.key)
		}
		return nil
	case *ast.SequenceNode:
		return n.Values
	default:
		return []ast.Node{n}
	}
}

// readEntries returns the elements of a sequence, which should be mappings. It adds a
// problem if the value is not a sequence.
func (d *document) readEntries(f field) []ast.Node {
	if n, ok := d.resolveScalar(f.value, f.at); ok && n != nil {
		if _, ok := n.(*ast.SequenceNode); !ok {
			d.addProblem(startPosition(n), "%s: want a list, each entry with a dash in front, not %s", f.key, kindOf(n))
			return nil
		}
	}
	return d.readList(f)
}

// readText reads a scalar as it is written and ignores its YAML type. So an account id
// keeps its leading zeros. It adds a problem and returns false if the text is empty or
// too long, or if the node is not a scalar. what names the value in messages.
func (d *document) readText(n ast.Node, owner position, what string) (string, bool) {
	n, ok := d.resolveScalar(n, owner)
	if !ok {
		return "", false
	}
	if n == nil {
		d.addProblem(owner, "%s is empty", what)
		return "", false
	}
	s, ok := scalarValue(n)
	switch {
	case !ok:
		d.addProblem(startPosition(n), "%s: want a text, not %s", what, kindOf(n))
	case strings.TrimSpace(s) == "":
		d.addProblem(valuePosition(n), "%s is empty", what)
		return "", false
	case len(s) > maxText:
		d.addProblem(valuePosition(n), "%s has %d bytes: a text has at most %d", what, len(s), maxText)
		return "", false
	}
	return s, ok
}

func scalarValue(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		if n.Value == nil {
			return "", true
		}
		return strings.TrimSpace(n.Value.Value), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	}
	if _, ok := scalarValue(n); ok {
		return "a single value"
	}
	return "this"
}
