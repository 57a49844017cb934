package report_test

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"

	"trailgate/report/internal/rowtest"
	"trailgate/report/row"
)

// cell writes a user name as CSV and reads it back.
func cell(t *testing.T, s string) string {
	t.Helper()
	signIn := rowtest.Minimal()
	signIn.UserName = s
	var b bytes.Buffer
	if err := writeRowsAs("csv", &b, slices.Values([]row.SignIn{signIn})); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "\n"); n != 2 {
		t.Errorf("%q: %d lines", s, n)
	}
	records, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return records[1][slices.Index(records[0], "user_name")]
}

func TestCSVFormulas(t *testing.T) {
	for in, want := range map[string]string{
		"=1+1":               "'=1+1",
		"+1":                 "'+1",
		"-1":                 "'-1",
		"@SUM(A1)":           "'@SUM(A1)",
		"\t=1":               `'\t=1`,
		"\ttext":             `'\ttext`,
		"\rtext":             `'\rtext`,
		"  =1":               "'  =1",
		"\u00a0=1":           "'\u00a0=1",
		"\"=1\"":             "'\"=1\"",
		"'=1":                "''=1",
		"“=1":                "'“=1",
		"＝1":                 "'＝1",
		"＠x":                 "'＠x",
		"\ufeff=1":           `'\ufeff=1`,
		"\x00=1":             `'\x00=1`,
		"\xff=1":             `\xff=1`,
		"=cmd|'/c calc'!A0":  "'=cmd|'/c calc'!A0",
		"a;=HYPERLINK(1)":    "a;'=HYPERLINK(1)",
		"a; \"+1;b;@x":       "a;' \"+1;b;'@x",
		";-1":                ";'-1",
		"=a;=b":              "'=a;'=b",
		"a;\t=1":             `a;'\t=1`,
		"a;;b = 1;":          "a;;b = 1;",
		"alice":              "alice",
		"alice=1":            "alice=1",
		"a,b\"c":             "a,b\"c",
		"a\nb":               `a\nb`,
		"":                   "",
		"  padded":           "  padded",
		"https://a/?b=c":     "https://a/?b=c",
		"192.0.2.1":          "192.0.2.1",
		"2001:db8::1":        "2001:db8::1",
		"'quoted'":           "'quoted'",
		"Mozilla/5.0 (X; Y)": "Mozilla/5.0 (X; Y)",
	} {
		if got := cell(t, in); got != want {
			t.Errorf("%q is written %q, want %q", in, got, want)
		}
	}
}

func TestCSVNumbersStayNumbers(t *testing.T) {
	f := rowtest.Finding()
	f.Surprise = rowtest.Pointer(-1.5)
	f.Expected = []string{"=x", "y", "-z"}
	var b bytes.Buffer
	if err := writeRowsAs("csv", &b, slices.Values([]row.Finding{f})); err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for column, want := range map[string]string{"surprise": "-1.5", "expected": "'=x;y;'-z", "mobile": "false",
		"event_time": "2026-03-01T10:00:00.000Z", "event_date": "2026-03-01", "notes": "maybe-proxied;region-mismatch"} {
		if got := records[1][slices.Index(records[0], column)]; got != want {
			t.Errorf("%s is %q, want %q", column, got, want)
		}
	}
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{"=1", "a;=1", "\t=", " \"＝", "\xff=", "a\r\nb", "'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for got := range strings.SplitSeq(cell(t, s), ";") {
			if trimmed := strings.TrimLeft(got, " \u00a0\"“"); trimmed != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(trimmed)[0]) {
				t.Fatalf("%q is written %q", s, got)
			}
		}
	})
}
