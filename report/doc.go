// Package report writes rows in the formats that people and programs read.
// In come rows (sign-ins, findings, endpoints, principals, places) and the
// summary and coverage of a run; out go the bytes of one format: a table for
// people or its tab-separated twin for pipes, JSON, JSON Lines, CSV, Markdown,
// HTML or Parquet, of which it also reads its own, and the statements with which
// engines make tables of such files.
//
// It knows rows, not CloudTrail: it decodes, classifies and judges nothing,
// opens no file, reads no clock, and imports nothing of this project. It
// never reorders rows; the caller sorts them by a complete key, and then the
// same input gives the same bytes. Rows are streamed: no format collects
// sign-ins or findings.
//
// Text in rows comes from records, which strangers can write to. Formats for
// people make control characters, invisible characters and markup harmless;
// JSON and Parquet carry the text exactly (but for invalid UTF-8, which
// becomes U+FFFD), and JSON spells dangerous characters as \u escapes.
//
// The functions share nothing, so several goroutines may write reports at
// once, each to a writer of its own. Errors are those of the writer, wrapped
// with the name of the format, unless a function says otherwise.
package report
