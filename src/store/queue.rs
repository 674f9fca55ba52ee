//! The queue of deliveries that wait, and the log of those that have ended. A row of the queue is written when a message is
//! accepted, in a file only once it has waited (`fresh.rs`), and deleted when its outcome is recorded; a row of the log is
//! written once. It does not decide what an outcome is.

use std::collections::HashSet;
use std::ops::Range;

use super::Store;
use super::committer::Notice;
use super::connection::{Connection, Parameter, Row};
use super::error::StoreError;
use super::walk::{Walked, walk};
use super::{bulk, packed};
use crate::domain::delivery::{Attempt, Delivery, DeliveryState, Outcome, Place, Trigger};
use crate::domain::id::{AttemptId, EndpointId, Id, MessageId};
use crate::domain::node::Epoch;
use crate::domain::time::Timestamp;

const INSERT: &str = "INSERT INTO queue (endpoint_id, due, message_id, application_id, attempts_made, trigger, epoch,
    held_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
const DELETE: &str = "DELETE FROM queue WHERE endpoint_id = ?1 AND due = ?2 AND message_id = ?3 AND epoch = ?4";
const FIRST: &str = "SELECT message_id FROM queue WHERE endpoint_id = ?1 ORDER BY due, message_id LIMIT 1";
const OF_MESSAGE: &str =
    "SELECT message_id, endpoint_id, application_id, due, attempts_made, trigger, epoch, held_until FROM queue
    WHERE message_id = ?1";
const OF_MESSAGE_AT_ENDPOINT: &str =
    "SELECT message_id, endpoint_id, application_id, due, attempts_made, trigger, epoch, held_until
    FROM queue WHERE message_id = ?1 AND endpoint_id = ?2";
const LATEST_DUE: &str =
    "SELECT message_id, endpoint_id, application_id, due, attempts_made, trigger, epoch, held_until FROM queue
    WHERE endpoint_id = ?1 AND (due, message_id) < (?2, ?3) ORDER BY due DESC, message_id DESC";
const COUNT: &str = "SELECT count(*) FROM queue WHERE endpoint_id = ?1 AND message_id >= ?2 AND message_id < ?3";
const NEXT_ENDPOINT: &str =
    "SELECT endpoint_id, due FROM queue WHERE endpoint_id > ?1 ORDER BY endpoint_id, due LIMIT 1";
const NEXT_ENDPOINT_OF_EPOCH: &str =
    "SELECT endpoint_id, due FROM queue WHERE epoch = ?2 AND endpoint_id > ?1 ORDER BY endpoint_id, due LIMIT 1";
const INSERT_ATTEMPT: &str = "INSERT INTO attempts (id, application_id, endpoint_id, message_id, trigger, number,
    duration_ms, status_code, url, response, error_code, error_detail, sent_at, response_headers, response_truncated,
    remote_address, phases)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
const INSERT_ENDED: &str = "INSERT INTO deliveries (id, application_id, endpoint_id, message_id, trigger, number,
    duration_ms, status_code, url, response, error_code, error_detail, sent_at, response_headers, response_truncated,
    remote_address, phases, state)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";

/// What became of a delivery that was claimed or handed over.
#[derive(Clone, Debug)]
pub struct Record {
    /// As it stood in the queue.
    pub delivery: Delivery,
    /// The request that was made, or the id under which its absence is logged.
    pub attempt: Result<Attempt, AttemptId>,
    /// What it came to.
    pub outcome: Outcome,
}

impl Record {
    pub(super) fn into_notice(self) -> Notice {
        let retry = match self.outcome {
            Outcome::Retry(at) => Some(at),
            Outcome::Ended(_) => None,
        };
        Notice::Recorded { delivery: self.delivery, retry }
    }
}

/// Puts a delivery into the queue.
pub(super) fn insert(connection: &Connection, delivery: &Delivery) -> Result<(), StoreError> {
    connection.execute(INSERT, &values(delivery))?;
    Ok(())
}

/// The same for many.
pub(super) fn insert_all<'a>(
    connection: &Connection,
    mut deliveries: impl Iterator<Item = &'a Delivery>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare(INSERT)?;
    deliveries.try_for_each(|delivery| statement.execute(&values(delivery)).map(|_| ()))
}

/// The columns of its row.
pub(super) fn values(delivery: &Delivery) -> [Parameter<'static>; 8] {
    [
        delivery.endpoint_id.into(),
        delivery.due.into(),
        delivery.message_id.into(),
        delivery.application_id.into(),
        delivery.attempts_made.into(),
        delivery.trigger.code().into(),
        delivery.epoch.0.into(),
        delivery.held_until.into(),
    ]
}

/// The attempts whose outcome came too late: their delivery had been moved (a resend) or taken over by another node, so
/// they are history, and each may have been a repeat.
pub(super) type Late = HashSet<AttemptId>;

