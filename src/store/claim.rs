//! Claims: what is due for an endpoint is read from the queue with what it says, so that it can be sent. It writes nothing;
//! what is claimed stays where it is until its outcome is recorded. It does not know who sends it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::connection::Connection;
use super::error::StoreError;
use super::queue::read_delivery;
use super::{Store, messages};
use crate::domain::delivery::{Delivery, Place};
use crate::domain::id::EndpointId;
use crate::domain::message::Message;
use crate::domain::node::Epoch;
use crate::domain::time::Timestamp;

const DUE: &str =
    "SELECT message_id, endpoint_id, application_id, due, attempts_made, trigger, epoch, held_until FROM queue
    WHERE epoch = ?4 AND endpoint_id = ?1 AND due <= ?2 AND coalesce(held_until, 0) <= ?2
    ORDER BY due, message_id LIMIT ?3";
/// Of every node, in the order of the endpoint.
const DUE_IN_ORDER: &str =
    "SELECT message_id, endpoint_id, application_id, due, attempts_made, trigger, epoch, held_until FROM queue
    WHERE endpoint_id = ?1 AND due <= ?2 ORDER BY due, message_id LIMIT ?3";
const DUE_AFTER: &str = "SELECT due FROM queue WHERE epoch = ?3 AND endpoint_id = ?1 AND due > ?2 ORDER BY due LIMIT 1";
const HELD_UNTIL: &str = "SELECT held_until FROM queue
    WHERE epoch = ?3 AND endpoint_id = ?1 AND held_until > ?2 ORDER BY held_until LIMIT 1";
const DUE_AFTER_IN_ORDER: &str = "SELECT due FROM queue WHERE endpoint_id = ?1 AND due > ?2 ORDER BY due LIMIT 1";

/// A claim stops when its payloads have so many bytes; what is left out is claimed again.
pub const CLAIM_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Where another node's delivery is the first in order: it is looked at again after this part of the time that it has
/// waited, within these bounds, unless news come before.
const PATIENCE_PART: u32 = 8;
const PATIENCE_MIN: Duration = Duration::from_secs(1);
const PATIENCE_MAX: Duration = Duration::from_secs(60);

/// What a delivery has to say.
#[derive(Clone, Debug)]
pub enum Content {
    /// This message.
    Kept(Arc<Message>),
    /// Nothing any more: the payload was expunged or has outlived its time.
    Deleted,
    /// Nothing that may be sent: the payload is not what was written.
    Damaged,
}

impl Content {
    /// Bytes of payload that it holds in memory.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Kept(message) => message.payload.as_ref().map_or(0, |payload| payload.len()),
            Self::Deleted | Self::Damaged => 0,
        }
    }
}

/// What was due for an endpoint.
#[derive(Debug, Default)]
pub struct Claim {
    /// The deliveries, with what they say.
    pub deliveries: Vec<(Delivery, Content)>,
    /// When the next delivery of the endpoint is due that is not among them.
    pub next_due: Option<Timestamp>,
}

/// At most `wanted` of what is due for `endpoint_id` at `now`, oldest first, without what is `in_hand` already, and of
/// this epoch alone.
fn claim(
    connection: &Connection,
    epoch: Epoch,
    endpoint_id: EndpointId,
    now: Timestamp,
    wanted: usize,
    in_hand: &HashSet<Place>,
) -> Result<Claim, StoreError> {
    // What is in hand stands at the head of the queue, so the look reaches past it.
    let limit = wanted + in_hand.len();
    let sql_limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let parameters = [endpoint_id.into(), now.into(), sql_limit.into(), epoch.0.into()];
    let mut due = connection.query(DUE, &parameters, read_delivery)?;
    let more = due.len() == limit;
    due.retain(|delivery| !in_hand.contains(&delivery.place()));
    let (deliveries, cut) = with_contents(connection, due)?;
    let next_due = if more || cut {
        Some(now)
    } else {
        let later = [endpoint_id.into(), now.into(), epoch.0.into()];
        let due = connection.first(DUE_AFTER, &later, |row| row.time(0))?;
        due.into_iter().chain(connection.first(HELD_UNTIL, &later, |row| row.time(0))?).min()
    };
    Ok(Claim { deliveries, next_due })
}

