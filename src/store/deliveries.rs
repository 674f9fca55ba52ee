//! The log of deliveries that have ended, and the two together that say where a message stands: what waits stands in
//! the queue, what has ended in the log, and nothing stands in both. Here a delivery also goes back from the log into
//! the queue. It does not know who asks.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

use super::audit::Outcome as _;
use super::committer::Notice;
use super::connection::{Connection, Parameter, Row};
use super::error::StoreError;
use super::idempotency::{self, IdempotencyKey, Inserted};
use super::messages::MessagesPage;
use super::walk::{Walked, walk};
use super::{Store, endpoints, figures, messages, queue};
use crate::domain::delivery::{Delivery, DeliveryState, Place, Stage, Standing, Trigger};
use crate::domain::id::{ApplicationId, AttemptId, EndpointId, MessageId};
use crate::domain::message::{Message, MessageFilter};
use crate::domain::node::Epoch;
use crate::domain::time::{Span, Timestamp};

/// Deliveries that one write puts back into the queue.
const RECOVERED_AT_ONCE: usize = 1_000;
/// Failed deliveries that are looked at to be counted.
const COUNTED_OF_MAX: usize = 50_000;

// One arm for each state that is asked for, because that is how the index is ordered; they are merged as they are read.
const ENDED_AT_ENDPOINT: &str = "
    SELECT id, message_id, state FROM deliveries WHERE endpoint_id = ?1 AND state = ?4 AND id < ?2 AND id >= ?3
    UNION ALL
    SELECT id, message_id, state FROM deliveries WHERE endpoint_id = ?1 AND state = ?5 AND id < ?2 AND id >= ?3
    UNION ALL
    SELECT id, message_id, state FROM deliveries WHERE endpoint_id = ?1 AND state = ?6 AND id < ?2 AND id >= ?3
    UNION ALL
    SELECT id, message_id, state FROM deliveries WHERE endpoint_id = ?1 AND state = ?7 AND id < ?2 AND id >= ?3
    ORDER BY id DESC";
const ENDED_OF_MESSAGE: &str = "SELECT endpoint_id, state FROM deliveries WHERE message_id = ?1";
const LAST_ATTEMPT_STAYS: &str = "INSERT INTO attempts (id, application_id, endpoint_id, message_id, trigger, number,
        duration_ms, status_code, url, response, error_code, error_detail, sent_at, response_headers,
        response_truncated, remote_address, phases)
    SELECT id, application_id, endpoint_id, message_id, trigger, number, duration_ms, status_code, url, response,
        error_code, error_detail, sent_at, response_headers, response_truncated, remote_address, phases
    FROM deliveries WHERE message_id = ?1 AND endpoint_id = ?2 AND number > 0";
const LEAVE_THE_LOG: &str = "DELETE FROM deliveries WHERE message_id = ?1 AND endpoint_id = ?2";
const COUNT: &str = "SELECT count(*) FROM deliveries WHERE endpoint_id = ?1 AND state = ?2 AND id >= ?3 AND id < ?4";
const FAILED: &str = "SELECT id, message_id, application_id FROM deliveries
    WHERE endpoint_id = ?1 AND state = ?2 AND id >= ?3 AND id < ?4 AND message_id >= ?5 AND message_id < ?6
    ORDER BY id LIMIT ?7";
const FAILED_SINCE: &str = "SELECT message_id FROM deliveries WHERE endpoint_id = ?1 AND state = ?2 AND id >= ?3
    ORDER BY id";

/// The states that `wanted` accepts, for the arms of a query; `NULL` is no state.
pub(super) fn arms(wanted: impl Fn(DeliveryState) -> bool) -> [Parameter<'static>; 4] {
    DeliveryState::ALL.map(|state| if wanted(state) { state.code().into() } else { Parameter::Null })
}