/// Writes outcomes, one by one or all at once, as the database likes it: each delivery leaves its place in the queue for
/// a later one, or for the log. Those that are fresh have no place yet.
pub(super) fn record_all(
    connection: &Connection,
    records: &[Record],
    is_fresh: impl Fn(&Delivery) -> bool,
) -> Result<Late, StoreError> {
    if let Connection::Postgres(postgres) = connection {
        return bulk::record(postgres, records);
    }
    let mut late = Late::new();
    let (mut leave, mut end) = (connection.prepare(DELETE)?, connection.prepare(INSERT_ENDED)?);
    for record in records {
        let was_waiting = is_fresh(&record.delivery) || leave.execute(&place(&record.delivery))? > 0;
        let entry = Entry::of(record);
        match record.outcome {
            Outcome::Ended(state) if was_waiting => _ = end.execute(&entry.values(Some(state)))?,
            Outcome::Retry(at) if was_waiting => {
                insert(connection, &record.delivery.again(at))?;
                note(connection, &entry)?;
            }
            // Its new place, or whose it is now, decides.
            _ => {
                late.extend(record.attempt.as_ref().map(|attempt| attempt.id));
                note(connection, &entry)?;
            }
        }
    }
    Ok(late)
}

/// Notes an attempt that its delivery did not end with, if one was made.
fn note(connection: &Connection, entry: &Entry<'_>) -> Result<(), StoreError> {
    if entry.record.attempt.is_ok() {
        let values = entry.values(None);
        connection.execute(INSERT_ATTEMPT, &values[..values.len() - 1])?;
    }
    Ok(())
}

/// What the log says of an outcome.
pub(super) struct Entry<'a> {
    record: &'a Record,
    headers: Option<String>,
    remote_address: Option<String>,
    phases: Option<[u8; packed::PHASES_BYTES]>,
}

impl<'a> Entry<'a> {
    pub(super) fn of(record: &'a Record) -> Self {
        let attempt = record.attempt.as_ref().ok();
        let answer = attempt.and_then(|attempt| attempt.result.as_ref().ok());
        Self {
            record,
            headers: answer.map(|answer| packed::headers(&answer.headers)),
            remote_address: attempt.and_then(|attempt| attempt.remote_address).map(|address| address.to_string()),
            phases: attempt.and_then(|attempt| attempt.phases).map(packed::phases),
        }
    }

    /// The columns of its row. The state comes last, because an attempt that was followed by another has none.
    pub(super) fn values(&self, state: Option<DeliveryState>) -> [Parameter<'_>; 18] {
        let Delivery { application_id, endpoint_id, message_id, trigger, .. } = &self.record.delivery;
        let (id, attempt) = match &self.record.attempt {
            Ok(attempt) => (attempt.id, Some(attempt)),
            Err(id) => (*id, None),
        };
        let result = attempt.map(|attempt| &attempt.result);
        let answer = result.and_then(|result| result.as_ref().ok());
        let error = result.and_then(|result| result.as_ref().err());
        [
            id.into(),
            (*application_id).into(),
            (*endpoint_id).into(),
            (*message_id).into(),
            trigger.code().into(),
            attempt.map_or(0, |attempt| attempt.number).into(),
            attempt.map_or(0, |attempt| i64::try_from(attempt.duration_ms).unwrap_or(i64::MAX)).into(),
            answer.map(|answer| i64::from(answer.status)).into(),
            attempt.map_or("", |attempt| attempt.url.as_str()).into(),
            answer.map(|answer| answer.body.as_slice()).into(),
            error.map(|error| error.code.as_str()).into(),
            error.map(|error| error.detail.as_str()).into(),
            attempt.and_then(unlike_its_id).into(),
            self.headers.as_ref().into(),
            answer.map(|answer| answer.kept.code()).into(),
            self.remote_address.as_ref().into(),
            self.phases.as_ref().map(<[u8; packed::PHASES_BYTES]>::as_slice).into(),
            state.map(DeliveryState::code).into(),
        ]
    }
}

/// When the request was signed, if that is another second than its id says.
fn unlike_its_id(attempt: &Attempt) -> Option<Timestamp> {
    Some(attempt.sent_at).filter(|sent_at| sent_at.as_seconds() != attempt.id.time().as_seconds())
}

/// Reads a row with a delivery's columns in this order.
pub(super) fn read_delivery(row: &Row<'_>) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        message_id: row.id(0)?,
        endpoint_id: row.id(1)?,
        application_id: row.id(2)?,
        due: row.time(3)?,
        attempts_made: row.integer(4)?.try_into().unwrap_or(u32::MAX),
        trigger: Trigger::from_code(row.integer(5)?),
        epoch: Epoch(row.integer(6)?),
        held_until: row.optional_integer(7)?.map(Timestamp::from_ms),
        in_order: false,
    })
}

