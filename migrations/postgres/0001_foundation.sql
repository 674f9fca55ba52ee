-- The tables of migrations/sqlite/0001_foundation.sql, with the same columns. Ids are 63-bit numbers that grow with time
-- (src/domain/id.rs), times are milliseconds since 1970 in UTC, truths are 0 or 1. Texts are ordered by their bytes.
--
-- What grows with the traffic is made so that it can be spread over several machines: "spread by" names the column that
-- its rows would be divided by, which is part of each of its keys. The other tables are small and would be on every
-- machine. There are no foreign keys and no sequences.

-- On every machine: environments, api_keys, applications, endpoints, endpoint_secrets, event_types.

CREATE TABLE environments (
  id BIGINT PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL,
  type TEXT COLLATE "C" NOT NULL,
  preset TEXT COLLATE "C" NOT NULL,
  retry_schedule TEXT COLLATE "C" NOT NULL,
  envelope TEXT COLLATE "C" NOT NULL,
  one_for_each_event_type BIGINT NOT NULL,
  https_only BIGINT NOT NULL,
  heeds_answers BIGINT NOT NULL,
  checks_schemas BIGINT NOT NULL,
  endpoints_numbered BIGINT NOT NULL DEFAULT 0, -- the number that the last new endpoint got
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE api_keys (
  id BIGINT PRIMARY KEY,
  environment_id BIGINT NOT NULL,
  application_id BIGINT,
  scope TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  hash BYTEA NOT NULL,
  shown TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  expires_at BIGINT
);
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);
CREATE INDEX api_keys_environment ON api_keys (environment_id, id);

