-- The messages from this id on may have deliveries that wait without a row in `queue`: those that were accepted a moment ago
-- (src/store/fresh.rs). All before it have theirs.
CREATE TABLE fresh (since INTEGER PRIMARY KEY);
INSERT INTO fresh (since) SELECT coalesce(max(id), 0) + 1 FROM messages;
