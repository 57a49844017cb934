package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"trailgate/analyzer/policy"
	"trailgate/cmd/trailgate/internal/atomicfile"
	"trailgate/report"
	"trailgate/report/row"
)

// outputFlags say what is written, how, and where.
type outputFlags struct {
	format string
	rows   string
	out    string
	asked  bool // the user gave --format

	formats []report.Format // those that the verb can write
	chosen  report.Format   // the one of them that format names; set by check
}

// reportFormats returns the formats that audit and coverage can write.
func (p *process) reportFormats() []report.Format {
	if p.formats != nil {
		return p.formats
	}
	return report.Formats()
}

// tableAndJSON returns the formats of the verbs that do not write a report.
func tableAndJSON() []report.Format {
	return slices.DeleteFunc(report.Formats(), func(f report.Format) bool {
		return f.Name != report.Table && f.Name != report.JSON
	})
}

func formatNames(formats []report.Format) []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.Name)
	}
	return names
}

// registerOutput registers --format and --output. The first of the formats is the
// default.
func (f *outputFlags) registerOutput(s *pflag.FlagSet, formats []report.Format) {
	f.formats = formats
	names := formatNames(formats)
	s.StringVar(&f.format, "format", names[0], "one of "+strings.Join(names, ", "))
	s.StringVarP(&f.out, "output", "o", "", "write to this `file`, whole or not at all; - is standard output")
}

// registerRows registers --rows. It must be called after registerOutput, which sets the
// formats.
func (f *outputFlags) registerRows(s *pflag.FlagSet) {
	var rowsOnly []string
	for _, format := range f.formats {
		if format.RowsOnly() {
			rowsOnly = append(rowsOnly, format.Name)
		}
	}
	s.StringVar(&f.rows, "rows", "", fmt.Sprintf("write only this table: %s (%s: %s by default)",
		oneOf(tableNames()), strings.Join(rowsOnly, ", "), row.SignIns))
}

func tableNames() []string {
	var names []string
	for _, k := range report.Tables() {
		names = append(names, string(k))
	}
	return names
}

// oneOf joins words as in a sentence: "a, b or c".
func oneOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// check validates the flags and sets f.chosen and f.asked. It refuses a binary format
// on a terminal. It comes before the first access to a source, so that a mistake in the
// format does not cost a long run.
func (f *outputFlags) check(p *process, set *pflag.FlagSet) error {
	f.asked = set.Changed("format")
	var known bool
	if f.chosen, known = report.FindFormat(f.formats, f.format); !known {
		return usagef("--format %q: give one of %s", f.format, strings.Join(formatNames(f.formats), ", "))
	}
	if err := f.chosen.CheckRows(row.Kind(f.rows)); err != nil {
		if f.chosen.OneDocument && slices.Contains(tableNames(), f.rows) {
			return usagef("--rows does not go with --format %s, which is one document with all tables", f.format)
		}
		return usagef("--rows %q: give one of %s", f.rows, strings.Join(tableNames(), ", "))
	}
	if f.chosen.Binary && p.outTTY && f.toStdout() {
		return hinted{usagef("%s is binary and standard output is a terminal", f.format), "write it to a file: -o signins." + f.format}
	}
	return nil
}

// rowsOnly reports whether the output has no place for the coverage of the run.
func (f *outputFlags) rowsOnly() bool { return f.rows != "" || f.chosen.RowsOnly() }

// grouped reports whether the output is a report for people, in which the findings
// of each principal come together.
func (f *outputFlags) grouped() bool { return f.rows == "" && f.chosen.Grouped }

func (f *outputFlags) toStdout() bool { return f.out == "" || f.out == "-" }

// options returns what a report for people needs to know of the terminal. The message
// flags may be nil.
func (f *outputFlags) options(p *process, m *messageFlags) report.Options {
	terminal := p.outTTY && f.toStdout()
	o := report.Options{Aligned: terminal || f.asked || !f.toStdout(), Rows: row.Kind(f.rows)}
	if terminal {
		o.Width = p.width
		o.Color = p.getenv("NO_COLOR") == "" && p.getenv("TERM") != "dumb"
	}
	if m != nil {
		o.Verbose = m.verbose
	}
	return o
}

// write calls the function write with standard output or with the file that -o names.
// The file is written under another name and then renamed. So a failed run leaves no
// file, and nobody sees half of one. partial means that the run was interrupted. It
// then writes what it has to a file with the suffix ".partial", so that it does not
// replace an older complete one.
func (f *outputFlags) write(p *process, partial bool, write func(io.Writer) error) error {
	if f.toStdout() {
		return atomicfile.Buffered(p.stdout, write)
	}
	path := f.out
	if partial {
		path += ".partial"
		p.complain(fmt.Sprintf("partial: what was finished goes to %q", path))
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return usagef("-o %q is a folder", f.out)
	}
	return atomicfile.Replace(path, write)
}

// tellProblems shows problems of a policy on standard error, each with its line of the
// file. If the log is made of records, each problem is one record. It stops if standard
// error cannot be written to.
func (p *process) tellProblems(problems policy.Problems) {
	for _, problem := range problems {
		if problem.Warning {
			problem.Text = "warning: " + problem.Text
		}
		if p.log != nil && p.log.Structured() {
			p.log.Complain(problem.Error())
			continue
		}
		for _, l := range problem.Lines() {
			if _, err := fmt.Fprintln(p.stderr, report.Clean(l)); err != nil {
				return
			}
		}
	}
}
