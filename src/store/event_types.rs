//! Event types in the store.

use super::connection::{Connection, Row};
use super::error::StoreError;
use super::idempotency::{self, IdempotencyKey, Inserted};
use super::page::{Listed, Page};
use super::{Store, Updated, json_list};
use crate::domain::event_type::{EVENT_TYPES_PER_ENVIRONMENT_MAX, EventType, EventTypeChange};
use crate::domain::id::EnvironmentId;

const GET: &str = "SELECT environment_id, name, description, archived, deprecated, group_name, feature_flags, schemas,
    created_at, updated_at FROM event_types WHERE environment_id = ?1 AND name = ?2";
const WRITE: &str = "INSERT INTO event_types (environment_id, name, description, archived, deprecated, group_name,
    feature_flags, schemas, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
    ON CONFLICT (environment_id, name) DO UPDATE SET description = ?3, archived = ?4, deprecated = ?5, group_name = ?6,
    feature_flags = ?7, schemas = ?8, created_at = ?9, updated_at = ?10";
const COUNT: &str = "SELECT count(*) FROM event_types WHERE environment_id = ?1";
const DELETE: &str = "DELETE FROM event_types WHERE environment_id = ?1 AND name = ?2";
const RISING: &str = "SELECT environment_id, name, description, archived, deprecated, group_name, feature_flags,
    schemas, created_at, updated_at FROM event_types
    WHERE environment_id = ?1 AND (?2 IS NULL OR name > ?2) AND (?4 OR NOT archived) ORDER BY name LIMIT ?3";
const FALLING: &str = "SELECT environment_id, name, description, archived, deprecated, group_name, feature_flags,
    schemas, created_at, updated_at FROM event_types
    WHERE environment_id = ?1 AND (?2 IS NULL OR name < ?2) AND (?4 OR NOT archived) ORDER BY name DESC LIMIT ?3";

fn read(row: &Row<'_>) -> Result<EventType, StoreError> {
    Ok(EventType {
        environment_id: row.id(0)?,
        name: row.text(1)?,
        description: row.text(2)?,
        archived: row.boolean(3)?,
        deprecated: row.boolean(4)?,
        group_name: row.optional_text(5)?,
        feature_flags: json_list::read(Some(row.text(6)?))?.unwrap_or_default(),
        schemas: row.optional_text(7)?,
        created_at: row.time(8)?,
        updated_at: row.time(9)?,
    })
}

fn write(connection: &Connection, event_type: &EventType) -> Result<(), StoreError> {
    connection.execute(
        WRITE,
        &[
            event_type.environment_id.into(),
            (&event_type.name).into(),
            (&event_type.description).into(),
            event_type.archived.into(),
            event_type.deprecated.into(),
            event_type.group_name.as_ref().into(),
            json_list::write(Some(&event_type.feature_flags)).as_ref().into(),
            event_type.schemas.as_ref().into(),
            event_type.created_at.into(),
            event_type.updated_at.into(),
        ],
    )?;
    Ok(())
}

fn get(connection: &Connection, environment_id: EnvironmentId, name: &str) -> Result<Option<EventType>, StoreError> {
    connection.first(GET, &[environment_id.into(), name.into()], read)
}

/// Keeps a new event type in the place of an archived one, if there is room.
fn insert(connection: &Connection, event_type: &EventType) -> Result<Inserted, StoreError> {
    let environment_id = event_type.environment_id;
    match get(connection, environment_id, &event_type.name)? {
        Some(before) if !before.archived => return Ok(Inserted::Taken),
        Some(_) => {}
        None => {
            let count = connection.first(COUNT, &[environment_id.into()], |row| row.integer(0))?.unwrap_or_default();
            if usize::try_from(count).unwrap_or_default() >= EVENT_TYPES_PER_ENVIRONMENT_MAX {
                return Ok(Inserted::Full);
            }
        }
    }
    write(connection, event_type)?;
    Ok(Inserted::New)
}

impl Store {
    /// The environment's event type with this name.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn event_type(
        &self,
        environment_id: EnvironmentId,
        name: String,
    ) -> Result<Option<EventType>, StoreError> {
        self.read(move |connection| get(connection, environment_id, &name)).await
    }

    /// A part of the environment's event types, ordered by name.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn event_types(
        &self,
        environment_id: EnvironmentId,
        archived_too: bool,
        page: Page<String>,
    ) -> Result<Listed<EventType>, StoreError> {
        self.read(move |connection| {
            let sql = if page.falls() { FALLING } else { RISING };
            let place = page.after.as_ref().into();
            let parameters = [environment_id.into(), place, page.sql_limit().into(), archived_too.into()];
            let rows = connection.query(sql, &parameters, read)?;
            Ok(page.of(rows))
        })
        .await
    }

    /// Keeps a new event type, in the place of an archived one if there is one of its name.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn insert_event_type(
        &self,
        event_type: EventType,
        key: Option<IdempotencyKey>,
    ) -> Result<Inserted, StoreError> {
        self.write(move |connection| {
            // Its name is in the request, so the repeat needs no id to find it.
            idempotency::once(connection, event_type.environment_id, key.as_ref(), 0, || {
                insert(connection, &event_type)
            })
        })
        .await
    }

    /// Changes an event type.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn update_event_type(
        &self,
        environment_id: EnvironmentId,
        name: String,
        change: EventTypeChange,
    ) -> Result<Updated<EventType>, StoreError> {
        let now = self.now();
        self.write(move |connection| {
            let Some(before) = get(connection, environment_id, &name)? else {
                return Ok(Updated::Missing);
            };
            let after = before.changed(&change, now);
            write(connection, &after)?;
            Ok(Updated::Done(after))
        })
        .await
    }

    /// Deletes an event type for good; says whether there was one.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn delete_event_type(&self, environment_id: EnvironmentId, name: String) -> Result<bool, StoreError> {
        self.write(move |connection| Ok(connection.execute(DELETE, &[environment_id.into(), (&name).into()])? > 0))
            .await
    }
}
