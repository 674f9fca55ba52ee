-- Who looks at the pages, by the hash of a token. Of an application's portal when it names one.
CREATE TABLE sessions (
  hash BYTEA PRIMARY KEY,
  environment_id BIGINT NOT NULL,
  application_id BIGINT,
  scope TEXT COLLATE "C" NOT NULL,
  read_only BIGINT NOT NULL,
  feature_flags TEXT COLLATE "C", -- null sees every event type
  name TEXT COLLATE "C",
  key_hash BYTEA, -- of the API key that it was opened with, and ends with
  created_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_owner ON sessions (environment_id, application_id, created_at);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

-- What opens a session, once, by the hash of a code.
CREATE TABLE entry_codes (
  hash BYTEA PRIMARY KEY,
  environment_id BIGINT NOT NULL,
  application_id BIGINT,
  scope TEXT COLLATE "C" NOT NULL,
  read_only BIGINT NOT NULL,
  feature_flags TEXT COLLATE "C",
  name TEXT COLLATE "C",
  created_at BIGINT NOT NULL,
  session_ends_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX entry_codes_owner ON entry_codes (environment_id, application_id, created_at);
CREATE INDEX entry_codes_expires_at ON entry_codes (expires_at);

-- How an environment's portal looks, where it looks like somebody's.
CREATE TABLE portal_looks (
  environment_id BIGINT PRIMARY KEY,
  name TEXT COLLATE "C",
  accent TEXT COLLATE "C"
);

CREATE TABLE portal_logos (
  environment_id BIGINT PRIMARY KEY,
  media_type TEXT COLLATE "C" NOT NULL,
  version TEXT COLLATE "C" NOT NULL, -- of its bytes, so that it can be kept for ever
  image BYTEA NOT NULL
);
