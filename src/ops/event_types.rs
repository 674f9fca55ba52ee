//! What can be asked of event types. They are the environment's: a key of one application may read them.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::applications::key_reused;
use super::{Access, IdempotencyKey, Listed, Made, OpError, Operations, Page, check};
use crate::domain::audit::{Action, Deed, differing};
use crate::domain::event_type::{
    EVENT_TYPES_PER_ENVIRONMENT_MAX, EXAMPLE_BYTES_MAX, EventType, EventTypeChange, FEATURE_FLAGS_MAX,
    SCHEMAS_BYTES_MAX,
};
use crate::domain::json::{self, Rules};
use crate::domain::name;
use crate::domain::schema::Schema;
use crate::store::{Inserted, Updated};

const MISSING: OpError = OpError::NotFound("event type");
pub(super) const TO_DO: &str = "make, change or delete event types";

pub(super) fn check(mut change: EventTypeChange) -> Result<EventTypeChange, OpError> {
    check::text("description", "description", change.description.as_ref(), name::description)?;
    let title = change.title.as_ref().and_then(Option::as_ref);
    check::text("title", "title", title, name::application_name)?;
    let group_name = change.group_name.as_ref().and_then(Option::as_ref);
    check::text("groupName", "group_name", group_name, name::event_type)?;
    change.feature_flags = match change.feature_flags {
        Some(flags) if !flags.is_empty() => {
            check::names("featureFlags", "feature_flag", Some(flags), FEATURE_FLAGS_MAX, name::channel)?
        }
        none => none,
    };
    if let Some(Some(schemas)) = &change.schemas {
        check_schemas(schemas)?;
    }
    if let Some(Some(example)) = &change.example {
        check_example(example)?;
    }
    Ok(change)
}

/// Checks schemas by version: each must be one that payloads can be held against.
fn check_schemas(schemas: &str) -> Result<(), OpError> {
    if schemas.len() > SCHEMAS_BYTES_MAX {
        let why = format!("must have at most {SCHEMAS_BYTES_MAX} bytes");
        return Err(OpError::invalid("schemas", "schemas_too_large", why));
    }
    let refused = |why| OpError::invalid("schemas", "schemas", why);
    let schemas: BTreeMap<&str, &RawValue> =
        serde_json::from_str(schemas).map_err(|_| refused("must be JSON Schemas by version, such as {\"1\": {}}"))?;
    for (version, schema) in schemas {
        Schema::compile(schema.get()).map_err(|error| OpError::Invalid {
            field: ["body", "schemas", version].map(str::to_owned).to_vec(),
            code: "schema_invalid",
            why: error.to_string(),
        })?;
    }
    Ok(())
}

fn check_example(example: &str) -> Result<(), OpError> {
    if example.len() > EXAMPLE_BYTES_MAX {
        let why = format!("must have at most {EXAMPLE_BYTES_MAX} bytes");
        return Err(OpError::invalid("example", "example_too_large", why));
    }
    json::check(example.as_bytes(), Rules::named("example"))
        .map_err(|error| OpError::invalid("example", error.code(), error))
}

/// An event type that was never made can't have been archived, so an unsound name is simply not found.
fn sound(name: &str) -> Result<String, OpError> {
    name::event_type(name).map(|()| name.to_owned()).map_err(|_| MISSING)
}

/// What a change makes of an event type, if it makes anything of it.
fn differences(before: &EventType, after: &EventType) -> Option<Deed> {
    let names = differing([
        ("title", before.title != after.title),
        ("description", before.description != after.description),
        ("archived", before.archived != after.archived),
        ("deprecated", before.deprecated != after.deprecated),
        ("group", before.group_name != after.group_name),
        ("feature flags", before.feature_flags != after.feature_flags),
        ("schemas", before.schemas != after.schemas),
        ("example", before.example != after.example),
    ]);
    (!names.is_empty()).then(|| Deed::new(Action::EventTypeChanged, &before.name).with(&names))
}

