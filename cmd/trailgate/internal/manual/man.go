package manual

import (
	"fmt"
	"regexp"
	"strings"
)

// ManSource returns a topic as the Markdown that a converter to man pages wants.
// The title block and the sections NAME and DESCRIPTION are added. Tables become lists,
// because the converter breaks a row with long cells. The date is that of the page, as YYYY-MM-DD or empty.
func (t Topic) ManSource(date string) string {
	return fmt.Sprintf("%% \"TRAILGATE-%s\" \"7\" %q \"trailgate\" \"Trailgate manual\"\n\n# NAME\n\ntrailgate-%s - %s\n\n# DESCRIPTION\n\n%s",
		strings.ToUpper(t.Name), date, t.Name, t.Summary, listTables(stripLinks(t.Body)))
}

// listTables replaces each table by a definition list. All other lines stay as they are.
func listTables(markdown string) string {
	var out strings.Builder
	code := false
	for lines := strings.SplitAfter(markdown, "\n"); len(lines) > 0; {
		if strings.HasPrefix(lines[0], "```") {
			code = !code
		}
		if code || !strings.HasPrefix(lines[0], "|") {
			out.WriteString(lines[0])
			lines = lines[1:]
			continue
		}
		var b block
		b, lines = takeTable(lines)
		writeDefinitions(&out, b.rows)
	}
	return out.String()
}

// writeDefinitions writes a table as a definition list. The first cell is the term.
// If there are more than two columns, each further cell comes after the name of its
// column, as in a topic on a terminal.
func writeDefinitions(out *strings.Builder, rows [][]string) {
	header := rows[0]
	for i, row := range rows[1:] {
		if i > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(row[0] + "\n")
		for k, cell := range row[1:] {
			switch {
			case cell == "" || k+1 >= len(header):
			case len(header) == 2:
				out.WriteString(": " + cell + "\n")
			default:
				out.WriteString(": *" + header[k+1] + "*: " + cell + "\n")
			}
		}
	}
}

// FenceExamples puts a fence around the indented lines of a help text, so that a
// converter from Markdown keeps them as they are.
func FenceExamples(help string) string {
	return regexp.MustCompile(`(?m)(^  .*\n?)+`).ReplaceAllStringFunc(help, func(examples string) string {
		return "```\n" + strings.TrimSuffix(examples, "\n") + "\n```\n"
	})
}

// MendVerbPage takes the man page of a verb in roff. It removes defaults that say
// nothing, and adds the topics with these names to the last line of SEE ALSO.
func MendVerbPage(page string, topics []string) string {
	page = regexp.MustCompile(`(?m)^(\\fB--?[a-z].*\\fP)(?:\[=false\]|=\[\]|=""|=0|=0s)$`).ReplaceAllString(page, "$1")
	if len(topics) == 0 {
		return page
	}
	page = strings.TrimRight(page, "\n")
	for _, name := range topics {
		page += `, \fBtrailgate-` + name + `(7)\fP`
	}
	return page + "\n"
}
