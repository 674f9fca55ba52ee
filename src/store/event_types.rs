//! Event types in the store.

use super::audit::Outcome;
use super::connection::{Connection, Row};
use super::error::StoreError;
use super::idempotency::{self, IdempotencyKey, Inserted};
use super::news::News;
use super::page::{Listed, Page};
use super::{Store, Updated, environments, json_list};
use crate::domain::event_type::{EVENT_TYPES_PER_ENVIRONMENT_MAX, EventType, EventTypeChange};
use crate::domain::id::EnvironmentId;
use crate::domain::time::Timestamp;

const GET: &str = "SELECT environment_id, name, title, description, archived, deprecated, group_name, feature_flags,
    schemas, example, created_at, updated_at FROM event_types WHERE environment_id = ?1 AND name = ?2";
const WRITE: &str = "INSERT INTO event_types (environment_id, name, title, description, archived, deprecated,
    group_name, feature_flags, schemas, example, created_at, updated_at, position)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,
        (SELECT coalesce(max(position), 0) + 1 FROM event_types WHERE environment_id = ?1))
    ON CONFLICT (environment_id, name) DO UPDATE SET title = ?3, description = ?4, archived = ?5, deprecated = ?6,
    group_name = ?7, feature_flags = ?8, schemas = ?9, example = ?10, created_at = ?11, updated_at = ?12";
const COUNT: &str = "SELECT count(*) FROM event_types WHERE environment_id = ?1";
const HAVE_SCHEMAS: &str =
    "SELECT EXISTS (SELECT 1 FROM event_types WHERE environment_id = ?1 AND schemas IS NOT NULL)";
const NAMES: &str = "SELECT name FROM event_types WHERE environment_id = ?1 AND archived = 0 ORDER BY name";
const ARCHIVE: &str = "UPDATE event_types SET archived = 1, updated_at = ?3 WHERE environment_id = ?1 AND name = ?2";
const DELETE: &str = "DELETE FROM event_types WHERE environment_id = ?1 AND name = ?2";
const RISING: &str = "SELECT environment_id, name, title, description, archived, deprecated, group_name,
    feature_flags, schemas, example, created_at, updated_at FROM event_types
    WHERE environment_id = ?1 AND (name > ?2 OR ?2 IS NULL) AND (?4 OR archived = 0)
    AND (feature_flags = '[]' OR EXISTS (SELECT 1 FROM json_each(feature_flags) AS wanted
    JOIN json_each(?5) AS own ON own.value = wanted.value) OR ?5 IS NULL)
    ORDER BY name LIMIT ?3";
const FALLING: &str = "SELECT environment_id, name, title, description, archived, deprecated, group_name,
    feature_flags, schemas, example, created_at, updated_at FROM event_types
    WHERE environment_id = ?1 AND (name < ?2 OR ?2 IS NULL) AND (?4 OR archived = 0)
    AND (feature_flags = '[]' OR EXISTS (SELECT 1 FROM json_each(feature_flags) AS wanted
    JOIN json_each(?5) AS own ON own.value = wanted.value) OR ?5 IS NULL)
    ORDER BY name DESC LIMIT ?3";
const IN_ORDER: &str = "SELECT environment_id, name, title, description, archived, deprecated, group_name,
    feature_flags, schemas, example, created_at, updated_at FROM event_types
    WHERE environment_id = ?1 AND (?2 OR archived = 0) ORDER BY position";

fn read(row: &Row<'_>) -> Result<EventType, StoreError> {
    Ok(EventType {
        environment_id: row.id(0)?,
        name: row.text(1)?,
        title: row.optional_text(2)?,
        description: row.text(3)?,
        archived: row.boolean(4)?,
        deprecated: row.boolean(5)?,
        group_name: row.optional_text(6)?,
        feature_flags: json_list::read(Some(row.text(7)?))?.unwrap_or_default(),
        schemas: row.optional_text(8)?,
        example: row.optional_text(9)?,
        created_at: row.time(10)?,
        updated_at: row.time(11)?,
    })
}

fn write(connection: &Connection, event_type: &EventType) -> Result<(), StoreError> {
    connection.execute(
        WRITE,
        &[
            event_type.environment_id.into(),
            (&event_type.name).into(),
            event_type.title.as_ref().into(),
            (&event_type.description).into(),
            event_type.archived.into(),
            event_type.deprecated.into(),
            event_type.group_name.as_ref().into(),
            json_list::write(Some(&event_type.feature_flags)).as_ref().into(),
            event_type.schemas.as_ref().into(),
            event_type.example.as_ref().into(),
            event_type.created_at.into(),
            event_type.updated_at.into(),
        ],
    )?;
    Ok(())
}

/// The environment's event type with this name.
pub(super) fn get(
    connection: &Connection,
    environment_id: EnvironmentId,
    name: &str,
) -> Result<Option<EventType>, StoreError> {
    connection.first(GET, &[environment_id.into(), name.into()], read)
}

