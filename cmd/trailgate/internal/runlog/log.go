// Package runlog reports a run of the batch job: as records of slog, as plain lines, and
// as metrics in the Prometheus text format. It takes summaries, skips and messages, and
// writes text to the writer that it is given. It does not decide anything about the run.
package runlog

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"trailgate/cmd/trailgate/internal/batch"
	"trailgate/ingest"
	"trailgate/report"
)

// Formats lists the forms of a Log: auto is plain lines, text and json are records of
// slog.
func Formats() []string { return []string{"auto", "text", "json"} }

// MaxSkipLines is how many skips are named if not all are wanted.
const MaxSkipLines = 10

// Log reports the run of a job. Say, Complain, Hint and Fail may be called from several
// goroutines. The other methods are for one goroutine.
type Log struct {
	out     io.Writer
	records *slog.Logger    // nil: plain lines
	quiet   bool            // only errors
	named   map[string]bool // the origins of the objects that Skips has named
}

// New makes a log that writes to a writer. The clock gives records their time. A quiet
// log writes errors only. The error says that the format is unknown.
func New(out io.Writer, format string, quiet bool, now func() time.Time) (*Log, error) {
	l := &Log{out: out, quiet: quiet, named: map[string]bool{}}
	switch format {
	case "auto":
	case "text":
		l.records = slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if a = withTime(now, groups, a); a.Value.Kind() == slog.KindString {
				a.Value = slog.StringValue(report.Clean(a.Value.String()))
			}
			return a
		}}))
	case "json":
		l.records = slog.New(slog.NewJSONHandler(escapeInvisible{out}, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			return withTime(now, groups, a)
		}}))
	default:
		return nil, fmt.Errorf("%q: give one of %s", format, strings.Join(Formats(), ", "))
	}
	return l, nil
}

// Structured reports whether the log writes records instead of plain lines.
func (l *Log) Structured() bool { return l.records != nil }

// Line writes one plain line to a writer, with the name of the command before it. It
// removes characters that could control a terminal. It ignores an error of the writer,
// because it cannot be reported anywhere else.
func Line(out io.Writer, text string) {
	if _, err := fmt.Fprintln(out, "trailgate: "+report.Clean(text)); err != nil {
		return
	}
}

// withTime returns the attribute a of a record. If it is the time of the record, its
// value becomes the time of the clock, in UTC.
func withTime(now func() time.Time, groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		a.Value = slog.TimeValue(now().UTC())
	}
	return a
}

// escapeInvisible writes JSON without characters that are invisible or move a cursor.
// It escapes those that the JSON encoder leaves as they are. So a parser reads the same
// text, and a terminal is safe. It needs a whole record in each Write, as slog gives
// it.
type escapeInvisible struct{ to io.Writer }

// Write writes one record with these characters escaped. It returns the length of the
// record as it was given.
func (v escapeInvisible) Write(record []byte) (int, error) {
	var out []byte
	done := 0 // this many bytes of the record are in out
	for i := 0; i < len(record); {
		r, size := utf8.DecodeRune(record[i:])
		if r > '~' && !unicode.IsPrint(r) {
			out = append(out, record[done:i]...)
			if r > 0xffff {
				high, low := utf16.EncodeRune(r)
				out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
			} else {
				out = fmt.Appendf(out, `\u%04x`, r)
			}
			done = i + size
		}
		i += size
	}
	if _, err := v.to.Write(append(out, record[done:]...)); err != nil {
		return 0, err
	}
	return len(record), nil
}

// Say writes one message: as a plain line, or as a record with a message and the
// attributes of slog. A quiet log writes it only at the level of errors.
func (l *Log) Say(level slog.Level, plain, message string, attributes ...any) {
	switch {
	case l.quiet && level < slog.LevelError:
	case l.records == nil:
		Line(l.out, plain)
	case level >= slog.LevelError:
		l.records.Error(message, attributes...)
	case level >= slog.LevelWarn:
		l.records.Warn(message, attributes...)
	default:
		l.records.Info(message, attributes...)
	}
}

// Complain writes a warning. A line that begins with "error: " is written as an error.
func (l *Log) Complain(line string) {
	if words, ok := strings.CutPrefix(line, "error: "); ok {
		l.Fail(words, "")
		return
	}
	l.Say(slog.LevelWarn, line, line)
}

// Hint writes what would help with the message before it, as a warning.
func (l *Log) Hint(words string) {
	l.Say(slog.LevelWarn, "hint: "+words, "hint", slog.String("hint", words))
}

