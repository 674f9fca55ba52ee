//! Deliveries that were accepted a moment ago. Most are over within milliseconds, so the one who writes a file keeps them in
//! memory, and gives a row of the queue to those alone that still wait a second or two later, and to all as soon as anybody
//! changes something or asks the queue. That spares a quarter of SQLite's instructions for a message (44 600 became 32 200),
//! and an eighth of the bytes that are written for it.
//!
//! They are as durable as any other: the message itself says which endpoints it is for, and from which message on there may
//! be deliveries without a row is kept in the table `fresh`. What a killed process leaves is found by looking at those
//! messages. It does not know what becomes of a delivery. On a server each has its row at once.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::connection::Connection;
use super::error::StoreError;
use super::{messages, queue};
use crate::domain::delivery::Delivery;
use crate::domain::endpoint::Verdict;
use crate::domain::id::{ApplicationId, EndpointId, Id, MessageId};
use crate::domain::node::Epoch;
use crate::domain::time::Timestamp;

/// After between one and two of these, a delivery that still waits gets its row.
const TURN: Duration = Duration::from_secs(1);
/// Further deliveries get their rows at once.
const WAITING_MAX: usize = 65_536;
/// Messages that are looked at together.
const CHUNK: i64 = 500;

const SINCE: &str = "SELECT since FROM fresh";
const KEEP_SINCE: &str = "UPDATE fresh SET since = ?1";
const VERDICTS: &str = "SELECT id, application_id, verdicts FROM messages WHERE id > ?1 ORDER BY id LIMIT ?2";
const PLACES: &str = "SELECT message_id, endpoint_id FROM queue WHERE message_id >= ?1 AND message_id <= ?2
    UNION ALL SELECT message_id, endpoint_id FROM deliveries WHERE message_id >= ?1 AND message_id <= ?2";

/// Those that wait without a row.
pub(super) struct Fresh {
    waiting: BTreeMap<(MessageId, EndpointId), Delivery>,
    /// From here on there may be some, as the store says it.
    since: MessageId,
    /// The newest message that has been taken, whether or not it had deliveries.
    newest: MessageId,
    /// What is older gets its row at the next turn.
    turn: MessageId,
    /// When the last turn was, by the monotonic clock.
    turned_at: Duration,
    /// How many wait, for those who ask the queue.
    count: FreshCount,
}

/// How many deliveries wait without a row.
pub(super) type FreshCount = Arc<AtomicUsize>;

impl Fresh {
    /// None yet, in the file that `connection` writes.
    pub(super) fn begin(connection: &Connection, count: FreshCount) -> Result<Self, StoreError> {
        let since = since(connection)?;
        let (waiting, newest) = (BTreeMap::new(), Id::from_number(since.number() - 1));
        Ok(Self { waiting, since, newest, turn: since, turned_at: Duration::ZERO, count })
    }

    fn after_newest(&self) -> MessageId {
        Id::from_number(self.newest.number() + 1)
    }

    /// When the next turn is, by the monotonic clock, if anything waits for it.
    pub(super) fn due(&self) -> Option<Duration> {
        (!self.waiting.is_empty()).then(|| self.turned_at + TURN)
    }

    /// Up to which message the deliveries get their rows now, if any do: all of them, or what is `due`.
    pub(super) fn turn(&self, all: bool, now: Duration) -> Option<MessageId> {
        let until = match all && !self.waiting.is_empty() {
            true => self.after_newest(),
            false if now >= self.turned_at + TURN => self.turn,
            false => return None,
        };
        (until > self.since).then_some(until)
    }

    /// Gives their rows to all before `until`, and has the store say so.
    pub(super) fn queue(&self, connection: &Connection, until: MessageId) -> Result<(), StoreError> {
        let first = (until, Id::from_number(i64::MIN));
        queue::insert_all(connection, self.waiting.range(..first).map(|(_, delivery)| delivery))?;
        connection.execute(KEEP_SINCE, &[until.into()]).map(|_| ())
    }

    /// That has been committed; also when there was nothing to do.
    pub(super) fn turned(&mut self, until: Option<MessageId>, now: Duration) {
        if let Some(until) = until {
            self.waiting = self.waiting.split_off(&(until, Id::from_number(i64::MIN)));
            self.since = until;
        }
        if until.is_some() || now >= self.turned_at + TURN {
            (self.turn, self.turned_at) = (self.after_newest(), now);
        }
        self.count.store(self.waiting.len(), Ordering::SeqCst);
    }

