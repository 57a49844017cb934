// Package ddl writes the statements that make the tables of a lake known to an
// engine.
//
// The place of the lake and the kind of its rows go in. One SQL statement comes
// out, with the same columns as the files. The package does not read the lake
// and does not connect to an engine.
//
// The command imports it. It imports package row and no other part of this
// project but report's internal packages. Several goroutines may use it at the
// same time.
package ddl
