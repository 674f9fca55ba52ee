-- What a page shows of an attempt. An attempt that is older than this step has none of it.

ALTER TABLE deliveries ADD COLUMN sent_at BIGINT; -- what the request was signed with; null is the second of the id
ALTER TABLE deliveries ADD COLUMN response_headers TEXT COLLATE "C"; -- `name: value`, a line each
ALTER TABLE deliveries ADD COLUMN response_truncated BIGINT;
ALTER TABLE deliveries ADD COLUMN remote_address TEXT COLLATE "C";
ALTER TABLE deliveries ADD COLUMN phases BYTEA; -- src/store/packed.rs; null is that there was no connection

ALTER TABLE attempts ADD COLUMN sent_at BIGINT;
ALTER TABLE attempts ADD COLUMN response_headers TEXT COLLATE "C";
ALTER TABLE attempts ADD COLUMN response_truncated BIGINT;
ALTER TABLE attempts ADD COLUMN remote_address TEXT COLLATE "C";
ALTER TABLE attempts ADD COLUMN phases BYTEA;