    /// That could not be committed, and is tried again later.
    pub(super) fn put_off(&mut self, now: Duration) {
        self.turned_at = now;
    }

    /// Whether the deliveries of this message may wait without rows, once all before `turned` have theirs.
    pub(super) fn takes(&self, message_id: MessageId, turned: Option<MessageId>) -> bool {
        message_id >= turned.unwrap_or(self.since) && self.waiting.len() < WAITING_MAX
    }

    /// A message has been committed without the rows of these deliveries; there may be none.
    pub(super) fn add(&mut self, message_id: MessageId, deliveries: &[Delivery]) {
        self.newest = self.newest.max(message_id);
        for delivery in deliveries {
            self.waiting.insert((delivery.message_id, delivery.endpoint_id), delivery.clone());
        }
        self.count.store(self.waiting.len(), Ordering::SeqCst);
    }

    /// Whether this delivery waits without a row, once all before `turned` have theirs.
    pub(super) fn holds(&self, delivery: &Delivery, turned: Option<MessageId>) -> bool {
        turned.is_none_or(|turned| delivery.message_id >= turned)
            && self.waiting.contains_key(&(delivery.message_id, delivery.endpoint_id))
    }

    /// What became of this delivery has been committed.
    pub(super) fn remove(&mut self, delivery: &Delivery) {
        self.waiting.remove(&(delivery.message_id, delivery.endpoint_id));
        self.count.store(self.waiting.len(), Ordering::SeqCst);
    }
}

/// From which message on there may be deliveries without a row in this file.
pub(super) fn since(connection: &Connection) -> Result<MessageId, StoreError> {
    let since = connection.first(SINCE, &[], |row| row.id(0))?;
    since.ok_or_else(|| StoreError::Corrupt("the table fresh is empty".to_owned()))
}

/// A message, and those of the endpoints it is for at which it neither waits in the queue nor has ended.
pub(super) struct Unplaced {
    pub(super) message_id: MessageId,
    application_id: ApplicationId,
    /// `Err` when its verdicts can't be read.
    pub(super) endpoints: Result<Vec<EndpointId>, StoreError>,
}

/// The next messages after `last`, a chunk of them; none are left when there are none.
pub(super) fn unplaced_after(connection: &Connection, last: MessageId) -> Result<Vec<Unplaced>, StoreError> {
    let messages = connection.query(VERDICTS, &[last.into(), CHUNK.into()], |row| {
        Ok((row.id::<_>(0)?, row.id(1)?, messages::verdicts_from_bytes(&row.bytes(2)?)))
    })?;
    let (Some((first, ..)), Some((newest, ..))) = (messages.first(), messages.last()) else { return Ok(Vec::new()) };
    let places: HashSet<(MessageId, EndpointId)> = connection
        .query(PLACES, &[(*first).into(), (*newest).into()], |row| Ok((row.id(0)?, row.id(1)?)))?
        .into_iter()
        .collect();
    let unplaced = |(message_id, application_id, verdicts): (MessageId, _, Result<Vec<_>, _>)| {
        let is_unplaced = |(endpoint_id, verdict): &(EndpointId, Verdict)| {
            *verdict == Verdict::Queued && !places.contains(&(message_id, *endpoint_id))
        };
        let endpoints = verdicts.map(|all| all.into_iter().filter(is_unplaced).map(|(id, _)| id).collect());
        Unplaced { message_id, application_id, endpoints }
    };
    Ok(messages.into_iter().map(unplaced).collect())
}

/// Gives their rows to all that a killed process has left without; answers how many they were.
///
/// # Errors
/// When the store could not; then it can be called again.
pub(super) fn queue_what_was_left(connection: &Connection, now: Timestamp) -> Result<usize, StoreError> {
    let before = Id::from_number(since(connection)?.number() - 1);
    let (mut last, mut queued) = (before, 0);
    while let chunk = unplaced_after(connection, last)?
        && let Some(newest) = chunk.last()
    {
        last = newest.message_id;
        let left: Vec<Delivery> = chunk.iter().flat_map(|message| left_of(message, now)).collect();
        queued += left.len();
        if !left.is_empty() {
            connection.transaction(|connection| queue::insert_all(connection, left.iter()))?;
        }
    }
    if last > before {
        connection.execute(KEEP_SINCE, &[(last.number() + 1).into()])?;
    }
    Ok(queued)
}

