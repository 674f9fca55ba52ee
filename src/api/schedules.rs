//! Retry schedules on the wire: the text of an endpoint's, and the list of an event type's, which has a resource of its
//! own as in the Svix API.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use super::error::{Problem, ReadProblems, WriteProblems};
use super::extract::{Given, Object, Path};
use crate::domain::retry::RetrySchedule;
use crate::ops::{Access, Operations};

/// A schedule as text: `5s,5m,2h`, or `none`.
pub(super) struct ScheduleText(pub(super) RetrySchedule);

impl Serialize for ScheduleText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ScheduleText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map(Self).map_err(D::Error::custom)
    }
}

/// One delay of a schedule.
#[derive(Serialize, ToSchema)]
pub(super) struct Delay {
    /// Whole seconds.
    #[schema(example = 300)]
    secs: u64,
    /// Nanoseconds beside them, in whole milliseconds.
    nanos: u32,
}

/// A delay as it is given: as it is shown, or as a number of seconds.
#[derive(Deserialize, ToSchema)]
#[serde(untagged, from = "GivenDelay")]
pub(super) enum DelayIn {
    /// Whole seconds.
    Seconds(u64),
    /// As it is shown.
    Parts {
        /// Whole seconds.
        secs: u64,
        /// Nanoseconds beside them, in whole milliseconds.
        #[serde(default)]
        nanos: u32,
    },
}

/// The same, read from what it is.
#[derive(Deserialize)]
#[serde(untagged)]
enum GivenDelay {
    Seconds(u64),
    Parts(Object<GivenParts>),
}

#[derive(Deserialize)]
struct GivenParts {
    secs: u64,
    #[serde(default)]
    nanos: u32,
}

impl From<GivenDelay> for DelayIn {
    fn from(given: GivenDelay) -> Self {
        match given {
            GivenDelay::Seconds(secs) => Self::Seconds(secs),
            GivenDelay::Parts(Object(GivenParts { secs, nanos })) => Self::Parts { secs, nanos },
        }
    }
}

/// What the retry schedule of an event type is to be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RetryScheduleIn {
    /// The delays before the second attempt, the third and so on; an empty list is one attempt and no more, null is
    /// the environment's schedule.
    #[serde(default)]
    retry_schedule: Option<Vec<DelayIn>>,
}

/// The retry schedule of an event type.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RetryScheduleOut {
    /// The delays before the second attempt, the third and so on; null is the environment's schedule.
    retry_schedule: Option<Vec<Delay>>,
}

impl From<DelayIn> for Duration {
    fn from(delay: DelayIn) -> Self {
        match delay {
            DelayIn::Seconds(secs) => Self::from_secs(secs),
            // `Duration::new` would panic where the parts add up to more than it holds.
            DelayIn::Parts { secs, nanos } => Self::from_secs(secs).saturating_add(Self::from_nanos(nanos.into())),
        }
    }
}

impl From<Option<RetrySchedule>> for RetryScheduleOut {
    fn from(schedule: Option<RetrySchedule>) -> Self {
        let shown = |delay: &Duration| Delay { secs: delay.as_secs(), nanos: delay.subsec_nanos() };
        Self { retry_schedule: schedule.map(|schedule| schedule.delays().iter().map(shown).collect()) }
    }
}

#[utoipa::path(
    get,
    path = "/api/v1/event-type/{event_type_name}/retry-schedule",
    tag = "Event Type",
    operation_id = "v1.event-type.get-retry-schedule",
    summary = "Get the retry schedule of an event type",
    params(("event_type_name" = String, Path, description = "Its name.")),
    responses((status = 200, description = "It, or null.", body = RetryScheduleOut), ReadProblems)
)]
pub(super) async fn get_retry_schedule(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(name): Path<String>,
) -> Result<Json<RetryScheduleOut>, Problem> {
    Ok(Json(operations.event_type_schedule(&access, &name).await?.into()))
}

#[utoipa::path(
    put,
    path = "/api/v1/event-type/{event_type_name}/retry-schedule",
    tag = "Event Type",
    operation_id = "v1.event-type.set-retry-schedule",
    summary = "Set the retry schedule of an event type",
    params(("event_type_name" = String, Path, description = "Its name.")),
    request_body = RetryScheduleIn,
    responses((status = 200, description = "It is so now.", body = RetryScheduleOut), WriteProblems)
)]
pub(super) async fn set_retry_schedule(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(name): Path<String>,
    Given(body): Given<RetryScheduleIn>,
) -> Result<Json<RetryScheduleOut>, Problem> {
    let delays = body.retry_schedule.map(|delays| delays.into_iter().map(Duration::from).collect());
    Ok(Json(operations.set_event_type_schedule(&access, &name, delays).await?.into()))
}
