package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"trailgate/ingest"
	"trailgate/report"
)

// openLog sets up how a job tells of its run: auto is the house's plain lines,
// text and json are records of slog. From then on all that the process tells
// goes through it.
func (p *process) openLog(format string, quiet bool) error {
	l := &runLog{p: p, quiet: quiet}
	switch format {
	case "auto":
	case "text":
		l.to = slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if a = stamped(p.now, groups, a); a.Value.Kind() == slog.KindString {
				a.Value = slog.StringValue(report.Clean(a.Value.String()))
			}
			return a
		}}))
	case "json":
		l.to = slog.New(slog.NewJSONHandler(visible{p.stderr}, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			return stamped(p.now, groups, a)
		}}))
	default:
		return usagef("--log-format %q: give one of auto, text, json", format)
	}
	if l.to != nil {
		p.errTTY = false // records leave no room for a progress bar
	}
	p.log = l
	return nil
}

// stamped gives a record the time of the process' own clock, in UTC.
func stamped(now func() time.Time, groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		a.Value = slog.TimeValue(now().UTC())
	}
	return a
}

// visible writes JSON in which no character is invisible or moves a cursor:
// those that JSON does not escape by itself are escaped as well, so that a
// parser gets the text as it was and a terminal only what can be seen. It
// relies on slog's handing over whole records.
type visible struct{ to io.Writer }

func (v visible) Write(record []byte) (int, error) {
	var out []byte
	done := 0 // so much of the record is in out
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

// runLog is where a job tells of its run. What is said may come from several
// goroutines; the account of the run comes at its end, from one.
type runLog struct {
	p     *process
	to    *slog.Logger // nil: the house's plain lines
	quiet bool         // only errors
	named []string     // the origins of objects whose skip was told
}

// say tells one thing: as a plain line, or as a record with a message and the
// attributes of slog.
func (l *runLog) say(level slog.Level, plain, message string, attributes ...any) {
	switch {
	case l.quiet && level < slog.LevelError:
	case l.to == nil:
		l.p.print(plain)
	case level >= slog.LevelError:
		l.to.Error(message, attributes...)
	case level >= slog.LevelWarn:
		l.to.Warn(message, attributes...)
	default:
		l.to.Info(message, attributes...)
	}
}

// complain tells one thing that is not as it should be.
func (l *runLog) complain(line string) {
	if words, ok := strings.CutPrefix(line, "error: "); ok {
		l.fail(words, "")
		return
	}
	l.say(slog.LevelWarn, line, line)
}

// fail tells of an error and of what would help.
func (l *runLog) fail(words, hint string) {
	if l.to == nil {
		l.p.print("error: " + words)
		if hint != "" {
			l.p.print("hint: " + hint)
		}
		return
	}
	attributes := []any{slog.String("error", words)}
	if hint != "" {
		attributes = append(attributes, slog.String("hint", hint))
	}
	l.to.Error("failed", attributes...)
}

// tellRun says how a run ended: a line for each object that is owed, but for
// those whose skip was told; its remarks; what does not add up; and at last the
// one line that says everything.
func (p *process) tellRun(a *runAccount, f *readFlags) {
	l := p.log
	l.owed(a, f.verbose)
	for _, remark := range a.Remarks {
		l.say(slog.LevelInfo, remark, "remark", slog.String("run", a.Run), slog.String("remark", remark))
	}
	for _, wrong := range a.check() {
		l.say(slog.LevelWarn, wrong, "account", slog.String("run", a.Run), slog.String("remark", wrong))
	}
	level := slog.LevelWarn
	if a.Status == statusComplete {
		level = slog.LevelInfo
	}
	l.say(level, a.line(), "run", a.attributes()...)
}

// attributes are the fields of the record about the whole run.
func (a *runAccount) attributes() []any {
	out := []any{
		slog.String("run", a.Run), slog.String("status", a.Status),
		slog.Int64("generation", a.Generation), slog.Bool("committed", a.Committed),
	}
	for _, f := range a.figures() {
		out = append(out, slog.Int64(f.name, f.value))
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

// skips names what was skipped, at most maxSkipLines unless all are wanted.
func (l *runLog) skips(c *ingest.Coverage, all bool) {
	for i, s := range c.Skips {
		if i == maxSkipLines && !all {
			l.more("skipped", len(c.Skips)-i+c.Unlisted)
			return
		}
		l.say(slog.LevelWarn, skipLine(&s), "skipped",
			slog.String("origin", s.Origin), slog.String("cause", string(s.Cause)), slog.String("reason", s.Err.Error()))
		if !s.Record {
			l.named = append(l.named, s.Origin)
		}
	}
	l.more("skipped", c.Unlisted)
}

// skipLine is the plain line about one skip.
func skipLine(s *ingest.SkipError) string {
	return fmt.Sprintf("skipped: %q: %s: %v", s.Origin, s.Cause, s.Err)
}

// owed names what is owed and was not named as skipped in this run.
func (l *runLog) owed(a *runAccount, all bool) {
	told := map[string]bool{}
	for _, origin := range l.named {
		for i := range len(origin) { // an origin is the key behind the name of its store
			if i == 0 || origin[i-1] == '/' {
				told[origin[i:]] = true
			}
		}
	}
	lines, more := 0, 0
	for _, o := range a.Owed {
		switch {
		case told[o.Key]:
		case lines == maxSkipLines && !all:
			more++
		default:
			lines++
			l.say(slog.LevelWarn, fmt.Sprintf("owed: %q: %s: %s (since %s, %s)", o.Key, o.Cause, o.Reason, o.Since.UTC().Format(time.RFC3339), tries(o.Tries)),
				"owed", slog.String("run", a.Run), slog.String("key", o.Key), slog.String("source", o.Source), slog.String("cause", o.Cause),
				slog.String("reason", o.Reason), slog.Time("since", o.Since.UTC()), slog.Int("tries", o.Tries))
		}
	}
	l.more("owed", more)
}

func tries(n int) string {
	if n == 1 {
		return "1 try"
	}
	return fmt.Sprintf("%d tries", n)
}

func (l *runLog) more(what string, n int) {
	if n > 0 {
		l.say(slog.LevelWarn, fmt.Sprintf("%s: and %d more; --verbose names them", what, n), what, slog.Int("more", n), slog.String("hint", "--verbose names them"))
	}
}
