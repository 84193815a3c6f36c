// Package storetest holds the contract of package store as a test suite, and opens fresh stores for the tests of other
// packages.
//
// Tests run on SQLite always, and on PostgreSQL if COUNTERSIGN_TEST_POSTGRES is the URL of a database whose user may
// create databases: each store then has a database of its own while the test runs. Databases are copied from a template
// that is made once for each state of the migrations, and are emptied and used again, since creating one takes a quarter
// of a second. With CI=true a missing URL fails the test: nobody finds out too late that half of the suite did not run.
package storetest
