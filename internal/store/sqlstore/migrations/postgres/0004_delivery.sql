-- needs: 3
-- What became of messages: accounts, prices, receipts, opt-outs, what routes learn. Programs that know number 3 go on working:
-- they leave the new columns at their defaults.
ALTER TABLE outbox ADD COLUMN account TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN sender TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN country TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN prefix TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN network TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN cost BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN currency TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN settled SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN sent_at BIGINT;
ALTER TABLE outbox ADD COLUMN verified_at BIGINT;
ALTER TABLE outbox ADD COLUMN poll_at BIGINT;
-- Every message that was sent cost two entries of it, and only a node that ends read it: it walks the leases in outbox_due instead.
DROP INDEX outbox_owner;
CREATE INDEX outbox_code ON outbox (code_id) WHERE code_id <> '';
CREATE INDEX outbox_poll ON outbox (poll_at) WHERE poll_at IS NOT NULL;

ALTER TABLE attempts ADD COLUMN reason TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN account TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN sender TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN provider_id TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN segments BIGINT NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN cost BIGINT NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN currency TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX attempts_id ON attempts (id);
CREATE INDEX attempts_provider ON attempts (account, provider_id) WHERE provider_id <> '';

-- The key is what makes two receipts the same.
CREATE TABLE receipts (
  message_id TEXT COLLATE "C" NOT NULL,
  provider_id TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  vendor_code TEXT COLLATE "C" NOT NULL,
  authentic SMALLINT NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  pool_id TEXT COLLATE "C" NOT NULL,
  account TEXT COLLATE "C" NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  text TEXT COLLATE "C" NOT NULL,
  source TEXT COLLATE "C" NOT NULL,
  segments BIGINT NOT NULL,
  cost BIGINT NOT NULL,
  currency TEXT COLLATE "C" NOT NULL,
  network TEXT COLLATE "C" NOT NULL,
  at BIGINT,
  received_at BIGINT,
  PRIMARY KEY (message_id, provider_id, state, vendor_code, authentic)
);

CREATE TABLE optouts (
  pool_id TEXT COLLATE "C" NOT NULL,
  number BYTEA NOT NULL,
  sender TEXT COLLATE "C" NOT NULL,
  mask TEXT COLLATE "C" NOT NULL,
  source TEXT COLLATE "C" NOT NULL,
  keyword TEXT COLLATE "C" NOT NULL,
  at BIGINT,
  PRIMARY KEY (pool_id, number, sender)
);

CREATE TABLE route_counts (
  pool_id TEXT COLLATE "C" NOT NULL,
  span BIGINT NOT NULL,
  account TEXT COLLATE "C" NOT NULL,
  channel TEXT COLLATE "C" NOT NULL,
  country TEXT COLLATE "C" NOT NULL,
  network TEXT COLLATE "C" NOT NULL,
  sent BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  delivered BIGINT NOT NULL,
  undelivered BIGINT NOT NULL,
  verified BIGINT NOT NULL,
  verify_micros BIGINT NOT NULL,
  PRIMARY KEY (pool_id, span, account, channel, country, network)
);
CREATE INDEX route_counts_span ON route_counts (span);

-- Carriers of number prefixes, as receipts name them; networks are those that users sign in from.
CREATE TABLE carriers (
  prefix TEXT COLLATE "C" PRIMARY KEY,
  network TEXT COLLATE "C" NOT NULL,
  expires_at BIGINT
);
CREATE INDEX carriers_expiry ON carriers (expires_at);

CREATE TABLE doors (
  hash BYTEA PRIMARY KEY,
  sealed BYTEA,
  pool_id TEXT COLLATE "C" NOT NULL,
  account TEXT COLLATE "C" NOT NULL,
  created_at BIGINT,
  expires_at BIGINT
);
CREATE INDEX doors_account ON doors (pool_id, account, created_at);
CREATE INDEX doors_expiry ON doors (expires_at) WHERE expires_at IS NOT NULL;
