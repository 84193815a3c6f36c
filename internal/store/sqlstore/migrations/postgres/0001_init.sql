-- needs: 1
CREATE TABLE meta (
  name TEXT COLLATE "C" PRIMARY KEY,
  value BIGINT NOT NULL
);
INSERT INTO meta (name, value) VALUES ('epoch', 1);

CREATE TABLE pools (
  id TEXT COLLATE "C" PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL,
  config TEXT COLLATE "C",
  wire TEXT COLLATE "C",
  created_at BIGINT,
  updated_at BIGINT,
  version BIGINT NOT NULL,
  deleted_at BIGINT
);
CREATE INDEX pools_deleted ON pools (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE clients (
  id TEXT COLLATE "C" PRIMARY KEY,
  pool_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  config TEXT COLLATE "C",
  wire TEXT COLLATE "C",
  sealed_secrets BYTEA,
  created_at BIGINT,
  updated_at BIGINT,
  version BIGINT NOT NULL
);
CREATE INDEX clients_pool ON clients (pool_id, id);

-- The six searchable attributes live in columns of their own, all others in attributes. Rows with the usual status and
-- enabled are found by walking the primary key; the unusual ones have partial indexes. A username of NULL is the id, as in
-- all pools that sign in by phone number or e-mail.
CREATE TABLE users (
  pool_id TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  username TEXT COLLATE "C",
  status TEXT COLLATE "C" NOT NULL,
  enabled SMALLINT NOT NULL,
  password_hash TEXT COLLATE "C",
  password_history TEXT COLLATE "C",
  srp_salt BYTEA,
  sealed_verifier BYTEA,
  temporary_until BIGINT,
  attributes TEXT COLLATE "C",
  pending TEXT COLLATE "C",
  mfa BIGINT NOT NULL,
  mfa_preferred TEXT COLLATE "C",
  sealed_totp BYTEA,
  totp_step BIGINT NOT NULL,
  sealed_data_key BYTEA,
  tokens_after BIGINT,
  created_at BIGINT,
  updated_at BIGINT,
  version BIGINT NOT NULL,
  phone_number TEXT COLLATE "C",
  email TEXT COLLATE "C",
  name TEXT COLLATE "C",
  given_name TEXT COLLATE "C",
  family_name TEXT COLLATE "C",
  preferred_username TEXT COLLATE "C",
  PRIMARY KEY (pool_id, id)
);
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
  pool_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  user_id TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (pool_id, name)
);
CREATE INDEX aliases_user ON aliases (pool_id, user_id);

CREATE TABLE signups (
  id TEXT COLLATE "C" PRIMARY KEY,
  pool_id TEXT COLLATE "C" NOT NULL,
  client_id TEXT COLLATE "C" NOT NULL,
  name_key TEXT COLLATE "C" NOT NULL,
  network TEXT COLLATE "C" NOT NULL,
  user_row TEXT COLLATE "C" NOT NULL,
  created_at BIGINT,
  expires_at BIGINT
);
CREATE INDEX signups_name ON signups (pool_id, name_key, created_at, id);
CREATE INDEX signups_expiry ON signups (expires_at);

CREATE TABLE networks (
  pool_id TEXT COLLATE "C" NOT NULL,
  user_id TEXT COLLATE "C" NOT NULL,
  network BYTEA NOT NULL,
  expires_at BIGINT,
  PRIMARY KEY (pool_id, user_id, network)
);
CREATE INDEX networks_expiry ON networks (expires_at);

CREATE TABLE codes (
  id TEXT COLLATE "C" PRIMARY KEY,
  pool_id TEXT COLLATE "C" NOT NULL,
  subject_id TEXT COLLATE "C" NOT NULL,
  purpose TEXT COLLATE "C" NOT NULL,
  client_id TEXT COLLATE "C" NOT NULL,
  wire TEXT COLLATE "C" NOT NULL,
  chain TEXT COLLATE "C" NOT NULL,
  target BYTEA,
  hash BYTEA,
  sent SMALLINT NOT NULL,
  created_at BIGINT,
  expires_at BIGINT
);
CREATE INDEX codes_subject ON codes (pool_id, subject_id, purpose, id);
CREATE INDEX codes_chain ON codes (chain, id) WHERE chain <> '';
CREATE INDEX codes_expiry ON codes (expires_at);

CREATE TABLE challenges (
  id TEXT COLLATE "C" PRIMARY KEY,
  pool_id TEXT COLLATE "C" NOT NULL,
  client_id TEXT COLLATE "C" NOT NULL,
  user_id TEXT COLLATE "C" NOT NULL,
  wire TEXT COLLATE "C" NOT NULL,
  audience TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  chain TEXT COLLATE "C" NOT NULL,
  hash BYTEA,
  data TEXT COLLATE "C",
  tries BIGINT NOT NULL,
  created_at BIGINT,
  expires_at BIGINT,
  used_at BIGINT
);
CREATE INDEX challenges_user ON challenges (pool_id, user_id);
CREATE INDEX challenges_expiry ON challenges (expires_at);

CREATE TABLE spent (
  mark BYTEA PRIMARY KEY,
  expires_at BIGINT
);
CREATE INDEX spent_expiry ON spent (expires_at);

