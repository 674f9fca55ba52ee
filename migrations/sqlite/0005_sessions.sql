-- Who looks at the pages, by the hash of a token. Of an application's portal when it names one.
CREATE TABLE sessions (
  hash BLOB PRIMARY KEY,
  environment_id INTEGER NOT NULL,
  application_id INTEGER,
  scope TEXT NOT NULL,
  read_only INTEGER NOT NULL,
  feature_flags TEXT, -- null sees every event type
  name TEXT,
  key_hash BLOB, -- of the API key that it was opened with, and ends with
  created_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_owner ON sessions (environment_id, application_id, created_at);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

-- What opens a session, once, by the hash of a code.
CREATE TABLE entry_codes (
  hash BLOB PRIMARY KEY,
  environment_id INTEGER NOT NULL,
  application_id INTEGER,
  scope TEXT NOT NULL,
  read_only INTEGER NOT NULL,
  feature_flags TEXT,
  name TEXT,
  created_at INTEGER NOT NULL,
  session_ends_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX entry_codes_owner ON entry_codes (environment_id, application_id, created_at);
CREATE INDEX entry_codes_expires_at ON entry_codes (expires_at);

-- How an environment's portal looks, where it looks like somebody's.
CREATE TABLE portal_looks (
  environment_id INTEGER PRIMARY KEY,
  name TEXT,
  accent TEXT
);

CREATE TABLE portal_logos (
  environment_id INTEGER PRIMARY KEY,
  media_type TEXT NOT NULL,
  version TEXT NOT NULL, -- of its bytes, so that it can be kept for ever
  image BLOB NOT NULL
);
