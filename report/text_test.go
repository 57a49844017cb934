package report_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"trailgate/report"
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
		if got := report.Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "alice", "\x1b[2J", "\u202e", "\xff\xc3", "\u009b", "日本", "\U000e0041", "a\nb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := report.Clean(s)
		if !utf8.ValidString(got) {
			t.Fatalf("%q is not UTF-8", got)
		}
		for _, r := range got {
			if unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) ||
				unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("%q holds %U", got, r)
			}
		}
		if again := report.Clean(got); again != got {
			t.Fatalf("cleaned twice: %q, once: %q", again, got)
		}
		if len(got) < len(s) {
			t.Fatalf("%q became the shorter %q", s, got)
		}
	})
}

func TestShorten(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"alice", 5, "alice"}, {"alice", 4, "ali…"}, {"alice", 1, "…"}, {"alice", 0, "alice"}, {"", 3, ""},
		{"日本語", 6, "日本語"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日…"}, {"ééé", 3, "ééé"}, {"ééé", 2, "é…"},
	} {
		if got := report.Shorten(c.in, c.n); got != c.want {
			t.Errorf("Shorten(%q, %d) = %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func FuzzShorten(f *testing.F) {
	f.Add("alice", 3)
	f.Add("日本語 é 😀", 4)
	f.Add("🇩🇪🇫🇷1\u20e3", 3)
	f.Fuzz(func(t *testing.T, s string, n int) {
		s = report.Clean(s)
		got := report.Shorten(s, n)
		if n < 1 {
			if got != s {
				t.Fatalf("Shorten(%q, %d) = %q", s, n, got)
			}
			return
		}
		if w := twwidth.WidthWithOptions(got, twwidth.Options{}); w > n {
			t.Fatalf("Shorten(%q, %d) = %q takes %d columns", s, n, got, w)
		}
		if got != s && (!strings.HasSuffix(got, "…") || !strings.HasPrefix(s, strings.TrimSuffix(got, "…"))) {
			t.Fatalf("Shorten(%q, %d) = %q hides the cut", s, n, got)
		}
	})
}
