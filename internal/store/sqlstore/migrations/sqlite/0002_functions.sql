-- needs: 1
-- The built-in KMS: doc is in clear and holds no secret, sealed is the key material.
CREATE TABLE kms_keys (
  id TEXT PRIMARY KEY,
  region TEXT NOT NULL,
  doc TEXT,
  sealed BLOB,
  delete_at INTEGER,
  created_at INTEGER,
  updated_at INTEGER,
  version INTEGER NOT NULL
) STRICT;
CREATE INDEX kms_keys_region ON kms_keys (region, id);
CREATE INDEX kms_keys_deletion ON kms_keys (delete_at) WHERE delete_at IS NOT NULL;

CREATE TABLE kms_aliases (
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  key_id TEXT NOT NULL,
  created_at INTEGER,
  updated_at INTEGER,
  PRIMARY KEY (region, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX kms_aliases_key ON kms_aliases (key_id, name);

CREATE TABLE kms_grants (
  id TEXT PRIMARY KEY,
  key_id TEXT NOT NULL,
  retiring TEXT NOT NULL,
  doc TEXT,
  created_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX kms_grants_key ON kms_grants (key_id, id);
CREATE INDEX kms_grants_retiring ON kms_grants (retiring, id) WHERE retiring <> '';

CREATE TABLE functions (
  id TEXT PRIMARY KEY,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  doc TEXT,
  sealed_env BLOB,
  artifact TEXT NOT NULL,
  last_version INTEGER NOT NULL,
  created_at INTEGER,
  updated_at INTEGER,
  version INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX functions_name ON functions (region, name);
CREATE INDEX functions_artifact ON functions (artifact);

CREATE TABLE function_versions (
  function_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  doc TEXT,
  sealed_env BLOB,
  artifact TEXT NOT NULL,
  created_at INTEGER,
  PRIMARY KEY (function_id, number)
) STRICT;
CREATE INDEX function_versions_artifact ON function_versions (artifact);

CREATE TABLE function_aliases (
  function_id TEXT NOT NULL,
  name TEXT NOT NULL,
  doc TEXT,
  created_at INTEGER,
  updated_at INTEGER,
  version INTEGER NOT NULL,
  PRIMARY KEY (function_id, name)
) STRICT, WITHOUT ROWID;

-- written_at is when the artifact or one of its chunks was last written. An artifact is there from its first chunk on, and
-- visible while created_at is set.
CREATE TABLE artifacts (
  hash TEXT PRIMARY KEY,
  size INTEGER NOT NULL,
  created_at INTEGER,
  written_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE artifact_chunks (
  hash TEXT NOT NULL,
  n INTEGER NOT NULL,
  data BLOB,
  PRIMARY KEY (hash, n)
) STRICT;
