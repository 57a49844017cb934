// Command trailgate finds the console sign-ins in AWS CloudTrail. It says through which
// endpoint each one came: the global one, or that of a Region. It takes arguments and
// sources. It writes rows to standard output and all messages to standard error. It only
// reads from AWS. The exceptions are the lake and the state of export.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/term"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(40) // a million sign-ins take a sixth less memory for it, a trail no more time
	}
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		width = 0
	}
	code := run(ctx, process{
		args:   os.Args[1:],
		stdin:  os.Stdin,
		stdout: os.Stdout,
		stderr: os.Stderr,
		outTTY: term.IsTerminal(int(os.Stdout.Fd())),
		errTTY: term.IsTerminal(int(os.Stderr.Fd())),
		width:  width,
		getenv: os.Getenv,
		now:    time.Now,
	})
	stop()
	os.Exit(code)
}
