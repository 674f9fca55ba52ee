//! Messages in the store. A payload is kept as the bytes that were posted, with a checksum that is compared whenever
//! the bytes are read to be sent.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::connection::{Connection, Parameter, Row};
use super::error::StoreError;
use super::idempotency::{self, IdempotencyKey, Seen};
use super::walk::{Walked, walk};
use super::{Reach, Store, json_list, queue, retention};
use crate::domain::checksum::{is_intact, payload_checksum};
use crate::domain::delivery::Delivery;
use crate::domain::endpoint::Verdict;
use crate::domain::id::{ApplicationId, EndpointId, Id, MessageId};
use crate::domain::message::{Message, MessageFilter};
use crate::domain::node::Epoch;
use crate::domain::time::{Span, Timestamp};

const INSERT: &str = "INSERT INTO messages (id, environment_id, application_id, event_type, event_id, channels,
    expires_early, verdicts, checksum, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const BY_EVENT_ID: &str = "SELECT message_id FROM event_ids WHERE application_id = ?1 AND event_id = ?2";
const TAKE_EVENT_ID: &str =
    "INSERT INTO event_ids (application_id, event_id, message_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
const GET: &str = "SELECT id, environment_id, application_id, event_type, event_id, channels, expires_early, verdicts,
    checksum, payload FROM messages WHERE id = ?1";
// The payload stands last in its row: what does not ask for it does not read it.
const WITHOUT_PAYLOAD: &str =
    "SELECT id, environment_id, application_id, event_type, event_id, channels, expires_early,
    verdicts, checksum, NULL FROM messages WHERE id = ?1";
const FILTERED_BY: &str = "SELECT event_type, channels FROM messages WHERE id = ?1";
const OF_APPLICATION: &str = "SELECT id, event_type, channels FROM messages
    WHERE application_id = ?1 AND id < ?2 AND id >= ?3 ORDER BY id DESC";
const OF_ENVIRONMENT: &str = "SELECT id, event_type, channels FROM messages
    WHERE environment_id = ?1 AND id < ?2 AND id >= ?3 ORDER BY id DESC";
const EXPUNGE: &str = "UPDATE messages SET payload = NULL WHERE id = ?1 AND application_id = ?2";

/// Bytes of one verdict in the store: an id and a code.
const VERDICT_BYTES: usize = 9;

/// What became of a message that was handed to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is kept, with its deliveries.
    New,
    /// This request made that message before.
    Before(MessageId),
    /// The idempotency key belongs to another request.
    KeyReused,
    /// Another message of the application has this event id.
    EventIdTaken,
}

