// Package parquet writes rows as Parquet files and reads such files back.
//
// Write takes rows in their order and produces one file. Read and ReadIDs take a
// file that Write produced and yield its rows. A file may be damaged, or made to
// do harm: the readers check every size in it before they allocate memory, and
// return an error instead of a panic.
//
// Package report, the batch job and its tests import this package. It imports
// package row and no other part of this project but report's internal packages.
// It opens no file and starts no goroutine. Several goroutines may use it at the
// same time, each with its own writer.
package parquet
