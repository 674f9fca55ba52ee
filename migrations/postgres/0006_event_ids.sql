-- Spread by application_id. A message's event id, by the application that gave it. In a table of its own, because where messages are kept in parts
-- by their time, no index over all of them can hold it unique.
CREATE TABLE event_ids (
  application_id BIGINT NOT NULL,
  event_id TEXT COLLATE "C" NOT NULL,
  message_id BIGINT NOT NULL,
  PRIMARY KEY (application_id, event_id)
);
CREATE INDEX event_ids_message ON event_ids (message_id);

-- Something sealed with the master key, to tell it from another.
CREATE TABLE seal (
  id BIGINT PRIMARY KEY,
  sealed BYTEA NOT NULL
);