CREATE TABLE counters (
  pool_id TEXT COLLATE "C" NOT NULL,
  subject TEXT COLLATE "C" NOT NULL,
  purpose TEXT COLLATE "C" NOT NULL,
  bucket TEXT COLLATE "C" NOT NULL,
  n BIGINT NOT NULL,
  total BIGINT NOT NULL,
  since BIGINT,
  last BIGINT,
  locked_until BIGINT,
  expires_at BIGINT,
  PRIMARY KEY (pool_id, subject, purpose, bucket)
);
CREATE INDEX counters_expiry ON counters (expires_at);

CREATE TABLE families (
  id TEXT COLLATE "C" PRIMARY KEY,
  origin_jti TEXT COLLATE "C" NOT NULL,
  pool_id TEXT COLLATE "C" NOT NULL,
  user_id TEXT COLLATE "C" NOT NULL,
  client_id TEXT COLLATE "C" NOT NULL,
  hash BYTEA,
  previous BYTEA,
  previous_until BIGINT,
  older BYTEA,
  name TEXT COLLATE "C" NOT NULL,
  device_key TEXT COLLATE "C" NOT NULL,
  auth_time BIGINT,
  created_at BIGINT,
  expires_at BIGINT,
  revoked_at BIGINT,
  version BIGINT NOT NULL
);
CREATE INDEX families_origin ON families (origin_jti);
CREATE INDEX families_user ON families (pool_id, user_id, id);
CREATE INDEX families_expiry ON families (expires_at);

-- due_at is next_at while queued, lease_until while sending, and NULL once the message is final.
CREATE TABLE outbox (
  id TEXT COLLATE "C" PRIMARY KEY,
  pool_id TEXT COLLATE "C" NOT NULL,
  user_id TEXT COLLATE "C" NOT NULL,
  client_id TEXT COLLATE "C" NOT NULL,
  lane SMALLINT NOT NULL,
  channel TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  due_at BIGINT,
  sealed BYTEA,
  mask TEXT COLLATE "C" NOT NULL,
  number BYTEA,
  code_id TEXT COLLATE "C" NOT NULL,
  trigger_source TEXT COLLATE "C" NOT NULL,
  segments BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  last_class TEXT COLLATE "C" NOT NULL,
  last_error TEXT COLLATE "C" NOT NULL,
  provider TEXT COLLATE "C" NOT NULL,
  provider_id TEXT COLLATE "C" NOT NULL,
  next_at BIGINT,
  expires_at BIGINT,
  lease_owner TEXT COLLATE "C",
  lease_until BIGINT,
  created_at BIGINT,
  updated_at BIGINT
);
CREATE INDEX outbox_due ON outbox (lane, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_expiry ON outbox (expires_at) WHERE due_at IS NOT NULL;
CREATE INDEX outbox_owner ON outbox (lease_owner) WHERE lease_owner IS NOT NULL;
CREATE INDEX outbox_pool ON outbox (pool_id, id);
CREATE INDEX outbox_state ON outbox (pool_id, state, id);
CREATE INDEX outbox_user ON outbox (pool_id, user_id, id) WHERE user_id <> '';
CREATE INDEX outbox_number ON outbox (pool_id, number, id) WHERE number IS NOT NULL;

CREATE TABLE attempts (
  message_id TEXT COLLATE "C" NOT NULL,
  n BIGINT NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  provider TEXT COLLATE "C" NOT NULL,
  outcome TEXT COLLATE "C" NOT NULL,
  vendor_code TEXT COLLATE "C" NOT NULL,
  text TEXT COLLATE "C" NOT NULL,
  started_at BIGINT,
  ended_at BIGINT,
  PRIMARY KEY (message_id, n, id)
);

CREATE TABLE events (
  id TEXT COLLATE "C" PRIMARY KEY,
  pool_id TEXT COLLATE "C" NOT NULL,
  type TEXT COLLATE "C" NOT NULL,
  user_id TEXT COLLATE "C" NOT NULL,
  client_id TEXT COLLATE "C" NOT NULL,
  number BYTEA,
  data TEXT COLLATE "C",
  sealed BYTEA,
  at BIGINT
);
CREATE INDEX events_pool ON events (pool_id, id);
CREATE INDEX events_type ON events (pool_id, type, id);
CREATE INDEX events_user ON events (pool_id, user_id, id) WHERE user_id <> '';
CREATE INDEX events_number ON events (pool_id, number, id) WHERE number IS NOT NULL;

CREATE TABLE pool_keys (
  pool_id TEXT COLLATE "C" NOT NULL,
  purpose TEXT COLLATE "C" NOT NULL,
  version BIGINT NOT NULL,
  root_id TEXT COLLATE "C" NOT NULL,
  wrapped BYTEA NOT NULL,
  created_at BIGINT,
  retired_at BIGINT,
  PRIMARY KEY (pool_id, purpose, version)
);

CREATE TABLE signing_keys (
  pool_id TEXT COLLATE "C" NOT NULL,
  key_id TEXT COLLATE "C" NOT NULL,
  token_use TEXT COLLATE "C" NOT NULL,
  alg TEXT COLLATE "C" NOT NULL,
  sealed BYTEA,
  public BYTEA,
  created_at BIGINT,
  active_at BIGINT,
  retire_at BIGINT,
  PRIMARY KEY (pool_id, key_id)
);

CREATE TABLE access_keys (
  id TEXT COLLATE "C" PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  sealed_secret BYTEA,
  grants TEXT COLLATE "C",
  created_at BIGINT,
  revoked_at BIGINT,
  last_used_at BIGINT
);
