-- Whether an endpoint is sent one message at a time, in the order in which they were accepted.
ALTER TABLE endpoints ADD COLUMN ordered BIGINT NOT NULL DEFAULT 0;

-- At such an endpoint, when what it did not take is tried again: it keeps its place, which its due time says.
ALTER TABLE queue ADD COLUMN held_until BIGINT;
CREATE INDEX queue_held ON queue (endpoint_id, held_until) WHERE held_until IS NOT NULL;
