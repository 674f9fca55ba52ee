-- Code of an endpoint's owner that its deliveries go through. An endpoint that never had any has no row.
-- On every machine, as the endpoints are.
CREATE TABLE transformations (
  endpoint_id BIGINT PRIMARY KEY,
  application_id BIGINT NOT NULL,
  code TEXT COLLATE "C",
  enabled BIGINT NOT NULL,
  variables BYTEA NOT NULL, -- sealed: they may be credentials
  updated_at BIGINT NOT NULL
);
CREATE INDEX transformations_application ON transformations (application_id, endpoint_id);
