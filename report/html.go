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
)

// How many rows the HTML page shows; it says so where there are more.
const (
	htmlPrincipals = 1000
	htmlFindings   = 1000
	htmlSignIns    = 2000
)

// WriteHTML writes the report as one page that needs nothing else: no script,
// no picture, no network, and a content security policy that allows none. It
// holds what WriteTable holds and the sign-ins, up to a limit that the page
// states; with Options.Rows, one table with all its rows. Every text is Clean
// and escaped. Aligned, Color and Width count for nothing.
func WriteHTML(w io.Writer, d Document, o Options) error {
	o.Aligned = true
	parts, err := partsOf(d, o, limits{htmlPrincipals, htmlFindings, htmlSignIns})
	if err != nil {
		return fmt.Errorf("write html: %w", err)
	}
	title := "Console sign-ins"
	if s := d.Summary; !s.First.IsZero() && !s.Last.IsZero() {
		title += ", " + span(DateOf(s.First), DateOf(s.Last))
	}
	return writeHTML(w, title, foot(d.Summary), parts)
}

// WriteCoverageHTML writes what WriteCoverage writes as one page.
func WriteCoverageHTML(w io.Writer, c Coverage, o Options) error {
	return writeHTML(w, "Coverage of the trail", "", coverageSections(c, notation{people: true}, o.Verbose))
}

func foot(s Summary) string {
	if s.Tool == "" {
		return ""
	}
	return "Written by " + s.Tool + " " + s.Version
}

// page is what the template sees.
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

func writeHTML(w io.Writer, title, foot string, parts []section) error {
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
		p.Parts = append(p.Parts, pageOf(s))
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

func pageOf(s section) pagePart {
	part := pagePart{Title: s.title, More: s.more}
	for _, l := range s.lines {
		part.Lines = append(part.Lines, pageLine{Clean(l.text), l.tone.class()})
	}
	if s.grid.head == nil {
		return part
	}
	severity := slices.Index(s.grid.head, "severity")
	row := func(texts []string) []pageCell {
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
	part.Head = row(s.grid.head)
	part.Rows = func(yield func([]pageCell) bool) {
		for r := range s.grid.rows {
			if !yield(row(r)) {
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
