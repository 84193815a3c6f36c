-- needs: 4
-- What guards share between nodes, and records that people list. Programs that know number 4 go on working: they leave the new column at
-- its default.
ALTER TABLE outbox ADD COLUMN guard TEXT NOT NULL DEFAULT '';

-- Counts of five minutes each; key names a range of numbers, a network ..., never a person.
CREATE TABLE guard_counts (
  pool_id TEXT NOT NULL,
  key TEXT NOT NULL,
  span INTEGER NOT NULL,
  sent INTEGER NOT NULL,
  verified INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  PRIMARY KEY (pool_id, key, span)
) STRICT, WITHOUT ROWID;
CREATE INDEX guard_counts_span ON guard_counts (span);

CREATE TABLE guard_blocks (
  pool_id TEXT NOT NULL,
  key TEXT NOT NULL,
  reason TEXT NOT NULL,
  evidence TEXT NOT NULL,
  placed_by TEXT NOT NULL,
  since INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  PRIMARY KEY (pool_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX guard_blocks_expiry ON guard_blocks (expires_at);

-- taken includes what nodes have leased and not used yet.
CREATE TABLE quotas (
  pool_id TEXT NOT NULL,
  key TEXT NOT NULL,
  span INTEGER NOT NULL,
  taken INTEGER NOT NULL,
  expires_at INTEGER,
  PRIMARY KEY (pool_id, key, span)
) STRICT, WITHOUT ROWID;
CREATE INDEX quotas_expiry ON quotas (expires_at) WHERE expires_at IS NOT NULL;

-- Named documents: origination identities, registrations, destination numbers ... ends_at is told, and sweeps nothing.
CREATE TABLE records (
  kind TEXT NOT NULL,
  pool_id TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  hash BLOB,
  country TEXT NOT NULL,
  status TEXT NOT NULL,
  type TEXT NOT NULL,
  body TEXT,
  sealed BLOB,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  ends_at INTEGER,
  PRIMARY KEY (kind, pool_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX records_name ON records (kind, pool_id, name) WHERE name <> '';
CREATE UNIQUE INDEX records_hash ON records (kind, pool_id, hash) WHERE hash IS NOT NULL;
CREATE INDEX records_pool ON records (pool_id);
