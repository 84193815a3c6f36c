-- needs: 2
-- User code of pools (hooks, actions, rules): doc is in clear and holds no secret, sealed are the secrets' values. Programs that
-- know number 2 go on working: they write none of this.
CREATE TABLE scripts (
  id TEXT COLLATE "C" PRIMARY KEY,
  pool_id TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  trigger_id TEXT COLLATE "C" NOT NULL,
  enabled SMALLINT NOT NULL,
  position BIGINT NOT NULL,
  doc TEXT COLLATE "C",
  sealed BYTEA,
  artifact TEXT COLLATE "C" NOT NULL,
  last_version BIGINT NOT NULL,
  deployed BIGINT NOT NULL,
  created_at BIGINT,
  updated_at BIGINT,
  version BIGINT NOT NULL
);
CREATE UNIQUE INDEX scripts_name ON scripts (pool_id, kind, name);
CREATE INDEX scripts_trigger ON scripts (pool_id, kind, trigger_id, position, id);
CREATE INDEX scripts_artifact ON scripts (artifact);

CREATE TABLE script_versions (
  id TEXT COLLATE "C" PRIMARY KEY,
  pool_id TEXT COLLATE "C" NOT NULL,
  script_id TEXT COLLATE "C" NOT NULL,
  number BIGINT NOT NULL,
  doc TEXT COLLATE "C",
  sealed BYTEA,
  artifact TEXT COLLATE "C" NOT NULL,
  created_at BIGINT
);
CREATE UNIQUE INDEX script_versions_number ON script_versions (script_id, number);
CREATE INDEX script_versions_pool ON script_versions (pool_id, id);
CREATE INDEX script_versions_artifact ON script_versions (artifact);

CREATE TABLE settings (
  pool_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  doc TEXT COLLATE "C",
  sealed BYTEA,
  updated_at BIGINT,
  version BIGINT NOT NULL,
  PRIMARY KEY (pool_id, name)
);

-- NULL in ordinary rows: what the Auth0 dialect adds to a user, and the factors that do not fit the flags of mfa.
ALTER TABLE users ADD COLUMN meta TEXT COLLATE "C";
ALTER TABLE users ADD COLUMN mfa_doc TEXT COLLATE "C";

ALTER TABLE families ADD COLUMN wire TEXT COLLATE "C";
ALTER TABLE families ADD COLUMN scope TEXT COLLATE "C";
ALTER TABLE families ADD COLUMN methods TEXT;
ALTER TABLE families ADD COLUMN audience TEXT COLLATE "C";

CREATE INDEX events_client ON events (pool_id, client_id, id) WHERE client_id <> '';
