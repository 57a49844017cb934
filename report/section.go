package report

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"trailgate/report/internal/columns"
	"trailgate/report/row"
)

// section is one part of a report for people. Its texts are as the records have
// them. Every format makes them safe in its own way.
type section struct {
	title string
	lines []line
	grid  grid
	more  func() string // what the table leaves out; called after the rows were read
}

type line struct {
	text string
	tone tone
}

// tone is the emphasis of a line: none, a headline (strong), good news or bad news.
type tone uint8

const (
	plain tone = iota
	strong
	good
	bad
)

// grid is a table. If it has no head, it is not written.
type grid struct {
	head     []string
	right    []int // columns of numbers
	prose    int   // a column that continues in further rows and is never cut; 0 means no such column
	lead     int   // on a narrow terminal, each row becomes a block that begins with so many columns; 0 means always a table
	whole    bool  // no cell is ever cut, even on a narrow terminal
	streamed bool  // there may be many rows, and they can be read only once
	rows     iter.Seq[[]string]
}

// notation says how numbers and times are written. For people: 1,204 and
// 2026-03-01 10:00:07. For programs: 1204 and columns.TimeLayout.
type notation struct{ people bool }

func (n notation) count(i int) string {
	if n.people {
		return groupDigits(i)
	}
	return strconv.Itoa(i)
}

func (n notation) time(t time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case n.people:
		return humanTime(t)
	}
	return t.UTC().Format(columns.TimeLayout)
}

// dayText returns the day of a time, or an empty text for the zero time.
func dayText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return row.DateOf(t).String()
}

// limits says how many rows each table of a report has at most. Zero sign-ins mean
// that the report does not have that table.
type limits struct{ principals, findings, signins int }

// reportSections returns the whole report d: summary and coverage, the tables, and what
// was not read. l limits the rows of principals, findings and sign-ins. If verbose, it
// lists every skip and every Region without log files. An empty table of endpoints,
// principals or findings is left out.
func reportSections(d Report, n notation, l limits, verbose bool) []section {
	all := []section{
		{lines: append(summaryLines(d.Summary), coverageLines(d.Coverage, false)...)},
	}
	if len(d.Endpoints) > 0 {
		all = append(all, section{title: "Endpoints", grid: endpointGrid(d.Endpoints, n)})
	}
	if len(d.Principals) > 0 {
		shown := d.Principals[:min(len(d.Principals), l.principals)]
		all = append(all, section{title: "Principals", grid: principalGrid(shown, n),
			more: moreText(len(d.Principals)-len(shown), row.Principals)})
	}
	if d.Summary.Findings > 0 && d.Findings != nil {
		all = append(all, section{title: "Findings", grid: findingGrid(firstRows(d.Findings, l.findings), n),
			more: moreText(d.Summary.Findings-l.findings, row.Findings)})
	}
	all = append(all, skipSections(d.Coverage, n, verbose)...)
	if l.signins > 0 && d.SignIns != nil {
		all = append(all, section{title: "Sign-ins", grid: signInGrid(firstRows(d.SignIns, l.signins), n),
			more: moreText(d.Summary.SignIns-l.signins, row.SignIns)})
	}
	return all
}

// tableSection returns the table k of the report d with all its rows, without title
// and lines. Another kind than those of Tables is an error.
func tableSection(d Report, k row.Kind, n notation) (section, error) {
	switch k {
	case row.SignIns:
		return section{grid: signInGrid(orNone(d.SignIns), n)}, nil
	case row.Findings:
		return section{grid: findingGrid(orNone(d.Findings), n)}, nil
	case row.Endpoints:
		return section{grid: endpointGrid(d.Endpoints, n)}, nil
	case row.Principals:
		return section{grid: principalGrid(d.Principals, n)}, nil
	}
	return section{}, fmt.Errorf("rows %q: no such table", string(k))
}

// firstRows yields the first n rows and does not read the others.
func firstRows[R any](rows iter.Seq[R], n int) iter.Seq[R] {
	return func(yield func(R) bool) {
		if n < 1 {
			return
		}
		seen := 0
		for r := range rows {
			if seen++; !yield(r) || seen >= n {
				return
			}
		}
	}
}

func moreText(left int, k row.Kind) func() string {
	if left < 1 {
		return nil
	}
	return func() string { return "… and " + groupDigits(left) + " more (--rows " + string(k) + " lists all)" }
}

func endpointGrid(all []row.Endpoint, n notation) grid {
	return grid{
		head:  []string{"scope", "endpoint", "sign_ins", "failures", "principals", "first", "last"},
		right: []int{2, 3, 4},
		rows: gridRows(slices.Values(all), func(e row.Endpoint) []string {
			return []string{e.Scope, e.Endpoint, n.count(e.SignIns), n.count(e.Failures), n.count(e.Principals),
				n.time(e.First), n.time(e.Last)}
		}),
	}
}

// principalGrid has fewer columns for people: no type of identity, which the key
// shows too, and no time of day. The long key then fits into a terminal.
func principalGrid(all []row.Principal, n notation) grid {
	if n.people {
		return grid{
			head:  []string{"principal", "sign_ins", "failures", "endpoints", "usual_endpoint", "first", "last", "findings"},
			right: []int{1, 2, 3, 7},
			rows: gridRows(slices.Values(all), func(p row.Principal) []string {
				return []string{p.Principal, n.count(p.SignIns), n.count(p.Failures), n.count(p.Endpoints), p.UsualEndpoint,
					dayText(p.First), dayText(p.Last), n.count(p.Findings)}
			}),
		}
	}
	return grid{
		head: []string{"principal", "identity_type", "sign_ins", "failures", "endpoints", "usual_endpoint",
			"first", "last", "findings"},
		rows: gridRows(slices.Values(all), func(p row.Principal) []string {
			return []string{p.Principal, p.IdentityType, n.count(p.SignIns), n.count(p.Failures),
				n.count(p.Endpoints), p.UsualEndpoint, n.time(p.First), n.time(p.Last), n.count(p.Findings)}
		}),
	}
}

func findingGrid(all iter.Seq[row.Finding], n notation) grid {
	return grid{
		head:     []string{"event_time", "severity", "rule", "principal", "observed", "expected", "account_id", "reason"},
		prose:    7,
		lead:     4,
		streamed: true,
		rows: gridRows(all, func(f row.Finding) []string {
			return []string{n.time(f.EventTime), f.Severity, f.Rule, f.Principal, f.Observed,
				strings.Join(f.Expected, ", "), f.AccountID, f.Reason}
		}),
	}
}

func signInGrid(all iter.Seq[row.SignIn], n notation) grid {
	return grid{
		head: []string{"event_time", "outcome", "scope", "endpoint", "basis", "confidence", "notes", "account_id",
			"principal", "source_ip"},
		streamed: true,
		rows: gridRows(all, func(s row.SignIn) []string {
			return []string{n.time(s.EventTime), s.Outcome, s.Scope, s.Endpoint, s.Basis, s.Confidence,
				strings.Join(s.Notes, ","), s.AccountID, s.Principal, s.SourceIP}
		}),
	}
}

func gridRows[R any](rows iter.Seq[R], cells func(R) []string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for r := range rows {
			if !yield(cells(r)) {
				return
			}
		}
	}
}
