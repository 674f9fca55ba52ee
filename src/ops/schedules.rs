//! The retry schedules of event types: they go before the environment's, and an endpoint's goes before them; and what
//! the schedule that holds has in store for a message.

use std::time::Duration;

use super::attempts::route;
use super::{Access, OpError, Operations};
use crate::domain::audit::{Action, Deed};
use crate::domain::name;
use crate::domain::retry::RetrySchedule;
use crate::domain::time::Timestamp;
use crate::store::Updated;

const MISSING: OpError = OpError::NotFound("event type");

fn sound(name: &str) -> Result<String, OpError> {
    name::event_type(name).map(|()| name.to_owned()).map_err(|_| MISSING)
}

impl Operations {
    /// The schedule of the event type with this name; `None` when it has none of its own.
    ///
    /// # Errors
    /// When there is no such event type, or the store can't be read.
    pub async fn event_type_schedule(&self, access: &Access, name: &str) -> Result<Option<RetrySchedule>, OpError> {
        self.event_type(access, name).await?;
        self.store.event_type_schedule(access.environment_id, sound(name)?).await?.ok_or(MISSING)
    }

    /// Gives the event type with this name a schedule of these delays, or takes its schedule away.
    ///
    /// # Errors
    /// When there is no such event type, the schedule can't be taken, or the store could not.
    pub async fn set_event_type_schedule(
        &self,
        access: &Access,
        name: &str,
        delays: Option<Vec<Duration>>,
    ) -> Result<Option<RetrySchedule>, OpError> {
        access.require_environment("set the retry schedules of event types")?;
        let refused = |error| OpError::invalid("retrySchedule", "retry_schedule", name::Invalid::to_string(&error));
        let schedule = delays.map(RetrySchedule::new).transpose().map_err(refused)?;
        let store = self.noting(access, Deed::new(Action::EventTypeChanged, name).with("retry schedule")).await?;
        match store.set_event_type_schedule(access.environment_id, sound(name)?, schedule.clone()).await? {
            Updated::Done(()) => Ok(schedule),
            Updated::Missing | Updated::Taken | Updated::EventTypeTaken => Err(MISSING),
        }
    }

    /// When a message is sent to an endpoint again, if every attempt fails: the next attempt first. Nothing when it does
    /// not wait there. While the endpoint is switched off it waits, whatever the times.
    ///
    /// # Errors
    /// When there is no such message or endpoint that `access` may see, or the store can't be read.
    pub async fn schedule_of(
        &self,
        access: &Access,
        application: &str,
        message: &str,
        endpoint: &str,
    ) -> Result<Vec<Timestamp>, OpError> {
        let routes = self.routes(access, application).await?;
        let endpoint = &route(&routes, endpoint)?.endpoint;
        let found = self.message_of(&routes, message, true).await?;
        let waiting = self.store.waiting_delivery(found.id, endpoint.id).await?;
        let Some(delivery) = waiting.filter(|_| found.payload.is_some()) else {
            return Ok(Vec::new());
        };
        let schedule = routes.retry_policy(endpoint, &found.event_type).schedule;
        let mut times = schedule.attempts_to_come(delivery.attempts_made, delivery.next_attempt());
        times.retain(|time| *time < found.expires_at);
        Ok(times)
    }
}
