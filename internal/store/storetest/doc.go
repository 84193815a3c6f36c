// Package storetest holds the contract of package store as a test suite, and opens fresh stores for the tests of other
// packages.
//
// Tests run on SQLite always, and on PostgreSQL if COUNTERSIGN_TEST_POSTGRES is the URL of a database whose user may
// create databases: each store is then a database of its own, copied from a template that is made once for each state of
// the migrations, and dropped after the test. With CI=true a missing URL fails the test: nobody finds out too late that
// half of the suite did not run.
package storetest
