// Package lake keeps tables of Parquet files in a folder or bucket that other
// engines list, and the state of the job that fills them.
//
// In come opaque bytes; out go files under keys, each written whole or
// not at all. A Store is the folder or the bucket prefix. A Lock lets one job at
// a time at it, by a lease. A Log is the job's state as a row of generations,
// of which the highest is the current one: creating it exclusively is the
// commit, so that two jobs that both believe to hold the lock cannot both go on
// from the same generation.
//
// What is in the files, the package does not know. Only cmd imports it; it may
// import nothing of ours. It neither logs nor prints, starts no
// goroutine, and takes clock and waiting as fields.
package lake
