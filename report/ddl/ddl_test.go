package ddl_test

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"trailgate/report/ddl"
	"trailgate/report/internal/rowtest"
	"trailgate/report/row"
)

func statement(t *testing.T, d ddl.Dialect, k row.Kind, l ddl.Lake) string {
	t.Helper()
	var b bytes.Buffer
	if err := ddl.Write(&b, d, k, l); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func dialects() []ddl.Dialect {
	return []ddl.Dialect{ddl.Athena, ddl.DuckDB, ddl.Spark}
}

// quoted matches the quoted names of columns in all dialects.
var quoted = regexp.MustCompile("(?m)^  [`\"]([a-z_]+)[`\"]")

func TestDDLHasEveryColumnOnce(t *testing.T) {
	for _, d := range dialects() {
		for _, k := range []row.Kind{row.SignIns, row.Findings} {
			for _, byAccount := range []bool{false, true} {
				text := statement(t, d, k, ddl.Lake{Location: "s3://example-lake/trailgate", ByAccount: byAccount})
				var names, want []string
				for _, m := range quoted.FindAllStringSubmatch(text, -1) {
					names = append(names, m[1])
				}
				for _, c := range row.Columns(k) {
					want = append(want, c.Name)
				}
				slices.Sort(names)
				slices.Sort(want)
				if diff := cmp.Diff(want, names); diff != "" {
					t.Errorf("%s %s (-columns +ddl):\n%s", d, k, diff)
				}
				for literal := range strings.SplitSeq(text, "COMMENT '") {
					comment, _, _ := strings.Cut(literal, "',\n")
					if d == ddl.Athena && utf8.RuneCountInString(comment) > 255+2 {
						t.Errorf("%s %s: comment of %d characters: %s", d, k, utf8.RuneCountInString(comment), comment)
					}
				}
				if got := strings.Contains(text, "projection"); got != (d == ddl.Athena && !byAccount) {
					t.Errorf("%s, by account %v: projection %v", d, byAccount, got)
				}
				if got := strings.Contains(text, "MSCK REPAIR"); got != (d == ddl.Spark || d == ddl.Athena && byAccount) {
					t.Errorf("%s, by account %v: MSCK REPAIR %v", d, byAccount, got)
				}
			}
		}
	}
}

// literals splits a statement as its engine does. In some engines a backslash escapes, in
// others a quote is doubled.
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

// TestDDLLocation proves that no location can end its literal early.
func TestDDLLocation(t *testing.T) {
	for _, location := range []string{
		"s3://example-lake/it's", `s3://example-lake/'; DROP TABLE x; --`, `s3://example-lake/\`, `s3://example-lake/\'`, `s3://example-lake/a\\'b''c`,
		"s3://example-lake/`\"é日本 ", "s3://example-lake/a;b", "s3://example-lake///",
	} {
		for _, d := range dialects() {
			for _, k := range []row.Kind{row.SignIns, row.Findings} {
				_, plain := literals(t, statement(t, d, k, ddl.Lake{Location: "s3://example-lake"}), d != ddl.DuckDB)
				all, rest := literals(t, statement(t, d, k, ddl.Lake{Location: location}), d != ddl.DuckDB)
				if rest != plain {
					t.Errorf("%s at %q: (-plain +got)\n%s", d, location, cmp.Diff(plain, rest))
				}
				end := map[ddl.Dialect]string{ddl.Athena: "/", ddl.DuckDB: "/**/*.parquet"}[d]
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
		d    ddl.Dialect
		k    row.Kind
		at   string
		want string
	}{
		"table":       {ddl.Athena, row.Endpoints, s3, `rows "endpoints": not a table of the lake`},
		"no table":    {ddl.Athena, "nothing", s3, `rows "nothing"`},
		"dialect":     {"oracle", row.SignIns, s3, `no dialect "oracle"`},
		"nowhere":     {ddl.DuckDB, row.SignIns, "", "is empty"},
		"folder":      {ddl.Athena, row.SignIns, "/data/lake", "athena reads s3://"},
		"pattern":     {ddl.DuckDB, row.SignIns, "/data/*", "patterns"},
		"set":         {ddl.DuckDB, row.SignIns, "/data/[a]", "patterns"},
		"variable":    {ddl.Spark, row.SignIns, "/data/${env:HOME}", "variable"},
		"line":        {ddl.Spark, row.SignIns, "/data\n; DROP TABLE x", "cannot be seen"},
		"escape":      {ddl.DuckDB, row.SignIns, "/data/\x1b[2J", "cannot be seen"},
		"zero":        {ddl.DuckDB, row.SignIns, "/data/\x00", "cannot be seen"},
		"direction":   {ddl.DuckDB, row.SignIns, "/data/\u202e", "cannot be seen"},
		"broken":      {ddl.DuckDB, row.SignIns, "/data/\xff", "cannot be seen"},
		"replacement": {ddl.DuckDB, row.SignIns, "/data/\ufffd", "cannot be seen"},
	} {
		t.Run(name, func(t *testing.T) {
			err := ddl.Write(io.Discard, c.d, c.k, ddl.Lake{Location: c.at})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	if err := ddl.Write(&rowtest.FullDisk{Room: 10}, ddl.Spark, row.SignIns, ddl.Lake{Location: s3}); err != rowtest.ErrFull {
		t.Errorf("error %v", err)
	}
}
