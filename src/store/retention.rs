//! What is old goes: payloads and sessions whose time is over, deliveries that have waited for as long as messages are
//! kept, and then the history itself, from its oldest end. Little by little, so that nobody who writes has to wait long.

use std::time::Duration;

use super::connection::Connection;
use super::error::StoreError;
use super::idempotency::IDEMPOTENCY_KEY_HOURS;
use super::queue::{self, Record};
use super::{Store, failures, figures, locks, partitions, sessions};
use crate::domain::delivery::{DeliveryState, Outcome};
use crate::domain::id::{Id, InboxRequestId, MessageId};
use crate::domain::inbox::INBOX_DAYS_MAX;
use crate::domain::message::PAYLOAD_RETENTION_DAYS_MAX;
use crate::domain::time::Timestamp;

/// Rows of one table that go in one transaction.
const CHUNK: i64 = 500;

const WAITING_BEFORE: &str = "SELECT message_id, endpoint_id, application_id, due, attempts_made, trigger, epoch,
    held_until FROM queue
    WHERE message_id < ?1 ORDER BY message_id LIMIT ?2";
const EXPIRE_PAYLOADS: &str = "UPDATE messages SET payload = NULL, expires_early = NULL
    WHERE id IN (SELECT id FROM messages WHERE expires_early <= ?1 ORDER BY expires_early LIMIT ?2)";
/// Each deletes from the oldest end of a table.
const DELETE_OLDEST: [&str; 4] = [
    "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE id < ?1 ORDER BY id LIMIT ?2)",
    "DELETE FROM event_ids WHERE message_id IN
        (SELECT message_id FROM event_ids WHERE message_id < ?1 ORDER BY message_id LIMIT ?2)",
    "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE id < ?1 ORDER BY id LIMIT ?2)",
    "DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE id < ?1 ORDER BY id LIMIT ?2)",
];
/// Inboxes that received nothing of late, and what the others received long ago.
const DELETE_UNUSED_INBOXES: &str = "DELETE FROM inboxes
    WHERE id IN (SELECT id FROM inboxes WHERE coalesce(last_at, created_at) < ?1 LIMIT ?2)";
const DELETE_RECEIVED: &str = "DELETE FROM inbox_requests
    WHERE id IN (SELECT id FROM inbox_requests WHERE id < ?1 ORDER BY id LIMIT ?2)";
const FORGET_KEYS: &str =
    "DELETE FROM idempotency_keys WHERE id IN (SELECT id FROM idempotency_keys WHERE id < ?1 ORDER BY id LIMIT ?2)";

fn days(days: i64) -> Duration {
    Duration::from_secs(u64::try_from(days).unwrap_or(0) * 24 * 3_600)
}

/// When a message that was made at `made` is deleted with everything about it.
pub(super) fn end_of(made: Timestamp) -> Timestamp {
    made.plus(days(PAYLOAD_RETENTION_DAYS_MAX))
}

fn drop_chunk(connection: &Connection, now: Timestamp, in_parts: bool) -> Result<usize, StoreError> {
    let mut oldest = now.minus(days(PAYLOAD_RETENTION_DAYS_MAX));
    let mut gone = connection.execute(EXPIRE_PAYLOADS, &[now.into(), CHUNK.into()])?;
    if in_parts {
        partitions::make_ahead(connection, now)?;
        gone += partitions::drop_before(connection, oldest)?;
        // The rows of the day that is half too old go with its parts.
        oldest = partitions::day_of(oldest);
    }
    let oldest: MessageId = Id::first_at(oldest);
    for sql in DELETE_OLDEST {
        gone += connection.execute(sql, &[oldest.into(), CHUNK.into()])?;
    }
    let unused_since = now.minus(days(INBOX_DAYS_MAX));
    gone += connection.execute(DELETE_UNUSED_INBOXES, &[unused_since.into(), CHUNK.into()])?;
    let oldest_received: InboxRequestId = Id::first_at(unused_since);
    gone += connection.execute(DELETE_RECEIVED, &[oldest_received.into(), CHUNK.into()])?;
    let hours = Duration::from_secs(IDEMPOTENCY_KEY_HOURS * 3_600);
    let oldest_key: MessageId = Id::first_at(now.minus(hours));
    gone += connection.execute(FORGET_KEYS, &[oldest_key.into(), CHUNK.into()])?;
    gone += sessions::drop_ended(connection, now, CHUNK)?;
    gone += figures::drop_chunk(connection, now, CHUNK)?;
    gone += failures::drop_chunk(connection, now, CHUNK)?;
    Ok(gone)
}

impl Store {
    /// Ends, as expired, some of the deliveries that have waited for as long as messages are kept, as they do when
    /// their endpoint is switched off and never on again. Says whether there may be more.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn expire_what_waits(&self) -> Result<bool, StoreError> {
        let oldest: MessageId = Id::first_at(self.now().minus(days(PAYLOAD_RETENTION_DAYS_MAX)));
        let look = move |connection: &Connection| {
            connection.query(WAITING_BEFORE, &[oldest.into(), CHUNK.into()], queue::read_delivery)
        };
        let waiting = self.read_queue(look).await?;
        let any = !waiting.is_empty();
        for delivery in waiting {
            let outcome = Outcome::Ended(DeliveryState::Expired);
            self.record(Record { delivery, attempt: Err(self.next_id()), outcome });
        }
        self.settle().await?;
        Ok(any)
    }

    /// Drops some of what is too old to keep, and says whether there may be more.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn drop_what_is_old(&self) -> Result<bool, StoreError> {
        let expired = self.expire_what_waits().await?;
        let now = self.now();
        let in_parts = !self.database.is_embedded();
        let work = move |connection: &Connection| {
            // Another node is at it.
            if !connection.try_lock(locks::HOUSEKEEPING)? {
                return Ok(0);
            }
            drop_chunk(connection, now, in_parts)
        };
        let gone = self.write(work).await?;
        Ok(expired || gone > 0)
    }
}
