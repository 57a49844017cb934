package report

import (
	"slices"
	"strings"
)

// leastWidth returns how many columns a terminal must have for the table. The prose
// needs narrowestProse columns. All other cells must be whole.
func leastWidth(g grid, rows [][]string) int {
	all := -len(gap)
	for i, w := range columnWidths(g, rows, 0) {
		if i == g.prose {
			w = narrowestProse
		}
		all += w + len(gap)
	}
	return all
}

// writeBlock writes a row as a few lines: the leading columns, the others, and the
// prose. Nothing is cut, even on a narrow terminal.
func (p *printer) writeBlock(g grid, row []string) {
	lead := slices.Clone(row[:g.lead])
	if k := slices.Index(g.head, "severity"); k >= 0 && k < g.lead {
		lead[k] = p.colorize(lead[k], severityColor(lead[k]))
	}
	p.write(strings.Join(lead, gap) + "\n")
	var rest []string
	for i := g.lead; i < len(row); i++ {
		if i != g.prose && row[i] != "" {
			rest = append(rest, g.head[i]+" "+row[i])
		}
	}
	const indent = "    "
	for _, text := range []string{strings.Join(rest, ", "), row[g.prose]} {
		for _, l := range wrapText(text, max(p.Width-len(indent), narrowestProse)) {
			p.write(indent + l + "\n")
		}
	}
}
