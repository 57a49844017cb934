//go:build race

package main

// How much the tests of many runs replay. The race detector makes each run take
// ten times as long, for the memory that writing Parquet takes.
const (
	yearDays   = 60 // of TestExportYear
	randomDays = 20 // of TestExportAtRandom
	orders     = 3  // of TestExportAnyOrder
)
