//! Environments in the store. One that goes takes its keys, event types, applications and endpoints along.

use super::connection::{Connection, Row};
use super::error::StoreError;
use super::idempotency::{self, IdempotencyKey, Inserted};
use super::page::{Listed, Page};
use super::{Store, applications, endpoints, keys};
use crate::domain::application::Application;
use crate::domain::envelope::Envelope;
use crate::domain::environment::{
    ENVIRONMENTS_MAX, EndpointRules, Environment, EnvironmentChange, EnvironmentType, Settings, SettingsChange,
};
use crate::domain::id::EnvironmentId;
use crate::domain::preset::Preset;
use crate::domain::retry::RetrySchedule;

const GET: &str = "SELECT id, name, type, created_at, updated_at, preset, retry_schedule, envelope,
    one_for_each_event_type, https_only, heeds_answers, checks_schemas FROM environments WHERE id = ?1";
const INSERT: &str = "INSERT INTO environments (id, name, type, created_at, updated_at, preset, retry_schedule,
    envelope, one_for_each_event_type, https_only, heeds_answers, checks_schemas)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
const UPDATE: &str = "UPDATE environments SET name = ?2, type = ?3, created_at = ?4, updated_at = ?5, preset = ?6,
    retry_schedule = ?7, envelope = ?8, one_for_each_event_type = ?9, https_only = ?10, heeds_answers = ?11,
    checks_schemas = ?12 WHERE id = ?1";
const OLDEST: &str = "SELECT id FROM environments ORDER BY id LIMIT 1";
const COUNT: &str = "SELECT count(*) FROM environments";
const RISING: &str = "SELECT id, name, type, created_at, updated_at, preset, retry_schedule, envelope,
    one_for_each_event_type, https_only, heeds_answers, checks_schemas FROM environments WHERE id > ?1
    ORDER BY id LIMIT ?2";
const FALLING: &str = "SELECT id, name, type, created_at, updated_at, preset, retry_schedule, envelope,
    one_for_each_event_type, https_only, heeds_answers, checks_schemas FROM environments WHERE id < ?1
    ORDER BY id DESC LIMIT ?2";
const ENDPOINTS: &str = "SELECT endpoints.id FROM applications JOIN endpoints
    ON endpoints.application_id = applications.id WHERE applications.environment_id = ?1 ORDER BY endpoints.id";
/// Everything of an environment beside its endpoints, and itself. Its messages go when their time is over.
const DELETE: [&str; 10] = [
    "DELETE FROM inboxes WHERE environment_id = ?1",
    "DELETE FROM api_keys WHERE environment_id = ?1",
    "DELETE FROM sessions WHERE environment_id = ?1",
    "DELETE FROM entry_codes WHERE environment_id = ?1",
    "DELETE FROM portal_looks WHERE environment_id = ?1",
    "DELETE FROM portal_logos WHERE environment_id = ?1",
    "DELETE FROM event_types WHERE environment_id = ?1",
    "DELETE FROM applications WHERE environment_id = ?1",
    "DELETE FROM idempotency_keys WHERE environment_id = ?1",
    "DELETE FROM environments WHERE id = ?1",
];

/// What became of an environment that was to be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone with all that it had.
    Done,
    /// There is no such environment.
    Missing,
    /// It is the default one, which stays.
    Default,
    /// Without its keys no admin key would be left that has no end.
    LastAdminKey,
}

fn read(row: &Row<'_>) -> Result<Environment, StoreError> {
    let damaged = |what: &str| StoreError::Corrupt(format!("environments.{what}"));
    Ok(Environment {
        id: row.id(0)?,
        name: row.text(1)?,
        environment_type: EnvironmentType::parse(&row.text(2)?).ok_or_else(|| damaged("type"))?,
        settings: Settings {
            preset: Preset::parse(&row.text(5)?).ok_or_else(|| damaged("preset"))?,
            retry_schedule: row.text(6)?.parse().map_err(|_| damaged("retry_schedule"))?,
            envelope: Envelope::parse(&row.text(7)?).ok_or_else(|| damaged("envelope"))?,
            endpoint_rules: EndpointRules { one_for_each_event_type: row.boolean(8)?, https_only: row.boolean(9)? },
            heeds_answers: row.boolean(10)?,
            checks_schemas: row.boolean(11)?,
        },
        created_at: row.time(3)?,
        updated_at: row.time(4)?,
    })
}

/// The environment with this id.
pub(super) fn get(connection: &Connection, id: EnvironmentId) -> Result<Option<Environment>, StoreError> {
    connection.first(GET, &[id.into()], read)
}

/// Whether there is an environment with this id.
pub(super) fn exists(connection: &Connection, id: EnvironmentId) -> Result<bool, StoreError> {
    Ok(get(connection, id)?.is_some())
}

