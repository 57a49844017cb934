package report_test

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"trailgate/report"
)

func ddl(t *testing.T, d report.Dialect, k report.Kind, l report.Lake) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteDDL(&b, d, k, l); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func dialects() []report.Dialect {
	return []report.Dialect{report.Athena, report.DuckDB, report.Spark}
}

// quoted finds names, quoted as they are in all dialects.
var quoted = regexp.MustCompile("(?m)^  [`\"]([a-z_]+)[`\"]")

func TestDDLHasEveryColumnOnce(t *testing.T) {
	for _, d := range dialects() {
		for _, k := range []report.Kind{report.SignIns, report.Findings} {
			for _, byAccount := range []bool{false, true} {
				text := ddl(t, d, k, report.Lake{Location: "s3://example-lake/trailgate", ByAccount: byAccount})
				var names, want []string
				for _, m := range quoted.FindAllStringSubmatch(text, -1) {
					names = append(names, m[1])
				}
				for _, c := range report.Columns(k) {
					want = append(want, c.Name)
				}
				slices.Sort(names)
				slices.Sort(want)
				if diff := cmp.Diff(want, names); diff != "" {
					t.Errorf("%s %s (-columns +ddl):\n%s", d, k, diff)
				}
				for literal := range strings.SplitSeq(text, "COMMENT '") {
					comment, _, _ := strings.Cut(literal, "',\n")
					if d == report.Athena && utf8.RuneCountInString(comment) > 255+2 {
						t.Errorf("%s %s: comment of %d characters: %s", d, k, utf8.RuneCountInString(comment), comment)
					}
				}
				if got := strings.Contains(text, "projection"); got != (d == report.Athena && !byAccount) {
					t.Errorf("%s, by account %v: projection %v", d, byAccount, got)
				}
				if got := strings.Contains(text, "MSCK REPAIR"); got != (d == report.Spark || d == report.Athena && byAccount) {
					t.Errorf("%s, by account %v: MSCK REPAIR %v", d, byAccount, got)
				}
			}
		}
	}
}

// literals takes a statement apart as its engine does: where a backslash
// escapes, and where a quote is doubled.
func literals(t *testing.T, text string, backslash bool) (all []string, rest string) {
	t.Helper()
	var out, cur strings.Builder
	in := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case !in && c == '\'':
			in = true
		case !in:
			out.WriteByte(c)
		case backslash && c == '\\':
			i++
			cur.WriteByte(text[i])
		case c == '\'' && !backslash && i+1 < len(text) && text[i+1] == '\'':
			i++
			cur.WriteByte(c)
		case c == '\'':
			all, in = append(all, cur.String()), false
			cur.Reset()
		default:
			cur.WriteByte(c)
		}
	}
	if in {
		t.Errorf("a literal does not end: %s", text)
	}
	return all, out.String()
}

// TestDDLLocation holds that nothing in a location leaves its literal.
func TestDDLLocation(t *testing.T) {
	for _, location := range []string{
		"s3://example-lake/it's", `s3://example-lake/'; DROP TABLE x; --`, `s3://example-lake/\`, `s3://example-lake/\'`, `s3://example-lake/a\\'b''c`,
		"s3://example-lake/`\"é日本 ", "s3://example-lake/a;b", "s3://example-lake///",
	} {
		for _, d := range dialects() {
			for _, k := range []report.Kind{report.SignIns, report.Findings} {
				_, plain := literals(t, ddl(t, d, k, report.Lake{Location: "s3://example-lake"}), d != report.DuckDB)
				all, rest := literals(t, ddl(t, d, k, report.Lake{Location: location}), d != report.DuckDB)
				if rest != plain {
					t.Errorf("%s at %q: (-plain +got)\n%s", d, location, cmp.Diff(plain, rest))
				}
				end := map[report.Dialect]string{report.Athena: "/", report.DuckDB: "/**/*.parquet"}[d]
				if want := strings.TrimRight(location, "/") + "/" + string(k) + end; !slices.Contains(all, want) {
					t.Errorf("%s at %q: no literal %q in %q", d, location, want, all)
				}
			}
		}
	}
}

func TestDDLRefuses(t *testing.T) {
	s3 := "s3://example-lake"
	for name, c := range map[string]struct {
		d    report.Dialect
		k    report.Kind
		at   string
		want string
	}{
		"table":       {report.Athena, report.Endpoints, s3, `rows "endpoints": no table of the lake`},
		"no table":    {report.Athena, "nothing", s3, `rows "nothing"`},
		"dialect":     {"oracle", report.SignIns, s3, `no dialect "oracle"`},
		"nowhere":     {report.DuckDB, report.SignIns, "", "there is none"},
		"folder":      {report.Athena, report.SignIns, "/data/lake", "athena reads s3://"},
		"pattern":     {report.DuckDB, report.SignIns, "/data/*", "patterns"},
		"set":         {report.DuckDB, report.SignIns, "/data/[a]", "patterns"},
		"variable":    {report.Spark, report.SignIns, "/data/${env:HOME}", "variable"},
		"line":        {report.Spark, report.SignIns, "/data\n; DROP TABLE x", "does not show"},
		"escape":      {report.DuckDB, report.SignIns, "/data/\x1b[2J", "does not show"},
		"zero":        {report.DuckDB, report.SignIns, "/data/\x00", "does not show"},
		"direction":   {report.DuckDB, report.SignIns, "/data/\u202e", "does not show"},
		"broken":      {report.DuckDB, report.SignIns, "/data/\xff", "does not show"},
		"replacement": {report.DuckDB, report.SignIns, "/data/\ufffd", "does not show"},
	} {
		t.Run(name, func(t *testing.T) {
			err := report.WriteDDL(io.Discard, c.d, c.k, report.Lake{Location: c.at})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	if err := report.WriteDDL(&broken{10}, report.Spark, report.SignIns, report.Lake{Location: s3}); err != errFull {
		t.Errorf("error %v", err)
	}
}
