//! API keys in the store: by the hash of their text, which alone is kept.

use std::sync::Arc;

use super::Store;
use super::cache::Weight;
use super::connection::{Connection, Row};
use super::error::StoreError;
use super::{applications, environments};
use crate::domain::application::Application;
use crate::domain::environment::Environment;
use crate::domain::key::{ApiKey, KeyHash, Scope};

const BY_HASH: &str = "SELECT id, environment_id, scope, application_id, name, hash, shown, created_at, expires_at
    FROM api_keys WHERE hash = ?1";
const INSERT: &str = "INSERT INTO api_keys (id, environment_id, scope, application_id, name, hash, shown, created_at,
    expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

impl Weight for ApiKey {}

fn read(row: &Row<'_>) -> Result<ApiKey, StoreError> {
    let damaged = |what: &str| StoreError::Corrupt(format!("api_keys.{what}"));
    let application = row.optional_integer(3)?.map(crate::domain::id::Id::from_number);
    let scope = match (row.text(2)?.as_str(), application) {
        ("admin", None) => Scope::Admin,
        ("environment", None) => Scope::Environment,
        ("application", Some(application)) => Scope::Application(application),
        _ => return Err(damaged("scope")),
    };
    Ok(ApiKey {
        id: row.id(0)?,
        environment_id: row.id(1)?,
        scope,
        name: row.text(4)?,
        hash: row.bytes(5)?.try_into().map_err(|_| damaged("hash"))?,
        shown: row.text(6)?,
        created_at: row.time(7)?,
        expires_at: row.optional_integer(8)?.map(crate::domain::time::Timestamp::from_ms),
    })
}

/// Keeps a new key.
pub(super) fn insert(connection: &Connection, key: &ApiKey) -> Result<(), StoreError> {
    let (scope, application) = match key.scope {
        Scope::Admin => ("admin", None),
        Scope::Environment => ("environment", None),
        Scope::Application(id) => ("application", Some(id)),
    };
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
        self.keys.get(hash, load).await
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
}
