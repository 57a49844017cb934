package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode"

	"trailgate/report/internal/columns"
	"trailgate/report/internal/safetext"
)

// writeCSV writes one table as CSV. The first line has the names of the columns.
// Cells are quoted as RFC 4180 says, and each line ends with LF. An absent value
// is empty. The elements of a list are joined with a semicolon.
//
// Texts are made safe for the programs that open such files. They are Clean, so a
// row is always one line. A text that a spreadsheet would run as a formula gets an
// apostrophe before it; see isFormula. The same is done to each part between
// semicolons, because spreadsheets in many countries split cells there.
//
// It reads the rows once and collects none.
func writeCSV(w io.Writer, r Report, o Options) error {
	t, err := streamRows(r, o.Rows)
	if err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	out := csv.NewWriter(w)
	record, scratch := make([]string, len(t.fields)), make([]byte, 0, 64)
	for i := range t.fields {
		record[i] = t.fields[i].Name
	}
	err = out.Write(record)
	if err == nil {
		for v := range t.values {
			for i := range t.fields {
				record[i] = t.fields[i].Plain(v, ";", scratch)
				if kind := t.fields[i].Type; kind == columns.TypeText || kind == columns.TypeTexts {
					record[i] = inertText(record[i])
				}
			}
			if err = out.Write(record); err != nil {
				break
			}
		}
	}
	out.Flush()
	if err == nil {
		err = out.Error()
	}
	if err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

// inertText returns the text in a form that neither a terminal nor a spreadsheet
// acts on. It puts an apostrophe before each part between semicolons that isFormula
// reports, and cleans the text.
func inertText(s string) string {
	if !strings.Contains(s, ";") && !isFormula(s) {
		return safetext.Clean(s)
	}
	// Quotes would not protect the parts. A program that splits at semicolons
	// respects only a quote that follows a semicolon directly.
	parts := strings.Split(s, ";")
	for i, p := range parts {
		if isFormula(p) {
			parts[i] = "'" + p
		}
	}
	return safetext.Clean(strings.Join(parts, ";"))
}

// isFormula reports whether a spreadsheet may run the text. That is so if the first
// character is one of = + - @, a tab, a carriage return or a line feed. Some programs
// ignore spaces, quotes and invisible characters before it, so isFormula does too.
// Some take full-width and small signs for the usual ones, so it counts those as well.
func isFormula(s string) bool {
	for _, r := range s {
		switch {
		case strings.ContainsRune("=+-@\t\r\n＝＋－＠﹢﹣﹦﹫−", r):
			return true
		case unicode.IsSpace(r), safetext.IsDangerous(r), strings.ContainsRune("\"'`´‘’“”«»＂＇", r):
		default:
			return false
		}
	}
	return false
}
