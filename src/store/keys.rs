//! API keys in the store: by the hash of their text, which alone is kept.

use std::sync::Arc;
use std::time::Duration;

use super::cache::Weight;
use super::connection::{Connection, Row};
use super::error::StoreError;
use super::idempotency::{self, IdempotencyKey, Inserted};
use super::news::News;
use super::page::{Listed, Page};
use super::sessions::{scope_columns, scope_of};
use super::{Store, applications, environments, locks};
use crate::domain::application::Application;
use crate::domain::environment::Environment;
use crate::domain::id::{ApiKeyId, ApplicationId, EnvironmentId};
use crate::domain::key::{API_KEYS_PER_ENVIRONMENT_MAX, ApiKey, KeyHash, Scope};
use crate::domain::time::Timestamp;

const BY_HASH: &str = "SELECT id, environment_id, scope, application_id, name, hash, shown, created_at, expires_at,
    updated_at
    FROM api_keys WHERE hash = ?1";
const INSERT: &str = "INSERT INTO api_keys (id, environment_id, scope, application_id, name, hash, shown, created_at,
    expires_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

const BY_ID: &str = "SELECT id, environment_id, scope, application_id, name, hash, shown, created_at, expires_at,
    updated_at
    FROM api_keys WHERE id = ?1 AND environment_id = ?2";
const COUNT: &str = "SELECT count(*) FROM api_keys WHERE environment_id = ?1 AND coalesce(expires_at > ?2, TRUE)";
const DROP_ENDED: &str = "DELETE FROM api_keys WHERE environment_id = ?1 AND expires_at < ?2";
const EXPIRE: &str = "UPDATE api_keys SET expires_at = ?2 WHERE id = ?1 AND (expires_at IS NULL OR expires_at > ?2)";
const ENDLESS_ADMIN: &str = "SELECT id FROM api_keys WHERE scope = 'admin' AND expires_at IS NULL
    AND (id <> ?1 OR ?1 IS NULL) AND (environment_id <> ?2 OR ?2 IS NULL) LIMIT 1";
const RISING: &str = "SELECT id, environment_id, scope, application_id, name, hash, shown, created_at, expires_at,
    updated_at
    FROM api_keys WHERE environment_id = ?1 AND id > ?2 AND (application_id = ?4 AND expires_at IS NULL OR ?4 IS NULL)
    ORDER BY id LIMIT ?3";
const FALLING: &str = "SELECT id, environment_id, scope, application_id, name, hash, shown, created_at, expires_at,
    updated_at
    FROM api_keys WHERE environment_id = ?1 AND id < ?2 AND (application_id = ?4 AND expires_at IS NULL OR ?4 IS NULL)
    ORDER BY id DESC LIMIT ?3";

const UPDATE: &str = "UPDATE api_keys SET name = ?2, hash = ?3, shown = ?4, updated_at = ?5 WHERE id = ?1";
const DELETE: &str = "DELETE FROM api_keys WHERE id = ?1";

/// For how long a key that has ended is still listed.
const ENDED_LISTED: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// What is to be different about a key.
#[derive(Clone, Debug)]
pub enum KeyChange {
    /// What people call it.
    Name(String),
    /// Its text: the hash, and the first letters.
    Text(KeyHash, String),
    /// It goes for good.
    Gone,
}

/// What became of a key that was to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// It ends as it was asked to, or sooner.
    Done,
    /// There is no such key.
    Missing,
    /// It is the last admin key that has no end, and stays so.
    LastAdminKey,
}

impl Weight for ApiKey {}

fn read(row: &Row<'_>) -> Result<ApiKey, StoreError> {
    let damaged = |what: &str| StoreError::Corrupt(format!("api_keys.{what}"));
    let scope = scope_of(&row.text(2)?, row.optional_integer(3)?).ok_or_else(|| damaged("scope"))?;
    Ok(ApiKey {
        id: row.id(0)?,
        environment_id: row.id(1)?,
        scope,
        name: row.text(4)?,
        hash: row.bytes(5)?.try_into().map_err(|_| damaged("hash"))?,
        shown: row.text(6)?,
        created_at: row.time(7)?,
        expires_at: row.optional_integer(8)?.map(crate::domain::time::Timestamp::from_ms),
        updated_at: row.time(9)?,
    })
}

/// Whether there is an admin key without an end beside this one, and beside those of this environment.
pub(super) fn is_endless_admin_left(
    connection: &Connection,
    without: Option<ApiKeyId>,
    outside: Option<EnvironmentId>,
) -> Result<bool, StoreError> {
    let left = connection.first(ENDLESS_ADMIN, &[without.into(), outside.into()], |row| row.integer(0))?;
    Ok(left.is_some())
}

fn get(connection: &Connection, environment_id: EnvironmentId, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
    connection.first(BY_ID, &[id.into(), environment_id.into()], read)
}

/// Keeps a new key if what it opens is still there and there is room; those that ended long ago make place.
fn insert_if_room(connection: &Connection, key: &ApiKey) -> Result<Inserted, StoreError> {
    let orphaned = match key.scope {
        Scope::Application(id) => applications::get(connection, id)?.is_none(),
        Scope::Admin | Scope::Environment => !environments::exists(connection, key.environment_id)?,
    };
    if orphaned {
        return Ok(Inserted::Orphaned);
    }
    let long_ago = key.created_at.minus(ENDED_LISTED);
    connection.execute(DROP_ENDED, &[key.environment_id.into(), long_ago.into()])?;
    let parameters = [key.environment_id.into(), key.created_at.into()];
    let count = connection.first(COUNT, &parameters, |row| row.integer(0))?.unwrap_or_default();
    if usize::try_from(count).unwrap_or_default() >= API_KEYS_PER_ENVIRONMENT_MAX {
        return Ok(Inserted::Full);
    }
    insert(connection, key)?;
    Ok(Inserted::New)
}

