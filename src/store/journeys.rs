//! How far a message has come at each endpoint, read from the queue, the log and the attempts in one go. It does not
//! know why it was sent there.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::connection::Connection;
use super::error::StoreError;
use super::{Store, attempts, deliveries, queue};
use crate::domain::delivery::{Journey, Standing};
use crate::domain::id::{AttemptId, EndpointId, MessageId};

const ATTEMPTS: &str = "SELECT id, endpoint_id FROM deliveries WHERE message_id = ?1 AND number > 0
    UNION ALL SELECT id, endpoint_id FROM attempts WHERE message_id = ?1";

/// How many attempts were made at each endpoint, and the latest of them.
fn counted(
    connection: &Connection,
    message_id: MessageId,
) -> Result<BTreeMap<EndpointId, (u32, AttemptId)>, StoreError> {
    let mut counted = BTreeMap::new();
    connection.visit(ATTEMPTS, &[message_id.into()], |row| {
        let id: AttemptId = row.id(0)?;
        let (attempts, last) = counted.entry(row.id(1)?).or_insert((0_u32, id));
        (*attempts, *last) = (attempts.saturating_add(1), id.max(*last));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(counted)
}

fn journeys(connection: &Connection, message_id: MessageId) -> Result<BTreeMap<EndpointId, Journey>, StoreError> {
    let mut journeys: BTreeMap<EndpointId, Journey> = BTreeMap::new();
    for (endpoint_id, standing) in deliveries::standings(connection, message_id)? {
        let behind = match standing {
            Standing::Waiting(_) => queue::first(connection, endpoint_id)?.filter(|first| *first != message_id),
            Standing::Ended(_) => None,
        };
        journeys.insert(endpoint_id, Journey { standing: Some(standing), behind, ..Journey::default() });
    }
    for (endpoint_id, (attempts, last)) in counted(connection, message_id)? {
        let journey = journeys.entry(endpoint_id).or_default();
        journey.attempts = attempts;
        journey.last = attempts::get(connection, last, false)?;
    }
    Ok(journeys)
}

impl Store {
    /// How far a message has come at each endpoint that it goes, or went, to.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn journeys(&self, message_id: MessageId) -> Result<BTreeMap<EndpointId, Journey>, StoreError> {
        self.read_queue(move |connection| journeys(connection, message_id)).await
    }
}

/// Every statement, for the test of query plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[ATTEMPTS];