fn verdicts_to_bytes(verdicts: &[(EndpointId, Verdict)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(verdicts.len() * VERDICT_BYTES);
    for (endpoint, verdict) in verdicts {
        bytes.extend_from_slice(&endpoint.number().to_be_bytes());
        bytes.push(verdict.code());
    }
    bytes
}

/// Reads what stands in the column of the verdicts.
pub(super) fn verdicts_from_bytes(bytes: &[u8]) -> Result<Vec<(EndpointId, Verdict)>, StoreError> {
    let (verdicts, rest) = bytes.as_chunks::<VERDICT_BYTES>();
    let read = |[id @ .., code]: &[u8; VERDICT_BYTES]| {
        let mut number = [0; 8];
        number.copy_from_slice(id);
        Some((Id::from_number(i64::from_be_bytes(number)), Verdict::from_code(*code)?))
    };
    let all: Option<Vec<_>> = verdicts.iter().map(read).collect();
    all.filter(|_| rest.is_empty()).ok_or_else(|| StoreError::Corrupt("messages.verdicts".to_owned()))
}

/// Reads a row of `GET`'s columns. A payload that is not what was written is an error: it must not be sent.
pub(super) fn read(row: &Row<'_>) -> Result<Message, StoreError> {
    let id: MessageId = row.id(0)?;
    let payload = row.optional_bytes(9)?;
    if let Some(payload) = &payload
        && !is_intact(payload, row.integer(8)?)
    {
        return Err(StoreError::Corrupt(format!("the payload of {id} is not what was written")));
    }
    Ok(Message {
        id,
        environment_id: row.id(1)?,
        application_id: row.id(2)?,
        event_type: row.text(3)?,
        event_id: row.optional_text(4)?,
        channels: json_list::read(row.optional_text(5)?)?.unwrap_or_default(),
        expires_at: row.optional_integer(6)?.map_or(retention::end_of(id.time()), Timestamp::from_ms),
        verdicts: verdicts_from_bytes(&row.bytes(7)?)?,
        payload: payload.map(Bytes::from),
    })
}

/// The message with this id.
pub(super) fn get(connection: &Connection, id: MessageId) -> Result<Option<Message>, StoreError> {
    connection.first(GET, &[id.into()], read)
}

/// The message with this id, without its payload, which is not read.
pub(super) fn head(connection: &Connection, id: MessageId) -> Result<Option<Message>, StoreError> {
    connection.first(WITHOUT_PAYLOAD, &[id.into()], read)
}

fn matches(filter: &MessageFilter, event_type: &str, channels: Option<String>) -> Result<bool, StoreError> {
    Ok(filter.wants(event_type, &json_list::read(channels)?.unwrap_or_default()))
}

/// The event type of the message with this id; `None` when the message is gone.
pub(super) fn event_type(connection: &Connection, id: MessageId) -> Result<Option<String>, StoreError> {
    connection.first(FILTERED_BY, &[id.into()], |row| row.text(0))
}

/// Whether `filter` asks for the message with this id; a message that is gone is asked for by no filter.
pub(super) fn wanted(connection: &Connection, id: MessageId, filter: &MessageFilter) -> Result<bool, StoreError> {
    if filter.is_empty() {
        return Ok(true);
    }
    let read = |row: &Row<'_>| matches(filter, &row.text(0)?, row.optional_text(1)?);
    Ok(connection.first(FILTERED_BY, &[id.into()], read)?.unwrap_or_default())
}

fn list(
    connection: &Connection,
    reach: Reach,
    span: Span,
    filter: &MessageFilter,
    page: &MessagesPage,
) -> Result<Walked<Message, MessageId>, StoreError> {
    let accepted = MessageId::made_in(span);
    let below = page.before.map_or(accepted.end, |before| before.min(accepted.end));
    let (sql, owner) = match reach.application_id {
        Some(application_id) => (OF_APPLICATION, application_id.into()),
        None => (OF_ENVIRONMENT, reach.environment_id.into()),
    };
    let found = walk(connection, sql, &[owner, below.into(), accepted.start.into()], page.limit, |row| {
        let id = row.id(0)?;
        let wanted = filter.is_empty() || matches(filter, &row.text(1)?, row.optional_text(2)?)?;
        Ok((id, wanted.then_some(id)))
    })?;
    found.with(|id| page.read(connection, id))
}

/// Which page of a list of messages.
#[derive(Clone, Copy, Debug)]
pub struct MessagesPage<P = MessageId> {
    /// Only those after this place of the list.
    pub before: Option<P>,
    /// At most so many.
    pub limit: usize,
    /// Whether the payloads are read too.
    pub with_content: bool,
}

impl<P> MessagesPage<P> {
    /// Reads a message as this page shows it.
    pub(super) fn read(&self, connection: &Connection, id: MessageId) -> Result<Option<Message>, StoreError> {
        if self.with_content { get(connection, id) } else { head(connection, id) }
    }
}

/// A message on its way into the store.
pub(super) struct Accepting {
    pub(super) message: std::sync::Arc<Message>,
    /// What it starts with.
    pub(super) deliveries: Vec<Delivery>,
    /// The key of the request that brought it.
    pub(super) key: Option<IdempotencyKey>,
}

/// Keeps a message with a place in the queue for each of these deliveries, all or nothing.
pub(super) fn accept(
    connection: &Connection,
    message: &Message,
    deliveries: &[Delivery],
    key: Option<&IdempotencyKey>,
) -> Result<Accepted, StoreError> {
    if let Some(key) = key {
        let environment = message.environment_id;
        match idempotency::claim(connection, environment, key, message.id.number())? {
            Seen::Never => {}
            Seen::Before(made) => return Ok(Accepted::Before(Id::from_number(made))),
            Seen::Otherwise => return Ok(Accepted::KeyReused),
        }
    }
    if let Some(event_id) = &message.event_id
        && connection.execute(TAKE_EVENT_ID, &[message.application_id.into(), event_id.into(), message.id.into()])? == 0
    {
        if let Some(key) = key {
            idempotency::release(connection, message.environment_id, key)?;
        }
        return Ok(Accepted::EventIdTaken);
    }
    connection.execute(INSERT, &Entry::of(message).values())?;
    if !deliveries.is_empty() {
        queue::insert_all(connection, deliveries.iter())?;
    }
    Ok(Accepted::New)
}

/// The same, by itself. Where a connection may have been lost while the message was being committed, it may be there
/// already.
pub(super) fn accept_singly(connection: &Connection, accepting: &Accepting) -> Result<Accepted, StoreError> {
    let Accepting { message, deliveries, key } = accepting;
    if matches!(connection, Connection::Postgres(_)) && head(connection, message.id)?.is_some() {
        return Ok(Accepted::New);
    }
    accept(connection, message, deliveries, key.as_ref())
}

/// A message as a row.
pub(super) struct Entry<'a> {
    message: &'a Message,
    channels: Option<String>,
    verdicts: Vec<u8>,
}

