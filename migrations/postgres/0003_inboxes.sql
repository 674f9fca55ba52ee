-- Built-in receivers. The token is the permission to look at one, and stands in its URL.
CREATE TABLE inboxes (
  id BIGINT PRIMARY KEY,
  token TEXT COLLATE "C" NOT NULL,
  environment_id BIGINT NOT NULL,
  application_id BIGINT,
  name TEXT COLLATE "C" NOT NULL,
  status BIGINT NOT NULL, -- what it answers
  delay_ms BIGINT NOT NULL,
  body TEXT COLLATE "C" NOT NULL,
  secret BYTEA, -- sealed; set by hand, beside those of the endpoints that are there
  created_at BIGINT NOT NULL,
  last_at BIGINT -- when it last received anything
);
CREATE UNIQUE INDEX inboxes_token ON inboxes (token);
CREATE INDEX inboxes_environment ON inboxes (environment_id, id);
CREATE INDEX inboxes_used ON inboxes (coalesce(last_at, created_at));

-- Spread by inbox_id.
CREATE TABLE inbox_requests (
  id BIGINT NOT NULL,
  inbox_id BIGINT NOT NULL,
  method TEXT COLLATE "C" NOT NULL,
  path TEXT COLLATE "C" NOT NULL,
  headers TEXT COLLATE "C" NOT NULL,
  body BYTEA NOT NULL,
  body_bytes BIGINT NOT NULL, -- of the whole body, also when only its start is kept
  status BIGINT NOT NULL,
  delay_ms BIGINT NOT NULL,
  size BIGINT NOT NULL, -- of all that is kept of it
  PRIMARY KEY (id, inbox_id)
);
CREATE INDEX inbox_requests_inbox ON inbox_requests (inbox_id, id, size);

-- The few endpoints that may be at an inbox.
CREATE INDEX endpoints_inbox ON endpoints (environment_id) WHERE url LIKE '%/inbox/%';
