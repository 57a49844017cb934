package report

import (
	"strings"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"trailgate/report/internal/safetext"
)

// Clean makes text safe to show. It replaces the following by visible escapes such
// as \x1b, \n, \u202e or \U000e0041:
//
//   - control characters, and with them every escape sequence
//   - characters that change the direction of text
//   - zero-width and other invisible characters
//   - separators of lines and paragraphs
//   - noncharacters
//
// A byte that is not UTF-8 becomes an escape such as \xff. All other characters
// stay, backslashes too, so the result is for reading and cannot be parsed back.
// It is valid UTF-8 and has one line. Clean of a cleaned text returns it unchanged.
func Clean(s string) string { return safetext.Clean(s) }

// Shorten cuts text to at most n columns of a terminal. A text that was cut ends
// with an ellipsis. A wide character takes two columns, a combining mark none. The
// text must be Clean. If n is below 1, nothing is cut.
func Shorten(s string, n int) string {
	if n < 1 || len(s) <= n || textWidth(s) <= n {
		return s
	}
	return s[:prefixLength(s, n-1)] + "…"
}

// prefixLength returns the length in bytes of the longest beginning of a clean
// text that takes at most n columns.
func prefixLength(s string, n int) int {
	used, cut := 0, 0
	for i, r := range s {
		if used += textWidth(string(r)); used > n {
			break
		}
		cut = i + utf8.RuneLen(r)
	}
	// Some characters take more columns together than one by one.
	for cut > 0 && textWidth(s[:cut]) > n {
		_, last := utf8.DecodeLastRuneInString(s[:cut])
		cut -= last
	}
	return cut
}

// wrapText breaks a clean text into lines of at most n columns. It breaks between
// words. It breaks inside a word only if the word is longer than a line.
func wrapText(s string, n int) []string {
	if textWidth(s) <= n {
		return []string{s}
	}
	var lines []string
	at := ""
	for _, word := range strings.Fields(s) {
		if at != "" && textWidth(at)+1+textWidth(word) <= n {
			at += " " + word
			continue
		}
		if at != "" {
			lines = append(lines, at)
		}
		for at = word; textWidth(at) > n; {
			cut := prefixLength(at, n)
			if cut == 0 {
				break
			}
			lines, at = append(lines, at[:cut]), at[cut:]
		}
	}
	return append(lines, at)
}

// textWidth returns how many columns of a terminal a clean text takes.
func textWidth(s string) int {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return twwidth.WidthWithOptions(s, twwidth.Options{})
		}
	}
	return len(s)
}
