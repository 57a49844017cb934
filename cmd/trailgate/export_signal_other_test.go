//go:build !unix

package main

import (
	"context"
	"fmt"
	"os"
)

// signalSelf ends the own process. There are no other signals here.
func signalSelf(ctx context.Context, name string) error {
	if name != "kill" {
		return fmt.Errorf("signal %q: not here", name)
	}
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	if err == nil {
		<-ctx.Done()
	}
	return err
}
