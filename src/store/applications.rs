//! Applications in the store. One that goes takes its endpoints, their secrets, its keys and its portal's sessions along.

use super::connection::{Connection, Parameter, Row};
use super::error::StoreError;
use super::idempotency::{self, IdempotencyKey, Inserted};
use super::page::{Listed, Page};
use super::routing::Stale;
use super::{Store, Updated, endpoints, environments, inboxes, json_list};
use crate::domain::application::{Application, ApplicationChange};
use crate::domain::id::{ApplicationId, EnvironmentId};

const GET: &str = "SELECT id, environment_id, uid, name, metadata, throttle_rate, created_at, updated_at
    FROM applications WHERE id = ?1";
const ID_BY_UID: &str = "SELECT id FROM applications WHERE environment_id = ?1 AND uid = ?2";
const INSERT: &str = "INSERT INTO applications (id, environment_id, uid, name, metadata, throttle_rate, created_at,
    updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const UPDATE: &str = "UPDATE applications SET environment_id = ?2, uid = ?3, name = ?4, metadata = ?5,
    throttle_rate = ?6, created_at = ?7, updated_at = ?8 WHERE id = ?1";
const DELETE: &str = "DELETE FROM applications WHERE id = ?1";
const DELETE_KEYS: &str = "DELETE FROM api_keys WHERE application_id = ?1";
/// Each deletes what opens the portal.
const DELETE_SESSIONS: [&str; 2] = [
    "DELETE FROM sessions WHERE environment_id = ?1 AND application_id = ?2",
    "DELETE FROM entry_codes WHERE environment_id = ?1 AND application_id = ?2",
];
const RISING: &str = "SELECT id, environment_id, uid, name, metadata, throttle_rate, created_at, updated_at
    FROM applications WHERE environment_id = ?1 AND id > ?2
    AND (NOT ?4 OR EXISTS (SELECT 1 FROM endpoints WHERE application_id = applications.id))
    AND (NOT ?5 OR NOT EXISTS (SELECT 1 FROM endpoints WHERE application_id = applications.id AND disabled IS NOT NULL))
    ORDER BY id LIMIT ?3";
const FALLING: &str = "SELECT id, environment_id, uid, name, metadata, throttle_rate, created_at, updated_at
    FROM applications WHERE environment_id = ?1 AND id < ?2
    AND (NOT ?4 OR EXISTS (SELECT 1 FROM endpoints WHERE application_id = applications.id))
    AND (NOT ?5 OR NOT EXISTS (SELECT 1 FROM endpoints WHERE application_id = applications.id AND disabled IS NOT NULL))
    ORDER BY id DESC LIMIT ?3";

/// Which applications a list leaves out.
#[derive(Clone, Copy, Debug, Default)]
pub struct ApplicationFilter {
    /// Those that have no endpoint.
    pub without_endpoints: bool,
    /// Those that have an endpoint that is switched off.
    pub with_disabled_endpoints: bool,
}

fn read(row: &Row<'_>) -> Result<Application, StoreError> {
    Ok(Application {
        id: row.id(0)?,
        environment_id: row.id(1)?,
        uid: row.optional_text(2)?,
        name: row.text(3)?,
        metadata: json_list::read_map(&row.text(4)?)?,
        throttle_rate: row.optional_integer(5)?.and_then(|rate| rate.try_into().ok()),
        created_at: row.time(6)?,
        updated_at: row.time(7)?,
    })
}

/// Writes a whole row with `INSERT` or `UPDATE`, which number their columns alike.
fn write(connection: &Connection, sql: &'static str, application: &Application) -> Result<(), StoreError> {
    connection.execute(
        sql,
        &[
            application.id.into(),
            application.environment_id.into(),
            application.uid.as_ref().into(),
            (&application.name).into(),
            (&json_list::write_map(&application.metadata)).into(),
            application.throttle_rate.map(u32::from).into(),
            application.created_at.into(),
            application.updated_at.into(),
        ],
    )?;
    Ok(())
}

/// The application with this id.
pub(super) fn get(connection: &Connection, id: ApplicationId) -> Result<Option<Application>, StoreError> {
    connection.first(GET, &[id.into()], read)
}

/// Keeps a new application.
pub(super) fn insert(connection: &Connection, application: &Application) -> Result<(), StoreError> {
    write(connection, INSERT, application)
}

