package report_test

import (
	"strings"
	"testing"

	"github.com/olekukonko/tablewriter/pkg/twwidth"

	"trailgate/report"
)

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
