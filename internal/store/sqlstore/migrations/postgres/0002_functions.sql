-- needs: 1
-- The built-in KMS: doc is in clear and holds no secret, sealed is the key material.
CREATE TABLE kms_keys (
  id TEXT COLLATE "C" PRIMARY KEY,
  region TEXT COLLATE "C" NOT NULL,
  doc TEXT COLLATE "C",
  sealed BYTEA,
  delete_at BIGINT,
  created_at BIGINT,
  updated_at BIGINT,
  version BIGINT NOT NULL
);
CREATE INDEX kms_keys_region ON kms_keys (region, id);
CREATE INDEX kms_keys_deletion ON kms_keys (delete_at) WHERE delete_at IS NOT NULL;

CREATE TABLE kms_aliases (
  region TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  key_id TEXT COLLATE "C" NOT NULL,
  created_at BIGINT,
  updated_at BIGINT,
  PRIMARY KEY (region, name)
);
CREATE INDEX kms_aliases_key ON kms_aliases (key_id, name);

CREATE TABLE kms_grants (
  id TEXT COLLATE "C" PRIMARY KEY,
  key_id TEXT COLLATE "C" NOT NULL,
  retiring TEXT COLLATE "C" NOT NULL,
  doc TEXT COLLATE "C",
  created_at BIGINT
);
CREATE INDEX kms_grants_key ON kms_grants (key_id, id);
CREATE INDEX kms_grants_retiring ON kms_grants (retiring, id) WHERE retiring <> '';

CREATE TABLE functions (
  id TEXT COLLATE "C" PRIMARY KEY,
  region TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  doc TEXT COLLATE "C",
  sealed_env BYTEA,
  artifact TEXT COLLATE "C" NOT NULL,
  last_version BIGINT NOT NULL,
  created_at BIGINT,
  updated_at BIGINT,
  version BIGINT NOT NULL
);
CREATE UNIQUE INDEX functions_name ON functions (region, name);
CREATE INDEX functions_artifact ON functions (artifact);

CREATE TABLE function_versions (
  function_id TEXT COLLATE "C" NOT NULL,
  number BIGINT NOT NULL,
  doc TEXT COLLATE "C",
  sealed_env BYTEA,
  artifact TEXT COLLATE "C" NOT NULL,
  created_at BIGINT,
  PRIMARY KEY (function_id, number)
);
CREATE INDEX function_versions_artifact ON function_versions (artifact);

CREATE TABLE function_aliases (
  function_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  doc TEXT COLLATE "C",
  created_at BIGINT,
  updated_at BIGINT,
  version BIGINT NOT NULL,
  PRIMARY KEY (function_id, name)
);

-- written_at is when the artifact or one of its chunks was last written. An artifact is there from its first chunk on, and
-- visible while created_at is set.
CREATE TABLE artifacts (
  hash TEXT COLLATE "C" PRIMARY KEY,
  size BIGINT NOT NULL,
  created_at BIGINT,
  written_at BIGINT NOT NULL
);

CREATE TABLE artifact_chunks (
  hash TEXT COLLATE "C" NOT NULL,
  n BIGINT NOT NULL,
  data BYTEA,
  PRIMARY KEY (hash, n)
);