impl<'a> Entry<'a> {
    pub(super) fn of(message: &'a Message) -> Self {
        let channels = json_list::write(Some(&message.channels).filter(|channels| !channels.is_empty()));
        Self { message, channels, verdicts: verdicts_to_bytes(&message.verdicts) }
    }

    /// The columns of the row.
    pub(super) fn values(&self) -> [Parameter<'_>; 10] {
        let Message { id, environment_id, application_id, event_type, event_id, .. } = self.message;
        let payload = self.message.payload.as_deref().unwrap_or_default();
        [
            (*id).into(),
            (*environment_id).into(),
            (*application_id).into(),
            event_type.into(),
            event_id.as_ref().into(),
            self.channels.as_ref().into(),
            Some(self.message.expires_at).filter(|end| *end < retention::end_of(id.time())).into(),
            self.verdicts.as_slice().into(),
            payload_checksum(payload).into(),
            payload.into(),
        ]
    }
}

/// The deliveries that a message starts with: one for each endpoint that wants it, due at once.
pub(super) fn first_deliveries(message: &Message, now: Timestamp, epoch: Epoch) -> Vec<Delivery> {
    let first = |endpoint_id| Delivery::first(message.id, endpoint_id, message.application_id, now, epoch);
    message.queued().map(first).collect()
}

impl Store {
    /// Keeps a message and its deliveries, durably, and hands them to the engine.
    ///
    /// # Errors
    /// When nothing was kept because the store could not.
    pub async fn accept(
        &self,
        message: std::sync::Arc<Message>,
        key: Option<IdempotencyKey>,
    ) -> Result<Accepted, StoreError> {
        let deliveries = first_deliveries(&message, self.now(), self.epoch());
        self.committer.accept(Accepting { message, deliveries, key }).await
    }

    /// The message of this application with this id; without its content, the payload is not read.
    ///
    /// # Errors
    /// When the store can't be read or the message is damaged.
    pub async fn message(
        &self,
        application_id: ApplicationId,
        id: MessageId,
        with_content: bool,
    ) -> Result<Option<Message>, StoreError> {
        let reading = move |connection: &Connection| {
            if with_content { get(connection, id) } else { head(connection, id) }
        };
        let found = self.read(reading).await?;
        Ok(found.filter(|message| message.application_id == application_id))
    }

    /// Messages without their payloads, by id; those that are gone are not among them.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn message_heads(&self, ids: BTreeSet<MessageId>) -> Result<BTreeMap<MessageId, Message>, StoreError> {
        self.read(move |connection| {
            let found = ids.iter().map(|id| head(connection, *id)).filter_map(Result::transpose);
            found.map(|message| message.map(|message| (message.id, message))).collect()
        })
        .await
    }

    /// The messages within `reach` that were accepted in `span`, newest first.
    ///
    /// # Errors
    /// When the store can't be read or a message is damaged.
    pub async fn messages(
        &self,
        reach: Reach,
        span: Span,
        filter: MessageFilter,
        page: MessagesPage,
    ) -> Result<Walked<Message, MessageId>, StoreError> {
        self.read(move |connection| list(connection, reach, span, &filter, &page)).await
    }

    /// The id of this application's message with the caller's own id `event_id`.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn message_id_by_event_id(
        &self,
        application_id: ApplicationId,
        event_id: String,
    ) -> Result<Option<MessageId>, StoreError> {
        let parameters = move |connection: &Connection| {
            connection.first(BY_EVENT_ID, &[application_id.into(), (&event_id).into()], |row| row.id(0))
        };
        self.read(parameters).await
    }

    /// Deletes the payload of a message; what has not been delivered of it expires.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn expunge_message(&self, application_id: ApplicationId, id: MessageId) -> Result<bool, StoreError> {
        self.write(move |connection| Ok(connection.execute(EXPUNGE, &[id.into(), application_id.into()])? > 0)).await
    }
}

/// Every statement that reads, for the test of query plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] =
    &[BY_EVENT_ID, GET, WITHOUT_PAYLOAD, FILTERED_BY, OF_APPLICATION, OF_ENVIRONMENT, EXPUNGE];
