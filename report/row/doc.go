// Package row has the types of rows, and the columns of each.
//
// A row is a value that is ready to be written. Package convert makes rows from
// events and findings; package report and package parquet write them. Everything
// below report may import this package. It imports nothing of this project but
// report's internal package columns, so it knows nothing about CloudTrail.
//
// No function here keeps or changes what it is given, and all may be called from
// several goroutines.
package row