CREATE TABLE applications (
  id BIGINT PRIMARY KEY,
  environment_id BIGINT NOT NULL,
  uid TEXT COLLATE "C",
  name TEXT COLLATE "C" NOT NULL,
  metadata TEXT COLLATE "C" NOT NULL,
  throttle_rate BIGINT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX applications_environment ON applications (environment_id, id);
CREATE UNIQUE INDEX applications_uid ON applications (environment_id, uid) WHERE uid IS NOT NULL;

CREATE TABLE endpoints (
  id BIGINT PRIMARY KEY,
  environment_id BIGINT NOT NULL,
  application_id BIGINT NOT NULL,
  number BIGINT NOT NULL, -- counted up in the environment, and never given twice
  uid TEXT COLLATE "C",
  url TEXT COLLATE "C" NOT NULL,
  description TEXT COLLATE "C" NOT NULL,
  event_types TEXT COLLATE "C",
  channels TEXT COLLATE "C",
  metadata TEXT COLLATE "C" NOT NULL,
  headers BYTEA NOT NULL, -- sealed: they may hold credentials
  throttle_rate BIGINT,
  retry_schedule TEXT COLLATE "C", -- null is as the event type or the environment says
  disabled TEXT COLLATE "C",
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX endpoints_application ON endpoints (application_id, id);
CREATE UNIQUE INDEX endpoints_number ON endpoints (environment_id, number);
CREATE UNIQUE INDEX endpoints_uid ON endpoints (application_id, uid) WHERE uid IS NOT NULL;

-- The secret of an endpoint without an end is the one in use; the others still sign until they end.
CREATE TABLE endpoint_secrets (
  id BIGINT PRIMARY KEY,
  endpoint_id BIGINT NOT NULL,
  sealed BYTEA NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT
);
CREATE INDEX endpoint_secrets_endpoint ON endpoint_secrets (endpoint_id, id);

CREATE TABLE event_types (
  environment_id BIGINT NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  position BIGINT NOT NULL, -- grows from the first that was made to the last
  title TEXT COLLATE "C",
  description TEXT COLLATE "C" NOT NULL,
  archived BIGINT NOT NULL,
  deprecated BIGINT NOT NULL,
  group_name TEXT COLLATE "C",
  feature_flags TEXT COLLATE "C" NOT NULL,
  schemas TEXT COLLATE "C",
  example TEXT COLLATE "C",
  retry_schedule TEXT COLLATE "C", -- null is as the environment says
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (environment_id, name)
);

-- Spread by application_id. In parts by day, which Cornet makes ahead; the last part takes what no other does.
CREATE TABLE messages (
  id BIGINT NOT NULL,
  environment_id BIGINT NOT NULL,
  application_id BIGINT NOT NULL,
  event_type TEXT COLLATE "C" NOT NULL,
  event_id TEXT COLLATE "C",
  channels TEXT COLLATE "C",
  expires_early BIGINT, -- when the payload goes, if that is before the message does
  verdicts BYTEA NOT NULL, -- nine bytes for each endpoint: its id, big-endian, and the verdict's code
  checksum BIGINT NOT NULL,
  payload BYTEA,
  PRIMARY KEY (id, application_id)
) PARTITION BY RANGE (id);
CREATE TABLE messages_rest PARTITION OF messages DEFAULT;
CREATE INDEX messages_application ON messages (application_id, id);
CREATE INDEX messages_expires_early ON messages (expires_early) WHERE expires_early IS NOT NULL;

-- What waits, and nothing else. Keyed by endpoint first, so that each endpoint has a queue of its own. Spread by
-- application_id. Its rows come and go all the time, so it is cleaned often and has room in its pages.
CREATE TABLE queue (
  endpoint_id BIGINT NOT NULL,
  due BIGINT NOT NULL,
  message_id BIGINT NOT NULL,
  application_id BIGINT NOT NULL,
  attempts_made BIGINT NOT NULL,
  trigger BIGINT NOT NULL,
  PRIMARY KEY (endpoint_id, due, message_id, application_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.1);
CREATE INDEX queue_message ON queue (message_id);

-- Spread by application_id, and in parts by day like the messages.
-- Each delivery once, at its end, with its last attempt, if there was one; the row's id is that attempt's.
CREATE TABLE deliveries (
  id BIGINT NOT NULL,
  application_id BIGINT NOT NULL,
  endpoint_id BIGINT NOT NULL,
  message_id BIGINT NOT NULL,
  state BIGINT NOT NULL,
  trigger BIGINT NOT NULL,
  number BIGINT NOT NULL, -- the last attempt's; 0 when none was made
  duration_ms BIGINT NOT NULL,
  status_code BIGINT,
  url TEXT COLLATE "C" NOT NULL,
  response BYTEA,
  error_code TEXT COLLATE "C",
  error_detail TEXT COLLATE "C",
  PRIMARY KEY (id, application_id)
) PARTITION BY RANGE (id);
CREATE TABLE deliveries_rest PARTITION OF deliveries DEFAULT;
CREATE INDEX deliveries_endpoint ON deliveries (endpoint_id, state, id);
CREATE INDEX deliveries_message ON deliveries (message_id);

-- Attempts that were followed by another. Spread by application_id, and in parts by day.
CREATE TABLE attempts (
  id BIGINT NOT NULL,
  application_id BIGINT NOT NULL,
  endpoint_id BIGINT NOT NULL,
  message_id BIGINT NOT NULL,
  trigger BIGINT NOT NULL,
  number BIGINT NOT NULL,
  duration_ms BIGINT NOT NULL,
  status_code BIGINT,
  url TEXT COLLATE "C" NOT NULL,
  response BYTEA,
  error_code TEXT COLLATE "C",
  error_detail TEXT COLLATE "C",
  PRIMARY KEY (id, application_id)
) PARTITION BY RANGE (id);
CREATE TABLE attempts_rest PARTITION OF attempts DEFAULT;
CREATE INDEX attempts_endpoint ON attempts (endpoint_id, id);
CREATE INDEX attempts_message ON attempts (message_id);

-- What a request with an Idempotency-Key made, so that its repeat makes nothing. Spread by environment_id.
CREATE TABLE idempotency_keys (
  id BIGINT NOT NULL,
  environment_id BIGINT NOT NULL,
  hash BYTEA NOT NULL,
  fingerprint BYTEA NOT NULL,
  made BIGINT NOT NULL,
  PRIMARY KEY (id, environment_id)
);
CREATE UNIQUE INDEX idempotency_keys_hash ON idempotency_keys (environment_id, hash);