/// Keeps a new key.
pub(super) fn insert(connection: &Connection, key: &ApiKey) -> Result<(), StoreError> {
    let (scope, application) = scope_columns(key.scope);
    connection.execute(
        INSERT,
        &[
            key.id.into(),
            key.environment_id.into(),
            scope.into(),
            application.into(),
            (&key.name).into(),
            key.hash.as_slice().into(),
            (&key.shown).into(),
            key.created_at.into(),
            key.expires_at.into(),
            key.updated_at.into(),
        ],
    )?;
    Ok(())
}

impl Store {
    /// The key whose text has this hash.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn api_key(&self, hash: KeyHash) -> Result<Option<Arc<ApiKey>>, StoreError> {
        let load =
            |hash: KeyHash| self.read(move |connection| connection.first(BY_HASH, &[hash.as_slice().into()], read));
        self.memory.keys.get(hash, load).await
    }

    /// Makes the first environment with its application and key, unless there is one already; says whether it did.
    ///
    /// # Errors
    /// When the store could not; then nothing of it was made.
    pub async fn found(
        &self,
        environment: Environment,
        application: Application,
        key: ApiKey,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            connection.lock(locks::ENVIRONMENTS)?;
            if environments::oldest(connection)?.is_some() {
                return Ok(false);
            }
            environments::insert(connection, &environment)?;
            applications::insert(connection, &application)?;
            insert(connection, &key)?;
            Ok(true)
        })
        .await
    }

    /// Makes another environment with its application and key.
    ///
    /// # Errors
    /// When the store could not; then nothing of it was made.
    pub async fn add_environment(
        &self,
        environment: Environment,
        application: Application,
        key: ApiKey,
    ) -> Result<(), StoreError> {
        self.write(move |connection| {
            environments::insert(connection, &environment)?;
            applications::insert(connection, &application)?;
            insert(connection, &key)
        })
        .await
    }

    /// Keeps a new key.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn add_key(&self, key: ApiKey) -> Result<(), StoreError> {
        self.write(move |connection| insert(connection, &key)).await
    }

    /// The environment's key with this id.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn api_key_by_id(
        &self,
        environment_id: EnvironmentId,
        id: ApiKeyId,
    ) -> Result<Option<ApiKey>, StoreError> {
        self.read(move |connection| get(connection, environment_id, id)).await
    }

    /// A part of the environment's keys, ordered by id; with an application, of those that open it and have no end.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn api_keys(
        &self,
        environment_id: EnvironmentId,
        application_id: Option<ApplicationId>,
        page: Page<ApiKeyId>,
    ) -> Result<Listed<ApiKey>, StoreError> {
        self.read(move |connection| {
            let sql = if page.falls() { FALLING } else { RISING };
            let parameters =
                [environment_id.into(), page.bound().into(), page.sql_limit().into(), application_id.into()];
            Ok(page.of(connection.query(sql, &parameters, read)?))
        })
        .await
    }

    /// Keeps a new key, if there is room. The idempotency key is one of `asker`, the environment of whoever asks.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn insert_key(
        &self,
        key: ApiKey,
        asker: EnvironmentId,
        idempotency_key: Option<IdempotencyKey>,
    ) -> Result<Inserted, StoreError> {
        self.write(move |connection| {
            idempotency::once(connection, asker, idempotency_key.as_ref(), key.id.number(), || {
                insert_if_room(connection, &key)
            })
        })
        .await
    }

    /// Lets the environment's key with this id end at `end`, if it does not end sooner.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn expire_key(
        &self,
        environment_id: EnvironmentId,
        id: ApiKeyId,
        end: Timestamp,
    ) -> Result<Expired, StoreError> {
        self.change_and_tell(locks::ENVIRONMENTS, move |connection| {
            let Some(key) = get(connection, environment_id, id)? else {
                return Ok((Expired::Missing, None));
            };
            if key.scope == Scope::Admin && !is_endless_admin_left(connection, Some(id), None)? {
                return Ok((Expired::LastAdminKey, None));
            }
            connection.execute(EXPIRE, &[id.into(), end.into()])?;
            Ok((Expired::Done, Some(News::Key(key.hash))))
        })
        .await
    }

    /// Changes a key of the environment, whose text before is refused from then on if it has another or none; `None`
    /// when there is no such key. Answers the key as it is now, or was.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn change_key(
        &self,
        environment_id: EnvironmentId,
        id: ApiKeyId,
        change: KeyChange,
    ) -> Result<Option<ApiKey>, StoreError> {
        let now = self.now();
        self.change_and_tell(environment_id.number(), move |connection| {
            let Some(before) = get(connection, environment_id, id)? else {
                return Ok((None, None));
            };
            let stale = Some(News::Key(before.hash));
            let mut key = ApiKey { updated_at: now, ..before };
            match &change {
                KeyChange::Name(name) => key.name.clone_from(name),
                KeyChange::Text(hash, shown) => (key.hash, key.shown) = (*hash, shown.clone()),
                KeyChange::Gone => {
                    connection.execute(DELETE, &[id.into()])?;
                    return Ok((Some(key), stale));
                }
            }
            let hash = key.hash.as_slice().into();
            connection.execute(UPDATE, &[id.into(), (&key.name).into(), hash, (&key.shown).into(), now.into()])?;
            Ok((Some(key), stale))
        })
        .await
    }
}
