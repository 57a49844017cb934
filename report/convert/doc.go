// Package convert makes rows and reports from what a run has found.
//
// Events, verdicts, findings and the coverage of sources go in. Rows of package
// row and parts of a report.Report come out. It also says which Regions and days
// have no log files, because that follows from the coverage.
//
// It is the only package below report that imports analyzer and ingest. So the
// formats do not know CloudTrail, and sources and rules do not know columns. The
// command imports it. It does no I/O and reads no clock.
//
// The functions do not change what they are given. Several goroutines may use them
// at the same time.
package convert
