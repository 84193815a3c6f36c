package sqlstore

import (
	"countersign/internal/store"

	"maps"
	"slices"
)

// Statements returns the SQL that a SQLite store has prepared so far, except what begins and ends transactions.
func Statements(s *Store) []string {
	e := s.e.(*sqliteEngine)
	all := map[string]bool{}
	for _, c := range append(slices.Clone(e.idle), e.writer) {
		for sql := range c.stmts {
			all[sql] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Tables returns the names of all tables.
func Tables() (names []string) {
	for _, t := range tables {
		names = append(names, t.name)
	}
	return names
}

// Names returns the file names of an engine's migrations.
func Names(engine string) (names []string, err error) {
	all, err := migrations(engine)
	for _, m := range all {
		names = append(names, m.name)
	}
	return names, err
}

// Raw runs one statement on the writer of a SQLite store that nobody else uses.
func Raw(s *Store, sql string, args []any, row func(text func(int) string)) error {
	c := s.e.(*sqliteEngine).writer
	return c.query(sql, args, func(sc *scan) { row(sc.cols.text) })
}

// PostgresOnly returns the statements that SQLite does not share.
func PostgresOnly() []string { return []string{postgresDialect.claim, postgresDialect.lockCounter} }

var (
	ParseMap = parseMap
	MapText  = mapText
)

// LoseTransaction rolls back the whole transaction of a function on SQLite, as SQLite itself does when the disk is full.
func LoseTransaction(t store.Tx) error { return t.(*tx).c.(*sqliteConn).run("ROLLBACK") }