/// Of what is due for an endpoint that keeps order, over all epochs: those at the head of its queue that are this epoch's
/// and not held, at most `wanted`. Where the first is held or another's, nothing else may be sent.
fn claim_in_order(
    connection: &Connection,
    epoch: Epoch,
    endpoint_id: EndpointId,
    now: Timestamp,
    wanted: usize,
) -> Result<Claim, StoreError> {
    let sql_limit = i64::try_from(wanted).unwrap_or(i64::MAX);
    let mut due = connection.query(DUE_IN_ORDER, &[endpoint_id.into(), now.into(), sql_limit.into()], read_delivery)?;
    let more = due.len() == wanted;
    let may_go = |delivery: &Delivery| delivery.epoch == epoch && delivery.next_attempt() <= now;
    let run = due.iter().take_while(|delivery| may_go(delivery)).count();
    let waited_for = due.drain(run..).next();
    let in_order = due.into_iter().map(|delivery| Delivery { in_order: true, ..delivery }).collect();
    let (deliveries, cut) = with_contents(connection, in_order)?;
    let next_due = match waited_for {
        _ if cut => Some(now),
        Some(held) if held.epoch == epoch => Some(held.next_attempt()),
        // Its node says when its turn is over; this is for what it may not be able to say.
        Some(other) => {
            let patience = (now.since(other.due) / PATIENCE_PART).clamp(PATIENCE_MIN, PATIENCE_MAX);
            Some(other.next_attempt().max(now.plus(patience)))
        }
        None if more => Some(now),
        None => connection.first(DUE_AFTER_IN_ORDER, &[endpoint_id.into(), now.into()], |row| row.time(0))?,
    };
    Ok(Claim { deliveries, next_due })
}

/// These deliveries with what they say, as far as the bytes of a claim reach; and whether some are left out.
fn with_contents(connection: &Connection, due: Vec<Delivery>) -> Result<(Vec<(Delivery, Content)>, bool), StoreError> {
    let mut deliveries = Vec::with_capacity(due.len());
    let mut bytes = 0;
    for delivery in due {
        if bytes >= CLAIM_BYTES_MAX {
            return Ok((deliveries, true));
        }
        let content = match messages::get(connection, delivery.message_id) {
            Ok(Some(message)) if message.payload.is_some() => Content::Kept(Arc::new(message)),
            Ok(_) => Content::Deleted,
            Err(StoreError::Corrupt(_)) => Content::Damaged,
            Err(error) => return Err(error),
        };
        bytes += content.bytes();
        deliveries.push((delivery, content));
    }
    Ok((deliveries, false))
}

impl Store {
    /// At most `wanted` of what is due for `endpoint_id` at `now` and is this node's to send, oldest first, without what
    /// is `in_hand` already.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn claim(
        &self,
        endpoint_id: EndpointId,
        now: Timestamp,
        wanted: usize,
        in_hand: HashSet<Place>,
    ) -> Result<Claim, StoreError> {
        let epoch = self.epoch();
        self.committer.queue_fresh_of(endpoint_id).await?;
        self.read(move |connection| claim(connection, epoch, endpoint_id, now, wanted, &in_hand)).await
    }

    /// At most `wanted` of what is due at `now` for an endpoint that keeps order and is this node's to send, from the head
    /// of its queue on. Nothing of the endpoint may be in hand.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn claim_in_order(
        &self,
        endpoint_id: EndpointId,
        now: Timestamp,
        wanted: usize,
    ) -> Result<Claim, StoreError> {
        let epoch = self.epoch();
        self.committer.queue_fresh_of(endpoint_id).await?;
        self.read(move |connection| claim_in_order(connection, epoch, endpoint_id, now, wanted)).await
    }
}

/// Every statement, for the test of query plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[DUE, DUE_IN_ORDER, DUE_AFTER, HELD_UNTIL, DUE_AFTER_IN_ORDER];
