//! The table of the nodes that share a server: joining them, staying, leaving, and what becomes of those that do neither.
//! All times in it are the server's, so the nodes' clocks need not agree. It does not know when it is asked.

use std::collections::BTreeMap;

use super::Store;
use super::connection::{Connection, Row};
use super::database::Seat;
use super::error::StoreError;
use super::locks;
use crate::domain::id::{EndpointId, NODES_MAX};
use crate::domain::node::{Epoch, Node};
use crate::domain::time::Timestamp;

/// Deliveries that are taken over in one transaction.
const TAKEN_AT_ONCE: i64 = 1_000;
/// How long nobody else gets the number of a node that did not say that it leaves: it may wake up and make an id or two
/// before it knows.
const QUARANTINE_MS: i64 = 10 * 60 * 1_000;

/// The server's time in milliseconds, within a statement.
macro_rules! with_now {
    ($before:literal $(, $after:literal)+) => {
        concat!($before $(, "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)", $after)+)
    };
}

const NUMBERS: &str = with_now!(
    "SELECT number, epoch, coalesce(free_from <= ",
    ", FALSE), seat = ?1 AND seat <> '' FROM nodes ORDER BY number"
);
const JOIN: &str = with_now!(
    "INSERT INTO nodes (number, epoch, name, seat, version, started_at, lease_end) VALUES (?1, ?2, ?3, ?4, ?5, ",
    ", ",
    " + ?6) ON CONFLICT (number) DO UPDATE SET epoch = excluded.epoch, name = excluded.name, seat = excluded.seat,
    version = excluded.version, started_at = excluded.started_at, lease_end = excluded.lease_end, free_from = NULL"
);
const RENEW: &str = with_now!("UPDATE nodes SET lease_end = ", " + ?2 WHERE epoch = ?1 AND free_from IS NULL");
const LEAVE: &str = with_now!("UPDATE nodes SET free_from = ", " WHERE epoch = ?1 AND free_from IS NULL");
const END_OTHERS: &str = with_now!(
    "UPDATE nodes SET free_from = ",
    " + ?2 WHERE epoch <> ?1 AND free_from IS NULL AND lease_end < ",
    " RETURNING name"
);
const LIVING: &str = "SELECT number, name, version, started_at FROM nodes WHERE free_from IS NULL ORDER BY number";
/// The epochs in the queue, one seek for each, that are of no living node.
const LEFT_BEHIND: &str = "WITH RECURSIVE epochs AS (
        (SELECT epoch FROM queue ORDER BY epoch LIMIT 1)
        UNION ALL
        SELECT (SELECT queue.epoch FROM queue WHERE queue.epoch > epochs.epoch ORDER BY queue.epoch LIMIT 1)
        FROM epochs WHERE epochs.epoch IS NOT NULL
    )
    SELECT epoch FROM epochs WHERE epoch IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM nodes WHERE nodes.epoch = epochs.epoch AND free_from IS NULL)";
/// Whether a life has ended, for as long as the transaction lasts.
const HAS_ENDED: &str = "SELECT free_from IS NOT NULL FROM nodes WHERE epoch = ?1 FOR SHARE";
const TAKE_OVER: &str = "WITH left_behind AS (
        SELECT endpoint_id, due, message_id, application_id FROM queue WHERE epoch = ?2
        ORDER BY endpoint_id, due, message_id LIMIT ?3 FOR UPDATE SKIP LOCKED
    )
    UPDATE queue SET epoch = ?1 FROM left_behind WHERE queue.endpoint_id = left_behind.endpoint_id
    AND queue.due = left_behind.due AND queue.message_id = left_behind.message_id
    AND queue.application_id = left_behind.application_id
    RETURNING queue.endpoint_id, queue.due";

/// The place among the nodes that one life of this one has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) number: u16,
    pub(super) epoch: Epoch,
}

/// A number that is or was given to a node.
struct Given {
    epoch: Epoch,
    is_free: bool,
    /// It is, or was, this very seat's.
    is_own: bool,
}

