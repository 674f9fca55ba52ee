-- The audit log: who did what, from where. Entries are only added.
CREATE TABLE audit_entries (
  environment_id INTEGER NOT NULL,
  id INTEGER NOT NULL,
  actor_kind TEXT NOT NULL,
  actor TEXT NOT NULL, -- the id of a key or of an application, or the kind once more
  actor_name TEXT NOT NULL,
  address TEXT, -- from where, where that is known
  action TEXT NOT NULL,
  subject TEXT NOT NULL, -- the public id of what it was done to, or its name
  application_id INTEGER,
  detail TEXT NOT NULL,
  PRIMARY KEY (environment_id, id)
) WITHOUT ROWID;
CREATE INDEX audit_entries_action ON audit_entries (environment_id, action, id);
CREATE INDEX audit_entries_actor ON audit_entries (environment_id, actor, id);

CREATE TRIGGER audit_entries_are_not_changed BEFORE UPDATE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'an entry of the audit log is never changed'); END;
CREATE TRIGGER audit_entries_are_not_deleted BEFORE DELETE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'an entry of the audit log is never deleted'); END;
