package main

import (
	"context"
	"errors"
	"fmt"

	"trailgate/cmd/trailgate/internal/runlog"
	"trailgate/ingest"
	"trailgate/ingest/lookup"
)

// The exit statuses. They are part of the command's contract with scripts.
const (
	exitComplete    = 0
	exitFailed      = 1
	exitUsage       = 2
	exitSkipped     = 3
	exitFindings    = 4
	exitInterrupted = 130
)

// usageError is an error of the command line. The user has to change the command.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errSkipped ends a run that has finished but is not complete. What was skipped has
// been reported before.
var errSkipped = errors.New("something was skipped")

// errNothing ends a run that found objects and could not read any of them.
var errNothing = errors.New("nothing could be read")

// hinted is an error with a hint of its own, because only the place where it happens
// knows what helps.
type hinted struct {
	err  error
	hint string
}

func (e hinted) Error() string { return e.err.Error() }
func (e hinted) Unwrap() error { return e.err }

// conclude reports how the run ended and returns the exit status. For errFindings and
// errSkipped it writes nothing, because the run has reported them.
func (p *process) conclude(ctx context.Context, err error) int {
	switch {
	case err == nil:
		return exitComplete
	case errors.Is(err, errFindings):
		return exitFindings // skips have been reported too
	case errors.Is(err, errSkipped):
		return exitSkipped
	case ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))):
		words := "what was finished is reported as partial"
		if known := (hinted{}); errors.As(err, &known) {
			words = known.hint
		}
		p.complain("interrupted: " + words)
		return exitInterrupted
	}
	p.fail(err.Error(), hintFor(err))
	var usage usageError
	var window *lookup.WindowError
	var resume *lookup.ResumeError
	if errors.As(err, &usage) || errors.As(err, &window) || errors.As(err, &resume) {
		return exitUsage
	}
	return exitFailed
}

// fail reports the error that ended the run, and what would help. The hint may be
// empty.
func (p *process) fail(words, hint string) {
	if p.log != nil {
		p.log.Fail(words, hint)
		return
	}
	p.print("error: " + words)
	if hint != "" {
		p.print("hint: " + hint)
	}
}

// complain writes one line about something that is not as it should be: to the log, or
// else to standard error.
func (p *process) complain(line string) {
	if p.log != nil {
		p.log.Complain(line)
		return
	}
	p.print(line)
}

// print writes one line to standard error.
func (p *process) print(line string) { runlog.Line(p.stderr, line) }

// tellSkips reports on standard error what was skipped. Without --verbose it names only
// the first runlog.MaxSkipLines. If the process has no log, it also gives the totals.
// It does nothing with --quiet, or if everything was read.
func (p *process) tellSkips(c *ingest.Coverage, f *messageFlags) {
	if f.quiet || c.Complete() {
		return
	}
	if p.log != nil {
		p.log.Skips(c, f.verbose)
		return // the summary of the run has the counts
	}
	for i, s := range c.Skips {
		if i == runlog.MaxSkipLines && !f.verbose {
			p.complain(fmt.Sprintf("skipped: and %d more; --verbose names them", len(c.Skips)-i+c.Unlisted))
			break
		}
		p.complain(runlog.SkipLine(&s))
	}
	objects, records := ingest.Total(c.Skipped), ingest.Total(c.SkippedRecords)
	if objects+records > 0 {
		p.complain(fmt.Sprintf("incomplete: %d of %d objects and %d sign-in records could not be read, or not to their end; a further sign-in in them would not have been seen", objects, c.Listed, records))
	}
}