fn read_state(row: &Row<'_>, column: usize) -> Result<DeliveryState, StoreError> {
    let code = row.integer(column)?;
    DeliveryState::from_code(code).ok_or_else(|| StoreError::Corrupt(format!("deliveries.state {code}")))
}

/// Which of an endpoint's messages are asked for.
#[derive(Clone, Debug)]
pub struct DestinedFilter {
    /// When the message was accepted.
    pub accepted: Span,
    /// Whether those that wait are.
    pub waiting: bool,
    /// Those that ended so.
    pub ended: Vec<DeliveryState>,
    /// What the message is.
    pub messages: MessageFilter,
}

/// A count that stops where nobody needs to know more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// So many there are at least.
    pub number: usize,
    /// Whether there may be more.
    pub more: bool,
}

/// A place in the list of an endpoint's messages: first what waits, the latest due first, then what has ended, the
/// latest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DestinedPlace {
    /// After this one among those that wait.
    Waiting(Place),
    /// Below this one among those that have ended.
    Ended(AttemptId),
}

/// How the deliveries of an endpoint went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// The endpoint took the message.
    pub delivered: u64,
    /// The last attempt failed.
    pub failed: u64,
    /// The endpoint was deleted first.
    pub cancelled: u64,
    /// The payload was deleted first.
    pub expired: u64,
    /// They wait.
    pub waiting: u64,
}

fn stages(connection: &Connection, message_id: MessageId) -> Result<BTreeMap<EndpointId, Stage>, StoreError> {
    let ended = |row: &Row<'_>| Ok((row.id(0)?, Stage::Ended(read_state(row, 1)?)));
    let ended = connection.query(ENDED_OF_MESSAGE, &[message_id.into()], ended)?;
    let waiting = queue::of_message(connection, message_id)?.into_iter().map(|delivery| {
        let stage = if delivery.attempts_made > 0 { Stage::Retrying } else { Stage::Waiting };
        (delivery.endpoint_id, stage(delivery.next_attempt()))
    });
    Ok(ended.into_iter().chain(waiting).collect())
}

/// Where a message stands at each endpoint that it goes, or went, to.
pub(super) fn standings(
    connection: &Connection,
    message_id: MessageId,
) -> Result<BTreeMap<EndpointId, Standing>, StoreError> {
    Ok(stages(connection, message_id)?.into_iter().map(|(endpoint_id, stage)| (endpoint_id, stage.into())).collect())
}

fn waiting_at(
    connection: &Connection,
    endpoint_id: EndpointId,
    filter: &DestinedFilter,
    before: Place,
    limit: usize,
) -> Result<Walked<(MessageId, Standing), DestinedPlace>, StoreError> {
    let accepted = MessageId::made_in(filter.accepted);
    let listed = queue::latest_due(connection, endpoint_id, before, limit, |delivery| {
        let wanted = accepted.contains(&delivery.message_id)
            && messages::wanted(connection, delivery.message_id, &filter.messages)?;
        Ok(wanted.then_some((delivery.message_id, Standing::Waiting(delivery.next_attempt()))))
    })?;
    Ok(Walked { rows: listed.rows, next: listed.next.map(DestinedPlace::Waiting) })
}

fn ended_at(
    connection: &Connection,
    endpoint_id: EndpointId,
    filter: &DestinedFilter,
    below: AttemptId,
    limit: usize,
) -> Result<Walked<(MessageId, Standing), DestinedPlace>, StoreError> {
    let accepted = MessageId::made_in(filter.accepted);
    // A delivery ends after its message was accepted, so what ended earlier is not looked at.
    let oldest = AttemptId::first_at(filter.accepted.from);
    let place = [endpoint_id.into(), below.into(), oldest.into()];
    let parameters = [place.as_slice(), &arms(|state| filter.ended.contains(&state))].concat();
    let listed = walk(connection, ENDED_AT_ENDPOINT, &parameters, limit, |row| {
        let (id, message_id) = (row.id(0)?, row.id(1)?);
        let wanted = accepted.contains(&message_id) && messages::wanted(connection, message_id, &filter.messages)?;
        let shown = wanted.then(|| read_state(row, 2)).transpose()?;
        Ok((id, shown.map(|state| (message_id, Standing::Ended(state)))))
    })?;
    Ok(Walked { rows: listed.rows, next: listed.next.map(DestinedPlace::Ended) })
}

