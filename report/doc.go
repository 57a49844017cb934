// Package report writes what a run has found, in the formats that people and
// programs read.
//
// A Report goes in: the summary and the coverage of a run, and its rows. The
// bytes of one format come out. Formats is the list of formats, and each format
// has a file of its own. To add one, write such a file and add a line to the
// list.
//
// The package knows rows and not CloudTrail: it does not decode, classify or
// judge. It opens no file and reads no clock. Package convert makes a Report from
// events and findings.
//
// Rows are written in the order in which they come. If the caller sorts them by a
// complete key, the same input gives the same bytes. Sign-ins and findings are
// streamed, so a report may be larger than the memory.
//
// The text in rows comes from log records, and anybody can write to those. The
// formats for people replace dangerous characters and escape markup. JSON and
// Parquet have the exact text, but a byte that is not UTF-8 becomes U+FFFD. JSON
// writes dangerous characters as \u escapes.
//
// Several goroutines may write reports at the same time, each to a writer of its
// own. Unless a function says otherwise, an error is the error of the writer,
// wrapped with the name of the format.
package report
