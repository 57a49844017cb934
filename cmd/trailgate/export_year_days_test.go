//go:build !race

package main

// How much the tests of many runs replay.
const (
	yearDays   = 365 // of TestExportYear
	randomDays = 40  // of TestExportAtRandom
	orders     = 12  // of TestExportAnyOrder
)
