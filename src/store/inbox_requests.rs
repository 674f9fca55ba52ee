//! What inboxes received, in the store: a bounded number of the newest, within a bounded number of bytes.

use std::ops::ControlFlow;

use super::Store;
use super::connection::{Connection, Row};
use super::error::StoreError;
use super::page::{Listed, Page};
use crate::domain::id::{InboxId, InboxRequestId};
use crate::domain::inbox::{INBOX_BYTES_MAX, INBOX_REQUESTS_MAX, InboxRequest};

const GET: &str = "SELECT id, inbox_id, method, path, headers, body, body_bytes, status, delay_ms FROM inbox_requests
    WHERE id = ?1 AND inbox_id = ?2";
const RISING: &str = "SELECT id, inbox_id, method, path, headers, body, body_bytes, status, delay_ms
    FROM inbox_requests WHERE inbox_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
const FALLING: &str = "SELECT id, inbox_id, method, path, headers, body, body_bytes, status, delay_ms
    FROM inbox_requests WHERE inbox_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
const USED: &str = "UPDATE inboxes SET last_at = ?2 WHERE id = ?1";
const INSERT: &str = "INSERT INTO inbox_requests (id, inbox_id, method, path, headers, body, body_bytes, status,
    delay_ms, size) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const SIZES: &str = "SELECT id, size FROM inbox_requests WHERE inbox_id = ?1 ORDER BY id DESC";
const DROP_UNTIL: &str = "DELETE FROM inbox_requests WHERE inbox_id = ?1 AND id <= ?2";
const CLEAR: &str = "DELETE FROM inbox_requests WHERE inbox_id = ?1";

/// The questions that are asked of what was received.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[GET, RISING, FALLING, SIZES];

fn read(row: &Row<'_>) -> Result<InboxRequest, StoreError> {
    let damaged = |what: &str| StoreError::Corrupt(format!("inbox_requests.{what}"));
    Ok(InboxRequest {
        id: row.id(0)?,
        inbox_id: row.id(1)?,
        method: row.text(2)?,
        path: row.text(3)?,
        headers: serde_json::from_str(&row.text(4)?).map_err(|_| damaged("headers"))?,
        body: row.bytes(5)?.into(),
        body_bytes: u64::try_from(row.integer(6)?).map_err(|_| damaged("body_bytes"))?,
        status: u16::try_from(row.integer(7)?).map_err(|_| damaged("status"))?,
        delay_ms: u32::try_from(row.integer(8)?).map_err(|_| damaged("delay_ms"))?,
    })
}

/// A number of bytes as SQL takes it.
fn bytes(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Drops the oldest of what an inbox keeps, so that its bounds hold.
fn trim(connection: &Connection, inbox_id: InboxId) -> Result<(), StoreError> {
    let (mut count, mut total, mut first_beyond) = (0, 0, None);
    connection.visit(SIZES, &[inbox_id.into()], |row| {
        count += 1;
        total += row.integer(1)?;
        if count <= INBOX_REQUESTS_MAX && total <= bytes(INBOX_BYTES_MAX as u64) {
            return Ok(ControlFlow::Continue(()));
        }
        first_beyond = Some(row.integer(0)?);
        Ok(ControlFlow::Break(()))
    })?;
    if let Some(id) = first_beyond {
        connection.execute(DROP_UNTIL, &[inbox_id.into(), id.into()])?;
    }
    Ok(())
}

fn insert(connection: &Connection, request: &InboxRequest) -> Result<bool, StoreError> {
    if connection.execute(USED, &[request.inbox_id.into(), request.received_at().into()])? == 0 {
        return Ok(false);
    }
    let headers = serde_json::to_string(&request.headers).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    connection.execute(
        INSERT,
        &[
            request.id.into(),
            request.inbox_id.into(),
            (&request.method).into(),
            (&request.path).into(),
            (&headers).into(),
            (&*request.body).into(),
            bytes(request.body_bytes).into(),
            u32::from(request.status).into(),
            request.delay_ms.into(),
            bytes(request.size() as u64).into(),
        ],
    )?;
    trim(connection, request.inbox_id)?;
    Ok(true)
}

impl Store {
    /// Keeps what an inbox received, in the place of the oldest where its bounds are reached; false when the inbox is
    /// gone.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn insert_inbox_request(&self, request: InboxRequest) -> Result<bool, StoreError> {
        self.write(move |connection| insert(connection, &request)).await
    }

    /// A part of what the inbox received, ordered by id.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn inbox_requests(
        &self,
        inbox_id: InboxId,
        page: Page<InboxRequestId>,
    ) -> Result<Listed<InboxRequest>, StoreError> {
        self.read(move |connection| {
            let sql = if page.falls() { FALLING } else { RISING };
            let parameters = [inbox_id.into(), page.bound().into(), page.sql_limit().into()];
            Ok(page.of(connection.query(sql, &parameters, read)?))
        })
        .await
    }

    /// The request with this id that the inbox received.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn inbox_request(
        &self,
        inbox_id: InboxId,
        id: InboxRequestId,
    ) -> Result<Option<InboxRequest>, StoreError> {
        self.read(move |connection| connection.first(GET, &[id.into(), inbox_id.into()], read)).await
    }

    /// Drops all that the inbox received.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn clear_inbox(&self, inbox_id: InboxId) -> Result<(), StoreError> {
        self.write(move |connection| connection.execute(CLEAR, &[inbox_id.into()]).map(|_| ())).await
    }
}
