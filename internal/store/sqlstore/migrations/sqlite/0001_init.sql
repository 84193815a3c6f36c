-- needs: 1
CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta (name, value) VALUES ('epoch', 1);

CREATE TABLE pools (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  config TEXT,
  wire TEXT,
  created_at INTEGER,
  updated_at INTEGER,
  version INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;
CREATE INDEX pools_deleted ON pools (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE clients (
  id TEXT PRIMARY KEY,
  pool_id TEXT NOT NULL,
  name TEXT NOT NULL,
  config TEXT,
  wire TEXT,
  sealed_secrets BLOB,
  created_at INTEGER,
  updated_at INTEGER,
  version INTEGER NOT NULL
) STRICT;
CREATE INDEX clients_pool ON clients (pool_id, id);

-- The six searchable attributes live in columns of their own, all others in attributes. Rows with the usual status and
-- enabled are found by walking the primary key; the unusual ones have partial indexes. A username of NULL is the id, as in
-- all pools that sign in by phone number or e-mail.
CREATE TABLE users (
  pool_id TEXT NOT NULL,
  id TEXT NOT NULL,
  username TEXT,
  status TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  password_hash TEXT,
  password_history TEXT,
  srp_salt BLOB,
  sealed_verifier BLOB,
  temporary_until INTEGER,
  attributes TEXT,
  pending TEXT,
  mfa INTEGER NOT NULL,
  mfa_preferred TEXT,
  sealed_totp BLOB,
  totp_step INTEGER NOT NULL,
  sealed_data_key BLOB,
  tokens_after INTEGER,
  created_at INTEGER,
  updated_at INTEGER,
  version INTEGER NOT NULL,
  phone_number TEXT,
  email TEXT,
  name TEXT,
  given_name TEXT,
  family_name TEXT,
  preferred_username TEXT,
  PRIMARY KEY (pool_id, id)
) STRICT;
CREATE INDEX users_username ON users (pool_id, substr(username, 1, 128), id) WHERE username IS NOT NULL;
CREATE INDEX users_status ON users (pool_id, status, id) WHERE status <> 'CONFIRMED';
CREATE INDEX users_disabled ON users (pool_id, id) WHERE enabled = 0;
CREATE INDEX users_phone_number ON users (pool_id, substr(phone_number, 1, 128), id) WHERE phone_number IS NOT NULL;
CREATE INDEX users_email ON users (pool_id, substr(email, 1, 128), id) WHERE email IS NOT NULL;
CREATE INDEX users_name ON users (pool_id, substr(name, 1, 128), id) WHERE name IS NOT NULL;
CREATE INDEX users_given_name ON users (pool_id, substr(given_name, 1, 128), id) WHERE given_name IS NOT NULL;
CREATE INDEX users_family_name ON users (pool_id, substr(family_name, 1, 128), id) WHERE family_name IS NOT NULL;
CREATE INDEX users_preferred_username ON users (pool_id, substr(preferred_username, 1, 128), id)
  WHERE preferred_username IS NOT NULL;

CREATE TABLE aliases (
  pool_id TEXT NOT NULL,
  name TEXT NOT NULL,
  user_id TEXT NOT NULL,
  PRIMARY KEY (pool_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX aliases_user ON aliases (pool_id, user_id);

CREATE TABLE signups (
  id TEXT PRIMARY KEY,
  pool_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  name_key TEXT NOT NULL,
  network TEXT NOT NULL,
  user_row TEXT NOT NULL,
  created_at INTEGER,
  expires_at INTEGER
) STRICT;
CREATE INDEX signups_name ON signups (pool_id, name_key, created_at, id);
CREATE INDEX signups_expiry ON signups (expires_at);

CREATE TABLE networks (
  pool_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  network BLOB NOT NULL,
  expires_at INTEGER,
  PRIMARY KEY (pool_id, user_id, network)
) STRICT, WITHOUT ROWID;
CREATE INDEX networks_expiry ON networks (expires_at);

CREATE TABLE codes (
  id TEXT PRIMARY KEY,
  pool_id TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  purpose TEXT NOT NULL,
  client_id TEXT NOT NULL,
  wire TEXT NOT NULL,
  chain TEXT NOT NULL,
  target BLOB,
  hash BLOB,
  sent INTEGER NOT NULL,
  created_at INTEGER,
  expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX codes_subject ON codes (pool_id, subject_id, purpose, id);
CREATE INDEX codes_chain ON codes (chain, id) WHERE chain <> '';
CREATE INDEX codes_expiry ON codes (expires_at);

CREATE TABLE challenges (
  id TEXT PRIMARY KEY,
  pool_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  wire TEXT NOT NULL,
  audience TEXT NOT NULL,
  kind TEXT NOT NULL,
  chain TEXT NOT NULL,
  hash BLOB,
  data TEXT,
  tries INTEGER NOT NULL,
  created_at INTEGER,
  expires_at INTEGER,
  used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX challenges_user ON challenges (pool_id, user_id);
CREATE INDEX challenges_expiry ON challenges (expires_at);

CREATE TABLE spent (
  mark BLOB PRIMARY KEY,
  expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_expiry ON spent (expires_at);

CREATE TABLE counters (
  pool_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  purpose TEXT NOT NULL,
  bucket TEXT NOT NULL,
  n INTEGER NOT NULL,
  total INTEGER NOT NULL,
  since INTEGER,
  last INTEGER,
  locked_until INTEGER,
  expires_at INTEGER,
  PRIMARY KEY (pool_id, subject, purpose, bucket)
) STRICT, WITHOUT ROWID;
CREATE INDEX counters_expiry ON counters (expires_at);

CREATE TABLE families (
  id TEXT PRIMARY KEY,
  origin_jti TEXT NOT NULL,
  pool_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  hash BLOB,
  previous BLOB,
  previous_until INTEGER,
  older BLOB,
  name TEXT NOT NULL,
  device_key TEXT NOT NULL,
  auth_time INTEGER,
  created_at INTEGER,
  expires_at INTEGER,
  revoked_at INTEGER,
  version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX families_origin ON families (origin_jti);
CREATE INDEX families_user ON families (pool_id, user_id, id);
CREATE INDEX families_expiry ON families (expires_at);

-- due_at is next_at while queued, lease_until while sending, and NULL once the message is final.
CREATE TABLE outbox (
  id TEXT PRIMARY KEY,
  pool_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  lane INTEGER NOT NULL,
  channel TEXT NOT NULL,
  state TEXT NOT NULL,
  due_at INTEGER,
  sealed BLOB,
  mask TEXT NOT NULL,
  number BLOB,
  code_id TEXT NOT NULL,
  trigger_source TEXT NOT NULL,
  segments INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  last_class TEXT NOT NULL,
  last_error TEXT NOT NULL,
  provider TEXT NOT NULL,
  provider_id TEXT NOT NULL,
  next_at INTEGER,
  expires_at INTEGER,
  lease_owner TEXT,
  lease_until INTEGER,
  created_at INTEGER,
  updated_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (lane, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_expiry ON outbox (expires_at) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_owner ON outbox (lease_owner) WHERE lease_owner IS NOT NULL;
CREATE INDEX outbox_pool ON outbox (pool_id, id);
CREATE INDEX outbox_state ON outbox (pool_id, state, id);
CREATE INDEX outbox_user ON outbox (pool_id, user_id, id) WHERE user_id <> '';
CREATE INDEX outbox_number ON outbox (pool_id, number, id) WHERE number IS NOT NULL;

CREATE TABLE attempts (
  message_id TEXT NOT NULL,
  n INTEGER NOT NULL,
  id TEXT NOT NULL,
  provider TEXT NOT NULL,
  outcome TEXT NOT NULL,
  vendor_code TEXT NOT NULL,
  text TEXT NOT NULL,
  started_at INTEGER,
  ended_at INTEGER,
  PRIMARY KEY (message_id, n, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  id TEXT PRIMARY KEY,
  pool_id TEXT NOT NULL,
  type TEXT NOT NULL,
  user_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  number BLOB,
  data TEXT,
  sealed BLOB,
  at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX events_pool ON events (pool_id, id);
CREATE INDEX events_type ON events (pool_id, type, id);
CREATE INDEX events_user ON events (pool_id, user_id, id) WHERE user_id <> '';
CREATE INDEX events_number ON events (pool_id, number, id) WHERE number IS NOT NULL;

CREATE TABLE pool_keys (
  pool_id TEXT NOT NULL,
  purpose TEXT NOT NULL,
  version INTEGER NOT NULL,
  root_id TEXT NOT NULL,
  wrapped BLOB NOT NULL,
  created_at INTEGER,
  retired_at INTEGER,
  PRIMARY KEY (pool_id, purpose, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE signing_keys (
  pool_id TEXT NOT NULL,
  key_id TEXT NOT NULL,
  token_use TEXT NOT NULL,
  alg TEXT NOT NULL,
  sealed BLOB,
  public BLOB,
  created_at INTEGER,
  active_at INTEGER,
  retire_at INTEGER,
  PRIMARY KEY (pool_id, key_id)
) STRICT;

CREATE TABLE access_keys (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  sealed_secret BLOB,
  grants TEXT,
  created_at INTEGER,
  revoked_at INTEGER,
  last_used_at INTEGER
) STRICT;
