package runlog

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"trailgate/analyzer/text"
	"trailgate/cmd/trailgate/internal/batch"
	"trailgate/report"
)

// WriteState writes what a state says as text for people: how far the export has come,
// the objects that it could not read, and the objects that were written off.
func WriteState(w io.Writer, v *batch.StateView) error {
	var b strings.Builder
	fmt.Fprintf(&b, "State %s, generation %d, %d bytes.\n", v.State, v.Generation, v.Bytes)
	fmt.Fprintf(&b, "The lake holds sign-ins since %s; the newest log file that was read is of %s.\n", formatMoment(v.Since), formatMoment(v.Newest))
	fmt.Fprintf(&b, "History is settled up to %s; the next run judges %s after that again.\n", formatMoment(v.Settled), text.Count(v.Pending, "sign-in"))
	fmt.Fprintf(&b, "There are checkpoints of %s.\n", text.Count(v.Folders, "folder"))
	if v.Last != nil {
		fmt.Fprintf(&b, "Last commit: %s, begun at %s.\n", v.Last.Line(), formatMoment(v.Last.Started))
	}
	switch {
	case len(v.Owed) > 0:
		fmt.Fprintf(&b, "%s in the backlog: sign-ins in them have not been seen. Each run tries again; trailgate state forgive KEY writes one off.\n\n", ObjectsAre(len(v.Owed)))
	case len(v.WrittenOff) > 0:
		b.WriteString("No unread objects: everything that was found has been read or written off.\n")
	default:
		b.WriteString("No unread objects: everything that was found has been read.\n")
	}
	if _, err := io.WriteString(w, cleanLines(b.String())); err != nil {
		return err
	}
	lines := [][]string{{"since", "tries", "cause", "key", "reason"}}
	for _, o := range v.Owed {
		lines = append(lines, []string{formatMoment(o.Since), fmt.Sprint(o.Tries), o.Cause, o.Key, o.Reason})
	}
	if err := writeColumns(w, lines); err != nil || len(v.WrittenOff) == 0 {
		return err
	}
	if _, err := fmt.Fprintf(w, "\n%s written off; their sign-ins are not in the lake, unless they came in another file:\n\n", ObjectsAre(len(v.WrittenOff))); err != nil {
		return err
	}
	lines = [][]string{{"written off", "cause", "key", "reason"}}
	for _, o := range v.WrittenOff {
		lines = append(lines, []string{formatMoment(o.At), o.Cause, o.Key, o.Reason})
	}
	return writeColumns(w, lines)
}

// writeColumns writes lines in aligned columns. The first line is the heading. It writes
// nothing if there is only a heading.
func writeColumns(w io.Writer, lines [][]string) error {
	if len(lines) == 1 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, cells := range lines {
		for i := range cells {
			cells[i] = report.Clean(cells[i])
		}
		if _, err := io.WriteString(t, strings.Join(cells, "\t")+"\n"); err != nil {
			return err
		}
	}
	return t.Flush()
}

// ObjectsAre gives the subject and verb of a sentence about a number of objects: "1
// object is", "2 objects are".
func ObjectsAre(n int) string {
	if n == 1 {
		return "1 object is"
	}
	return fmt.Sprintf("%d objects are", n)
}

// formatMoment gives a time as RFC 3339, or never for the zero time.
func formatMoment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format(time.RFC3339)
}

// cleanLines removes from each line what could control a terminal.
func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = report.Clean(lines[i])
	}
	return strings.Join(lines, "\n")
}
