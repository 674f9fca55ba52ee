//! Attempts in the store: the last one of a delivery is part of its row in the log, those before it have a table of
//! their own; here they are one list, newest first. It does not know why an attempt was made.

use std::collections::HashMap;

use super::connection::{Connection, Parameter, Row};
use super::error::StoreError;
use super::walk::{Walked, walk};
use super::{Reach, Store, deliveries, messages, packed};
use crate::domain::attempt::{Answer, AttemptError, AttemptErrorCode, Kept};
use crate::domain::delivery::{Attempt, AttemptFilter, DeliveryState, Trigger};
use crate::domain::id::{ApplicationId, AttemptId, EndpointId, MessageId};
use crate::domain::time::Timestamp;

/// What an expunged answer reads.
const EXPUNGED: &[u8] = b"EXPUNGED";

const ENDED: &str =
    "SELECT id, application_id, endpoint_id, message_id, trigger, number, duration_ms, status_code, url,
    error_code, error_detail, sent_at, remote_address, phases, response_truncated,
    CASE WHEN ?2 THEN response END, CASE WHEN ?2 THEN response_headers END FROM deliveries WHERE id = ?1 AND number > 0";
const FOLLOWED: &str = "SELECT id, application_id, endpoint_id, message_id, trigger, number, duration_ms, status_code,
    url, error_code, error_detail, sent_at, remote_address, phases, response_truncated,
    CASE WHEN ?2 THEN response END, CASE WHEN ?2 THEN response_headers END FROM attempts WHERE id = ?1";
// One arm for each state that is asked for, because that is how the index is ordered; they are merged as they are read.
const OF_ENDPOINT: &str = "
    SELECT id, message_id, status_code FROM deliveries
        WHERE endpoint_id = ?3 AND state = ?4 AND number > 0 AND id < ?1 AND id >= ?2
    UNION ALL SELECT id, message_id, status_code FROM deliveries
        WHERE endpoint_id = ?3 AND state = ?5 AND number > 0 AND id < ?1 AND id >= ?2
    UNION ALL SELECT id, message_id, status_code FROM deliveries
        WHERE endpoint_id = ?3 AND state = ?6 AND number > 0 AND id < ?1 AND id >= ?2
    UNION ALL SELECT id, message_id, status_code FROM deliveries
        WHERE endpoint_id = ?3 AND state = ?7 AND number > 0 AND id < ?1 AND id >= ?2
    UNION ALL SELECT id, message_id, status_code FROM attempts WHERE endpoint_id = ?3 AND id < ?1 AND id >= ?2
    ORDER BY id DESC";
const OF_MESSAGE: &str = "
    SELECT id, message_id, status_code FROM deliveries
        WHERE message_id = ?3 AND (endpoint_id = ?4 OR ?4 IS NULL) AND number > 0 AND id < ?1 AND id >= ?2
    UNION ALL SELECT id, message_id, status_code FROM attempts
        WHERE message_id = ?3 AND (endpoint_id = ?4 OR ?4 IS NULL) AND id < ?1 AND id >= ?2
    ORDER BY id DESC";
const EXPUNGE_ENDED: &str = "UPDATE deliveries SET response = ?3, response_truncated = 0,
    response_headers = NULL WHERE id = ?1 AND message_id = ?2 AND number > 0";
const EXPUNGE_FOLLOWED: &str = "UPDATE attempts SET response = ?3, response_truncated = 0,
    response_headers = NULL WHERE id = ?1 AND message_id = ?2";
const NEWEST: &str = "SELECT id, application_id FROM deliveries WHERE number > 0 AND id < ?1
    UNION ALL SELECT id, application_id FROM attempts WHERE id < ?1 ORDER BY id DESC";

fn read(row: &Row<'_>) -> Result<Attempt, StoreError> {
    let id: AttemptId = row.id(0)?;
    let damaged = |what: &str| StoreError::Corrupt(format!("{what} of {id}"));
    let result = match (row.optional_integer(7)?, row.optional_text(9)?) {
        (Some(status), _) => Ok(Answer {
            status: status.try_into().map_err(|_| damaged("status_code"))?,
            headers: row.optional_text(16)?.as_deref().map(packed::read_headers).unwrap_or_default(),
            body: row.optional_bytes(15)?.unwrap_or_default(),
            kept: row.optional_integer(14)?.map(Kept::from_code).unwrap_or_default(),
            retry_after: None,
        }),
        (None, Some(code)) => {
            let code = AttemptErrorCode::parse(&code).ok_or_else(|| damaged("error_code"))?;
            Err(AttemptError::new(code, row.optional_text(10)?.unwrap_or_default()))
        }
        (None, None) => return Err(damaged("the result")),
    };
    Ok(Attempt {
        id,
        application_id: row.id(1)?,
        endpoint_id: row.id(2)?,
        message_id: row.id(3)?,
        trigger: Trigger::from_code(row.integer(4)?),
        number: row.integer(5)?.try_into().unwrap_or(u32::MAX),
        sent_at: row.optional_integer(11)?.map_or(id.time(), Timestamp::from_ms),
        duration_ms: row.integer(6)?.try_into().unwrap_or_default(),
        remote_address: row.optional_text(12)?.and_then(|address| address.parse().ok()),
        phases: row.optional_bytes(13)?.as_deref().and_then(packed::read_phases),
        url: row.text(8)?,
        result,
    })
}

