-- Ids are 63-bit numbers that grow with time (src/domain/id.rs), times are milliseconds since 1970 in UTC.

CREATE TABLE environments (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  preset TEXT NOT NULL,
  retry_schedule TEXT NOT NULL,
  envelope TEXT NOT NULL,
  one_for_each_event_type INTEGER NOT NULL,
  https_only INTEGER NOT NULL,
  heeds_answers INTEGER NOT NULL,
  checks_schemas INTEGER NOT NULL,
  endpoints_numbered INTEGER NOT NULL DEFAULT 0, -- the number that the last new endpoint got
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);

CREATE TABLE api_keys (
  id INTEGER PRIMARY KEY,
  environment_id INTEGER NOT NULL,
  application_id INTEGER,
  scope TEXT NOT NULL,
  name TEXT NOT NULL,
  hash BLOB NOT NULL,
  shown TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  expires_at INTEGER
);
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);
CREATE INDEX api_keys_environment ON api_keys (environment_id);

CREATE TABLE applications (
  id INTEGER PRIMARY KEY,
  environment_id INTEGER NOT NULL,
  uid TEXT,
  name TEXT NOT NULL,
  metadata TEXT NOT NULL,
  throttle_rate INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);
CREATE INDEX applications_environment ON applications (environment_id);
CREATE UNIQUE INDEX applications_uid ON applications (environment_id, uid) WHERE uid IS NOT NULL;

CREATE TABLE endpoints (
  id INTEGER PRIMARY KEY,
  environment_id INTEGER NOT NULL,
  application_id INTEGER NOT NULL,
  number INTEGER NOT NULL, -- counted up in the environment, and never given twice
  uid TEXT,
  url TEXT NOT NULL,
  description TEXT NOT NULL,
  event_types TEXT,
  channels TEXT,
  metadata TEXT NOT NULL,
  headers BLOB NOT NULL, -- sealed: they may hold credentials
  throttle_rate INTEGER,
  retry_schedule TEXT, -- null is as the event type or the environment says
  disabled TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);
CREATE INDEX endpoints_application ON endpoints (application_id);
CREATE UNIQUE INDEX endpoints_number ON endpoints (environment_id, number);
CREATE UNIQUE INDEX endpoints_uid ON endpoints (application_id, uid) WHERE uid IS NOT NULL;

-- The secret of an endpoint without an end is the one in use; the others still sign until they end.
CREATE TABLE endpoint_secrets (
  id INTEGER PRIMARY KEY,
  endpoint_id INTEGER NOT NULL,
  sealed BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER
);
CREATE INDEX endpoint_secrets_endpoint ON endpoint_secrets (endpoint_id);

CREATE TABLE event_types (
  environment_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  position INTEGER NOT NULL, -- grows from the first that was made to the last
  title TEXT,
  description TEXT NOT NULL,
  archived INTEGER NOT NULL,
  deprecated INTEGER NOT NULL,
  group_name TEXT,
  feature_flags TEXT NOT NULL,
  schemas TEXT,
  example TEXT,
  retry_schedule TEXT, -- null is as the environment says
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (environment_id, name)
) WITHOUT ROWID;

CREATE TABLE messages (
  id INTEGER PRIMARY KEY,
  environment_id INTEGER NOT NULL,
  application_id INTEGER NOT NULL,
  event_type TEXT NOT NULL,
  event_id TEXT,
  channels TEXT,
  expires_early INTEGER, -- when the payload goes, if that is before the message does
  verdicts BLOB NOT NULL, -- nine bytes for each endpoint: its id, big-endian, and the verdict's code
  checksum INTEGER NOT NULL,
  payload BLOB
);
CREATE INDEX messages_application ON messages (application_id);
CREATE INDEX messages_expires_early ON messages (expires_early) WHERE expires_early IS NOT NULL;
CREATE UNIQUE INDEX messages_event_id ON messages (application_id, event_id) WHERE event_id IS NOT NULL;

-- What waits, and nothing else. Keyed by endpoint first, so that each endpoint has a queue of its own.
CREATE TABLE queue (
  endpoint_id INTEGER NOT NULL,
  due INTEGER NOT NULL,
  message_id INTEGER NOT NULL,
  application_id INTEGER NOT NULL,
  attempts_made INTEGER NOT NULL,
  trigger INTEGER NOT NULL,
  PRIMARY KEY (endpoint_id, due, message_id)
) WITHOUT ROWID;
CREATE INDEX queue_message ON queue (message_id);

-- Each delivery once, at its end, with its last attempt, if there was one; the row's id is that attempt's.
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY,
  application_id INTEGER NOT NULL,
  endpoint_id INTEGER NOT NULL,
  message_id INTEGER NOT NULL,
  state INTEGER NOT NULL,
  trigger INTEGER NOT NULL,
  number INTEGER NOT NULL, -- the last attempt's; 0 when none was made
  duration_ms INTEGER NOT NULL,
  status_code INTEGER,
  url TEXT NOT NULL,
  response BLOB,
  error_code TEXT,
  error_detail TEXT
);
CREATE INDEX deliveries_endpoint ON deliveries (endpoint_id, state);
CREATE INDEX deliveries_message ON deliveries (message_id);

-- Attempts that were followed by another.
CREATE TABLE attempts (
  id INTEGER PRIMARY KEY,
  application_id INTEGER NOT NULL,
  endpoint_id INTEGER NOT NULL,
  message_id INTEGER NOT NULL,
  trigger INTEGER NOT NULL,
  number INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL,
  status_code INTEGER,
  url TEXT NOT NULL,
  response BLOB,
  error_code TEXT,
  error_detail TEXT
);
CREATE INDEX attempts_endpoint ON attempts (endpoint_id);
CREATE INDEX attempts_message ON attempts (message_id);

-- What a request with an Idempotency-Key made, so that its repeat makes nothing.
CREATE TABLE idempotency_keys (
  id INTEGER PRIMARY KEY,
  environment_id INTEGER NOT NULL,
  hash BLOB NOT NULL,
  fingerprint BLOB NOT NULL,
  made INTEGER NOT NULL
);
CREATE UNIQUE INDEX idempotency_keys_hash ON idempotency_keys (environment_id, hash);
