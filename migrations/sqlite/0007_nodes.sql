-- The nodes that share a server; a file has one, which needs no row.
CREATE TABLE nodes (
  number INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL,
  name TEXT NOT NULL,
  seat TEXT NOT NULL,
  version TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  lease_end INTEGER NOT NULL,
  free_from INTEGER
);

-- Which life of which node a delivery belongs to. In a file, all of them to the one.
ALTER TABLE queue ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
