package report

import (
	"bufio"
	"fmt"
	"io"

	"trailgate/report/internal/columns"
)

// writeJSONL writes one table as JSON Lines: one object on each line, with the
// columns in their order and absent values as null. It reads the rows once and
// collects none. A kind of rows that does not exist is an error.
func writeJSONL(w io.Writer, r Report, o Options) error {
	t, err := streamRows(r, o.Rows)
	if err != nil {
		return fmt.Errorf("write jsonl: %w", err)
	}
	b := bufio.NewWriterSize(w, 1<<16)
	enc := columns.NewEncoder(t.fields)
	for v := range t.values {
		if _, err := b.Write(append(enc.Encode(v), '\n')); err != nil {
			return fmt.Errorf("write jsonl: %w", err)
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write jsonl: %w", err)
	}
	return nil
}
