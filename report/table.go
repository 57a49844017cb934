package report

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
)

// How many rows the tables of the report for people show.
const (
	tablePrincipals = 20
	tableFindings   = 50
)

// sample is how many streamed rows decide the widths of the columns. Cells of
// later rows that are wider are shortened, with an ellipsis.
const sample = 1000

// The escape sequences of a coloured report.
const (
	colorOff    = "\x1b[0m"
	colorStrong = "\x1b[1m"
	colorGood   = "\x1b[32m"
	colorWarn   = "\x1b[33m"
	colorBad    = "\x1b[31m"
)

// WriteTable writes the report for people: a headline in plain words, how
// complete the run is, the endpoints, the principals, the findings, and what
// was not read; or, with Options.Rows, one table with all its rows. Sign-ins
// and findings are streamed, once, in the order they come in. Unless Aligned,
// it is the same content with cells separated by tabs. Every text is Clean.
// Rows of a kind that is no table are an error before the first byte.
func WriteTable(w io.Writer, d Document, o Options) error {
	parts, err := partsOf(d, o, limits{tablePrincipals, tableFindings, 0})
	if err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return writeParts(w, parts, o)
}

// WriteCoverage writes the report of what a trail holds, for people: accounts
// and Regions with their log files, days without any, Regions without any.
// Options as for WriteTable; Rows counts for nothing.
func WriteCoverage(w io.Writer, c Coverage, o Options) error {
	return writeParts(w, coverageSections(c, notation{o.Aligned}, o.Verbose), o)
}

func partsOf(d Document, o Options, l limits) ([]section, error) {
	n := notation{people: o.Aligned}
	if o.Rows == "" {
		return sections(d, n, l, o.Verbose), nil
	}
	s, err := only(d, o.Rows, n)
	return []section{s}, err
}

func writeParts(w io.Writer, parts []section, o Options) error {
	p := printer{out: &trimmer{w: bufio.NewWriterSize(w, 1<<16)}, Options: o}
	for i, s := range parts {
		if i > 0 {
			p.put("\n")
		}
		if s.title != "" {
			p.tinted(s.title, strong)
		}
		for _, l := range s.lines {
			p.tinted(l.text, l.tone)
		}
		p.table(s.grid)
		if s.more != nil {
			p.tinted(s.more(), plain)
		}
	}
	if p.err == nil {
		p.err = p.out.flush()
	}
	if p.err != nil {
		return fmt.Errorf("write table: %w", p.err)
	}
	return nil
}

// printer writes the parts as text and keeps the first error.
type printer struct {
	Options
	out *trimmer
	err error
}

func (p *printer) put(s string) {
	if p.err == nil {
		_, p.err = p.out.Write([]byte(s))
	}
}

func (p *printer) tinted(s string, t tone) {
	color := ""
	switch t {
	case strong:
		color = colorStrong
	case good:
		color = colorGood
	case bad:
		color = colorBad
	case plain:
	}
	p.put(p.tint(Clean(s), color) + "\n")
}

func (p *printer) tint(s, color string) string {
	if !p.Color || !p.Aligned || color == "" || s == "" {
		return s
	}
	return color + s + colorOff
}

func (p *printer) table(g grid) {
	switch {
	case g.head == nil || p.err != nil:
	case p.Aligned:
		p.aligned(g)
	default:
		p.put(strings.Join(g.head, "\t") + "\n")
		for row := range g.rows {
			for i := range row {
				row[i] = Clean(row[i])
			}
			p.put(strings.Join(row, "\t") + "\n")
			if p.err != nil {
				return
			}
		}
	}
}

// aligned draws a table whose widths the first rows decide, so that rows can
// be streamed, and all rows where they are in memory anyway.
func (p *printer) aligned(g grid) {
	next, stop := iter.Pull(g.rows)
	defer stop()
	var head [][]string
	for !g.streamed || len(head) < sample {
		row, ok := next()
		if !ok {
			break
		}
		head = append(head, cleanRow(row))
	}
	if g.lead > 0 && p.Width > 0 && p.Width < leastWidth(g, head) {
		for _, row := range head {
			p.block(g, row)
		}
		for row, ok := next(); ok && p.err == nil; row, ok = next() {
			p.block(g, cleanRow(row))
		}
		return
	}
	widths := fit(g, head, p.Width)
	t, err := openTable(p.out, g, widths)
	if err != nil {
		p.err = err
		return
	}
	for i := 0; p.err == nil; i++ {
		if i < len(head) {
			p.row(t, g, widths, head[i])
		} else if r, ok := next(); ok {
			p.row(t, g, widths, cleanRow(r))
		} else {
			break
		}
	}
	if err := t.Close(); p.err == nil {
		p.err = err
	}
}

// row appends a row, and further rows where its prose goes on.
func (p *printer) row(t *tablewriter.Table, g grid, widths []int, row []string) {
	prose := []string{""}
	if g.prose > 0 {
		prose = wrap(row[g.prose], widths[g.prose])
	}
	for _, text := range prose {
		if g.prose > 0 {
			row[g.prose] = text
		}
		for k := range row {
			row[k] = Shorten(row[k], widths[k])
		}
		if k := slices.Index(g.head, "severity"); k >= 0 {
			row[k] = p.tint(row[k], severityColor(row[k]))
		}
		if p.err = t.Append(row); p.err == nil {
			p.err = p.out.err
		}
		if p.err != nil {
			return
		}
		row = make([]string, len(row))
	}
}

func cleanRow(row []string) []string {
	for i := range row {
		row[i] = Clean(row[i])
	}
	return row
}

func severityColor(s string) string {
	switch s {
	case "critical", "high":
		return colorBad
	case "medium":
		return colorWarn
	}
	return ""
}