fn destined_for(
    connection: &Connection,
    endpoint_id: EndpointId,
    filter: &DestinedFilter,
    page: &MessagesPage<DestinedPlace>,
) -> Result<Walked<(Message, Standing), DestinedPlace>, StoreError> {
    let newest = AttemptId::first_at(Span::ALL.until);
    let latest = (MessageId::from_number(i64::MAX), Timestamp::from_ms(i64::MAX));
    let mut listed = match page.before {
        Some(DestinedPlace::Waiting(before)) => waiting_at(connection, endpoint_id, filter, before, page.limit)?,
        None if filter.waiting => waiting_at(connection, endpoint_id, filter, latest, page.limit)?,
        None | Some(DestinedPlace::Ended(_)) => Walked { rows: Vec::new(), next: None },
    };
    let below = match page.before {
        Some(DestinedPlace::Ended(below)) => below,
        _ => newest,
    };
    if listed.next.is_none() && !filter.ended.is_empty() {
        let room = page.limit.saturating_sub(listed.rows.len());
        let ended = ended_at(connection, endpoint_id, filter, below, room.max(1))?;
        if room > 0 {
            listed.rows.extend(ended.rows);
            listed.next = ended.next;
        } else if ended.next.is_some() || !ended.rows.is_empty() {
            listed.next = Some(DestinedPlace::Ended(below));
        }
    }
    listed.with(|(id, standing)| Ok(page.read(connection, id)?.map(|message| (message, standing))))
}

/// Takes a delivery that has ended out of the log, so that it can wait again: what was its last attempt is now one that
/// is followed by another. Answers whether it was there.
fn leave_the_log(connection: &Connection, message_id: MessageId, endpoint_id: EndpointId) -> Result<bool, StoreError> {
    let delivery = [message_id.into(), endpoint_id.into()];
    connection.execute(LAST_ATTEMPT_STAYS, &delivery)?;
    Ok(connection.execute(LEAVE_THE_LOG, &delivery)? > 0)
}

/// Puts a delivery into the queue, due now; if it waits there already, it is moved. Where its endpoint keeps order it
/// keeps its place instead, and is held no longer.
fn queue_again(connection: &Connection, wanted: &Delivery) -> Result<(), StoreError> {
    let mut delivery = wanted.clone();
    let look = || queue::of_message_at_endpoint(connection, wanted.message_id, wanted.endpoint_id);
    while let Some(waiting) = look()? {
        let keeps_place = waiting.held_until.is_some() || endpoints::keeps_order(connection, wanted.endpoint_id)?;
        if keeps_place && waiting.held_until.is_none() {
            return Ok(());
        }
        // Where others write too, it may just have been moved: then its new place is looked up.
        if queue::remove(connection, &waiting)? {
            delivery.attempts_made = waiting.attempts_made;
            if keeps_place {
                // As below; and what is held is the first, so that nothing stands just before it.
                delivery.due = waiting.due.minus(std::time::Duration::from_millis(1));
            } else if waiting.due == delivery.due {
                // It needs another place: what is recorded of the old one must not take this one away.
                delivery.due = delivery.due.plus(std::time::Duration::from_millis(1));
            }
            break;
        }
    }
    // It may have ended while its place was looked for.
    leave_the_log(connection, wanted.message_id, wanted.endpoint_id)?;
    queue::insert(connection, &delivery)
}

/// A delivery that failed.
struct Failed {
    id: AttemptId,
    message_id: MessageId,
    application_id: ApplicationId,
}

