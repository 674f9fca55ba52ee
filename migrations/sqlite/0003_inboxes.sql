-- Built-in receivers. The token is the permission to look at one, and stands in its URL.
CREATE TABLE inboxes (
  id INTEGER PRIMARY KEY,
  token TEXT NOT NULL,
  environment_id INTEGER NOT NULL,
  application_id INTEGER,
  name TEXT NOT NULL,
  status INTEGER NOT NULL, -- what it answers
  delay_ms INTEGER NOT NULL,
  body TEXT NOT NULL,
  secret BLOB, -- sealed; set by hand, beside those of the endpoints that are there
  created_at INTEGER NOT NULL,
  last_at INTEGER -- when it last received anything
);
CREATE UNIQUE INDEX inboxes_token ON inboxes (token);
CREATE INDEX inboxes_environment ON inboxes (environment_id);
CREATE INDEX inboxes_used ON inboxes (coalesce(last_at, created_at));

CREATE TABLE inbox_requests (
  id INTEGER PRIMARY KEY,
  inbox_id INTEGER NOT NULL,
  method TEXT NOT NULL,
  path TEXT NOT NULL,
  headers TEXT NOT NULL,
  body BLOB NOT NULL,
  body_bytes INTEGER NOT NULL, -- of the whole body, also when only its start is kept
  status INTEGER NOT NULL,
  delay_ms INTEGER NOT NULL,
  size INTEGER NOT NULL -- of all that is kept of it
);
CREATE INDEX inbox_requests_inbox ON inbox_requests (inbox_id, id, size);

-- The few endpoints that may be at an inbox.
CREATE INDEX endpoints_inbox ON endpoints (environment_id) WHERE url GLOB '*/inbox/*';
