package record

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// unquote appends the text of a quoted JSON string to dst, as encoding/json
// would read it: an unpaired surrogate and a byte that is not UTF-8 become
// U+FFFD. What encoding/json would refuse, a control character or an escape
// that JSON does not have, is kept as it stands: the rest of a sign-in is worth
// more than the purity of one string.
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

// readEscape reads the escape at the start of b and how many bytes it has.
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
