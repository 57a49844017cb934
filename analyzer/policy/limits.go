package policy

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/scanner"
	"github.com/goccy/go-yaml/token"
)

// The limits of a policy. The parser calls itself for each level and for each key
// of a mapping. It also remembers the keys above each value. So without limits a
// small file could take all memory. Real policies are far below these limits.
const (
	maxPolicy  = 1 << 20 // bytes of the file
	maxTokens  = 150_000 // words, numbers and signs in it
	maxNesting = 64      // levels
	maxKeys    = 256     // of one mapping
	maxKey     = 40      // bytes of a key
	maxMarks   = 4       // tags and anchors before one value
	maxText    = 2048    // bytes of one text; an ARN is never longer

	maxProblems = 1000 // how many are reported
)

// checkEncoding refuses data that is not UTF-8 text, and reports the first wrong
// byte.
func (d *document) checkEncoding(data []byte) {
	const remedy = "save the file as UTF-8"
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		d.addProblem(position{1, 1}, "UTF-16, not UTF-8: %s", remedy)
		return
	}
	line, column := 1, 1
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		switch {
		case c == 0:
			d.addProblem(position{line, column}, "a NUL, as in UTF-16: %s", remedy)
			return
		case c == utf8.RuneError && size == 1:
			d.addProblem(position{line, column}, "not UTF-8: %s", remedy)
			return
		case c == '\n', c == '\r' && !bytes.HasPrefix(data[i+1:], []byte("\n")):
			line, column = line+1, 0
		}
		if i > 0 || c != '\ufeff' {
			column++
		}
		i += size
	}
}

// scanTokens splits the text into YAML tokens. It adds a problem and returns false if
// the text cannot be a policy or could cost the parser too much.
func (d *document) scanTokens(text string) (token.Tokens, bool) {
	var s scanner.Scanner
	s.Init(text)
	var all token.Tokens
	for {
		some, err := s.Scan()
		if err == io.EOF {
			break
		}
		all.Add(some...) // after another error one of them is invalid
		if len(all) > maxTokens {
			d.addProblem(position{}, "the file has more than %d words and signs, which is the limit of a policy", maxTokens)
			return nil, false
		}
	}
	before := len(d.problems)
	o := tokenGuard{document: d}
	for _, t := range all {
		if t.Type == token.CommentType {
			continue
		}
		if !o.admitToken(t) {
			return nil, false
		}
		o.last = t
	}
	return all, len(d.problems) == before
}

// tokenGuard checks tokens before the parser sees them. It knows the open blocks
// and brackets at each token.
type tokenGuard struct {
	*document
	last      *token.Token // the token before this one; comments do not count
	blocks    []block
	flow      []bracket
	marks     int // tags and anchors in a row
	directive bool
	content   bool // the document has content
	ended     bool // a document with content has ended
}

// block is a mapping or a sequence without brackets. Its content is further to
// the right.
type block struct{ column, keys int }

type bracket struct {
	position
	list bool
}

// admitToken checks one token and adds a problem for each mistake. It also updates the
// open blocks and brackets. It returns false if the scan must stop.
func (o *tokenGuard) admitToken(t *token.Token) bool {
	where := position{t.Position.Line, t.Position.Column}
	switch t.Type {
	case token.DocumentHeaderType, token.DocumentEndType:
		o.ended = o.ended || o.content
		o.content, o.directive, o.blocks, o.flow = false, false, nil, nil
		return true
	case token.DirectiveType:
		o.directive = true
	}
	if o.directive {
		return true
	}
	if o.ended {
		o.addProblem(where, "a second document begins here: a policy file holds one document")
		return false
	}
	o.content = true
	if l := o.last; l != nil && l.Type == token.AliasType && l.Position.Line != where.line {
		o.addProblem(position{l.Position.Line, l.Position.Column}, `a glob that starts with * has to be quoted: "*"`)
		return false
	}
	if !o.countMark(t) {
		o.addProblem(where, "more than %d tags and anchors in a row", maxMarks)
		return false
	}
	ok := true
	switch t.Type {
	case token.SequenceStartType, token.MappingStartType:
		o.flow = append(o.flow, bracket{where, t.Type == token.SequenceStartType})
	case token.SequenceEndType, token.MappingEndType:
		o.flow = o.flow[:max(0, len(o.flow)-1)]
	case token.MappingKeyType:
		o.addProblem(where, "an unquoted ? starts a YAML key of many words, which a policy does not use: put a glob in quotes")
		return false
	case token.SequenceEntryType:
		if n := len(o.flow); n > 0 {
			o.addProblem(where, "a dash inside the bracket that opens at %d:%d: close the bracket, or remove the dash", o.flow[n-1].line, o.flow[n-1].column)
			return false
		}
		o.openBlock(where.column)
	case token.MappingValueType:
		ok = o.checkKey(t, where)
	case token.StringType:
		o.checkSpace(t, where)
	}
	if len(o.blocks)+len(o.flow) > maxNesting {
		o.addProblem(where, "nested more than %d levels deep", maxNesting)
		return false
	}
	return ok
}

