package safetext_test

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"trailgate/report/internal/safetext"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"":                                  "",
		"alice@example.com":                 "alice@example.com",
		`back\slash`:                        `back\slash`,
		"日本語 é 😀 \ufffd":                    "日本語 é 😀 \ufffd",
		"a\nb\r\tc":                         `a\nb\r\tc`,
		"\x1b[31mred\x1b[0m":                `\x1b[31mred\x1b[0m`,
		"\x1b]8;;http://x\x07":              `\x1b]8;;http://x\x07`,
		"\x00\x7f":                          `\x00\x7f`,
		"\u009b31m \u0085":                  `\u009b31m \u0085`,
		"\x9b31m":                           `\x9b31m`,
		"a\xffb\xc3":                        `a\xffb\xc3`,
		"\u202egpj.exe\u202c \u2066x\u2069": `\u202egpj.exe\u202c \u2066x\u2069`,
		"\u200ba\u200d\ufeff\u00ad\u061c":   `\u200ba\u200d\ufeff\u00ad\u061c`,
		"line\u2028para\u2029":              `line\u2028para\u2029`,
		"\U000e0041\u3164\ufe0f\uffff":      `\U000e0041\u3164\ufe0f\uffff`,
	} {
		if got := safetext.Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "alice", "\x1b[2J", "\u202e", "\xff\xc3", "\u009b", "日本", "\U000e0041", "a\nb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := safetext.Clean(s)
		if !utf8.ValidString(got) {
			t.Fatalf("%q is not UTF-8", got)
		}
		for _, r := range got {
			if unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) ||
				unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("%q holds %U", got, r)
			}
		}
		if again := safetext.Clean(got); again != got {
			t.Fatalf("cleaned twice: %q, once: %q", again, got)
		}
		if len(got) < len(s) {
			t.Fatalf("%q became the shorter %q", s, got)
		}
	})
}
