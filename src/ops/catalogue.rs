//! Event types by the many: loading the catalogue of a preset, bringing in those of a document, handing out all.

use super::event_types::{TO_DO, check as check_change};
use super::{Access, OpError, Operations, check};
use crate::domain::audit::{Action, Deed};
use crate::domain::catalogue::Catalogue;
use crate::domain::event_type::{EVENT_TYPES_PER_ENVIRONMENT_MAX, EventType, EventTypeChange};
use crate::domain::id::EnvironmentId;
use crate::domain::name;
use crate::domain::preset::Preset;
use crate::store::{Meeting, Store};

impl Operations {
    /// Makes the event types of a preset in an environment; what is there already stays as it is, so doing it again
    /// does nothing.
    ///
    /// # Errors
    /// When there is no room for them, or the store could not.
    pub async fn load_catalogue(&self, environment_id: EnvironmentId, preset: Preset) -> Result<(), OpError> {
        let meeting = Meeting { keeps_those_there: true, archives_others: false };
        bring(&self.store, environment_id, Catalogue::of(preset).changes(), meeting).await
    }

    /// Makes or changes event types together, and archives all others if `replace_all` says so; with `dry_run` only
    /// checks them. Answers what each is to be.
    ///
    /// # Errors
    /// When one can't be as it is wanted, there is no room for them, or the store could not; then nothing is done.
    pub async fn import_event_types(
        &self,
        access: &Access,
        wanted: Vec<(String, EventTypeChange)>,
        replace_all: bool,
        dry_run: bool,
    ) -> Result<Vec<EventType>, OpError> {
        access.require_environment(TO_DO)?;
        let mut checked = Vec::with_capacity(wanted.len());
        for (name, change) in wanted {
            let sound = check::text("name", "event_type_name", Some(&name), name::event_type);
            let change = sound.and_then(|()| check_change(change)).map_err(|error| of(&name, error))?;
            checked.push((name, change));
        }
        let (environment_id, now) = (access.environment_id, self.store.now());
        let shown = |(name, change): &(String, EventTypeChange)| {
            EventType::blank(environment_id, name.clone(), now).changed(change, now)
        };
        let shown = checked.iter().map(shown).collect();
        if !dry_run {
            let meeting = Meeting { keeps_those_there: false, archives_others: replace_all };
            let names = checked.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
            let deed = Deed::new(Action::EventTypesImported, environment_id).with(names);
            bring(&*self.noting(access, deed).await?, environment_id, checked, meeting).await?;
        }
        Ok(shown)
    }

    /// Makes the event types of a preset in the environment of `access`, as [`Operations::load_catalogue`] does.
    ///
    /// # Errors
    /// When `access` is not the environment's, there is no room for them, or the store could not.
    pub async fn load_own_catalogue(&self, access: &Access, preset: Preset) -> Result<(), OpError> {
        access.require_environment(TO_DO)?;
        let deed = Deed::new(Action::EventTypesImported, access.environment_id).with(preset.as_str());
        let store = self.noting(access, deed).await?;
        let meeting = Meeting { keeps_those_there: true, archives_others: false };
        bring(&store, access.environment_id, Catalogue::of(preset).changes(), meeting).await
    }

    /// All event types of the environment that `access` sees, with those that are archived if `archived_too` says so, in
    /// the order in which they were made, so those of a catalogue in its order.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn event_types_in_order(&self, access: &Access, archived_too: bool) -> Result<Vec<EventType>, OpError> {
        let mut event_types = self.store.event_types_in_order(access.environment_id, archived_too).await?;
        event_types.retain(|event_type| access.sees_event_type(event_type));
        Ok(event_types)
    }
}

async fn bring(
    store: &Store,
    environment_id: EnvironmentId,
    wanted: Vec<(String, EventTypeChange)>,
    meeting: Meeting,
) -> Result<(), OpError> {
    if store.bring_event_types(environment_id, wanted, meeting).await? {
        return Ok(());
    }
    let why = format!("an environment has at most {EVENT_TYPES_PER_ENVIRONMENT_MAX} event types");
    Err(OpError::conflict("event_types_full", why))
}

/// Says of which event type of many a fault is.
fn of(name: &str, error: OpError) -> OpError {
    match error {
        OpError::Invalid { mut field, code, why } => {
            field.splice(1..1, ["webhooks".to_owned(), name.to_owned()]);
            OpError::Invalid { field, code, why }
        }
        other => other,
    }
}
