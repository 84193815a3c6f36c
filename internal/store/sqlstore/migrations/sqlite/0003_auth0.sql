-- needs: 2
-- User code of pools (hooks, actions, rules): doc is in clear and holds no secret, sealed are the secrets' values. Programs that
-- know number 2 go on working: they write none of this.
CREATE TABLE scripts (
  id TEXT PRIMARY KEY,
  pool_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  trigger_id TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  position INTEGER NOT NULL,
  doc TEXT,
  sealed BLOB,
  artifact TEXT NOT NULL,
  last_version INTEGER NOT NULL,
  deployed INTEGER NOT NULL,
  created_at INTEGER,
  updated_at INTEGER,
  version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX scripts_name ON scripts (pool_id, kind, name);
CREATE INDEX scripts_trigger ON scripts (pool_id, kind, trigger_id, position, id);
CREATE INDEX scripts_artifact ON scripts (artifact);

CREATE TABLE script_versions (
  id TEXT PRIMARY KEY,
  pool_id TEXT NOT NULL,
  script_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  doc TEXT,
  sealed BLOB,
  artifact TEXT NOT NULL,
  created_at INTEGER
) STRICT;
CREATE UNIQUE INDEX script_versions_number ON script_versions (script_id, number);
CREATE INDEX script_versions_pool ON script_versions (pool_id, id);
CREATE INDEX script_versions_artifact ON script_versions (artifact);

CREATE TABLE settings (
  pool_id TEXT NOT NULL,
  name TEXT NOT NULL,
  doc TEXT,
  sealed BLOB,
  updated_at INTEGER,
  version INTEGER NOT NULL,
  PRIMARY KEY (pool_id, name)
) STRICT;

-- NULL in ordinary rows: what the Auth0 dialect adds to a user, and the factors that do not fit the flags of mfa.
ALTER TABLE users ADD COLUMN meta TEXT;
ALTER TABLE users ADD COLUMN mfa_doc TEXT;

ALTER TABLE families ADD COLUMN wire TEXT;
ALTER TABLE families ADD COLUMN scope TEXT;
ALTER TABLE families ADD COLUMN methods TEXT;
ALTER TABLE families ADD COLUMN audience TEXT;

CREATE INDEX events_client ON events (pool_id, client_id, id) WHERE client_id <> '';
