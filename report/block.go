package report

import (
	"slices"
	"strings"
)

// leastWidth is how wide a terminal has to be for a table whose cells are all
// whole, but for the prose, which may be narrow.
func leastWidth(g grid, rows [][]string) int {
	all := -len(gap)
	for i, w := range fit(g, rows, 0) {
		if i == g.prose {
			w = narrowestProse
		}
		all += w + len(gap)
	}
	return all
}

// block writes a row as a few lines: what it is about, what was seen, and the
// prose. Nothing is cut, however narrow the terminal.
func (p *printer) block(g grid, row []string) {
	lead := slices.Clone(row[:g.lead])
	if k := slices.Index(g.head, "severity"); k >= 0 && k < g.lead {
		lead[k] = p.tint(lead[k], severityColor(lead[k]))
	}
	p.put(strings.Join(lead, gap) + "\n")
	var rest []string
	for i := g.lead; i < len(row); i++ {
		if i != g.prose && row[i] != "" {
			rest = append(rest, g.head[i]+" "+row[i])
		}
	}
	const indent = "    "
	for _, text := range []string{strings.Join(rest, ", "), row[g.prose]} {
		for _, l := range wrap(text, max(p.Width-len(indent), narrowestProse)) {
			p.put(indent + l + "\n")
		}
	}
}
