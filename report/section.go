package report

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
)

// section is a part of a report for people. Its texts may hold whatever a
// record held: each renderer makes them harmless in its own way.
type section struct {
	title string
	lines []line
	grid  grid
	more  func() string // asked after the rows: what the table leaves out
}

type line struct {
	text string
	tone tone
}

// tone is how a line is meant.
type tone uint8

const (
	plain tone = iota
	strong
	good
	bad
)

// grid is a table; without a head there is none.
type grid struct {
	head     []string
	right    []int // columns of numbers
	prose    int   // column whose text goes on in further rows rather than be cut; 0: none
	lead     int   // columns that begin a block, where the terminal is too narrow for a table; 0: a table always
	whole    bool  // never cut a cell, however narrow the terminal
	streamed bool  // rows may be many, and can be read only once
	rows     iter.Seq[[]string]
}

// notation says how numbers and times are written: for people, or plain.
type notation struct{ people bool }

func (n notation) count(i int) string {
	if n.people {
		return thousands(i)
	}
	return strconv.Itoa(i)
}

func (n notation) time(t time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case n.people:
		return moment(t)
	}
	return t.UTC().Format(millisecond)
}

// day is the day of a time, or nothing for none.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return DateOf(t).String()
}

// limits says how many rows each table of a report shows.
type limits struct{ principals, findings, signins int }

// sections is the whole report: headline and coverage, then the tables.
func sections(d Document, n notation, l limits, verbose bool) []section {
	all := []section{
		{lines: append(headline(d.Summary), coverageLines(d.Coverage, false)...)},
	}
	if len(d.Endpoints) > 0 {
		all = append(all, section{title: "Endpoints", grid: endpointGrid(d.Endpoints, n)})
	}
	if len(d.Principals) > 0 {
		shown := d.Principals[:min(len(d.Principals), l.principals)]
		all = append(all, section{title: "Principals", grid: principalGrid(shown, n),
			more: remainder(len(d.Principals)-len(shown), Principals)})
	}
	if d.Summary.Findings > 0 && d.Findings != nil {
		all = append(all, section{title: "Findings", grid: findingGrid(first(d.Findings, l.findings), n),
			more: remainder(d.Summary.Findings-l.findings, Findings)})
	}
	all = append(all, skipSections(d.Coverage, n, verbose)...)
	if l.signins > 0 && d.SignIns != nil {
		all = append(all, section{title: "Sign-ins", grid: signInGrid(first(d.SignIns, l.signins), n),
			more: remainder(d.Summary.SignIns-l.signins, SignIns)})
	}
	return all
}

// only is one table with all its rows.
func only(d Document, k Kind, n notation) (section, error) {
	switch k {
	case SignIns:
		return section{grid: signInGrid(orNone(d.SignIns), n)}, nil
	case Findings:
		return section{grid: findingGrid(orNone(d.Findings), n)}, nil
	case Endpoints:
		return section{grid: endpointGrid(d.Endpoints, n)}, nil
	case Principals:
		return section{grid: principalGrid(d.Principals, n)}, nil
	}
	return section{}, fmt.Errorf("rows %q: no such table", string(k))
}

func orNone[R any](rows iter.Seq[R]) iter.Seq[R] {
	if rows == nil {
		return func(func(R) bool) {}
	}
	return rows
}

// first gives the first n rows and reads no further.
func first[R any](rows iter.Seq[R], n int) iter.Seq[R] {
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

func remainder(left int, k Kind) func() string {
	if left < 1 {
		return nil
	}
	return func() string { return "… and " + thousands(left) + " more (--rows " + string(k) + " lists all)" }
}

func endpointGrid(all []Endpoint, n notation) grid {
	return grid{
		head:  []string{"scope", "endpoint", "sign_ins", "failures", "principals", "first", "last"},
		right: []int{2, 3, 4},
		rows: cells(slices.Values(all), func(e Endpoint) []string {
			return []string{e.Scope, e.Endpoint, n.count(e.SignIns), n.count(e.Failures), n.count(e.Principals),
				n.time(e.First), n.time(e.Last)}
		}),
	}
}

// principalGrid leaves out for people what the key says too, and the time of
// day: the key itself has to fit into a terminal.
func principalGrid(all []Principal, n notation) grid {
	if n.people {
		return grid{
			head:  []string{"principal", "sign_ins", "failures", "endpoints", "usual_endpoint", "first", "last", "findings"},
			right: []int{1, 2, 3, 7},
			rows: cells(slices.Values(all), func(p Principal) []string {
				return []string{p.Principal, n.count(p.SignIns), n.count(p.Failures), n.count(p.Endpoints), p.UsualEndpoint,
					day(p.First), day(p.Last), n.count(p.Findings)}
			}),
		}
	}
	return grid{
		head: []string{"principal", "identity_type", "sign_ins", "failures", "endpoints", "usual_endpoint",
			"first", "last", "findings"},
		rows: cells(slices.Values(all), func(p Principal) []string {
			return []string{p.Principal, p.IdentityType, n.count(p.SignIns), n.count(p.Failures),
				n.count(p.Endpoints), p.UsualEndpoint, n.time(p.First), n.time(p.Last), n.count(p.Findings)}
		}),
	}
}

func findingGrid(all iter.Seq[Finding], n notation) grid {
	return grid{
		head:     []string{"event_time", "severity", "rule", "principal", "observed", "expected", "account_id", "reason"},
		prose:    7,
		lead:     4,
		streamed: true,
		rows: cells(all, func(f Finding) []string {
			return []string{n.time(f.EventTime), f.Severity, f.Rule, f.Principal, f.Observed,
				strings.Join(f.Expected, ", "), f.AccountID, f.Reason}
		}),
	}
}

func signInGrid(all iter.Seq[SignIn], n notation) grid {
	return grid{
		head: []string{"event_time", "outcome", "scope", "endpoint", "basis", "confidence", "notes", "account_id",
			"principal", "source_ip"},
		streamed: true,
		rows: cells(all, func(s SignIn) []string {
			return []string{n.time(s.EventTime), s.Outcome, s.Scope, s.Endpoint, s.Basis, s.Confidence,
				strings.Join(s.Notes, ","), s.AccountID, s.Principal, s.SourceIP}
		}),
	}
}

func cells[R any](rows iter.Seq[R], of func(R) []string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for r := range rows {
			if !yield(of(r)) {
				return
			}
		}
	}
}
