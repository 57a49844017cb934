package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// writeMarkdown writes the report, or one table, as GitHub-flavored Markdown. A text
// from a record cannot leave its cell, and cannot become markup, HTML, a link or a
// mention. To that end every character with a meaning in Markdown is escaped, and
// dangerous characters are replaced as Clean does. Aligned, Color and Width are
// ignored.
func writeMarkdown(w io.Writer, r Report, o Options) error {
	o.Aligned = true
	parts, err := chooseSections(r, o, limits{tablePrincipals, tableFindings, 0})
	if err != nil {
		return fmt.Errorf("write markdown: %w", err)
	}
	return writeMarkdownSections(w, parts)
}

// writeCoverageMarkdown writes the coverage as Markdown.
func writeCoverageMarkdown(w io.Writer, r Report, o Options) error {
	return writeMarkdownSections(w, coverageSections(r.Coverage, notation{people: true}, o.Verbose))
}

func writeMarkdownSections(w io.Writer, parts []section) error {
	b := bufio.NewWriterSize(w, 1<<16)
	// A bufio.Writer keeps its first error, and Flush returns it.
	for i, s := range parts {
		if i > 0 {
			fmt.Fprintln(b)
		}
		if s.title != "" {
			fmt.Fprintf(b, "## %s\n\n", s.title)
		}
		for k, l := range s.lines {
			if k > 0 {
				fmt.Fprintln(b)
			}
			text := markdownText(l.text)
			if l.tone == strong || l.tone == bad {
				text = "**" + text + "**"
			}
			fmt.Fprintln(b, text)
		}
		if s.lines != nil && s.grid.head != nil {
			fmt.Fprintln(b)
		}
		if err := markdownTable(b, s.grid); err != nil {
			return fmt.Errorf("write markdown: %w", err)
		}
		if s.more != nil {
			fmt.Fprintf(b, "\n%s\n", markdownText(s.more()))
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write markdown: %w", err)
	}
	return nil
}

func markdownTable(b *bufio.Writer, g grid) error {
	if g.head == nil {
		return nil
	}
	rule := make([]string, len(g.head))
	head := make([]string, len(g.head))
	for i, h := range g.head {
		head[i], rule[i] = markdownText(h), "---"
		if slices.Contains(g.right, i) {
			rule[i] = "--:"
		}
	}
	fmt.Fprintf(b, "| %s |\n| %s |\n", strings.Join(head, " | "), strings.Join(rule, " | "))
	for row := range g.rows {
		for i := range row {
			row[i] = markdownText(row[i])
		}
		if _, err := fmt.Fprintf(b, "| %s |\n", strings.Join(row, " | ")); err != nil {
			return err
		}
	}
	return nil
}

// markdownText escapes a text so that the page shows it as it is.
func markdownText(s string) string {
	var b strings.Builder
	for _, r := range Clean(s) {
		switch r {
		case '\\', '`', '*', '_', '[', ']', '|', '~', '#', '$':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '&':
			b.WriteString("&amp;")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '@':
			b.WriteString("&#64;")
		default:
			b.WriteRune(r)
		}
	}
	return breakLinks(b.String())
}

// breakLinks escapes the parts of a text that GitHub would turn into a link: the
// colon in "://" and the dot after "www".
func breakLinks(s string) string {
	s = strings.ReplaceAll(s, "://", "&#58;//")
	if i := strings.Index(strings.ToLower(s), "www."); i < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '.' && i >= 3 && strings.EqualFold(s[i-3:i], "www") {
			b.WriteString("&#46;")
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
