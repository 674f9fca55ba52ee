-- What an endpoint asks of a message beside its event type and its channels: a filter, in JSON; NULL is nothing.
ALTER TABLE endpoints ADD COLUMN filter TEXT COLLATE "C";
