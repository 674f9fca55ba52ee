-- The nodes: the processes that share this database. Small, and written every few seconds by each; would be on one machine.
CREATE TABLE nodes (
  number BIGINT PRIMARY KEY, -- what its ids carry: 0 to 1023
  epoch BIGINT NOT NULL, -- its life; no two are alike, of any node
  name TEXT COLLATE "C" NOT NULL,
  seat TEXT COLLATE "C" NOT NULL, -- what only one process can sit in at a time; empty when nobody vouches for that
  version TEXT COLLATE "C" NOT NULL,
  started_at BIGINT NOT NULL,
  lease_end BIGINT NOT NULL, -- until when it lives unless it says so again, by this database's clock
  free_from BIGINT -- when its number may be given to another; null while it lives
) WITH (fillfactor = 50);

-- Which life of which node a delivery belongs to. What is of no living node is taken over.
ALTER TABLE queue ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;
CREATE INDEX queue_epoch ON queue (epoch, endpoint_id, due, message_id);
