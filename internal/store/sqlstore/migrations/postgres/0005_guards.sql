-- needs: 4
-- What guards share between nodes, and records that people list. Programs that know number 4 go on working: they leave the new column at
-- its default.
ALTER TABLE outbox ADD COLUMN guard TEXT COLLATE "C" NOT NULL DEFAULT '';

-- Counts of five minutes each; key names a range of numbers, a network ..., never a person.
CREATE TABLE guard_counts (
  pool_id TEXT COLLATE "C" NOT NULL,
  key TEXT COLLATE "C" NOT NULL,
  span BIGINT NOT NULL,
  sent BIGINT NOT NULL,
  verified BIGINT NOT NULL,
  refused BIGINT NOT NULL,
  PRIMARY KEY (pool_id, key, span)
);
CREATE INDEX guard_counts_span ON guard_counts (span);

CREATE TABLE guard_blocks (
  pool_id TEXT COLLATE "C" NOT NULL,
  key TEXT COLLATE "C" NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  evidence TEXT COLLATE "C" NOT NULL,
  placed_by TEXT COLLATE "C" NOT NULL,
  since BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  refused BIGINT NOT NULL,
  PRIMARY KEY (pool_id, key)
);
CREATE INDEX guard_blocks_expiry ON guard_blocks (expires_at);

-- taken includes what nodes have leased and not used yet.
CREATE TABLE quotas (
  pool_id TEXT COLLATE "C" NOT NULL,
  key TEXT COLLATE "C" NOT NULL,
  span BIGINT NOT NULL,
  taken BIGINT NOT NULL,
  expires_at BIGINT,
  PRIMARY KEY (pool_id, key, span)
);
CREATE INDEX quotas_expiry ON quotas (expires_at) WHERE expires_at IS NOT NULL;

-- Named documents: origination identities, registrations, destination numbers ... ends_at is told, and sweeps nothing.
CREATE TABLE records (
  kind TEXT COLLATE "C" NOT NULL,
  pool_id TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  hash BYTEA,
  country TEXT COLLATE "C" NOT NULL,
  status TEXT COLLATE "C" NOT NULL,
  type TEXT COLLATE "C" NOT NULL,
  body TEXT COLLATE "C",
  sealed BYTEA,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  ends_at BIGINT,
  PRIMARY KEY (kind, pool_id, id)
);
CREATE UNIQUE INDEX records_name ON records (kind, pool_id, name) WHERE name <> '';
CREATE UNIQUE INDEX records_hash ON records (kind, pool_id, hash) WHERE hash IS NOT NULL;
CREATE INDEX records_pool ON records (pool_id);