/// The message that stands first in an endpoint's queue.
pub(super) fn first(connection: &Connection, endpoint_id: EndpointId) -> Result<Option<MessageId>, StoreError> {
    connection.first(FIRST, &[endpoint_id.into()], |row| row.id(0))
}

/// Takes a delivery out of the queue; answers whether it stood there, in its epoch.
pub(super) fn remove(connection: &Connection, delivery: &Delivery) -> Result<bool, StoreError> {
    Ok(connection.execute(DELETE, &place(delivery))? > 0)
}

fn place(delivery: &Delivery) -> [Parameter<'static>; 4] {
    [delivery.endpoint_id.into(), delivery.due.into(), delivery.message_id.into(), delivery.epoch.0.into()]
}

/// Everything that waits of a message.
pub(super) fn of_message(connection: &Connection, message_id: MessageId) -> Result<Vec<Delivery>, StoreError> {
    connection.query(OF_MESSAGE, &[message_id.into()], read_delivery)
}

/// What waits of a message for one endpoint.
pub(super) fn of_message_at_endpoint(
    connection: &Connection,
    message_id: MessageId,
    endpoint_id: EndpointId,
) -> Result<Option<Delivery>, StoreError> {
    connection.first(OF_MESSAGE_AT_ENDPOINT, &[message_id.into(), endpoint_id.into()], read_delivery)
}

/// What waits for an endpoint before `place`, from the latest due to the earliest.
pub(super) fn latest_due<T>(
    connection: &Connection,
    endpoint_id: EndpointId,
    before: Place,
    limit: usize,
    mut read: impl FnMut(Delivery) -> Result<Option<T>, StoreError>,
) -> Result<Walked<T, Place>, StoreError> {
    let (message_id, due) = before;
    walk(connection, LATEST_DUE, &[endpoint_id.into(), due.into(), message_id.into()], limit, |row| {
        let delivery = read_delivery(row)?;
        Ok((delivery.place(), read(delivery)?))
    })
}

/// How many messages of these ids wait for an endpoint.
pub(super) fn count(
    connection: &Connection,
    endpoint_id: EndpointId,
    ids: Range<MessageId>,
) -> Result<u64, StoreError> {
    let counted =
        connection.first(COUNT, &[endpoint_id.into(), ids.start.into(), ids.end.into()], |row| row.integer(0))?;
    Ok(counted.unwrap_or_default().try_into().unwrap_or_default())
}

/// The first endpoint after this one that something waits for, with when the first of it is due.
pub(super) fn next_endpoint(
    connection: &Connection,
    after: EndpointId,
) -> Result<Option<(EndpointId, Timestamp)>, StoreError> {
    connection.first(NEXT_ENDPOINT, &[after.into()], |row| Ok((row.id(0)?, row.time(1)?)))
}

/// Every endpoint that something of this epoch waits for, with when the first of it is due: one seek for each endpoint.
fn waiting(connection: &Connection, epoch: Epoch) -> Result<Vec<(EndpointId, Timestamp)>, StoreError> {
    let mut found = Vec::new();
    let mut after: EndpointId = Id::from_number(-1);
    let next = |after: EndpointId| {
        let read = |row: &Row<'_>| Ok((row.id(0)?, row.time(1)?));
        connection.first(NEXT_ENDPOINT_OF_EPOCH, &[after.into(), epoch.0.into()], read)
    };
    while let Some(next) = next(after)? {
        after = next.0;
        found.push(next);
    }
    Ok(found)
}

impl Store {
    /// Every endpoint that something of this node's waits for, with when the first of it is due.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn waiting(&self) -> Result<Vec<(EndpointId, Timestamp)>, StoreError> {
        let epoch = self.epoch();
        self.committer.queue_fresh().await?;
        self.read(move |connection| waiting(connection, epoch)).await
    }

    /// What waits of a message for one endpoint.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn waiting_delivery(
        &self,
        message_id: MessageId,
        endpoint_id: EndpointId,
    ) -> Result<Option<Delivery>, StoreError> {
        self.read_queue(move |connection| of_message_at_endpoint(connection, message_id, endpoint_id)).await
    }

    /// Outcomes that wait to be written: many, while the store refuses them.
    pub fn outcomes_waiting(&self) -> usize {
        self.committer.waiting()
    }

    /// Has an outcome written soon, with others.
    pub fn record(&self, record: Record) {
        self.committer.record(record);
    }

    /// Has the outcomes written at once that wait for company: what is next waits for one of them.
    pub fn hurry(&self) {
        self.committer.hurry();
    }
}

/// What a person's questions ask of the queue, for the test of query plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] =
    &[FIRST, OF_MESSAGE, OF_MESSAGE_AT_ENDPOINT, LATEST_DUE, COUNT, NEXT_ENDPOINT, NEXT_ENDPOINT_OF_EPOCH];