fn id_by_uid(
    connection: &Connection,
    environment_id: EnvironmentId,
    uid: &str,
) -> Result<Option<ApplicationId>, StoreError> {
    connection.first(ID_BY_UID, &[environment_id.into(), uid.into()], |row| row.id(0))
}

/// Whether another application of the environment has this one's uid.
fn is_taken(connection: &Connection, application: &Application) -> Result<bool, StoreError> {
    let Some(uid) = &application.uid else {
        return Ok(false);
    };
    let owner = id_by_uid(connection, application.environment_id, uid)?;
    Ok(owner.is_some_and(|owner| owner != application.id))
}

/// The uid that stops to mean `application`.
fn stale_uid(application: &Application) -> Option<(EnvironmentId, String)> {
    application.uid.clone().map(|uid| (application.environment_id, uid))
}

impl Store {
    /// The application with this id.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn application(&self, id: ApplicationId) -> Result<Option<Application>, StoreError> {
        self.read(move |connection| get(connection, id)).await
    }

    /// The id of the environment's application with this uid.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn application_id_by_uid(
        &self,
        environment_id: EnvironmentId,
        uid: String,
    ) -> Result<Option<ApplicationId>, StoreError> {
        let load = |(environment_id, uid): (EnvironmentId, String)| {
            self.read(move |connection| id_by_uid(connection, environment_id, &uid))
        };
        Ok(self.memory.application_ids.get((environment_id, uid), load).await?.map(|id| *id))
    }

    /// A part of the environment's applications, ordered by id.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn applications(
        &self,
        environment_id: EnvironmentId,
        filter: ApplicationFilter,
        page: Page<ApplicationId>,
    ) -> Result<Listed<Application>, StoreError> {
        self.read(move |connection| {
            let sql = if page.falls() { FALLING } else { RISING };
            let parameters: [Parameter<'_>; 5] = [
                environment_id.into(),
                page.bound().into(),
                page.sql_limit().into(),
                filter.without_endpoints.into(),
                filter.with_disabled_endpoints.into(),
            ];
            Ok(page.of(connection.query(sql, &parameters, read)?))
        })
        .await
    }

    /// Keeps a new application.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn insert_application(
        &self,
        application: Application,
        key: Option<IdempotencyKey>,
    ) -> Result<Inserted, StoreError> {
        self.change(application.id, move |connection| {
            let made = application.id.number();
            let inserted = idempotency::once(connection, application.environment_id, key.as_ref(), made, || {
                if !environments::exists(connection, application.environment_id)? {
                    return Ok(Inserted::Orphaned);
                }
                if is_taken(connection, &application)? {
                    return Ok(Inserted::Taken);
                }
                insert(connection, &application)?;
                Ok(Inserted::New)
            })?;
            Ok((inserted, Stale::default()))
        })
        .await
    }

    /// Changes an application.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn update_application(
        &self,
        id: ApplicationId,
        change: ApplicationChange,
    ) -> Result<Updated<Application>, StoreError> {
        let now = self.now();
        self.change(id, move |connection| {
            let Some(before) = get(connection, id)? else {
                return Ok((Updated::Missing, Stale::default()));
            };
            let uid = stale_uid(&before);
            let after = before.changed(&change, now);
            if is_taken(connection, &after)? {
                return Ok((Updated::Taken, Stale::default()));
            }
            write(connection, UPDATE, &after)?;
            // Its throttle rate is that of its endpoints.
            let endpoints = endpoints::ids(connection, id)?;
            Ok((Updated::Done(after), Stale { endpoints, uid, keys: false }))
        })
        .await
    }

    /// Deletes an application with its endpoints, their secrets, its inboxes and its keys; what waits for them is cancelled. Says
    /// whether there was one.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn delete_application(&self, id: ApplicationId) -> Result<bool, StoreError> {
        self.change(id, move |connection| {
            let Some(application) = get(connection, id)? else {
                return Ok((false, Stale::default()));
            };
            let endpoints = endpoints::ids(connection, id)?;
            endpoints.iter().try_for_each(|&endpoint_id| endpoints::delete(connection, endpoint_id))?;
            let keys = connection.execute(DELETE_KEYS, &[id.into()])? > 0;
            let owner = [application.environment_id.into(), id.into()];
            DELETE_SESSIONS.iter().try_for_each(|sql| connection.execute(sql, &owner).map(|_| ()))?;
            inboxes::delete_of_application(connection, id)?;
            connection.execute(DELETE, &[id.into()])?;
            Ok((true, Stale { endpoints, uid: stale_uid(&application), keys }))
        })
        .await
    }
}