// countMark counts tags and anchors in a row. It returns false if there are more than
// maxMarks. The name of an anchor is a token of its own and does not end the row.
func (o *tokenGuard) countMark(t *token.Token) bool {
	switch {
	case t.Type == token.TagType, t.Type == token.AnchorType:
		o.marks++
	case o.last == nil || o.last.Type != token.AnchorType:
		o.marks = 0
	}
	return o.marks <= maxMarks
}

// openBlock returns the block whose entries begin in this column, and opens it if
// needed. It closes the blocks that begin further to the right.
func (o *tokenGuard) openBlock(column int) *block {
	for n := len(o.blocks); n > 0 && o.blocks[n-1].column > column; n-- {
		o.blocks = o.blocks[:n-1]
	}
	if n := len(o.blocks); n == 0 || o.blocks[n-1].column < column {
		o.blocks = append(o.blocks, block{column: column})
	}
	return &o.blocks[len(o.blocks)-1]
}

// checkKey checks the colon t of a mapping and the key before it, and counts the key.
// It adds a problem for each mistake. It returns false if the scan must stop.
func (o *tokenGuard) checkKey(t *token.Token, where position) bool {
	k := o.last
	switch {
	case k == nil:
		k = t
	case k.Type == token.SequenceEndType, k.Type == token.MappingEndType:
		o.addProblem(position{k.Position.Line, k.Position.Column}, "brackets before a colon: a key has to be a word")
		return false
	case k.Position.Line != where.line:
		k = t
	}
	where = position{k.Position.Line, k.Position.Column}
	if len(k.Value) > maxKey {
		o.addProblem(where, "unknown key %.60q: no key of a policy is that long", k.Value)
		return false
	}
	if rest, ok := strings.CutPrefix(k.Value, "-"); ok && k.Type == token.StringType {
		o.addProblem(where, "a dash needs a blank after it: - %.60s", strings.TrimLeft(rest, "-"))
	}
	if n := len(o.flow); n > 0 {
		if at := o.flow[n-1]; at.list && at.line != where.line {
			o.addProblem(where, "a key inside the bracket that opens at %d:%d: close it", at.line, at.column)
			return false
		}
		return true
	}
	b := o.openBlock(where.column)
	if b.keys++; b.keys > maxKeys {
		o.addProblem(where, "a mapping with more than %d keys", maxKeys)
		return false
	}
	return true
}

// checkSpace adds a problem for a text with a no-break space, or with a known key and a
// colon without a plain blank after it. YAML takes such a key and its value for one
// text.
func (o *tokenGuard) checkSpace(t *token.Token, where position) {
	const wide = "\u00a0"
	if strings.HasPrefix(t.Value, wide) || strings.Contains(t.Value, ":"+wide) || strings.Contains(t.Value, "-"+wide) {
		o.addProblem(where, "a no-break space: YAML needs plain spaces")
		return
	}
	if o.last != nil && o.last.Type == token.MappingValueType && o.last.Position.Line == where.line {
		return
	}
	key, rest, ok := strings.Cut(t.Value, ":")
	if ok && slices.Contains(allKeys(), strings.TrimLeft(key, "-")) {
		o.addProblem(where, "a colon needs a blank after it: %s: %.60s", key, strings.TrimSpace(rest))
	}
}
