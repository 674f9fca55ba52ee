//! What the latest answers in the history say of our clock. It does not judge it.

use std::net::IpAddr;
use std::time::Duration;

use super::connection::{Connection, Row};
use super::error::StoreError;
use super::{Store, packed};
use crate::domain::id::AttemptId;
use crate::domain::other_clocks::{self, Heard};
use crate::domain::time::Timestamp;

/// How old an answer may be.
const RECENT: Duration = Duration::from_secs(60 * 60);
/// How many answers are looked at.
const ANSWERS: i64 = 500;

const ENDED: &str = "SELECT id, sent_at, duration_ms, remote_address, response_headers FROM deliveries
    WHERE id >= ?1 AND response_headers IS NOT NULL AND number > 0 ORDER BY id DESC LIMIT ?2";
const FOLLOWED: &str = "SELECT id, sent_at, duration_ms, remote_address, response_headers FROM attempts
    WHERE id >= ?1 AND response_headers IS NOT NULL ORDER BY id DESC LIMIT ?2";

/// What an answer says of the time, if it says it.
fn read(row: &Row<'_>) -> Result<Option<(AttemptId, Heard)>, StoreError> {
    let id: AttemptId = row.id(0)?;
    let sent_at = row.optional_integer(1)?.map_or(id.time(), Timestamp::from_ms);
    let came_at = sent_at.plus(Duration::from_millis(row.integer(2)?.try_into().unwrap_or_default()));
    let address = row.optional_text(3)?.and_then(|address| address.parse::<IpAddr>().ok());
    let headers = row.optional_text(4)?.as_deref().map(packed::read_headers).unwrap_or_default();
    let date = headers.into_iter().find(|(name, _)| name == "date").map(|(_, value)| value);
    Ok(address.zip(date).and_then(|(address, date)| Some((id, Heard::new(address, &date, came_at)?))))
}

/// How many seconds our clock is ahead of receivers' at `now`, as far as they can be believed.
pub(super) fn ahead_seconds(connection: &Connection, now: Timestamp) -> Result<Option<i64>, StoreError> {
    let since = AttemptId::first_at(now.minus(RECENT));
    let mut heard = Vec::new();
    for sql in [ENDED, FOLLOWED] {
        heard.extend(connection.query(sql, &[since.into(), ANSWERS.into()], read)?.into_iter().flatten());
    }
    heard.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
    Ok(other_clocks::ahead_seconds(heard.into_iter().map(|(_, heard)| heard)))
}

impl Store {
    /// How many seconds our clock is ahead of receivers', by what they have answered lately; `None` when too few have.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn ahead_of_other_clocks(&self) -> Result<Option<i64>, StoreError> {
        let now = self.now();
        self.read(move |connection| ahead_seconds(connection, now)).await
    }
}

/// Every statement, for the test of query plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[ENDED, FOLLOWED];
