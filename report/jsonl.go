package report

import (
	"bufio"
	"fmt"
	"io"
	"iter"
)

// WriteJSONL writes rows as JSON Lines: one object a line, the columns in
// their order, absent values as null. Text is exact and harmless to a terminal
// as in WriteJSON. Nothing is collected; rows may be read once.
func WriteJSONL[R Row](w io.Writer, rows iter.Seq[R]) error {
	b := bufio.NewWriterSize(w, 1<<16)
	if rows == nil {
		return nil
	}
	enc := newEncoder[R]()
	for v := range values(rows) {
		if _, err := b.Write(append(enc.encode(v), '\n')); err != nil {
			return fmt.Errorf("write jsonl: %w", err)
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write jsonl: %w", err)
	}
	return nil
}