/// Joins the nodes. A process that starts goes on with the life of the one that sat in its seat before, which has ended; so
/// what waited of that one need not be taken over. Otherwise, and where `dead` is what this node was until it was taken for
/// dead, a new life begins, with the number from before or the lowest that is free.
pub(super) fn join(connection: &Connection, seat: &Seat, dead: Option<Membership>) -> Result<Membership, StoreError> {
    connection.transaction(|connection| {
        connection.lock(locks::JOINING)?;
        let read = |row: &Row<'_>| {
            let given = Given { epoch: Epoch(row.integer(1)?), is_free: row.boolean(2)?, is_own: row.boolean(3)? };
            Ok((row.integer(0)?, given))
        };
        let given: BTreeMap<i64, Given> =
            connection.query(NUMBERS, &[(&seat.place).into()], read)?.into_iter().collect();
        let own = given.iter().find(|(_, given)| match dead {
            Some(dead) => given.epoch == dead.epoch,
            None => given.is_own,
        });
        let is_free = |number: &i64| given.get(number).is_none_or(|given| given.is_free);
        let Some(number) = own.map(|(number, _)| *number).or_else(|| (0..i64::from(NODES_MAX)).find(is_free)) else {
            return Err(StoreError::Unavailable(format!("{NODES_MAX} nodes share its database already")));
        };
        // The lives of a number follow each other, and no two numbers share one.
        let epoch = match (own, dead) {
            (Some((_, given)), None) => given.epoch,
            _ => {
                let before = given.get(&number).map_or(number, |given| given.epoch.0);
                Epoch(before + i64::from(NODES_MAX))
            }
        };
        let (name, place, version) = ((&seat.name).into(), (&seat.place).into(), env!("CARGO_PKG_VERSION").into());
        connection.execute(JOIN, &[number.into(), epoch.0.into(), name, place, version, seat.lease_ms().into()])?;
        let number = u16::try_from(number).map_err(|_| StoreError::Corrupt("nodes.number".to_owned()))?;
        Ok(Membership { number, epoch })
    })
}

/// Says that this life goes on; answers whether it does, or was taken for dead.
pub(super) fn renew(connection: &Connection, epoch: Epoch, seat: &Seat) -> Result<bool, StoreError> {
    Ok(connection.execute(RENEW, &[epoch.0.into(), seat.lease_ms().into()])? > 0)
}

/// Says that this life has ended.
pub(super) fn leave(connection: &Connection, epoch: Epoch) -> Result<(), StoreError> {
    connection.execute(LEAVE, &[epoch.0.into()]).map(|_| ())
}

/// Takes for dead whose lease has ended, and answers their names.
pub(super) fn end_others(connection: &Connection, own: Epoch) -> Result<Vec<String>, StoreError> {
    connection.query(END_OTHERS, &[own.0.into(), QUARANTINE_MS.into()], |row| row.text(0))
}

/// The nodes that live.
pub(super) fn living(connection: &Connection) -> Result<Vec<Node>, StoreError> {
    connection.query(LIVING, &[], |row| {
        let number = u16::try_from(row.integer(0)?).map_err(|_| StoreError::Corrupt("nodes.number".to_owned()))?;
        Ok(Node { number, name: row.text(1)?, version: row.text(2)?, since: row.time(3)? })
    })
}

/// The epochs of no living node that something waits of.
pub(super) fn left_behind(connection: &Connection) -> Result<Vec<Epoch>, StoreError> {
    connection.query(LEFT_BEHIND, &[], |row| row.integer(0).map(Epoch))
}

/// Takes some of what waits of an epoch over into this one, unless that life goes on after all. Answers how much it was,
/// and for whom from when on.
pub(super) fn take_over(
    connection: &Connection,
    own: Epoch,
    gone: Epoch,
) -> Result<(usize, BTreeMap<EndpointId, Timestamp>), StoreError> {
    let read = |row: &Row<'_>| Ok((row.id(0)?, row.time(1)?));
    let taken: Vec<(EndpointId, Timestamp)> = connection.transaction(|connection| {
        let has_ended = connection.first(HAS_ENDED, &[gone.0.into()], |row| row.boolean(0))?;
        if has_ended == Some(false) {
            return Ok(Vec::new());
        }
        connection.query(TAKE_OVER, &[own.0.into(), gone.0.into(), TAKEN_AT_ONCE.into()], read)
    })?;
    let mut first = BTreeMap::new();
    for (endpoint_id, due) in &taken {
        first.entry(*endpoint_id).and_modify(|known: &mut Timestamp| *known = (*due).min(*known)).or_insert(*due);
    }
    Ok((taken.len(), first))
}

impl Store {
    /// The nodes that live; none where the store is embedded.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn nodes(&self) -> Result<Vec<Node>, StoreError> {
        self.read(living).await
    }
}

/// What is asked of the queue, for the test of query plans.
#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[LEFT_BEHIND, HAS_ENDED, TAKE_OVER];
