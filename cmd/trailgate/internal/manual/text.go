package manual

import (
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	usualWidth = 80  // where the width is not known
	mostWidth  = 100 // longer lines are hard to read
	leastWidth = 40  // narrower terminals wrap the lines themselves
)

// renderText returns Markdown as plain text. Only lines of code blocks may be
// longer than width.
func renderText(markdown string, width int) string {
	width = textColumns(width)
	var out strings.Builder
	before := heading
	for i, b := range parseBlocks(markdown) {
		if i > 0 && !(b.kind == listItem && before == listItem) {
			out.WriteByte('\n')
		}
		before = b.kind
		switch b.kind {
		case heading:
			writeWrapped(&out, "", "", strings.ToUpper(stripMarks(b.text)), width)
		case paragraph:
			writeWrapped(&out, "  ", "  ", stripMarks(b.text), width)
		case listItem:
			first := "  " + b.marker + " "
			writeWrapped(&out, first, strings.Repeat(" ", len(first)), stripMarks(b.text), width)
		case codeBlock:
			for _, line := range b.lines {
				out.WriteString(strings.TrimRight("      "+line, " ") + "\n")
			}
		case table:
			writeTable(&out, plainCells(b.rows), width)
		}
	}
	return out.String()
}

// textColumns returns the width to write for, on a terminal of width columns. 0
// stands for an unknown width.
func textColumns(width int) int {
	if width <= 0 {
		return usualWidth
	}
	return min(max(width, leastWidth), mostWidth)
}

// writeWrapped writes the words of text in lines of at most width columns. The first
// line begins with first, and each further line with rest. A word that is longer than a
// line has a line for itself.
func writeWrapped(out *strings.Builder, first, rest, text string, width int) {
	line, empty := first, true
	for _, word := range strings.Fields(text) {
		if !empty && textWidth(line)+1+textWidth(word) > width {
			out.WriteString(line + "\n")
			line, empty = rest, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	out.WriteString(strings.TrimRight(line, " ") + "\n")
}

// writeTable writes a table in columns if it fits, or if only its second column
// has to be wrapped. Otherwise each row becomes a short list.
func writeTable(out *strings.Builder, rows [][]string, width int) {
	widths := columnWidths(rows)
	total := 2 * len(widths)
	for _, w := range widths {
		total += w
	}
	rules := make([]string, len(widths))
	for i, w := range widths {
		rules[i] = strings.Repeat("-", w)
	}
	switch {
	case total <= width:
		rows = slices.Insert(rows, 1, rules)
		for _, row := range rows {
			out.WriteString(strings.TrimRight(alignedRow(row, widths), " ") + "\n")
		}
	case len(widths) == 2 && width-widths[0] >= 36 && widths[0] <= width/3:
		rules[1] = strings.Repeat("-", width-widths[0]-4)
		rows = slices.Insert(rows, 1, rules)
		for _, row := range rows {
			first := alignedRow(row[:1], widths) + "  "
			writeWrapped(out, first, strings.Repeat(" ", textWidth(first)), row[1], width)
		}
	default:
		for i, row := range rows[1:] {
			if i > 0 {
				out.WriteByte('\n')
			}
			writeStacked(out, rows[0], row, width)
		}
	}
}

// writeStacked writes one row below another: the first cell, and below it the
// others, each after the name of its column.
func writeStacked(out *strings.Builder, header, row []string, width int) {
	writeWrapped(out, "  ", "    ", row[0], width)
	for i, cell := range row[1:] {
		if cell != "" {
			writeWrapped(out, "      ", "        ", header[i+1]+": "+cell, width)
		}
	}
}

// alignedRow returns the cells side by side, each padded to its column.
func alignedRow(row []string, widths []int) string {
	line := ""
	for i, cell := range row {
		line += "  " + cell + strings.Repeat(" ", widths[i]-textWidth(cell))
	}
	return line
}

// columnWidths returns the width of the longest cell of each column.
func columnWidths(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], textWidth(cell))
		}
	}
	return widths
}

// plainCells returns the cells of a table without marks. Each row gets as many
// cells as the header has.
func plainCells(rows [][]string) [][]string {
	plain := make([][]string, len(rows))
	for i, row := range rows {
		plain[i] = make([]string, len(rows[0]))
		for k := range min(len(row), len(rows[0])) {
			plain[i][k] = stripMarks(row[k])
		}
	}
	return plain
}

// textWidth returns the columns that a text takes: the manual has no wide
// characters.
func textWidth(text string) int { return utf8.RuneCountInString(text) }
