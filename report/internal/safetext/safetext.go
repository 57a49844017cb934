// Package safetext makes text from log records safe to show.
//
// Anybody can write text into a log record. Such text may hold characters that
// steer a terminal, hide other text or change its order. This package finds
// them and replaces them by visible escapes.
//
// Text comes in, text goes out. The package does no I/O, and its functions may
// be called from several goroutines. Every package below report may import it;
// it imports nothing of this project.
package safetext

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Clean replaces every dangerous character by a visible escape such as \x1b,
// \n, \u202e or \U000e0041, and every byte that is not UTF-8 by one such as
// \xff. Dangerous is what IsDangerous says. All other characters stay,
// backslashes too, so the result is for reading and cannot be parsed back.
//
// The result is valid UTF-8 and has one line. Clean of a cleaned text returns
// it unchanged.
func Clean(s string) string {
	i := firstDangerous(s)
	if i < 0 {
		return s
	}
	dst := append(make([]byte, 0, len(s)+16), s[:i]...)
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = appendHex(append(dst, `\x`...), rune(s[i]), 2)
		case !IsDangerous(r):
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

// firstDangerous returns the index of the first byte of a dangerous character
// or of invalid UTF-8. It returns -1 if the text has neither.
func firstDangerous(s string) int {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				return i
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || IsDangerous(r) {
			return i
		}
		i += size
	}
	return -1
}

// IsDangerous reports whether a character can steer a terminal, reorder or hide
// text, or break a line. In the terms of Unicode these are Cc, Cf, Zl, Zp, the
// default ignorable code points, the variation selectors and the noncharacters.
func IsDangerous(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r < ' ' || r == 0x7f
	case r < 0xa0, r == '\u2028', r == '\u2029', r&0xfffe == 0xfffe, 0xfdd0 <= r && r <= 0xfdef:
		return true
	}
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
