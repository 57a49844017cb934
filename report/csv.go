package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode"
)

// WriteCSV writes rows as CSV: a line of column names, then a line a row,
// quoted as RFC 4180 says, each line ended by LF. Absent values are empty,
// lists are joined with a semicolon.
//
// Text is made harmless for the programs that open such files. It is Clean, so
// no control character is left and a row is always one line; and a text that a
// spreadsheet would run as a formula begins with an apostrophe: one whose first
// character, spaces, quotes and invisible characters aside, is = + - @, a tab or a
// carriage return, full-width forms included. So does each part of a cell behind
// a semicolon, which separates cells in many countries. JSON and Parquet have
// the text as it was. Nothing is collected; rows may be read once.
func WriteCSV[R Row](w io.Writer, rows iter.Seq[R]) error {
	all := fields[R]()
	out := csv.NewWriter(w)
	record := make([]string, len(all))
	for i := range all {
		record[i] = all[i].Name
	}
	err := out.Write(record)
	if rows != nil && err == nil {
		for v := range values(rows) {
			for i := range all {
				record[i] = all[i].text(v, ";")
				if t := all[i].Type; t == typeText || t == typeTexts {
					record[i] = inert(record[i])
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

// inert is text that neither a terminal nor a spreadsheet acts on.
func inert(s string) string {
	if !strings.Contains(s, ";") && !formula(s) {
		return Clean(s)
	}
	// Quotes would not help: a program that splits at semicolons heeds only those
	// that stand right behind one.
	parts := strings.Split(s, ";")
	for i, p := range parts {
		if formula(p) {
			parts[i] = "'" + p
		}
	}
	return Clean(strings.Join(parts, ";"))
}

// formula tells whether a spreadsheet may run the text. Some trim what stands
// before the sign, and some take full-width signs for the plain ones.
func formula(s string) bool {
	for _, r := range s {
		switch {
		case strings.ContainsRune("=+-@\t\r\n＝＋－＠﹢﹣﹦﹫−", r):
			return true
		case unicode.IsSpace(r), hazard(r), strings.ContainsRune("\"'`´‘’“”«»＂＇", r):
		default:
			return false
		}
	}
	return false
}
