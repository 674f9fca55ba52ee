//! How much waits in the queues of an environment: one seek for each endpoint that something waits for, and then a
//! count that stops where a page need not know more.

use super::Store;
use super::connection::Connection;
use super::error::StoreError;
use super::queue;
use super::reach::Reach;
use super::walk::LOOKED_AT_MAX;
use crate::domain::id::{EndpointId, Id};
use crate::domain::time::Timestamp;

/// Deliveries that are counted; beyond them it is said that there are more.
const COUNTED_MAX: u64 = 100_000;

const READY: &str = "SELECT count(*) FROM (SELECT 1 FROM queue WHERE endpoint_id = ?1 AND due <= ?2 LIMIT ?3) AS ready";
const SCHEDULED: &str =
    "SELECT count(*) FROM (SELECT 1 FROM queue WHERE endpoint_id = ?1 AND due > ?2 LIMIT ?3) AS scheduled";

const WAITING: &str = "SELECT count(*) FROM (SELECT 1 FROM queue WHERE endpoint_id = ?1 LIMIT ?2) AS waiting";

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Deliveries that are due, or being attempted.
    pub ready: u64,
    /// Deliveries whose next attempt is later.
    pub scheduled: u64,
    /// Whether there are more than were counted.
    pub more: bool,
    /// Endpoints that something waits for.
    pub endpoints: u64,
    /// When the delivery was due that has been due for longest; or will be, if none is due yet.
    pub oldest_due: Option<Timestamp>,
}

impl Backlog {
    fn room(&self) -> u64 {
        COUNTED_MAX.saturating_sub(self.ready + self.scheduled)
    }
}

fn count(
    connection: &Connection,
    sql: &'static str,
    endpoint_id: EndpointId,
    now: Timestamp,
    room: u64,
) -> Result<u64, StoreError> {
    let limit = i64::try_from(room).unwrap_or(i64::MAX);
    let counted = connection.first(sql, &[endpoint_id.into(), now.into(), limit.into()], |row| row.integer(0))?;
    Ok(counted.unwrap_or_default().try_into().unwrap_or_default())
}

fn backlog(connection: &Connection, reach: Reach, now: Timestamp) -> Result<Backlog, StoreError> {
    let mut backlog = Backlog::default();
    let mut after = Id::from_number(-1);
    for _ in 0..LOOKED_AT_MAX {
        let Some((endpoint_id, due)) = queue::next_endpoint(connection, after)? else {
            return Ok(backlog);
        };
        after = endpoint_id;
        if reach.holds_endpoint(connection, endpoint_id)? {
            backlog.endpoints += 1;
            backlog.oldest_due = Some(backlog.oldest_due.map_or(due, |oldest| oldest.min(due)));
            backlog.ready += count(connection, READY, endpoint_id, now, backlog.room())?;
            backlog.scheduled += count(connection, SCHEDULED, endpoint_id, now, backlog.room())?;
            backlog.more |= backlog.room() == 0;
        }
    }
    Ok(Backlog { more: true, ..backlog })
}

impl Store {
    /// What waits within `reach`.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn backlog(&self, reach: Reach) -> Result<Backlog, StoreError> {
        let now = self.now();
        self.read_queue(move |connection| backlog(connection, reach, now)).await
    }
}

impl Store {
    /// How many deliveries wait for these endpoints; beyond `most` it is not counted further.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn waiting_for(&self, endpoints: Vec<EndpointId>, most: u64) -> Result<u64, StoreError> {
        self.read_queue(move |connection| {
            let mut waiting = 0;
            for endpoint_id in endpoints {
                let room = i64::try_from(most.saturating_sub(waiting) + 1).unwrap_or(i64::MAX);
                let counted = connection.first(WAITING, &[endpoint_id.into(), room.into()], |row| row.integer(0))?;
                waiting += u64::try_from(counted.unwrap_or_default()).unwrap_or_default();
                if waiting > most {
                    break;
                }
            }
            Ok(waiting)
        })
        .await
    }
}

/// Every statement, for the test of query plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[READY, SCHEDULED, WAITING];
