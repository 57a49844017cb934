//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// signalSelf sends the own process a signal, and goes on once it has come.
func signalSelf(ctx context.Context, name string) error {
	sig := map[string]syscall.Signal{"kill": syscall.SIGKILL, "stop": syscall.SIGSTOP, "term": syscall.SIGTERM}[name]
	if sig == 0 {
		return fmt.Errorf("signal %q is unknown", name)
	}
	woken := make(chan os.Signal, 1)
	signal.Notify(woken, syscall.SIGCONT)
	defer signal.Stop(woken)
	if err := syscall.Kill(os.Getpid(), sig); err != nil {
		return err
	}
	// The kernel may let a thread go on for a while.
	select {
	case <-ctx.Done():
	case <-woken:
	}
	return nil
}
