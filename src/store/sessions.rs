//! Sessions in the store, and the codes that open them: by the hashes of their texts, which alone are kept. A session is
//! read anew each time it is used, together with its key, so none outlives its end by a memory.

use super::connection::{Connection, Parameter, Row};
use super::error::StoreError;
use super::{Store, applications, environments, json_list};
use crate::domain::id::{ApplicationId, Id};
use crate::domain::key::{KeyHash, Scope};
use crate::domain::session::{ENTRY_CODES_MAX, EntryCode, Grant, SESSIONS_MAX, Session};
use crate::domain::time::Timestamp;

/// One that was opened with a key is there as long as the key is, with this text and before its end.
const GET: &str = "SELECT environment_id, scope, application_id, read_only, feature_flags, name, key_hash, created_at,
    seen_at, expires_at FROM sessions WHERE hash = ?1 AND (key_hash IS NULL OR EXISTS
    (SELECT 1 FROM api_keys WHERE api_keys.hash = sessions.key_hash AND coalesce(api_keys.expires_at > ?2, TRUE)))";
const INSERT: &str =
    "INSERT INTO sessions (hash, environment_id, scope, application_id, read_only, feature_flags, name,
    key_hash, created_at, seen_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const MAKE_PLACE: &str = "DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions
    WHERE environment_id = ?1 AND application_id IS NOT DISTINCT FROM ?2
    ORDER BY created_at DESC LIMIT 9223372036854775807 OFFSET ?3)";
const SEEN: &str = "UPDATE sessions SET seen_at = ?2 WHERE hash = ?1 AND seen_at < ?2";
const DELETE: &str = "DELETE FROM sessions WHERE hash = ?1";
const INSERT_CODE: &str = "INSERT INTO entry_codes (hash, environment_id, scope, application_id, read_only,
    feature_flags, name, created_at, session_ends_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const MAKE_PLACE_FOR_CODE: &str = "DELETE FROM entry_codes WHERE hash IN (SELECT hash FROM entry_codes
    WHERE environment_id = ?1 AND application_id IS NOT DISTINCT FROM ?2
    ORDER BY created_at DESC LIMIT 9223372036854775807 OFFSET ?3)";
const REDEEM: &str =
    "DELETE FROM entry_codes WHERE hash = ?1 RETURNING environment_id, scope, application_id, read_only,
    feature_flags, name, created_at, session_ends_at, expires_at";
/// Each lets what opens an application's portal end at a time, all of it or what has one of these names.
const END: [&str; 2] = [
    "UPDATE sessions SET expires_at = ?3 WHERE environment_id = ?1 AND application_id = ?2 AND expires_at > ?3
     AND (name IN (SELECT value FROM json_each(?4)) OR ?4 IS NULL)",
    "UPDATE entry_codes SET expires_at = CASE WHEN expires_at > ?3 THEN ?3 ELSE expires_at END,
     session_ends_at = CASE WHEN session_ends_at > ?3 THEN ?3 ELSE session_ends_at END
     WHERE environment_id = ?1 AND application_id = ?2
     AND (name IN (SELECT value FROM json_each(?4)) OR ?4 IS NULL)",
];
const DELETE_ENDED: [&str; 2] = [
    "DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE expires_at <= ?1 LIMIT ?2)",
    "DELETE FROM entry_codes WHERE hash IN (SELECT hash FROM entry_codes WHERE expires_at <= ?1 LIMIT ?2)",
];

/// The kind of a scope, and the application that it is of.
pub(super) fn scope_columns(scope: Scope) -> (&'static str, Option<ApplicationId>) {
    match scope {
        Scope::Admin => ("admin", None),
        Scope::Environment => ("environment", None),
        Scope::Application(id) => ("application", Some(id)),
    }
}

/// The scope of this kind and application.
pub(super) fn scope_of(kind: &str, application: Option<i64>) -> Option<Scope> {
    match (kind, application) {
        ("admin", None) => Some(Scope::Admin),
        ("environment", None) => Some(Scope::Environment),
        ("application", Some(number)) => Some(Scope::Application(Id::from_number(number))),
        _ => None,
    }
}

/// The first five columns of a session or a code.
fn read_grant(row: &Row<'_>) -> Result<Grant, StoreError> {
    let scope = scope_of(&row.text(1)?, row.optional_integer(2)?);
    Ok(Grant {
        environment_id: row.id(0)?,
        scope: scope.ok_or_else(|| StoreError::Corrupt("the scope of a session".to_owned()))?,
        read_only: row.boolean(3)?,
        feature_flags: json_list::read(row.optional_text(4)?)?,
    })
}

fn read(row: &Row<'_>) -> Result<Session, StoreError> {
    let damaged = |_| StoreError::Corrupt("sessions.key_hash".to_owned());
    Ok(Session {
        grant: read_grant(row)?,
        name: row.optional_text(5)?,
        key: row.optional_bytes(6)?.map(|hash| hash.try_into().map_err(damaged)).transpose()?,
        created_at: row.time(7)?,
        seen_at: row.time(8)?,
        expires_at: row.time(9)?,
    })
}

fn read_code(row: &Row<'_>) -> Result<EntryCode, StoreError> {
    Ok(EntryCode {
        grant: read_grant(row)?,
        name: row.optional_text(5)?,
        created_at: row.time(6)?,
        session_ends_at: row.time(7)?,
        expires_at: row.time(8)?,
    })
}

