package report

import (
	"bufio"
	"bytes"
	"io"
	"slices"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// gap separates two columns.
const gap = "  "

// The limits for the widths of columns. To fit a terminal, a column of text is not
// made narrower than narrowest, and prose not narrower than narrowestProse. Prose
// is never wider than widestProse.
const (
	narrowest      = 10
	narrowestProse = 30
	widestProse    = 80
)

// openTable starts a streamed table with columns of fixed widths. It has a line
// under the head and no borders.
func openTable(w io.Writer, g grid, widths []int) (*tablewriter.Table, error) {
	align := make(tw.Alignment, len(g.head))
	columns := tw.NewMapper[int, int]()
	for i := range g.head {
		align[i] = tw.AlignLeft
		if slices.Contains(g.right, i) {
			align[i] = tw.AlignRight
		}
		columns.Set(i, widths[i]+len(gap))
	}
	t := tablewriter.NewTable(w,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.Border{Left: tw.Off, Right: tw.Off, Top: tw.Off, Bottom: tw.Off},
			Symbols: tw.NewSymbols(tw.StyleLight),
			Settings: tw.Settings{
				Separators: tw.Separators{BetweenColumns: tw.Off, BetweenRows: tw.Off},
				Lines:      tw.Lines{ShowHeaderLine: tw.On, ShowTop: tw.Off, ShowBottom: tw.Off},
			},
			Streaming: true,
		})),
		tablewriter.WithStreaming(tw.StreamConfig{Enable: true}),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithTrimLine(tw.Off),
		tablewriter.WithAlignment(align),
		tablewriter.WithPadding(tw.Padding{Right: gap, Overwrite: true}),
		tablewriter.WithColumnWidths(columns),
	)
	if err := t.Start(); err != nil {
		return nil, err
	}
	head := make([]any, len(g.head))
	for i, h := range g.head {
		head[i] = Shorten(h, widths[i])
	}
	t.Header(head...)
	return t, nil
}

// columnWidths returns for each column the width of its widest cell, and for prose at
// most widestProse. terminal is the width of the terminal; 0 means no limit. If it is
// narrower than the table, the prose is made narrower, and then the widest columns of
// text. It changes no column of a grid that is whole.
func columnWidths(g grid, rows [][]string, terminal int) []int {
	widths := make([]int, len(g.head))
	excess := -len(gap) - terminal
	for i, h := range g.head {
		widths[i] = textWidth(h)
		for _, row := range rows {
			widths[i] = max(widths[i], textWidth(row[i]))
		}
		if g.prose > 0 && i == g.prose {
			widths[i] = min(widths[i], widestProse)
		}
		excess += widths[i] + len(gap)
	}
	if terminal <= 0 || g.whole {
		return widths
	}
	for ; excess > 0; excess-- {
		i := widestColumn(g, widths)
		if i < 0 {
			break
		}
		widths[i]--
	}
	return widths
}

// widestColumn returns the index of the column to make narrower: the prose, or else
// the widest column of text. It returns -1 if all have their least width. Numbers and
// times are never cut.
func widestColumn(g grid, widths []int) int {
	if g.prose > 0 && widths[g.prose] > narrowestProse {
		return g.prose
	}
	found := -1
	for i, w := range widths {
		if w <= narrowest || slices.Contains(g.right, i) || g.head[i] == "event_time" || g.prose > 0 && i == g.prose {
			continue
		}
		if found < 0 || w > widths[found] {
			found = i
		}
	}
	return found
}

// trimmer removes the spaces at the end of lines. After the first error it keeps
// that error and writes nothing more.
type trimmer struct {
	w      *bufio.Writer
	spaces int
	err    error
}

// Write always takes all of p. The error is also kept in err, because the library
// that calls Write does not return every error.
func (t *trimmer) Write(p []byte) (int, error) {
	all := len(p)
	for len(p) > 0 && t.err == nil {
		n := bytes.IndexAny(p, " \n")
		if n < 0 {
			n = len(p)
		}
		if n > 0 {
			t.writeSpaces()
			t.writeBytes(p[:n])
		}
		if n < len(p) {
			if p[n] == '\n' {
				t.spaces = 0
				t.writeBytes(p[n : n+1])
			} else {
				t.spaces++
			}
			n++
		}
		p = p[n:]
	}
	return all, t.err
}

func (t *trimmer) writeSpaces() {
	for ; t.spaces > 0; t.spaces-- {
		t.writeBytes([]byte{' '})
	}
}

func (t *trimmer) writeBytes(p []byte) {
	if t.err == nil {
		_, t.err = t.w.Write(p)
	}
}

func (t *trimmer) flush() error {
	if t.err == nil {
		t.err = t.w.Flush()
	}
	return t.err
}
