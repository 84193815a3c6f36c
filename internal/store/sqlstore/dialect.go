package sqlstore

import "embed"

//go:embed migrations
var migrationFiles embed.FS

// dialect is what differs between the engines apart from connections. Its values are set once.
type dialect struct {
	// name is the engine as Info reports it, and the migration folder.
	name string
	// lockCounter returns a counter's columns and holds its row. Arguments: the key's four.
	lockCounter string
	// claim takes due messages. Arguments: now, owner, lease until, limit.
	claim string
	// narrowUpdates tells that an UPDATE rewrites every index of the columns it names, changed or not.
	narrowUpdates bool
	// schemaTable creates the table of applied migrations.
	schemaTable string
	// hasTable counts the tables named $1. tableColumns returns the names and types of the columns of table $1.
	hasTable, tableColumns string
	// analyze counts anew what the planner should know after a bulk load; empty if it needs to know nothing.
	analyze string
	// size and version return what Info reports.
	size, version string
}
