//! Environments in the store.

use super::Store;
use super::connection::{Connection, Row};
use super::error::StoreError;
use crate::domain::environment::{Environment, EnvironmentType};
use crate::domain::id::EnvironmentId;

const COLUMNS_BY_ID: &str =
    "SELECT id, name, type, retry_schedule, created_at, updated_at FROM environments WHERE id = ?1";
const INSERT: &str = "INSERT INTO environments (id, name, type, retry_schedule, created_at, updated_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const ANY: &str = "SELECT id FROM environments ORDER BY id LIMIT 1";
const SET_SCHEDULE: &str = "UPDATE environments SET retry_schedule = ?2, updated_at = ?3 WHERE id = ?1";

fn read(row: &Row<'_>) -> Result<Environment, StoreError> {
    let damaged = |what: &str| StoreError::Corrupt(format!("environments.{what}"));
    Ok(Environment {
        id: row.id(0)?,
        name: row.text(1)?,
        environment_type: EnvironmentType::parse(&row.text(2)?).ok_or_else(|| damaged("type"))?,
        retry_schedule: row.text(3)?.parse().map_err(|_| damaged("retry_schedule"))?,
        created_at: row.time(4)?,
        updated_at: row.time(5)?,
    })
}

/// The environment with this id.
pub(super) fn get(connection: &Connection, id: EnvironmentId) -> Result<Option<Environment>, StoreError> {
    connection.first(COLUMNS_BY_ID, &[id.into()], read)
}

/// Keeps a new environment.
pub(super) fn insert(connection: &Connection, environment: &Environment) -> Result<(), StoreError> {
    connection.execute(
        INSERT,
        &[
            environment.id.into(),
            (&environment.name).into(),
            environment.environment_type.as_str().into(),
            (&environment.retry_schedule.to_string()).into(),
            environment.created_at.into(),
            environment.updated_at.into(),
        ],
    )?;
    Ok(())
}

/// The oldest environment: the default one.
pub(super) fn oldest(connection: &Connection) -> Result<Option<EnvironmentId>, StoreError> {
    connection.first(ANY, &[], |row| row.id(0))
}

impl Store {
    /// The default environment's id; `None` in a store that is new.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn default_environment(&self) -> Result<Option<EnvironmentId>, StoreError> {
        self.read(oldest).await
    }

    /// Gives an environment another retry schedule; waiting deliveries keep the time that they have.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn set_retry_schedule(
        &self,
        id: EnvironmentId,
        schedule: crate::domain::retry::RetrySchedule,
    ) -> Result<(), StoreError> {
        let (text, now) = (schedule.to_string(), self.now());
        self.write(move |connection| {
            connection.execute(SET_SCHEDULE, &[id.into(), (&text).into(), now.into()]).map(|_| ())
        })
        .await?;
        self.routes.forget_all();
        Ok(())
    }
}
