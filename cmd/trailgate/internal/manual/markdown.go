package manual

import (
	"regexp"
	"strings"
)

// blockKind says what a block of Markdown is.
type blockKind int

const (
	paragraph blockKind = iota
	heading             // of any level
	listItem            // of a bullet list or a numbered list
	codeBlock           // fenced
	table
)

// block is a part of a Markdown text that stands between blank lines, or an item
// of a list.
type block struct {
	kind   blockKind
	marker string     // listItem: "*" or "1."
	text   string     // paragraph, heading, listItem: one line, inline marks still in it
	lines  []string   // codeBlock
	rows   [][]string // table: the header first, inline marks still in the cells
}

// parseBlocks takes Markdown apart. It knows what the topics use: headings,
// paragraphs, flat lists, fenced code, and tables with a header.
func parseBlocks(markdown string) []block {
	var blocks []block
	lines := strings.Split(strings.TrimRight(markdown, "\n"), "\n")
	for len(lines) > 0 {
		var b block
		switch line := lines[0]; {
		case strings.TrimSpace(line) == "":
			lines = lines[1:]
			continue
		case strings.HasPrefix(line, "```"):
			b, lines = takeCode(lines)
		case strings.HasPrefix(line, "|"):
			b, lines = takeTable(lines)
		case strings.HasPrefix(line, "#"):
			b, lines = block{kind: heading, text: strings.TrimSpace(strings.TrimLeft(line, "#"))}, lines[1:]
		default:
			b, lines = takeText(lines)
		}
		blocks = append(blocks, b)
	}
	return blocks
}

// takeCode reads the fenced block at the front of lines. It returns the block and the
// lines after it.
func takeCode(lines []string) (block, []string) {
	b := block{kind: codeBlock}
	lines = lines[1:]
	for len(lines) > 0 && !strings.HasPrefix(lines[0], "```") {
		b.lines, lines = append(b.lines, lines[0]), lines[1:]
	}
	if len(lines) > 0 {
		lines = lines[1:] // the closing fence
	}
	return b, lines
}

// takeTable reads the table at the front of lines. It returns the table and the lines
// after it. The second line, which only separates the header, is dropped.
func takeTable(lines []string) (block, []string) {
	b := block{kind: table}
	for i := 0; len(lines) > 0 && strings.HasPrefix(lines[0], "|"); i++ {
		if i != 1 {
			b.rows = append(b.rows, splitRow(lines[0]))
		}
		lines = lines[1:]
	}
	return b, lines
}

// splitRow returns the cells of one line of a table. A "\|" is a bar in a cell.
func splitRow(line string) []string {
	const bar = "\x00"
	line = strings.ReplaceAll(strings.TrimSpace(line), `\|`, bar)
	var cells []string
	for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
		cells = append(cells, strings.ReplaceAll(strings.TrimSpace(cell), bar, "|"))
	}
	return cells
}

// takeText reads the paragraph, or the one item of a list, at the front of lines. It
// returns it as one line of text, and the lines after it.
func takeText(lines []string) (block, []string) {
	b := block{kind: paragraph, text: strings.TrimSpace(lines[0])}
	if marker, rest, ok := cutMarker(lines[0]); ok {
		b = block{kind: listItem, marker: marker, text: rest}
	}
	for lines = lines[1:]; len(lines) > 0 && !startsBlock(lines[0]); lines = lines[1:] {
		b.text += " " + strings.TrimSpace(lines[0])
	}
	return b, lines
}

// startsBlock reports whether a line ends the paragraph before it.
func startsBlock(line string) bool {
	_, _, item := cutMarker(line)
	return item || strings.TrimSpace(line) == "" || strings.HasPrefix(line, "```") || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "#")
}

// cutMarker splits an item of a list into its marker and its text. ok is false if the
// line is not such an item.
func cutMarker(line string) (marker, rest string, ok bool) {
	marker, rest, ok = strings.Cut(line, " ")
	if !ok || marker != "*" && marker != "-" && !isNumber(marker) {
		return "", "", false
	}
	return marker, strings.TrimSpace(rest), true
}

// isNumber reports whether a word is the marker of a numbered list: "1.".
func isNumber(word string) bool {
	digits, ok := strings.CutSuffix(word, ".")
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// stripLinks replaces each link by its text, and by its address as well if that
// can be opened from anywhere. Links to other topics only work on a forge.
func stripLinks(markdown string) string {
	link := regexp.MustCompile(`\[([^\]\n]+)\]\(([^)\s]+)\)`)
	return link.ReplaceAllStringFunc(markdown, func(s string) string {
		m := link.FindStringSubmatch(s)
		if strings.HasPrefix(m[2], "https://") {
			return m[1] + " (" + m[2] + ")"
		}
		return m[1]
	})
}

// stripMarks returns a line of Markdown as plain text. What stands between
// backquotes is kept as it is, since a glob may look like emphasis. If it has
// several words, it gets quotes: a reader must see where it ends.
func stripMarks(line string) string {
	parts := strings.Split(stripLinks(line), "`")
	for i, part := range parts {
		switch {
		case i%2 == 0:
			parts[i] = strings.ReplaceAll(part, "**", "")
		case strings.Contains(part, " ") && !strings.Contains(part, `"`):
			parts[i] = `"` + part + `"`
		}
	}
	return strings.Join(parts, "")
}
