package sqlstore

// postgresDialect locks a counter by an update that changes nothing, and claims with SKIP LOCKED, lane by lane: the
// lateral join stops as soon as the limit is reached, so that no more rows are locked than taken. It must be materialized:
// run a second time, as a planner may choose to, it would skip what the first run has locked and take as many again.
var postgresDialect = &dialect{
	name: "postgres",
	lockCounter: `INSERT INTO counters AS c (pool_id, subject, purpose, bucket, n, total, expires_at) VALUES ($1, $2, $3, $4, 0, 0, 0)
		ON CONFLICT (pool_id, subject, purpose, bucket) DO UPDATE SET n = c.n
		RETURNING n, total, since, last, locked_until`,
	claim: `WITH due AS MATERIALIZED (SELECT d.id FROM (VALUES (0), (1), (2), (3)) AS l (lane) CROSS JOIN LATERAL
		(SELECT id FROM outbox WHERE lane = l.lane AND due_at <= $1 AND (expires_at IS NULL OR expires_at > $1)
		ORDER BY due_at, id LIMIT $4 FOR UPDATE SKIP LOCKED) AS d LIMIT $4) ` +
		claimUpdate + `(SELECT id FROM due)` + claimReturning,
	schemaTable: `CREATE TABLE IF NOT EXISTS schema_migrations
		(version BIGINT PRIMARY KEY, name TEXT NOT NULL, needs BIGINT NOT NULL, applied_at BIGINT NOT NULL)`,
	hasTable: `SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND c.relname = CAST($1 AS TEXT) AND n.nspname = current_schema()`,
	tableColumns: `SELECT CAST(a.attname AS TEXT), format_type(a.atttypid, NULL) FROM pg_catalog.pg_attribute a
		JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND c.relname = CAST($1 AS TEXT) AND n.nspname = current_schema() AND a.attnum > 0
		AND NOT a.attisdropped ORDER BY a.attnum`,
	analyze: `ANALYZE`,
	size:    `SELECT pg_database_size(current_database())`,
	version: `SELECT current_setting('server_version')`,
}
