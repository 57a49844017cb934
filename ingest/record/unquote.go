package record

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// unquote appends the text of a quoted JSON string to dst. The parameter quoted has
// both its quotes. It reads an unpaired surrogate and a byte that is not UTF-8 as
// U+FFFD, as encoding/json does. It keeps control characters and unknown escapes as
// they are. encoding/json refuses them, and one odd string would then make the
// whole sign-in unreadable.
func unquote(dst, quoted []byte) []byte {
	b := quoted[1 : len(quoted)-1]
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '\\' && i+1 < len(b):
			r, n := readEscape(b[i:])
			dst, i = utf8.AppendRune(dst, r), i+n
		case c < utf8.RuneSelf:
			dst, i = append(dst, c), i+1
		default:
			r, n := utf8.DecodeRune(b[i:])
			dst, i = utf8.AppendRune(dst, r), i+n
		}
	}
	return dst
}

// readEscape reads the escape at the start of b, which has at least two bytes. It
// returns the character and the number of bytes of the escape. Two \u escapes that
// are a surrogate pair are one character. An unpaired surrogate is U+FFFD. For an
// unknown escape it returns the backslash and 1.
func readEscape(b []byte) (r rune, n int) {
	switch b[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case '"', '\\', '/':
		return rune(b[1]), 2
	case 'u':
		first, ok := parseHex4(b[2:])
		if !ok {
			break
		}
		if !utf16.IsSurrogate(first) {
			return first, 6
		}
		if len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
			if second, ok := parseHex4(b[8:]); ok {
				if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
					return r, 12
				}
			}
		}
		return utf8.RuneError, 6
	}
	return '\\', 1
}

func parseHex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b[:4]), 16, 16)
	return rune(n), err == nil
}
