-- A message's event id, by the application that gave it. In a table of its own, because where messages are kept in parts
-- by their time, no index over all of them can hold it unique.
CREATE TABLE event_ids (
  application_id INTEGER NOT NULL,
  event_id TEXT NOT NULL,
  message_id INTEGER NOT NULL,
  PRIMARY KEY (application_id, event_id)
) WITHOUT ROWID;
INSERT INTO event_ids SELECT application_id, event_id, id FROM messages WHERE event_id IS NOT NULL;
CREATE INDEX event_ids_message ON event_ids (message_id);
DROP INDEX messages_event_id;

-- Something sealed with the master key, to tell it from another.
CREATE TABLE seal (
  id INTEGER PRIMARY KEY,
  sealed BLOB NOT NULL
);
