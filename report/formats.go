package report

import (
	"fmt"
	"io"
	"slices"

	"trailgate/report/row"
)

// The names of the two formats that every verb with an output offers.
const (
	Table = "table"
	JSON  = "json"
)

// Format is one way to write a report. The values in Formats are the only useful
// ones, because the functions that write are not exported.
type Format struct {
	Name        string // the value of --format
	Binary      bool   // not text, so it must not go to a terminal
	OneDocument bool   // one document with all tables, so one table cannot be chosen
	Grouped     bool   // a report for people, with the findings of each principal together

	write         writeFunc
	writeCoverage writeFunc // nil: the rows of coverage, written by write
}

// writeFunc writes a report. If Options.Rows is set, it writes that table alone.
type writeFunc func(w io.Writer, r Report, o Options) error

// Formats returns all formats in the order in which they are listed to people.
// The caller owns the slice.
func Formats() []Format {
	return []Format{
		{Name: Table, Grouped: true, write: writeTable, writeCoverage: writeCoverageTable},
		{Name: JSON, OneDocument: true, write: writeJSON, writeCoverage: writeCoverageJSON},
		{Name: "jsonl", write: writeJSONL},
		{Name: "csv", write: writeCSV},
		{Name: "markdown", Grouped: true, write: writeMarkdown, writeCoverage: writeCoverageMarkdown},
		{Name: "html", Grouped: true, write: writeHTML, writeCoverage: writeCoverageHTML},
		{Name: "parquet", Binary: true, write: writeParquet},
	}
}

// FindFormat returns the format with a name, and whether the list has it.
func FindFormat(formats []Format, name string) (Format, bool) {
	i := slices.IndexFunc(formats, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, false
	}
	return formats[i], true
}

// RowsOnly reports whether the format writes one table and nothing else. Then it
// has no place for the coverage of the run. The table is that of the sign-ins
// unless Options.Rows says otherwise.
func (f Format) RowsOnly() bool { return !f.OneDocument && !f.Grouped }

// CheckRows returns an error if the format cannot write this table of a report
// alone, or if Tables does not have it. Empty is never an error: Write then writes
// the whole report, or the sign-ins if the format is RowsOnly.
func (f Format) CheckRows(k row.Kind) error {
	switch {
	case k == "":
		return nil
	case !slices.Contains(Tables(), k):
		return fmt.Errorf("rows %q: no such table", string(k))
	case f.OneDocument:
		return fmt.Errorf("rows %q: %s is one document with all tables", string(k), f.Name)
	}
	return nil
}

// Tables returns the kinds of rows that a Report has, in the order in which they
// are listed to people. The caller owns the slice.
func Tables() []row.Kind {
	return []row.Kind{row.SignIns, row.Findings, row.Endpoints, row.Principals}
}

// Write writes a report, or with Options.Rows one table of it. If the format is
// RowsOnly and Options.Rows is empty, it writes the sign-ins. A format that does not
// exist and a table that CheckRows refuses are errors, and then nothing has been
// written.
func Write(w io.Writer, f Format, r Report, o Options) error {
	if err := f.CheckRows(o.Rows); err != nil {
		return fmt.Errorf("write %s: %w", f.Name, err)
	}
	if f.write == nil {
		return fmt.Errorf("write format %q: not one of the list", f.Name)
	}
	if f.RowsOnly() && o.Rows == "" {
		o.Rows = row.SignIns
	}
	return f.write(w, r, o)
}

// WriteCoverage writes what a trail has for each account and Region, and nothing
// about sign-ins. It uses r.Coverage, and r.Summary.Version if the format has a
// place for it. Options.Rows is ignored.
func WriteCoverage(w io.Writer, f Format, r Report, o Options) error {
	switch {
	case f.write == nil:
		return fmt.Errorf("write format %q: not one of the list", f.Name)
	case f.writeCoverage != nil:
		o.Rows = ""
		return f.writeCoverage(w, r, o)
	}
	o.Rows = row.Coverages
	return f.write(w, r, o)
}
