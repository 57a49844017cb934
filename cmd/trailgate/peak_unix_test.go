//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

// peakOf gives the peak memory of a process in bytes.
func peakOf(s *os.ProcessState) float64 {
	r, ok := s.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" {
		return float64(r.Maxrss)
	}
	return float64(r.Maxrss) * 1024
}
