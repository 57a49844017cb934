//go:build !unix

package main

import "os"

// peakOf gives 0, because this platform does not report the peak memory.
func peakOf(*os.ProcessState) float64 { return 0 }
