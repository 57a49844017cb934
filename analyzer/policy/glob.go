package policy

import "strings"

// glob is a pattern. In it * matches any text, also an empty one, and ? matches
// one character. All other characters match themselves. The two signs cannot be
// quoted, because no name in AWS holds them.
type glob string

// matchesText tells whether the glob matches the whole text. Its time is bounded
// by the product of the lengths for every pattern.
func (g glob) matchesText(s string) bool {
	n := g.literalPrefix()
	if n == len(g) || len(s) < n || string(g[:n]) != s[:n] {
		return string(g) == s
	}
	pattern, text := string(g[n:]), s[n:]
	star, resume := -1, 0 // the last * and where in the text it is tried next
	p, t := 0, 0
	for t < len(text) {
		switch width := runeLen(text[t:]); {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, t
			p++
		case p < len(pattern) && pattern[p] == '?':
			p++
			t += width
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			resume += runeLen(text[resume:])
			p, t = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// runeLen returns the length of the first character in bytes. A byte that is not
// UTF-8 counts as one character.
func runeLen(s string) int {
	for i := range s {
		if i > 0 {
			return i
		}
	}
	return len(s)
}

// literalPrefix returns the length of the text before the first * or ?.
func (g glob) literalPrefix() int {
	for i := 0; i < len(g); i++ {
		if g[i] == '*' || g[i] == '?' {
			return i
		}
	}
	return len(g)
}

// matchesFold is matchesText without regard to the case of ASCII letters.
func (g glob) matchesFold(s string) bool {
	return glob(strings.ToLower(string(g))).matchesText(strings.ToLower(s))
}

func (g glob) hasWildcard() bool { return g.literalPrefix() < len(g) }

// coversGlob tells whether g matches every text that other matches. It returns
// true only if that is certain.
func (g glob) coversGlob(other glob) bool {
	const (
		anything = '*'
		one      = '?'
	)
	if !g.hasWildcard() || !other.hasWildcard() {
		return g.matchesText(string(other))
	}
	n := g.literalPrefix()
	if other.literalPrefix() < n || g[:n] != other[:n] {
		return false
	}
	b := []rune(string(other))
	// reach[j] is true if the part of g read so far can match the text before
	// b[j].
	reach, next := make([]bool, len(b)+1), make([]bool, len(b)+1)
	reach[0] = true
	for _, c := range string(g) {
		clear(next)
		for j := range reach {
			switch {
			case !reach[j]:
			case c == anything:
				for k := j; k <= len(b) && !next[k]; k++ {
					next[k] = true
				}
			case j == len(b):
			case c == b[j] && c != anything, c == one && b[j] != anything:
				next[j+1] = true
			}
		}
		reach, next = next, reach
	}
	return reach[len(b)]
}
