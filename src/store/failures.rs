//! Failures in the store: a row for each day, endpoint and cause. Like the figures they are added up as things happen.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Duration;

use super::Store;
use super::connection::{Connection, Row};
use super::error::StoreError;
use super::reach::Reach;
use super::walk::LOOKED_AT_MAX;
use crate::domain::failing::{Cause, Failing};
use crate::domain::id::{EndpointId, EnvironmentId};
use crate::domain::time::Timestamp;

/// For how long failures are kept.
const KEPT_FOR: Duration = Duration::from_secs(31 * 24 * 3_600);

const ADD: &str = "INSERT INTO failures (environment_id, day, endpoint_id, cause, application_id, ended, retried,
    first_at, last_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
    ON CONFLICT (environment_id, day, endpoint_id, cause) DO UPDATE SET ended = failures.ended + excluded.ended,
    retried = failures.retried + excluded.retried,
    first_at = CASE WHEN excluded.first_at < failures.first_at THEN excluded.first_at ELSE failures.first_at END,
    last_at = CASE WHEN excluded.last_at > failures.last_at THEN excluded.last_at ELSE failures.last_at END";
const SINCE: &str = "SELECT endpoint_id, application_id, cause, ended, retried, first_at, last_at FROM failures
    WHERE environment_id = ?1 AND day >= ?2 ORDER BY day DESC";
const DELETE_OLDEST: &str = "DELETE FROM failures WHERE (environment_id, day, endpoint_id, cause) IN
    (SELECT environment_id, day, endpoint_id, cause FROM failures WHERE day < ?1 ORDER BY day LIMIT ?2)";

/// Adds what failed on a day.
pub(super) fn add(
    connection: &Connection,
    environment_id: EnvironmentId,
    day: Timestamp,
    failing: &Failing,
) -> Result<(), StoreError> {
    connection.execute(
        ADD,
        &[
            environment_id.into(),
            day.into(),
            failing.endpoint_id.into(),
            failing.cause.to_string().as_str().into(),
            failing.application_id.into(),
            i64::try_from(failing.ended).unwrap_or(i64::MAX).into(),
            i64::try_from(failing.retried).unwrap_or(i64::MAX).into(),
            failing.first_at.into(),
            failing.last_at.into(),
        ],
    )?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Failing, StoreError> {
    let cause = row.text(2)?;
    Ok(Failing {
        endpoint_id: row.id(0)?,
        application_id: row.id(1)?,
        cause: Cause::parse(&cause).ok_or_else(|| StoreError::Corrupt(format!("failures.cause {cause}")))?,
        ended: row.integer(3)?.try_into().unwrap_or_default(),
        retried: row.integer(4)?.try_into().unwrap_or_default(),
        first_at: row.time(5)?,
        last_at: row.time(6)?,
    })
}

fn since(connection: &Connection, reach: Reach, day: Timestamp) -> Result<Vec<Failing>, StoreError> {
    let mut groups: HashMap<(EndpointId, Cause), Failing> = HashMap::new();
    let mut looked_at = 0;
    connection.visit(SINCE, &[reach.environment_id.into(), day.into()], |row| {
        let failing = read(row)?;
        if reach.holds(reach.environment_id, failing.application_id) {
            let group = groups.entry((failing.endpoint_id, failing.cause));
            group.and_modify(|group| group.add(&failing)).or_insert(failing);
        }
        looked_at += 1;
        Ok(if looked_at < LOOKED_AT_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| (std::cmp::Reverse(group.last_at), group.endpoint_id));
    Ok(groups)
}

/// Drops at most `chunk` rows that have been kept for long enough.
pub(super) fn drop_chunk(connection: &Connection, now: Timestamp, chunk: i64) -> Result<usize, StoreError> {
    connection.execute(DELETE_OLDEST, &[now.minus(KEPT_FOR).into(), chunk.into()])
}

impl Store {
    /// What has failed since the start of `day`, by endpoint and cause, the latest failures first. Where more causes
    /// than a page looks at have failed, the oldest days are left out.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn failing(&self, reach: Reach, day: Timestamp) -> Result<Vec<Failing>, StoreError> {
        self.read(move |connection| since(connection, reach, day)).await
    }
}

/// Every statement, for the test of query plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[SINCE, DELETE_OLDEST];