/// What a message has without a row, as it was accepted. Nothing can be said of one whose verdicts can't be read.
fn left_of(message: &Unplaced, now: Timestamp) -> impl Iterator<Item = Delivery> + '_ {
    let endpoints = message.endpoints.as_deref().unwrap_or_default();
    let Unplaced { message_id, application_id, .. } = *message;
    endpoints.iter().map(move |id| Delivery::first(message_id, *id, application_id, now, Epoch::ALONE))
}

/// Every statement that reads, for the test of query plans.
#[cfg(test)]
pub(super) const QUERIES: &[&str] = &[VERDICTS, PLACES];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Fresh, FreshCount, TURN, since};
    use crate::domain::delivery::Delivery;
    use crate::domain::id::{Id, MessageId};
    use crate::domain::node::Epoch;
    use crate::domain::time::Timestamp;
    use crate::store::connection::Connection;
    use crate::store::migrations;

    const START: MessageId = Id::from_number(1);

    fn delivery(message: i64) -> Delivery {
        let now = Timestamp::from_ms(message);
        Delivery::first(Id::from_number(message), Id::from_number(7), Id::from_number(8), now, Epoch::ALONE)
    }

    /// Takes a turn as the writer does, and says up to which message rows were written.
    fn turn(fresh: &mut Fresh, connection: &Connection, all: bool, now: Duration) -> Option<i64> {
        let until = fresh.turn(all, now);
        if let Some(until) = until {
            connection.transaction(|connection| fresh.queue(connection, until)).unwrap();
        }
        fresh.turned(until, now);
        until.map(MessageId::number)
    }

    fn queued(connection: &Connection) -> Vec<i64> {
        connection.query("SELECT message_id FROM queue ORDER BY message_id", &[], |row| row.integer(0)).unwrap()
    }

    #[test]
    fn what_waits_for_a_turn_gets_its_row_and_what_is_over_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let connection = Connection::writer(&directory.path().join("fresh.db")).unwrap();
        migrations::apply(&connection).unwrap();
        let count = FreshCount::default();
        let mut fresh = Fresh::begin(&connection, count).unwrap();
        assert_eq!((fresh.due(), since(&connection).unwrap()), (None, START));

        let at = |seconds: u64| Duration::from_secs(100 + seconds);
        assert_eq!(turn(&mut fresh, &connection, true, at(0)), None, "nothing waits");
        assert!(fresh.takes(Id::from_number(5), None) && !fresh.takes(Id::from_number(0), None));
        fresh.add(Id::from_number(5), &[delivery(5)]);
        fresh.add(Id::from_number(6), &[delivery(6)]);
        assert_eq!(fresh.due(), Some(at(0) + TURN));
        assert_eq!(turn(&mut fresh, &connection, false, at(0)), None);
        assert_eq!(turn(&mut fresh, &connection, false, at(1)), None, "they may have come just now");
        fresh.add(Id::from_number(7), &[delivery(7)]);
        fresh.remove(&delivery(6));
        assert!(fresh.holds(&delivery(5), None) && !fresh.holds(&delivery(6), None));
        assert_eq!(turn(&mut fresh, &connection, false, at(2)), Some(7));
        assert_eq!((queued(&connection), since(&connection).unwrap().number()), (vec![5], 7));
        assert!(!fresh.holds(&delivery(5), None) && fresh.holds(&delivery(7), None));
        assert!(!fresh.takes(Id::from_number(6), None), "nobody would find it");

        fresh.add(Id::from_number(9), &[delivery(9)]);
        assert!(
            !fresh.takes(Id::from_number(8), fresh.turn(true, at(2)))
                && !fresh.holds(&delivery(9), fresh.turn(true, at(2)))
        );
        assert_eq!(turn(&mut fresh, &connection, true, at(2)), Some(10), "somebody asks");
        assert_eq!((queued(&connection), fresh.due()), (vec![5, 7, 9], None));
        assert_eq!(turn(&mut fresh, &connection, true, at(9)), None);

        // Messages for nobody are not looked at again after a kill either.
        fresh.add(Id::from_number(20), &[]);
        assert_eq!((turn(&mut fresh, &connection, false, at(10)), fresh.due()), (None, None));
        assert_eq!(turn(&mut fresh, &connection, false, at(11)), Some(21));
        assert_eq!((queued(&connection), since(&connection).unwrap().number()), (vec![5, 7, 9], 21));
    }
}
