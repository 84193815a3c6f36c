package sqlstore

import "fmt"

// table is one table of the schema with the columns of its primary key.
type table struct {
	name, key string
	// pooled: its rows belong to pool_id and go with the pool. expires: they die at expires_at.
	pooled, expires bool
}

// tables are all of them but schema_migrations, in the order in which they are archived and purged. A test compares the
// list with the migrations.
var tables = []table{
	{name: "meta", key: "name"},
	{name: "pools", key: "id"},
	{name: "access_keys", key: "id"},
	{name: "clients", key: "id", pooled: true},
	{name: "users", key: "pool_id, id", pooled: true},
	{name: "aliases", key: "pool_id, name", pooled: true},
	{name: "signups", key: "id", pooled: true, expires: true},
	{name: "networks", key: "pool_id, user_id, network", pooled: true, expires: true},
	{name: "counters", key: "pool_id, subject, purpose, bucket", pooled: true, expires: true},
	{name: "codes", key: "id", pooled: true, expires: true},
	{name: "challenges", key: "id", pooled: true, expires: true},
	{name: "spent", key: "mark", expires: true},
	{name: "families", key: "id", pooled: true, expires: true},
	{name: "attempts", key: "message_id, n, id"},
	{name: "receipts", key: "message_id, provider_id, state, vendor_code, authentic"},
	{name: "outbox", key: "id", pooled: true},
	{name: "optouts", key: "pool_id, number, sender", pooled: true},
	{name: "route_counts", key: "pool_id, span, account, channel, country, network", pooled: true},
	{name: "guard_counts", key: "pool_id, key, span", pooled: true},
	{name: "guard_blocks", key: "pool_id, key", pooled: true, expires: true},
	{name: "quotas", key: "pool_id, key, span", pooled: true, expires: true},
	{name: "records", key: "kind, pool_id, id", pooled: true},
	{name: "carriers", key: "prefix", expires: true},
	{name: "doors", key: "hash", pooled: true, expires: true},
	{name: "events", key: "id", pooled: true},
	{name: "pool_keys", key: "pool_id, purpose, version", pooled: true},
	{name: "signing_keys", key: "pool_id, key_id", pooled: true},
	{name: "kms_keys", key: "id"},
	{name: "kms_aliases", key: "region, name"},
	{name: "kms_grants", key: "id"},
	{name: "functions", key: "id"},
	{name: "function_versions", key: "function_id, number"},
	{name: "function_aliases", key: "function_id, name"},
	{name: "scripts", key: "id", pooled: true},
	{name: "script_versions", key: "id", pooled: true},
	{name: "settings", key: "pool_id, name", pooled: true},
	{name: "artifacts", key: "hash"},
	{name: "artifact_chunks", key: "hash, n"},
}

// sweeps holds a bounded delete for each table whose rows expire, purges one for each that belongs to pools, by name.
var sweeps, purges = func() (sweeps []string, purges map[string]string) {
	purges = map[string]string{}
	for _, t := range tables {
		if t.expires {
			sweeps = append(sweeps, fmt.Sprintf(`DELETE FROM %[1]s WHERE expires_at <= $1 AND (%[2]s) IN
				(SELECT %[2]s FROM %[1]s WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, t.name, t.key))
		}
		if t.pooled {
			purges[t.name] = fmt.Sprintf(`DELETE FROM %[1]s WHERE (%[2]s) IN (SELECT %[2]s FROM %[1]s WHERE pool_id = $1 LIMIT $2)`,
				t.name, t.key)
		}
	}
	// Attempts have no pool, receipts no index of theirs: first go those of the messages that go next.
	purges["outbox"] = `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE pool_id = $1 ORDER BY id LIMIT $2)`
	purges["attempts"] = `DELETE FROM attempts WHERE (message_id, n, id) IN (SELECT a.message_id, a.n, a.id
		FROM (SELECT id FROM outbox WHERE pool_id = $1 ORDER BY id LIMIT $2) AS o JOIN attempts a ON a.message_id = o.id LIMIT $2)`
	purges["receipts"] = `DELETE FROM receipts WHERE (message_id, provider_id, state, vendor_code, authentic) IN
		(SELECT a.message_id, a.provider_id, a.state, a.vendor_code, a.authentic
		FROM (SELECT id FROM outbox WHERE pool_id = $1 ORDER BY id LIMIT $2) AS o JOIN receipts a ON a.message_id = o.id LIMIT $2)`
	return sweeps, purges
}()
