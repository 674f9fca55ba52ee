-- What a page shows of an attempt. An attempt that is older than this step has none of it.

ALTER TABLE deliveries ADD COLUMN sent_at INTEGER; -- what the request was signed with; null is the second of the id
ALTER TABLE deliveries ADD COLUMN response_headers TEXT; -- `name: value`, a line each
ALTER TABLE deliveries ADD COLUMN response_truncated INTEGER;
ALTER TABLE deliveries ADD COLUMN remote_address TEXT;
ALTER TABLE deliveries ADD COLUMN phases BLOB; -- src/store/packed.rs; null is that there was no connection

ALTER TABLE attempts ADD COLUMN sent_at INTEGER;
ALTER TABLE attempts ADD COLUMN response_headers TEXT;
ALTER TABLE attempts ADD COLUMN response_truncated INTEGER;
ALTER TABLE attempts ADD COLUMN remote_address TEXT;
ALTER TABLE attempts ADD COLUMN phases BLOB;
