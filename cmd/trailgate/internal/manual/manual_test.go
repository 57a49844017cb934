package manual

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTopics(t *testing.T) {
	topics, err := Topics()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, topic := range topics {
		names = append(names, topic.Name)
		if strings.HasSuffix(topic.Summary, ".") || topic.Body == "" {
			t.Errorf("%+v", topic)
		}
		if !strings.Contains(List(topics), topic.Name+" ") || !strings.Contains(List(topics), topic.Summary+"\n") {
			t.Errorf("%s is not listed", topic.Name)
		}
	}
	want := []string{"coverage", "export", "iam", "lake", "lookup", "policy", "rules", "sources", "verdict"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

func TestParseTopicWantsItsName(t *testing.T) {
	for _, text := range []string{"", "# other: x\n", "# one: \n", "one: x\n"} {
		if topic, err := parseTopic("one", text); err == nil {
			t.Errorf("%q is taken for %+v", text, topic)
		}
	}
}

func TestText(t *testing.T) {
	markdown := strings.Join([]string{
		"A paragraph with `code`, **bold** text", "and [a link](other.md); [a site](https://example.com).", "",
		"## A heading", "",
		"* one item, which is", "  long", "* two `a b`", "",
		"1. first", "",
		"```sh", "a   line of code that is as long as it has to be and is never wrapped", "```", "",
		"| key | means |", "|---|---|", "| `a\\|b` | short |", "| `*` | a text that has to be wrapped here |", "",
		"| a | b |", "|---|---|", "| 1 | 2 |", "",
		"| name | first | second |", "|---|---|---|", "| n | something rather long | |", "| m | x | something rather long |",
	}, "\n")
	want := `T: s

  A paragraph with code, bold text and a
  link; a site (https://example.com).

A HEADING

  * one item, which is long
  * two "a b"
  1. first

      a   line of code that is as long as it has to be and is never wrapped

  key  means
  ---  ---------------------------------
  a|b  short
  *    a text that has to be wrapped
       here

  a  b
  -  -
  1  2

  n
      first: something rather long

  m
      first: x
      second: something rather long
`
	if diff := cmp.Diff(want, Topic{Name: "t", Summary: "s", Body: markdown}.Text(40)); diff != "" {
		t.Error(diff)
	}
}

// Only code may be longer than the terminal is wide.
func TestTextKeepsToTheWidth(t *testing.T) {
	topics, err := Topics()
	if err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{0, 40, 80, 132} {
		limit := width
		switch {
		case width == 0:
			limit = usualWidth
		case width > mostWidth:
			limit = mostWidth
		}
		for _, topic := range topics {
			for line := range strings.Lines(topic.Text(width)) {
				line = strings.TrimSuffix(line, "\n")
				if utf8.RuneCountInString(line) > limit && !strings.HasPrefix(line, "      ") && strings.Contains(strings.TrimSpace(line), " ") {
					t.Errorf("%s, width %d: %q", topic.Name, width, line)
				}
			}
			if text := topic.Text(width); strings.Contains(text, "](") || strings.Contains(text, "```") || strings.Contains(text, "|---|") {
				t.Errorf("%s has Markdown left", topic.Name)
			}
		}
	}
}

func TestManSource(t *testing.T) {
	got := Topic{Name: "t", Summary: "s", Body: "See [u](u.md).\n"}.ManSource("2026-03-01")
	want := "% \"TRAILGATE-T\" \"7\" \"2026-03-01\" \"trailgate\" \"Trailgate manual\"\n\n# NAME\n\ntrailgate-t - s\n\n# DESCRIPTION\n\nSee u.\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The converter breaks a table with long cells, so tables become lists. What looks like
// a table in a code block stays as it is.
func TestManSourceListsTables(t *testing.T) {
	long := "a cell with more than thirty characters"
	body := strings.Join([]string{
		"| key | means |", "|---|---|", "| `a\\|b` | " + long + " |", "| c | d |", "",
		"| name | first | second |", "|---|---|---|", "| n | x | |", "| m | | y |", "",
		"```", "| " + long + " | x |", "```", "",
	}, "\n")
	want := strings.Join([]string{
		"`a|b`", ": " + long, "", "c", ": d", "",
		"n", ": *first*: x", "", "m", ": *second*: y", "",
		"```", "| " + long + " | x |", "```", "",
	}, "\n")
	_, got, _ := strings.Cut(Topic{Name: "t", Summary: "s", Body: body}.ManSource(""), "# DESCRIPTION\n\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFenceExamples(t *testing.T) {
	got := FenceExamples("Text.\n\n  one *.gz\n  two\n\nMore.\n\n  last")
	want := "Text.\n\n```\n  one *.gz\n  two\n```\n\nMore.\n\n```\n  last\n```\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMendVerbPage(t *testing.T) {
	page := "\\fB-h\\fP, \\fB--help\\fP[=false]\n\\fB--account\\fP=[]\n\\fB--to\\fP=\"\"\n\\fB--lease\\fP=1m0s\n.SH SEE ALSO\n\\fBx(1)\\fP\n"
	want := "\\fB-h\\fP, \\fB--help\\fP\n\\fB--account\\fP\n\\fB--to\\fP\n\\fB--lease\\fP=1m0s\n.SH SEE ALSO\n\\fBx(1)\\fP"
	if diff := cmp.Diff(want+"\n", MendVerbPage(page, nil)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want+", \\fBtrailgate-iam(7)\\fP\n", MendVerbPage(page, []string{"iam"})); diff != "" {
		t.Error(diff)
	}
}
