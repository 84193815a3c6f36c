// Package sqlstore implements the contract of package store on SQLite and on PostgreSQL with one set of SQL.
//
// What differs between the engines is in dialect_sqlite.go and dialect_postgres.go, in the two drivers
// (conn_sqlite.go, conn_postgres.go) and in the two migration folders, whose files have the same names.
//
// SQLite has one writer: Write hands the function to a goroutine with a connection of its own, which runs all waiting
// functions in one durable transaction and undoes one without the others (group.go). Reads use a few read-only connections, each a
// snapshot. On PostgreSQL each Write is one READ COMMITTED transaction on a pooled connection; statements whose result
// nobody reads are sent along with the next one, and serialisation failures and deadlocks are run again.
//
// Rules of the SQL, all of them measured on both engines:
//
//   - placeholders are $1; flags are SMALLINT 0 or 1; times are whole microseconds UTC; CAST($n AS BIGINT) where a type is
//     ambiguous; text is COLLATE "C" on PostgreSQL;
//   - uniqueness by ON CONFLICT, never by catching a violation, which would poison a PostgreSQL transaction;
//   - no FOR UPDATE but SKIP LOCKED in PostgreSQL's claim; no triggers, sequences or deferred constraints;
//   - every condition of a partial index is spelled out in the query, since a planner cannot prove it of a parameter;
//   - every query has an index: nothing scans a table.
//
// Invariants:
//
//   - empty byte strings are NULL and come back nil; empty maps and lists come back nil;
//   - strings are valid UTF-8 without U+0000 on both engines (store.ErrText), because PostgreSQL cannot keep others;
//   - a statement that fails undoes its function even if the function swallows the error, as PostgreSQL has it.
package sqlstore
