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

// The largest numbers of rows in the tables of the report for people.
const (
	tablePrincipals = 20
	tableFindings   = 50
)

// sampleRows is how many streamed rows are read before the first is written. The
// widths of the columns come from them. A wider cell in a later row is shortened, and
// wider prose continues in further rows.
const sampleRows = 1000

// The escape sequences of a colored report.
const (
	colorOff    = "\x1b[0m"
	colorStrong = "\x1b[1m"
	colorGood   = "\x1b[32m"
	colorWarn   = "\x1b[33m"
	colorBad    = "\x1b[31m"
)

// writeTable writes the report for people: a summary in plain words, how complete
// the run is, the endpoints, the principals, the findings, and what was not read.
// Sign-ins and findings are read once. If the output is not aligned, it has the
// same content with cells separated by tabs.
func writeTable(w io.Writer, r Report, o Options) error {
	parts, err := chooseSections(r, o, limits{tablePrincipals, tableFindings, 0})
	if err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return writeSections(w, parts, o)
}

// writeCoverageTable writes for people what a trail has: accounts and Regions with
// their log files, days without log files, and Regions without log files.
func writeCoverageTable(w io.Writer, r Report, o Options) error {
	return writeSections(w, coverageSections(r.Coverage, notation{o.Aligned}, o.Verbose), o)
}

// chooseSections returns the whole report d, with tables limited by l. If Options.Rows
// is set, it returns only that table, with all its rows. A table that does not exist is
// an error.
func chooseSections(d Report, o Options, l limits) ([]section, error) {
	n := notation{people: o.Aligned}
	if o.Rows == "" {
		return reportSections(d, n, l, o.Verbose), nil
	}
	s, err := tableSection(d, o.Rows, n)
	return []section{s}, err
}

func writeSections(w io.Writer, parts []section, o Options) error {
	p := printer{out: &trimmer{w: bufio.NewWriterSize(w, 1<<16)}, Options: o}
	for i, s := range parts {
		if i > 0 {
			p.write("\n")
		}
		if s.title != "" {
			p.writeLine(s.title, strong)
		}
		for _, l := range s.lines {
			p.writeLine(l.text, l.tone)
		}
		p.writeGrid(s.grid)
		if s.more != nil {
			p.writeLine(s.more(), plain)
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

// printer writes sections as text. After the first error it keeps that error and
// writes nothing more.
type printer struct {
	Options
	out *trimmer
	err error
}

func (p *printer) write(s string) {
	if p.err == nil {
		_, p.err = p.out.Write([]byte(s))
	}
}

func (p *printer) writeLine(s string, t tone) {
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
	p.write(p.colorize(Clean(s), color) + "\n")
}

func (p *printer) colorize(s, color string) string {
	if !p.Color || !p.Aligned || color == "" || s == "" {
		return s
	}
	return color + s + colorOff
}

func (p *printer) writeGrid(g grid) {
	switch {
	case g.head == nil || p.err != nil:
	case p.Aligned:
		p.writeAligned(g)
	default:
		p.write(strings.Join(g.head, "\t") + "\n")
		for row := range g.rows {
			for i := range row {
				row[i] = Clean(row[i])
			}
			p.write(strings.Join(row, "\t") + "\n")
			if p.err != nil {
				return
			}
		}
	}
}

// writeAligned writes a table with aligned columns. If the rows are streamed, the
// widths come from the first sampleRows. If they are in memory anyway, they come from
// all rows. If the terminal is too narrow and g.lead is set, it writes each row as a
// block of lines instead.
func (p *printer) writeAligned(g grid) {
	next, stop := iter.Pull(g.rows)
	defer stop()
	var head [][]string
	for !g.streamed || len(head) < sampleRows {
		row, ok := next()
		if !ok {
			break
		}
		head = append(head, cleanRow(row))
	}
	if g.lead > 0 && p.Width > 0 && p.Width < leastWidth(g, head) {
		for _, row := range head {
			p.writeBlock(g, row)
		}
		for row, ok := next(); ok && p.err == nil; row, ok = next() {
			p.writeBlock(g, cleanRow(row))
		}
		return
	}
	widths := columnWidths(g, head, p.Width)
	t, err := openTable(p.out, g, widths)
	if err != nil {
		p.err = err
		return
	}
	for i := 0; p.err == nil; i++ {
		if i < len(head) {
			p.writeRow(t, g, widths, head[i])
		} else if r, ok := next(); ok {
			p.writeRow(t, g, widths, cleanRow(r))
		} else {
			break
		}
	}
	if err := t.Close(); p.err == nil {
		p.err = err
	}
}

// writeRow writes a row, and further rows if its prose does not fit into one. It
// shortens cells to the widths, colors the severity, and changes row.
func (p *printer) writeRow(t *tablewriter.Table, g grid, widths []int, row []string) {
	prose := []string{""}
	if g.prose > 0 {
		prose = wrapText(row[g.prose], widths[g.prose])
	}
	for _, text := range prose {
		if g.prose > 0 {
			row[g.prose] = text
		}
		for k := range row {
			row[k] = Shorten(row[k], widths[k])
		}
		if k := slices.Index(g.head, "severity"); k >= 0 {
			row[k] = p.colorize(row[k], severityColor(row[k]))
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
