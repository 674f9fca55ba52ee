//! Retry schedules on the wire: a text such as `5s,5m`, or `none`; a list of seconds, as the Svix cloud has them, is
//! taken too.

use std::time::Duration;

use serde::Deserialize;
use utoipa::ToSchema;

use super::error::Problem;
use crate::domain::name::Invalid;
use crate::domain::retry::RetrySchedule;

/// When a failed delivery is tried again.
#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "must be a text such as `5s,5m` or `none`, or a list of seconds")]
pub(super) enum ScheduleIn {
    /// The delays between attempts, such as `5s,5m,30m,2h`, or `none` for a single attempt.
    #[schema(example = "5s,5m,30m")]
    Text(String),
    /// The delays in seconds.
    Seconds(Vec<u32>),
}

impl ScheduleIn {
    /// The schedule that the body's member `field` asks for.
    pub(super) fn read(self, field: &str) -> Result<RetrySchedule, Problem> {
        let refused =
            |error: Invalid| Problem::invalid(vec!["body".to_owned(), field.to_owned()], "retry_schedule", error);
        match self {
            Self::Text(text) => text.parse().map_err(refused),
            Self::Seconds(seconds) => {
                let delays = seconds.into_iter().map(|delay| Duration::from_secs(delay.into()));
                RetrySchedule::new(delays.collect()).map_err(refused)
            }
        }
    }
}
