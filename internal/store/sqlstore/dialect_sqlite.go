package sqlstore

// claimLane selects the due messages of one lane, oldest first.
const claimLane = `SELECT id FROM (SELECT id FROM outbox WHERE lane = `
const claimDue = ` AND due_at <= $1 AND (expires_at IS NULL OR expires_at > $1) ORDER BY due_at, id LIMIT $4)`

// sqliteDialect needs no locks: SQLite has one writer at a time.
var sqliteDialect = &dialect{
	name:        "sqlite",
	lockCounter: counterSelect,
	claim: claimUpdate + `(` + claimLane + `0` + claimDue + ` UNION ALL ` + claimLane + `1` + claimDue +
		` UNION ALL ` + claimLane + `2` + claimDue + ` UNION ALL ` + claimLane + `3` + claimDue + ` LIMIT $4)` + claimReturning,
	narrowUpdates: true,
	schemaTable: `CREATE TABLE IF NOT EXISTS schema_migrations
		(version INTEGER PRIMARY KEY, name TEXT NOT NULL, needs INTEGER NOT NULL, applied_at INTEGER NOT NULL) STRICT`,
	hasTable:     `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = $1`,
	tableColumns: `SELECT name, type FROM pragma_table_info($1) ORDER BY cid`,
	size:         `SELECT page_count * page_size FROM pragma_page_count, pragma_page_size`,
	version:      `SELECT sqlite_version()`,
}
