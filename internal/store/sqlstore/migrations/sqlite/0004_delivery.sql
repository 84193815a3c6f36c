-- needs: 3
-- What became of messages: accounts, prices, receipts, opt-outs, what routes learn. Programs that know number 3 go on working:
-- they leave the new columns at their defaults.
ALTER TABLE outbox ADD COLUMN account TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN sender TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN country TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN prefix TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN network TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN currency TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN settled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN sent_at INTEGER;
ALTER TABLE outbox ADD COLUMN verified_at INTEGER;
ALTER TABLE outbox ADD COLUMN poll_at INTEGER;
-- Every message that was sent cost two entries of it, and only a node that ends read it: it walks the leases in outbox_due instead.
DROP INDEX outbox_owner;
CREATE INDEX outbox_code ON outbox (code_id) WHERE code_id <> '';
CREATE INDEX outbox_poll ON outbox (poll_at) WHERE poll_at IS NOT NULL;

ALTER TABLE attempts ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN account TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN sender TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN provider_id TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN segments INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN cost INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN currency TEXT NOT NULL DEFAULT '';
CREATE INDEX attempts_id ON attempts (id);
CREATE INDEX attempts_provider ON attempts (account, provider_id) WHERE provider_id <> '';

-- The key is what makes two receipts the same.
CREATE TABLE receipts (
  message_id TEXT NOT NULL,
  provider_id TEXT NOT NULL,
  state TEXT NOT NULL,
  vendor_code TEXT NOT NULL,
  authentic INTEGER NOT NULL,
  id TEXT NOT NULL,
  pool_id TEXT NOT NULL,
  account TEXT NOT NULL,
  reason TEXT NOT NULL,
  text TEXT NOT NULL,
  source TEXT NOT NULL,
  segments INTEGER NOT NULL,
  cost INTEGER NOT NULL,
  currency TEXT NOT NULL,
  network TEXT NOT NULL,
  at INTEGER,
  received_at INTEGER,
  PRIMARY KEY (message_id, provider_id, state, vendor_code, authentic)
) STRICT, WITHOUT ROWID;

CREATE TABLE optouts (
  pool_id TEXT NOT NULL,
  number BLOB NOT NULL,
  sender TEXT NOT NULL,
  mask TEXT NOT NULL,
  source TEXT NOT NULL,
  keyword TEXT NOT NULL,
  at INTEGER,
  PRIMARY KEY (pool_id, number, sender)
) STRICT, WITHOUT ROWID;

CREATE TABLE route_counts (
  pool_id TEXT NOT NULL,
  span INTEGER NOT NULL,
  account TEXT NOT NULL,
  channel TEXT NOT NULL,
  country TEXT NOT NULL,
  network TEXT NOT NULL,
  sent INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  delivered INTEGER NOT NULL,
  undelivered INTEGER NOT NULL,
  verified INTEGER NOT NULL,
  verify_micros INTEGER NOT NULL,
  PRIMARY KEY (pool_id, span, account, channel, country, network)
) STRICT, WITHOUT ROWID;
CREATE INDEX route_counts_span ON route_counts (span);

-- Carriers of number prefixes, as receipts name them; networks are those that users sign in from.
CREATE TABLE carriers (
  prefix TEXT PRIMARY KEY,
  network TEXT NOT NULL,
  expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX carriers_expiry ON carriers (expires_at);

CREATE TABLE doors (
  hash BLOB PRIMARY KEY,
  sealed BLOB,
  pool_id TEXT NOT NULL,
  account TEXT NOT NULL,
  created_at INTEGER,
  expires_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX doors_account ON doors (pool_id, account, created_at);
CREATE INDEX doors_expiry ON doors (expires_at) WHERE expires_at IS NOT NULL;