/// Keeps a new environment.
pub(super) fn insert(connection: &Connection, environment: &Environment) -> Result<(), StoreError> {
    write(connection, INSERT, environment)
}

/// Writes a whole row with `INSERT` or `UPDATE`, which number their columns alike.
fn write(connection: &Connection, sql: &'static str, environment: &Environment) -> Result<(), StoreError> {
    let settings = &environment.settings;
    connection.execute(
        sql,
        &[
            environment.id.into(),
            (&environment.name).into(),
            environment.environment_type.as_str().into(),
            environment.created_at.into(),
            environment.updated_at.into(),
            settings.preset.as_str().into(),
            (&settings.retry_schedule.to_string()).into(),
            settings.envelope.as_str().into(),
            settings.endpoint_rules.one_for_each_event_type.into(),
            settings.endpoint_rules.https_only.into(),
            settings.heeds_answers.into(),
            settings.checks_schemas.into(),
        ],
    )?;
    Ok(())
}

/// The oldest environment: the default one.
pub(super) fn oldest(connection: &Connection) -> Result<Option<EnvironmentId>, StoreError> {
    connection.first(OLDEST, &[], |row| row.id(0))
}

impl Store {
    /// The default environment's id; `None` in a store that is new.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn default_environment(&self) -> Result<Option<EnvironmentId>, StoreError> {
        self.read(oldest).await
    }

    /// The environment with this id.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn environment(&self, id: EnvironmentId) -> Result<Option<Environment>, StoreError> {
        self.read(move |connection| get(connection, id)).await
    }

    /// A part of all environments, ordered by id.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn environments(&self, page: Page<EnvironmentId>) -> Result<Listed<Environment>, StoreError> {
        self.read(move |connection| {
            let sql = if page.falls() { FALLING } else { RISING };
            Ok(page.of(connection.query(sql, &[page.bound().into(), page.sql_limit().into()], read)?))
        })
        .await
    }

    /// Keeps a new environment with its first application. The idempotency key is one of `asker`, the environment of
    /// whoever asks.
    ///
    /// # Errors
    /// When the store could not; then nothing of it was made.
    pub async fn insert_environment(
        &self,
        environment: Environment,
        application: Application,
        asker: EnvironmentId,
        key: Option<IdempotencyKey>,
    ) -> Result<Inserted, StoreError> {
        self.write(move |connection| {
            idempotency::once(connection, asker, key.as_ref(), environment.id.number(), || {
                let count = connection.first(COUNT, &[], |row| row.integer(0))?.unwrap_or_default();
                if usize::try_from(count).unwrap_or_default() >= ENVIRONMENTS_MAX {
                    return Ok(Inserted::Full);
                }
                insert(connection, &environment)?;
                applications::insert(connection, &application)?;
                Ok(Inserted::New)
            })
        })
        .await
    }

    /// Changes an environment; `None` when there is none. Waiting deliveries keep the time that they have.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn update_environment(
        &self,
        id: EnvironmentId,
        change: EnvironmentChange,
    ) -> Result<Option<Environment>, StoreError> {
        let now = self.now();
        self.change_environment(move |connection| {
            let Some(before) = get(connection, id)? else {
                return Ok((None, Vec::new()));
            };
            let after = before.changed(&change, now);
            write(connection, UPDATE, &after)?;
            Ok((Some(after), Vec::new()))
        })
        .await
    }

    /// Gives an environment another retry schedule; waiting deliveries keep the time that they have.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn set_retry_schedule(&self, id: EnvironmentId, schedule: RetrySchedule) -> Result<(), StoreError> {
        let settings = SettingsChange { retry_schedule: Some(schedule), ..SettingsChange::default() };
        let change = EnvironmentChange { settings, ..EnvironmentChange::default() };
        self.update_environment(id, change).await.map(|_| ())
    }

    /// Deletes an environment with its keys, event types, applications and endpoints; what waits for them is cancelled.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn delete_environment(&self, id: EnvironmentId) -> Result<Deleted, StoreError> {
        self.change_environment(move |connection| {
            if !exists(connection, id)? {
                return Ok((Deleted::Missing, Vec::new()));
            }
            if oldest(connection)? == Some(id) {
                return Ok((Deleted::Default, Vec::new()));
            }
            if !keys::is_endless_admin_left(connection, None, Some(id))? {
                return Ok((Deleted::LastAdminKey, Vec::new()));
            }
            let gone = connection.query(ENDPOINTS, &[id.into()], |row| row.id(0))?;
            gone.iter().try_for_each(|&endpoint_id| endpoints::delete(connection, endpoint_id))?;
            DELETE.iter().try_for_each(|sql| connection.execute(sql, &[id.into()]).map(|_| ()))?;
            Ok((Deleted::Done, gone))
        })
        .await
    }
}
