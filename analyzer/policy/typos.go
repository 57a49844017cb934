package policy

import (
	"fmt"
	"strings"
)

// findTypos warns about globs that probably mean something else.
func (p *Policy) findTypos(m *matcher) Problems {
	var out Problems
	for _, t := range [...]MatchKey{KeyUser, KeyRole, KeySession} {
		for i := range m[t] {
			g := &m[t][i]
			if why := g.typoHint(t); why != "" {
				out = append(out, p.newWarning(g.at, "%s %.100q %s", t, g.text, why))
			}
		}
	}
	return out
}

// typoHint says what is strange about a glob of names, or returns "". A name in a
// record may hold any character. So a quoted glob gets fewer warnings.
func (p *pattern) typoHint(t MatchKey) string {
	const list = "several names are a list, [one, other]"
	switch text := p.text; {
	case p.plain && strings.HasPrefix(text, "-"):
		return "begins with a dash: an entry of a list needs a blank after its dash"
	case p.plain && strings.ContainsAny(text, "\u201c\u201d\u201e\u2018\u2019"):
		return "holds typographic quotation marks: use plain ones"
	case p.plain && strings.Contains(text, ","), strings.Contains(text, ", "):
		return "is one name with a comma in it: " + list
	case p.plain && strings.Contains(text, " "):
		return "is one name with a blank in it: " + list
	case strings.HasPrefix(text, "^"), strings.HasSuffix(text, "$"), strings.Contains(text, "|"):
		return "looks like a regular expression: here * stands for any text and ? for one character"
	case strings.HasPrefix(text, "!"):
		return "does not exclude anybody: to exclude people, place a rule about them before this one"
	case t == KeyUser && p.by == compareARN && (strings.Contains(text, ":role/") || strings.Contains(text, ":assumed-role/")):
		return "is the ARN of a role, which no user has"
	case t == KeyRole && p.by == compareARN && (strings.Contains(text, ":user/") || strings.Contains(text, ":assumed-role/")):
		return "is not the ARN of a role: write arn:aws:iam::ACCOUNT:role/NAME"
	}
	return ""
}

// endpointHint guesses the meaning of a wrong word under allow, or returns "".
func endpointHint(word string) string {
	switch {
	case strings.HasPrefix(word, "-"):
		return ": an entry of a list needs a blank after its dash"
	case strings.ContainsAny(word, ", ;"):
		return ": several endpoints are a list, [global, us-east-1]"
	case word == "all", word == "any", word == "every":
		return `: "*", in quotes, is every endpoint`
	case word == "none", word == "nothing":
		return ": [] allows nothing"
	}
	return ""
}

// findUnquoted looks for a sign in a line that YAML reads as its own. It returns
// the column and the advice. The column is 0 without such a sign.
func findUnquoted(line string) (column int, text string) {
	for _, c := range [...]struct{ sign, text string }{
		{"*", `a glob that starts with * has to be quoted: "*"`},
		{"&", "an unquoted & starts a YAML anchor, which a policy does not use"},
		{"!", "an unquoted ! starts a YAML tag: put the text in quotes"},
	} {
		if i := strings.Index(line, c.sign); i > 0 && strings.ContainsAny(line[i-1:i], " [,") {
			return len([]rune(line[:i])) + 1, c.text
		}
	}
	if i := strings.Index(line, "idc-home+["); i >= 0 {
		return len([]rune(line[:i])) + 1, `quote it inside a list: "idc-home+[REGION]"`
	}
	return 0, ""
}

// explainSyntax explains a message of the YAML parser to the author of the line.
// The mistake is at the column.
func explainSyntax(message, line string, column int) string {
	before := line
	if r := []rune(line); column <= len(r) {
		before = string(r[:column-1])
		line = string(r[column-1:])
	}
	first := strings.TrimLeft(before, " -") == ""
	switch {
	case strings.Contains(message, "is a reserved character"):
		return message + ": put the text in quotes"
	case strings.HasPrefix(line, "]"), strings.HasPrefix(line, "}"):
		return fmt.Sprintf("%.1q closes a bracket that is not open", line)
	case strings.HasPrefix(message, "unexpected key name"):
		return "want KEY: VALUE here; a comment begins with #"
	case strings.HasPrefix(message, "mapping value is not allowed"):
		return "not YAML: there is a colon after a value: put the text in quotes, or write the next key on a new line"
	case strings.HasPrefix(message, "value is not allowed") && strings.Count(before, "'")%2 == 0 && strings.Contains(before, "'"):
		return "not YAML: the text ended with the quotation mark before this: quote it with \" instead"
	case strings.HasPrefix(message, "value is not allowed") && first:
		return "not YAML: this line does not begin in the column of the lines before it: keys of one mapping begin in one column"
	}
	return "not YAML: " + message
}
