// Package lake keeps tables of Parquet files that other engines can query, and the
// state of the job that fills them.
//
// Bytes go in and are stored as files in a folder or a bucket. Each file is written
// completely or not at all.
//
//   - A Store is the folder, or a prefix of the bucket.
//   - A Lock lets one job at a time use a state. It has a lease, so the lock of a
//     crashed job expires.
//   - A Log is the state of the job: a sequence of generations, and the highest is
//     the current one. A job commits by creating the next generation. Only one job
//     can create it, so two jobs that both believe to have the lock cannot both
//     continue from the same generation.
//   - A Table is a set of files in folders by day, and if wanted by account.
//
// The package does not look into the files. The command and its batch job import it. It
// imports package row, for the type of a day. For S3 it imports the packages answer and
// bucket of ingest/aws. It does not log or print and starts no goroutine. Clock and
// waiting come from the caller.
package lake