fn failed(
    connection: &Connection,
    endpoint_id: EndpointId,
    ids: &Range<AttemptId>,
    messages: &Range<MessageId>,
) -> Result<Vec<Failed>, StoreError> {
    let parameters = [
        endpoint_id.into(),
        DeliveryState::Failed.code().into(),
        ids.start.into(),
        ids.end.into(),
        messages.start.into(),
        messages.end.into(),
        i64::try_from(RECOVERED_AT_ONCE).unwrap_or(i64::MAX).into(),
    ];
    connection.query(FAILED, &parameters, |row| {
        Ok(Failed { id: row.id(0)?, message_id: row.id(1)?, application_id: row.id(2)? })
    })
}

/// How many deliveries failed of messages that were accepted in `span`, so far as they are counted.
fn count_failed(
    connection: &Connection,
    endpoint_id: EndpointId,
    span: Span,
    at_most: usize,
) -> Result<Counted, StoreError> {
    let accepted = MessageId::made_in(span);
    let oldest = AttemptId::first_at(span.from);
    let (mut counted, mut looked_at) = (Counted { number: 0, more: false }, 0);
    connection.visit(
        FAILED_SINCE,
        &[endpoint_id.into(), DeliveryState::Failed.code().into(), oldest.into()],
        |row| {
            counted.more = counted.number == at_most || looked_at == COUNTED_OF_MAX;
            if counted.more {
                return Ok(ControlFlow::Break(()));
            }
            looked_at += 1;
            counted.number += usize::from(accepted.contains(&row.id(0)?));
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok(counted)
}

fn recover(
    connection: &Connection,
    endpoint_id: EndpointId,
    failed: &[Failed],
    due: Timestamp,
    epoch: Epoch,
) -> Result<usize, StoreError> {
    let mut queued = 0;
    for Failed { message_id, application_id, .. } in failed {
        let (message_id, application_id) = (*message_id, *application_id);
        // It may have been resent since it was looked up.
        if leave_the_log(connection, message_id, endpoint_id)? {
            let trigger = Trigger::Manual;
            queue::insert(
                connection,
                &Delivery {
                    message_id,
                    endpoint_id,
                    application_id,
                    due,
                    attempts_made: 0,
                    trigger,
                    epoch,
                    held_until: None,
                    in_order: false,
                },
            )?;
            queued += 1;
        }
    }
    Ok(queued)
}

impl Store {
    /// The messages that an endpoint is or was to get, with where each stands: first those that wait.
    ///
    /// # Errors
    /// When the store can't be read or a message is damaged.
    pub async fn destined_for(
        &self,
        endpoint_id: EndpointId,
        filter: DestinedFilter,
        page: MessagesPage<DestinedPlace>,
    ) -> Result<Walked<(Message, Standing), DestinedPlace>, StoreError> {
        self.read_queue(move |connection| destined_for(connection, endpoint_id, &filter, &page)).await
    }

    /// Where a message stands at each endpoint that it goes, or went, to.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn standings(&self, message_id: MessageId) -> Result<BTreeMap<EndpointId, Standing>, StoreError> {
        self.read_queue(move |connection| standings(connection, message_id)).await
    }

    /// Where each of these messages stands at each endpoint that it goes, or went, to.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn stages(
        &self,
        ids: Vec<MessageId>,
    ) -> Result<BTreeMap<MessageId, BTreeMap<EndpointId, Stage>>, StoreError> {
        self.read_queue(move |connection| ids.into_iter().map(|id| Ok((id, stages(connection, id)?))).collect()).await
    }

    /// How an endpoint's deliveries went that ended in `span`, and how many messages of that time wait. What another node has
    /// delivered within about a second may be missing.
    ///
    /// # Errors
    /// When the store can't be written or read.
    pub async fn statistics(&self, endpoint_id: EndpointId, span: Span) -> Result<Statistics, StoreError> {
        // What this node has counted, it may not have written.
        self.settle().await?;
        let now = self.now();
        self.read_queue(move |connection| {
            let count = |state: DeliveryState, span: Span| {
                let ids = AttemptId::made_in(span);
                let parameters = [endpoint_id.into(), state.code().into(), ids.start.into(), ids.end.into()];
                let counted = connection.first(COUNT, &parameters, |row| row.integer(0))?;
                Ok::<u64, StoreError>(counted.unwrap_or_default().try_into().unwrap_or_default())
            };
            // Most end well, by the million: those are counted as they happen.
            let (mut delivered, left) = figures::delivered(connection, endpoint_id, span, now)?;
            for span in left {
                delivered += count(DeliveryState::Delivered, span)?;
            }
            Ok(Statistics {
                delivered,
                failed: count(DeliveryState::Failed, span)?,
                cancelled: count(DeliveryState::Cancelled, span)?,
                expired: count(DeliveryState::Expired, span)?,
                waiting: queue::count(connection, endpoint_id, MessageId::made_in(span))?,
            })
        })
        .await
    }

    /// Puts a message into an endpoint's queue, due now, or moves it there if it waits, and tells the engine.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn resend(
        &self,
        message: &Message,
        endpoint_id: EndpointId,
        key: Option<IdempotencyKey>,
    ) -> Result<Inserted, StoreError> {
        let environment_id = message.environment_id;
        let due = self.now();
        let delivery = Delivery {
            message_id: message.id,
            endpoint_id,
            application_id: message.application_id,
            due,
            attempts_made: 0,
            trigger: Trigger::Manual,
            epoch: self.epoch(),
            held_until: None,
            in_order: false,
        };
        let work = move |connection: &Connection| {
            let made = delivery.message_id.number();
            idempotency::once(connection, environment_id, key.as_ref(), made, || {
                queue_again(connection, &delivery).map(|()| Inserted::New)
            })
        };
        let notify = move |inserted: &Inserted, notices: &mut Vec<Notice>| {
            if *inserted == Inserted::New {
                notices.push(Notice::Waiting { endpoint_id, due });
            }
        };
        self.committer.write(self.noted(work, Inserted::is_change), notify).await
    }

    /// How many deliveries [`Store::recover`] would queue, counted to `at_most`.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn count_failed(
        &self,
        endpoint_id: EndpointId,
        span: Span,
        at_most: usize,
    ) -> Result<Counted, StoreError> {
        self.read(move |connection| count_failed(connection, endpoint_id, span, at_most)).await
    }

    /// Puts what failed of an endpoint's messages of `span` into its queue, due now, and answers how many they were.
    /// Deliveries that fail while it works stay failed.
    ///
    /// # Errors
    /// When the store could not; what was queued before stays queued.
    pub async fn recover(&self, endpoint_id: EndpointId, span: Span) -> Result<usize, StoreError> {
        let accepted = MessageId::made_in(span);
        let mut ids = AttemptId::first_at(span.from)..self.next_id();
        let mut queued = 0;
        loop {
            let (range, messages) = (ids.clone(), accepted.clone());
            let found = self.read(move |connection| failed(connection, endpoint_id, &range, &messages)).await?;
            let Some(last) = found.last() else {
                return Ok(queued);
            };
            ids.start = AttemptId::from_number(last.id.number() + 1);
            let (due, epoch) = (self.now(), self.epoch());
            queued += self
                .committer
                .write(
                    move |connection| recover(connection, endpoint_id, &found, due, epoch),
                    move |written, notices| {
                        if *written > 0 {
                            notices.push(Notice::Waiting { endpoint_id, due });
                        }
                    },
                )
                .await?;
        }
    }
}

/// Every statement, for the test of query plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] =
    &[ENDED_AT_ENDPOINT, ENDED_OF_MESSAGE, LAST_ATTEMPT_STAYS, LEAVE_THE_LOG, COUNT, FAILED, FAILED_SINCE];