// Fail writes an error and, if the hint is not empty, what would help. A quiet log
// writes both too.
func (l *Log) Fail(words, hint string) {
	if l.records == nil {
		Line(l.out, "error: "+words)
		if hint != "" {
			Line(l.out, "hint: "+hint)
		}
		return
	}
	attributes := []any{slog.String("error", words)}
	if hint != "" {
		attributes = append(attributes, slog.String("hint", hint))
	}
	l.records.Error("failed", attributes...)
}

// Run writes how a run ended. First it names the objects of the backlog (those that no
// run could read yet) that Skips has not named. It names at most MaxSkipLines unless
// all is set. Then come the remarks, what Check finds, and one line with all figures.
func (l *Log) Run(a *batch.Summary, all bool) {
	l.nameBacklog(a, all)
	for _, remark := range a.Remarks {
		l.Say(slog.LevelInfo, remark, "remark", slog.String("run", a.Run), slog.String("remark", remark))
	}
	for _, wrong := range a.Check() {
		l.Say(slog.LevelWarn, wrong, "account", slog.String("run", a.Run), slog.String("remark", wrong))
	}
	level := slog.LevelWarn
	if a.Status == batch.StatusComplete {
		level = slog.LevelInfo
	}
	l.Say(level, a.Line(), "run", attributesOf(a)...)
}

// attributesOf gives the fields of the record about the whole run.
func attributesOf(a *batch.Summary) []any {
	out := []any{
		slog.String("run", a.Run), slog.String("status", a.Status),
		slog.Int64("generation", a.Generation), slog.Bool("committed", a.Committed),
	}
	for _, f := range a.Figures() {
		out = append(out, slog.Int64(f.Name, f.Value))
	}
	for _, t := range [...]struct {
		name string
		at   time.Time
	}{{"started", a.Started}, {"since", a.Since}, {"settled", a.Settled}} {
		if !t.at.IsZero() {
			out = append(out, slog.Time(t.name, t.at.UTC()))
		}
	}
	if a.Error != "" {
		out = append(out, slog.String("error", a.Error))
	}
	return append(out, slog.Float64("seconds", a.Seconds), slog.String("lake", a.Lake))
}

// Skips writes a warning for each object or record that was skipped. Unless all is set,
// it names at most MaxSkipLines and then gives the number of the others. It remembers
// the objects that it has named, for Run.
func (l *Log) Skips(c *ingest.Coverage, all bool) {
	for i, s := range c.Skips {
		if i == MaxSkipLines && !all {
			l.countMore("skipped", len(c.Skips)-i+c.Unlisted)
			return
		}
		l.Say(slog.LevelWarn, SkipLine(&s), "skipped",
			slog.String("origin", s.Origin), slog.String("cause", string(s.Cause)), slog.String("reason", s.Err.Error()))
		if !s.Record {
			l.named[s.Origin] = true
		}
	}
	l.countMore("skipped", c.Unlisted)
}

// SkipLine is the plain line about one skip.
func SkipLine(s *ingest.SkipError) string {
	return fmt.Sprintf("skipped: %q: %s: %v", s.Origin, s.Cause, s.Err)
}

// nameBacklog writes a warning for each object of the backlog that Skips has not named.
// Unless all is set, it names at most MaxSkipLines and then gives the number of the
// others.
func (l *Log) nameBacklog(a *batch.Summary, all bool) {
	lines, more := 0, 0
	for _, o := range a.Owed {
		switch {
		case o.Origin != "" && l.named[o.Origin]:
		case lines == MaxSkipLines && !all:
			more++
		default:
			lines++
			l.Say(slog.LevelWarn, fmt.Sprintf("owed: %q: %s: %s (since %s, %s)", o.Key, o.Cause, o.Reason, o.Since.UTC().Format(time.RFC3339), countTries(o.Tries)),
				"owed", slog.String("run", a.Run), slog.String("key", o.Key), slog.String("source", o.Source), slog.String("cause", o.Cause),
				slog.String("reason", o.Reason), slog.Time("since", o.Since.UTC()), slog.Int("tries", o.Tries))
		}
	}
	l.countMore("owed", more)
}

// countTries gives a number of tries in words.
func countTries(n int) string {
	if n == 1 {
		return "1 try"
	}
	return fmt.Sprintf("%d tries", n)
}

// countMore writes how many more objects there are that were not named. It writes
// nothing if n is 0.
func (l *Log) countMore(what string, n int) {
	if n > 0 {
		l.Say(slog.LevelWarn, fmt.Sprintf("%s: and %d more; --verbose names them", what, n), what, slog.Int("more", n), slog.String("hint", "--verbose names them"))
	}
}
