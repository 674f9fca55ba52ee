-- Code of an endpoint's owner that its deliveries go through. An endpoint that never had any has no row.
CREATE TABLE transformations (
  endpoint_id INTEGER PRIMARY KEY,
  application_id INTEGER NOT NULL,
  code TEXT,
  enabled INTEGER NOT NULL,
  variables BLOB NOT NULL, -- sealed: they may be credentials
  updated_at INTEGER NOT NULL
);
CREATE INDEX transformations_application ON transformations (application_id, endpoint_id);
