package report

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter/pkg/twwidth"
)

// Clean makes text harmless to a terminal and to the eye: control characters,
// and with them every escape sequence, bidirectional overrides and isolates,
// zero-width and other invisible characters, line and paragraph separators,
// noncharacters and invalid UTF-8 become visible escapes such as \x1b, \n,
// \u202e, \U000e0041 or, for a byte that is no UTF-8, \xff. All else stays,
// backslashes included; so the result is for reading, not for parsing. It is
// valid UTF-8, on one line, nothing is left out, and cleaning it again changes
// nothing.
func Clean(s string) string {
	i := hazardIndex(s)
	if i < 0 {
		return s
	}
	dst := append(make([]byte, 0, len(s)+16), s[:i]...)
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = appendHex(append(dst, `\x`...), rune(s[i]), 2)
		case !hazard(r):
			dst = append(dst, s[i:i+size]...)
		default:
			dst = appendVisible(dst, r)
		}
		i += size
	}
	return string(dst)
}

func appendVisible(dst []byte, r rune) []byte {
	switch {
	case r == '\n':
		return append(dst, `\n`...)
	case r == '\r':
		return append(dst, `\r`...)
	case r == '\t':
		return append(dst, `\t`...)
	case r < utf8.RuneSelf:
		return appendHex(append(dst, `\x`...), r, 2)
	case r > 0xffff:
		return appendHex(append(dst, `\U`...), r, 8)
	}
	return appendHex(append(dst, `\u`...), r, 4)
}

func appendHex(dst []byte, r rune, digits int) []byte {
	s := strconv.FormatUint(uint64(r), 16)
	for range digits - len(s) {
		dst = append(dst, '0')
	}
	return append(dst, s...)
}

// hazardIndex finds the first byte that belongs to a hazard or to no rune at
// all, or -1.
func hazardIndex(s string) int {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				return i
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || hazard(r) {
			return i
		}
		i += size
	}
	return -1
}

// hazard tells whether a rune can steer a terminal, reorder or hide text, or
// break a line (Unicode: Cc, Cf, Zl, Zp, default ignorable code points,
// variation selectors, noncharacters).
func hazard(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r < ' ' || r == 0x7f
	case r < 0xa0, r == '\u2028', r == '\u2029', r&0xfffe == 0xfffe, 0xfdd0 <= r && r <= 0xfdef:
		return true
	}
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// Shorten cuts text to at most n columns of a terminal and then ends it with
// an ellipsis, so that a cut is always seen. Wide characters count two, marks
// none. The text must be Clean. With n below 1 nothing is cut.
func Shorten(s string, n int) string {
	if n < 1 || len(s) <= n || width(s) <= n {
		return s
	}
	return s[:prefix(s, n-1)] + "…"
}

// prefix is the length in bytes of the longest beginning of clean text that
// takes at most n columns.
func prefix(s string, n int) int {
	used, cut := 0, 0
	for i, r := range s {
		if used += width(string(r)); used > n {
			break
		}
		cut = i + utf8.RuneLen(r)
	}
	// Runes can take more room together than each alone.
	for cut > 0 && width(s[:cut]) > n {
		_, last := utf8.DecodeLastRuneInString(s[:cut])
		cut -= last
	}
	return cut
}

// wrap breaks clean text into lines of at most n columns: between words where
// it can, within a word that is longer than a line.
func wrap(s string, n int) []string {
	if width(s) <= n {
		return []string{s}
	}
	var lines []string
	at := ""
	for _, word := range strings.Fields(s) {
		if at != "" && width(at)+1+width(word) <= n {
			at += " " + word
			continue
		}
		if at != "" {
			lines = append(lines, at)
		}
		for at = word; width(at) > n; {
			cut := prefix(at, n)
			if cut == 0 {
				break
			}
			lines, at = append(lines, at[:cut]), at[cut:]
		}
	}
	return append(lines, at)
}

// width is how many columns of a terminal clean text takes.
func width(s string) int {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return twwidth.WidthWithOptions(s, twwidth.Options{})
		}
	}
	return len(s)
}