/// Whether any event type of the environment has a schema.
pub(super) fn have_schemas(connection: &Connection, environment_id: EnvironmentId) -> Result<bool, StoreError> {
    Ok(connection.first(HAVE_SCHEMAS, &[environment_id.into()], |row| row.boolean(0))?.unwrap_or_default())
}

/// How many event types the environment has, with those that are archived.
fn count(connection: &Connection, environment_id: EnvironmentId) -> Result<usize, StoreError> {
    let count = connection.first(COUNT, &[environment_id.into()], |row| row.integer(0))?.unwrap_or_default();
    Ok(usize::try_from(count).unwrap_or_default())
}

/// Keeps a new event type in the place of an archived one, if there is room.
fn insert(connection: &Connection, event_type: &EventType) -> Result<Inserted, StoreError> {
    let environment_id = event_type.environment_id;
    if !environments::exists(connection, environment_id)? {
        return Ok(Inserted::Orphaned);
    }
    match get(connection, environment_id, &event_type.name)? {
        Some(before) if !before.archived => return Ok(Inserted::Taken),
        Some(_) => {}
        None if count(connection, environment_id)? >= EVENT_TYPES_PER_ENVIRONMENT_MAX => return Ok(Inserted::Full),
        None => {}
    }
    write(connection, event_type)?;
    Ok(Inserted::New)
}

/// What happens to event types that are there already when many are brought in together.
#[derive(Clone, Copy, Debug)]
pub struct Meeting {
    /// One that is brought in stays as it is, rather than being changed.
    pub keeps_those_there: bool,
    /// Those that are not brought in are archived.
    pub archives_others: bool,
}

/// Makes or changes event types together; false, and nothing done, when there is no room for them.
fn bring(
    connection: &Connection,
    environment_id: EnvironmentId,
    wanted: &[(String, EventTypeChange)],
    meeting: Meeting,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut kept = Vec::with_capacity(wanted.len());
    let mut new = 0;
    for (name, change) in wanted {
        match get(connection, environment_id, name)? {
            Some(_) if meeting.keeps_those_there => {}
            Some(before) => kept.push(before.changed(change, now)),
            None => {
                new += 1;
                kept.push(EventType::blank(environment_id, name.clone(), now).changed(change, now));
            }
        }
    }
    if count(connection, environment_id)? + new > EVENT_TYPES_PER_ENVIRONMENT_MAX {
        return Ok(false);
    }
    kept.iter().try_for_each(|event_type| write(connection, event_type))?;
    if meeting.archives_others {
        let names = connection.query(NAMES, &[environment_id.into()], |row| row.text(0))?;
        for other in names.iter().filter(|name| !wanted.iter().any(|(brought, _)| brought == *name)) {
            connection.execute(ARCHIVE, &[environment_id.into(), other.into(), now.into()])?;
        }
    }
    Ok(true)
}

impl Store {
    /// Makes a change to event types of an environment. What is remembered of their schemas is stale then; and the
    /// environment's routes too, if it has schemas now and had none, or the other way round.
    async fn change_event_types<T: Outcome + Send + 'static>(
        &self,
        environment_id: EnvironmentId,
        mut work: impl FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.change_and_tell(environment_id.number(), move |connection| {
            let before = have_schemas(connection, environment_id)?;
            let done = work(connection)?;
            let routes_too = before != have_schemas(connection, environment_id)?;
            Ok((done, Some(News::EventTypes { environment_id, routes_too })))
        })
        .await
    }

    /// Makes or changes event types together; answers false, and has done nothing, when there is no room for them.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn bring_event_types(
        &self,
        environment_id: EnvironmentId,
        wanted: Vec<(String, EventTypeChange)>,
        meeting: Meeting,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let work = move |connection: &Connection| bring(connection, environment_id, &wanted, meeting, now);
        self.change_event_types(environment_id, work).await
    }

    /// All event types of the environment, with those that are archived if `archived_too` says so, in the order in which
    /// they were made.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn event_types_in_order(
        &self,
        environment_id: EnvironmentId,
        archived_too: bool,
    ) -> Result<Vec<EventType>, StoreError> {
        let parameters = move || [environment_id.into(), archived_too.into()];
        self.read(move |connection| connection.query(IN_ORDER, &parameters(), read)).await
    }

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

    /// A part of the environment's event types, ordered by name: of all, or of those that somebody with these feature
    /// flags sees.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn event_types(
        &self,
        environment_id: EnvironmentId,
        feature_flags: Option<Vec<String>>,
        archived_too: bool,
        page: Page<String>,
    ) -> Result<Listed<EventType>, StoreError> {
        let flags = json_list::write(feature_flags.as_ref());
        self.read(move |connection| {
            let sql = if page.falls() { FALLING } else { RISING };
            let (place, flags) = (page.after.as_ref().into(), flags.as_ref().into());
            let parameters = [environment_id.into(), place, page.sql_limit().into(), archived_too.into(), flags];
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
        self.change_event_types(event_type.environment_id, move |connection| {
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
        self.change_event_types(environment_id, move |connection| {
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
        self.change_event_types(environment_id, move |connection| {
            Ok(connection.execute(DELETE, &[environment_id.into(), (&name).into()])? > 0)
        })
        .await
    }
}