/// Whether what it opens is still there.
fn opens_something(connection: &Connection, grant: &Grant) -> Result<bool, StoreError> {
    match grant.application() {
        Some(id) => Ok(applications::get(connection, id)?.is_some()),
        None => environments::exists(connection, grant.environment_id),
    }
}

/// Lets the oldest ones of an owner go when there are more than `max`.
fn make_place(connection: &Connection, sql: &'static str, grant: &Grant, max: usize) -> Result<(), StoreError> {
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    connection.execute(sql, &[grant.environment_id.into(), grant.application().into(), max.into()])?;
    Ok(())
}

fn insert(connection: &Connection, hash: &KeyHash, session: &Session) -> Result<(), StoreError> {
    let grant = &session.grant;
    let (scope, application) = scope_columns(grant.scope);
    let flags = json_list::write(grant.feature_flags.as_ref());
    connection.execute(
        INSERT,
        &[
            hash.as_slice().into(),
            grant.environment_id.into(),
            scope.into(),
            application.into(),
            grant.read_only.into(),
            flags.as_ref().into(),
            session.name.as_ref().into(),
            session.key.as_ref().map(KeyHash::as_slice).into(),
            session.created_at.into(),
            session.seen_at.into(),
            session.expires_at.into(),
        ],
    )?;
    make_place(connection, MAKE_PLACE, grant, SESSIONS_MAX)
}

fn insert_code(connection: &Connection, hash: &KeyHash, code: &EntryCode) -> Result<(), StoreError> {
    let grant = &code.grant;
    let (scope, application) = scope_columns(grant.scope);
    let flags = json_list::write(grant.feature_flags.as_ref());
    connection.execute(
        INSERT_CODE,
        &[
            hash.as_slice().into(),
            grant.environment_id.into(),
            scope.into(),
            application.into(),
            grant.read_only.into(),
            flags.as_ref().into(),
            code.name.as_ref().into(),
            code.created_at.into(),
            code.session_ends_at.into(),
            code.expires_at.into(),
        ],
    )?;
    make_place(connection, MAKE_PLACE_FOR_CODE, grant, ENTRY_CODES_MAX)
}

/// Deletes some of what has ended, and says how much.
pub(super) fn drop_ended(connection: &Connection, now: Timestamp, chunk: i64) -> Result<usize, StoreError> {
    DELETE_ENDED.iter().map(|sql| connection.execute(sql, &[now.into(), chunk.into()])).sum()
}

impl Store {
    /// The session whose token has this hash, if the key that it was opened with is good at `now`.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn session(&self, hash: KeyHash, now: Timestamp) -> Result<Option<Session>, StoreError> {
        self.read(move |connection| connection.first(GET, &[hash.as_slice().into(), now.into()], read)).await
    }

    /// Keeps a new session; false, and nothing kept, when what it opens is gone.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn insert_session(&self, hash: KeyHash, session: Session) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let kept = opens_something(connection, &session.grant)?;
            if kept {
                insert(connection, &hash, &session)?;
            }
            Ok(kept)
        })
        .await
    }

    /// Keeps a new code; false, and nothing kept, when what it opens is gone.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn insert_code(&self, hash: KeyHash, code: EntryCode) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let kept = opens_something(connection, &code.grant)?;
            if kept {
                insert_code(connection, &hash, &code)?;
            }
            Ok(kept)
        })
        .await
    }

    /// Takes the code with this hash out of the store, once for all, and keeps the session that it opens at `now`
    /// under `session`; `None` when there is no such code, or its time is over.
    ///
    /// # Errors
    /// When the store could not; then the code is still good.
    pub async fn redeem_code(
        &self,
        code: KeyHash,
        session: KeyHash,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        self.write(move |connection| {
            let found = connection.first(REDEEM, &[code.as_slice().into()], read_code)?;
            let Some(good) = found.filter(|code| now < code.expires_at && now < code.session_ends_at) else {
                return Ok(None);
            };
            if !opens_something(connection, &good.grant)? {
                return Ok(None);
            }
            let opened = Session::new(good.grant, good.name, now, good.session_ends_at);
            insert(connection, &session, &opened)?;
            Ok(Some(opened))
        })
        .await
    }

    /// Writes down that the session with this hash was used at `now`.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn touch_session(&self, hash: KeyHash, now: Timestamp) -> Result<(), StoreError> {
        self.write(move |connection| connection.execute(SEEN, &[hash.as_slice().into(), now.into()]).map(|_| ())).await
    }

    /// Ends the session with this hash; says whether there was one.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn delete_session(&self, hash: KeyHash) -> Result<bool, StoreError> {
        self.write(move |connection| Ok(connection.execute(DELETE, &[hash.as_slice().into()])? > 0)).await
    }

    /// Lets what opens the portal of an application end at `end`, if it does not end sooner: all of it, or what has one
    /// of these names.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn end_sessions(
        &self,
        grant: Grant,
        names: Option<Vec<String>>,
        end: Timestamp,
    ) -> Result<(), StoreError> {
        let names = json_list::write(names.as_ref());
        self.write(move |connection| {
            let parameters: [Parameter<'_>; 4] =
                [grant.environment_id.into(), grant.application().into(), end.into(), names.as_ref().into()];
            END.iter().try_for_each(|sql| connection.execute(sql, &parameters).map(|_| ()))
        })
        .await
    }
}