/// The attempt with this id; without its content, the answer's headers and body are empty and were not read.
pub(super) fn get(connection: &Connection, id: AttemptId, with_content: bool) -> Result<Option<Attempt>, StoreError> {
    let parameters = [id.into(), with_content.into()];
    match connection.first(ENDED, &parameters, read)? {
        Some(attempt) => Ok(Some(attempt)),
        None => connection.first(FOLLOWED, &parameters, read),
    }
}

fn list(
    connection: &Connection,
    sql: &'static str,
    of: &[Parameter<'_>],
    filter: &AttemptFilter,
    page: &AttemptsPage,
) -> Result<Walked<Attempt, AttemptId>, StoreError> {
    let made = AttemptId::made_in(filter.made);
    let below = page.before.map_or(made.end, |before| before.min(made.end));
    let parameters = [&[below.into(), made.start.into()], of].concat();
    let found = walk(connection, sql, &parameters, page.limit, |row| {
        let id: AttemptId = row.id(0)?;
        let status = row.optional_integer(2)?.map(|status| status.try_into().unwrap_or_default());
        let wanted = filter.wants(status) && messages::wanted(connection, row.id(1)?, &filter.messages)?;
        Ok((id, wanted.then_some(id)))
    })?;
    found.with(|id| get(connection, id, page.with_content))
}

/// Which page of a list of attempts.
#[derive(Clone, Copy, Debug)]
pub struct AttemptsPage {
    /// Only those with a smaller id.
    pub before: Option<AttemptId>,
    /// At most so many.
    pub limit: usize,
    /// Whether the answers' headers and bodies are read too.
    pub with_content: bool,
}

/// The newest attempts within `reach`. Their tables do not say whose environment they are of, so each application is
/// looked up once.
fn newest(connection: &Connection, reach: Reach, limit: usize) -> Result<Vec<(Attempt, Option<String>)>, StoreError> {
    let mut known: HashMap<ApplicationId, bool> = HashMap::new();
    let found = walk(connection, NEWEST, &[i64::MAX.into()], limit, |row| {
        let (id, application_id): (AttemptId, ApplicationId) = (row.id(0)?, row.id(1)?);
        let held = match known.get(&application_id) {
            Some(held) => *held,
            None => {
                let held = reach.holds_application(connection, application_id)?;
                known.insert(application_id, held);
                held
            }
        };
        Ok((id, held.then_some(id)))
    })?;
    let shown = found.with(|id| {
        let Some(attempt) = get(connection, id, false)? else {
            return Ok(None);
        };
        let event_type = messages::event_type(connection, attempt.message_id)?;
        Ok(Some((attempt, event_type)))
    })?;
    Ok(shown.rows)
}

impl Store {
    /// The newest attempts within `reach`, the latest first, without the answers' bodies; each with the event type of
    /// its message, if that is still there. Where others send much more, there may be fewer of them than there are.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn newest_attempts(
        &self,
        reach: Reach,
        limit: usize,
    ) -> Result<Vec<(Attempt, Option<String>)>, StoreError> {
        self.read(move |connection| newest(connection, reach, limit)).await
    }

    /// The attempts at an endpoint, newest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn attempts_of_endpoint(
        &self,
        endpoint_id: EndpointId,
        filter: AttemptFilter,
        page: AttemptsPage,
    ) -> Result<Walked<Attempt, AttemptId>, StoreError> {
        self.read(move |connection| {
            let states = deliveries::arms(|state| {
                filter.succeeded.is_none_or(|wanted| wanted == (state == DeliveryState::Delivered))
            });
            list(connection, OF_ENDPOINT, &[&[endpoint_id.into()], states.as_slice()].concat(), &filter, &page)
        })
        .await
    }

    /// The attempts to deliver a message, newest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn attempts_of_message(
        &self,
        message_id: MessageId,
        filter: AttemptFilter,
        page: AttemptsPage,
    ) -> Result<Walked<Attempt, AttemptId>, StoreError> {
        let endpoint_id = filter.endpoint_id;
        self.read(move |connection| {
            list(connection, OF_MESSAGE, &[message_id.into(), endpoint_id.into()], &filter, &page)
        })
        .await
    }

    /// The attempt with this id to deliver this message.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn attempt(&self, message_id: MessageId, id: AttemptId) -> Result<Option<Attempt>, StoreError> {
        let found = self.read(move |connection| get(connection, id, true)).await?;
        Ok(found.filter(|attempt| attempt.message_id == message_id))
    }

    /// Deletes what was kept of an attempt's answer; answers whether there is such an attempt.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn expunge_attempt(&self, message_id: MessageId, id: AttemptId) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let parameters = [id.into(), message_id.into(), EXPUNGED.into()];
            Ok(connection.execute(EXPUNGE_ENDED, &parameters)? > 0
                || connection.execute(EXPUNGE_FOLLOWED, &parameters)? > 0)
        })
        .await
    }
}

/// Every statement, for the test of query plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] =
    &[ENDED, FOLLOWED, OF_ENDPOINT, OF_MESSAGE, NEWEST, EXPUNGE_ENDED, EXPUNGE_FOLLOWED];
