package report

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"iter"
	"slices"

	"trailgate/report/row"
)

// The largest numbers of rows on the page. The page says how many more there are.
const (
	htmlPrincipals = 1000
	htmlFindings   = 1000
	htmlSignIns    = 2000
)

// writeHTML writes the report as one page, or only the table of Options.Rows. The page
// has what writeTable writes, and the sign-ins up to a limit. It needs nothing else: it
// has no script and no picture, uses no network, and its content security policy forbids
// all of these. Every text is Clean and escaped. Aligned, Color and Width are ignored.
func writeHTML(w io.Writer, r Report, o Options) error {
	o.Aligned = true
	parts, err := chooseSections(r, o, limits{htmlPrincipals, htmlFindings, htmlSignIns})
	if err != nil {
		return fmt.Errorf("write html: %w", err)
	}
	title := "Console sign-ins"
	if s := r.Summary; !s.First.IsZero() && !s.Last.IsZero() {
		title += ", " + dayRange(row.DateOf(s.First), row.DateOf(s.Last))
	}
	return writePage(w, title, footText(r.Summary), parts)
}

// writeCoverageHTML writes the coverage as one page.
func writeCoverageHTML(w io.Writer, r Report, o Options) error {
	return writePage(w, "Coverage of the trail", "", coverageSections(r.Coverage, notation{people: true}, o.Verbose))
}

func footText(s Summary) string {
	if s.Tool == "" {
		return ""
	}
	return "Written by " + s.Tool + " " + s.Version
}

// page is the data of the template.
type page struct {
	Title, Foot string
	Policy      string
	Style       template.CSS
	Parts       []pagePart
}

type pagePart struct {
	Title string
	Lines []pageLine
	Head  []pageCell
	Rows  iter.Seq[[]pageCell]
	More  func() string
}

type pageLine struct{ Text, Class string }

type pageCell struct{ Text, Class string }

func writePage(w io.Writer, title, foot string, parts []section) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return fmt.Errorf("write html: %w", err)
	}
	sum := sha256.Sum256([]byte(pageStyle))
	p := page{
		Title: title, Foot: Clean(foot),
		Policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; base-uri 'none'; form-action 'none'",
		Style: template.CSS(pageStyle),
	}
	for _, s := range parts {
		p.Parts = append(p.Parts, pagePartOf(s))
	}
	b := bufio.NewWriterSize(w, 1<<16)
	if err = t.Execute(b, p); err == nil {
		err = b.Flush()
	}
	if err != nil {
		return fmt.Errorf("write html: %w", err)
	}
	return nil
}

func pagePartOf(s section) pagePart {
	part := pagePart{Title: s.title, More: s.more}
	for _, l := range s.lines {
		part.Lines = append(part.Lines, pageLine{Clean(l.text), l.tone.class()})
	}
	if s.grid.head == nil {
		return part
	}
	severity := slices.Index(s.grid.head, "severity")
	cellsOf := func(texts []string) []pageCell {
		all := make([]pageCell, len(texts))
		for i, text := range texts {
			all[i].Text = Clean(text)
			switch {
			case slices.Contains(s.grid.right, i):
				all[i].Class = "number"
			case i == severity:
				all[i].Class = severityClass(text)
			}
		}
		return all
	}
	part.Head = cellsOf(s.grid.head)
	part.Rows = func(yield func([]pageCell) bool) {
		for r := range s.grid.rows {
			if !yield(cellsOf(r)) {
				return
			}
		}
	}
	return part
}

func (t tone) class() string {
	switch t {
	case strong:
		return "strong"
	case good:
		return "good"
	case bad:
		return "bad"
	case plain:
	}
	return ""
}

func severityClass(s string) string {
	switch s {
	case "critical", "high":
		return "bad"
	case "medium":
		return "warn"
	}
	return ""
}