impl Operations {
    /// A part of the environment's event types that `access` sees, ordered by name.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn list_event_types(
        &self,
        access: &Access,
        archived_too: bool,
        page: Page<String>,
    ) -> Result<Listed<EventType>, OpError> {
        let flags = access.feature_flags.as_deref().map(<[String]>::to_vec);
        Ok(self.store.event_types(access.environment_id, flags, archived_too, page).await?)
    }

    /// The event type with this name, also when it is archived.
    ///
    /// # Errors
    /// When there is none, or the store can't be read.
    pub async fn event_type(&self, access: &Access, name: &str) -> Result<EventType, OpError> {
        let found = self.store.event_type(access.environment_id, sound(name)?).await?;
        found.filter(|event_type| access.sees_event_type(event_type)).ok_or(MISSING)
    }

    /// Makes an event type; one that is archived may be made again.
    ///
    /// # Errors
    /// When it can't be made as it is wanted, or the store could not.
    pub async fn create_event_type(
        &self,
        access: &Access,
        name: String,
        change: EventTypeChange,
        key: Option<IdempotencyKey>,
    ) -> Result<Made<EventType>, OpError> {
        access.require_environment(TO_DO)?;
        check::text("name", "event_type_name", Some(&name), name::event_type)?;
        let (change, now) = (check(change)?, self.store.now());
        let event_type = EventType::blank(access.environment_id, name, now).changed(&change, now);
        let deed = Deed::new(Action::EventTypeCreated, &event_type.name);
        match self.noting(access, deed).await?.insert_event_type(event_type.clone(), key).await? {
            Inserted::New => Ok(Made::New(event_type)),
            Inserted::Before(_) => self.event_type(access, &event_type.name).await.map(Made::Before),
            Inserted::KeyReused => Err(key_reused()),
            Inserted::Full => {
                let why = format!("an environment has at most {EVENT_TYPES_PER_ENVIRONMENT_MAX} event types");
                Err(OpError::conflict("event_types_full", why))
            }
            // The environment has just been deleted, and the caller's key with it.
            Inserted::Orphaned => Err(OpError::Unauthenticated),
            Inserted::Taken | Inserted::EventTypeTaken => {
                let why = "there is an event type with this name: change that one";
                Err(OpError::conflict("event_type_exists", why))
            }
        }
    }

    /// Makes the event type with this name what `change` says, all of it; makes a new one when there is none.
    ///
    /// # Errors
    /// When it can't be as it is wanted, or the store could not.
    pub async fn put_event_type(
        &self,
        access: &Access,
        name: &str,
        change: EventTypeChange,
    ) -> Result<Made<EventType>, OpError> {
        match self.patch_event_type(access, name, change.clone()).await {
            Err(OpError::NotFound(_)) if sound(name).is_ok() => {
                self.create_event_type(access, name.to_owned(), change, None).await
            }
            changed => changed.map(Made::Existing),
        }
    }

    /// Changes the event type with this name.
    ///
    /// # Errors
    /// When there is none, it can't be as it is wanted, or the store could not.
    pub async fn patch_event_type(
        &self,
        access: &Access,
        name: &str,
        change: EventTypeChange,
    ) -> Result<EventType, OpError> {
        access.require_environment(TO_DO)?;
        let (name, change) = (sound(name)?, check(change)?);
        let before = self.store.event_type(access.environment_id, name.clone()).await?.ok_or(MISSING)?;
        let deed = differences(&before, &before.clone().changed(&change, before.updated_at));
        match self.noting(access, deed).await?.update_event_type(access.environment_id, name, change).await? {
            Updated::Done(event_type) => Ok(event_type),
            Updated::Missing | Updated::Taken | Updated::EventTypeTaken => Err(MISSING),
        }
    }

    /// Archives the event type with this name, or deletes it for good.
    ///
    /// # Errors
    /// When there is none, or the store could not.
    pub async fn delete_event_type(&self, access: &Access, name: &str, for_good: bool) -> Result<(), OpError> {
        access.require_environment(TO_DO)?;
        if for_good {
            let store = self.noting(access, Deed::new(Action::EventTypeDeleted, name)).await?;
            let deleted = store.delete_event_type(access.environment_id, sound(name)?).await?;
            return if deleted { Ok(()) } else { Err(MISSING) };
        }
        let archive = EventTypeChange { archived: Some(true), ..EventTypeChange::default() };
        self.patch_event_type(access, name, archive).await.map(|_| ())
    }
}
