-- Spread by environment_id. The audit log: who did what, from where. Entries are only added.
CREATE TABLE audit_entries (
  environment_id BIGINT NOT NULL,
  id BIGINT NOT NULL,
  actor_kind TEXT COLLATE "C" NOT NULL,
  actor TEXT COLLATE "C" NOT NULL, -- the id of a key or of an application, or the kind once more
  actor_name TEXT COLLATE "C" NOT NULL,
  address TEXT COLLATE "C", -- from where, where that is known
  action TEXT COLLATE "C" NOT NULL,
  subject TEXT COLLATE "C" NOT NULL, -- the public id of what it was done to, or its name
  application_id BIGINT,
  detail TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (environment_id, id)
);
CREATE INDEX audit_entries_action ON audit_entries (environment_id, action, id);
CREATE INDEX audit_entries_actor ON audit_entries (environment_id, actor, id);

CREATE FUNCTION refuse_change_of_audit_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'an entry of the audit log is never changed or deleted';
END $$;
CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE ON audit_entries
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit_entries();
