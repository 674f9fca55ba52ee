//! The retry schedules of event types. They stand beside what an event type is: changing one touches no other.

use std::collections::BTreeMap;

use super::connection::Connection;
use super::error::StoreError;
use super::news::News;
use super::{Store, Updated};
use crate::domain::id::EnvironmentId;
use crate::domain::retry::RetrySchedule;

const GET: &str = "SELECT retry_schedule FROM event_types WHERE environment_id = ?1 AND name = ?2";
const SET: &str = "UPDATE event_types SET retry_schedule = ?3, updated_at = ?4 WHERE environment_id = ?1 AND name = ?2";
const OF_ENVIRONMENT: &str =
    "SELECT name, retry_schedule FROM event_types WHERE environment_id = ?1 AND retry_schedule IS NOT NULL";

fn read(text: &str) -> Result<RetrySchedule, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt("event_types.retry_schedule".to_owned()))
}

/// The event types of an environment that have a schedule of their own, with it.
pub(super) fn of_environment(
    connection: &Connection,
    environment_id: EnvironmentId,
) -> Result<BTreeMap<String, RetrySchedule>, StoreError> {
    let rows =
        connection.query(OF_ENVIRONMENT, &[environment_id.into()], |row| Ok((row.text(0)?, read(&row.text(1)?)?)))?;
    Ok(rows.into_iter().collect())
}

impl Store {
    /// The schedule of an event type, if there is such a type: `Some(None)` when it has none of its own.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn event_type_schedule(
        &self,
        environment_id: EnvironmentId,
        name: String,
    ) -> Result<Option<Option<RetrySchedule>>, StoreError> {
        self.read(move |connection| {
            connection.first(GET, &[environment_id.into(), (&name).into()], |row| {
                row.optional_text(0)?.as_deref().map(read).transpose()
            })
        })
        .await
    }

    /// Gives an event type a schedule, or takes it away; waiting deliveries keep the time that they have.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn set_event_type_schedule(
        &self,
        environment_id: EnvironmentId,
        name: String,
        schedule: Option<RetrySchedule>,
    ) -> Result<Updated<()>, StoreError> {
        let (text, now) = (schedule.map(|schedule| schedule.to_string()), self.now());
        self.change_and_tell(environment_id.number(), move |connection| {
            let parameters = [environment_id.into(), (&name).into(), text.as_ref().into(), now.into()];
            let changed = connection.execute(SET, &parameters)? > 0;
            let done = if changed { Updated::Done(()) } else { Updated::Missing };
            Ok((done, Some(News::EventTypes { environment_id, routes_too: true })))
        })
        .await
    }
}
