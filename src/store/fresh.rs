//! Deliveries that were accepted a moment ago. Most are over within milliseconds, so the one who writes a file keeps them in
//! memory, and gives a row of the queue to those alone that still wait a second or two later, a part of them at a time; to an
//! endpoint's when it is claimed from; and to all as soon as anybody changes something or asks the queue. That spares a quarter
//! of SQLite's instructions for a message (44 600 became 32 200), and an eighth of the bytes that are written for it.
//!
//! They are as durable as any other: the message itself says which endpoints it is for, and from which message on there may
//! be deliveries without a row is kept in the table `fresh`. What a killed process leaves is found by looking at those
//! messages. It does not know what becomes of a delivery. On a server each has its row at once.

use std::collections::{BTreeMap, BTreeSet, HashSet};
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
/// So many get their rows in one transaction: messages wait meanwhile, for four thousand at once 13 ms.
const PART_MAX: usize = 128;
/// How long after a part the next follows.
const PART_PAUSE: Duration = Duration::from_millis(5);
/// Further deliveries get their rows at once.
const WAITING_MAX: usize = 65_536;
/// Messages that are looked at together.
const CHUNK: i64 = 500;

const SINCE: &str = "SELECT since FROM fresh";
const KEEP_SINCE: &str = "UPDATE fresh SET since = ?1";
const VERDICTS: &str = "SELECT id, application_id, verdicts FROM messages WHERE id > ?1 ORDER BY id LIMIT ?2";
const PLACES: &str = "SELECT message_id, endpoint_id FROM queue WHERE message_id >= ?1 AND message_id <= ?2
    UNION ALL SELECT message_id, endpoint_id FROM deliveries WHERE message_id >= ?1 AND message_id <= ?2";

/// Whose deliveries get their rows.
pub(super) enum Whose {
    /// Everybody's.
    All,
    /// Those of these endpoints, and what is due.
    Endpoints(BTreeSet<EndpointId>),
    /// A part of those that have waited for long, once their turn has come.
    Due,
}

/// Deliveries that get their rows in one transaction.
pub(super) struct Aged {
    deliveries: Vec<Delivery>,
    /// From where on there may be some without a row before it and after it.
    before: MessageId,
    after: MessageId,
}

impl Aged {
    /// Gives them their rows, and has the store say from where on there may be others.
    pub(super) fn queue(&self, connection: &Connection) -> Result<(), StoreError> {
        queue::insert_all(connection, self.deliveries.iter())?;
        if self.after != self.before {
            connection.execute(KEEP_SINCE, &[self.after.into()])?;
        }
        Ok(())
    }
}

/// Those that wait without a row.
pub(super) struct Fresh {
    waiting: BTreeMap<(MessageId, EndpointId), Delivery>,
    /// From here on there may be some, as the store says it.
    since: MessageId,
    /// The newest message that has been taken, whether or not it had deliveries.
    newest: MessageId,
    /// What is older gets its row at the next turn.
    turn: MessageId,
    /// When that, or the next part of it, is due, by the monotonic clock.
    due_at: Duration,
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
        Ok(Self { waiting, since, newest, turn: since, due_at: TURN, count })
    }

    /// When the next turn is, by the monotonic clock, if anything waits for it.
    pub(super) fn due(&self) -> Option<Duration> {
        (!self.waiting.is_empty()).then_some(self.due_at)
    }

    /// Takes out those that get their rows now, if there is anything to write.
    pub(super) fn take(&mut self, whose: &Whose, now: Duration) -> Option<Aged> {
        let before = self.since;
        let mut deliveries = Vec::new();
        match whose {
            Whose::All if !self.waiting.is_empty() => {
                deliveries.extend(std::mem::take(&mut self.waiting).into_values());
                self.next_turn(now);
                self.since = self.turn;
            }
            Whose::Endpoints(those) => self.waiting.retain(|(_, endpoint_id), delivery| {
                let is_theirs = those.contains(endpoint_id);
                if is_theirs {
                    deliveries.push(delivery.clone());
                }
                !is_theirs
            }),
            Whose::All | Whose::Due => {}
        }
        // Whoever is claimed from all the time keeps nobody's turn from coming.
        if now >= self.due_at {
            self.take_part(&mut deliveries, now);
        }
        (!deliveries.is_empty() || self.since != before).then_some(Aged { deliveries, before, after: self.since })
    }

    /// Takes out the next part of those whose turn has come.
    fn take_part(&mut self, deliveries: &mut Vec<Delivery>, now: Duration) {
        let most = deliveries.len() + PART_MAX;
        while deliveries.len() < most && self.first_waiting() < self.turn {
            deliveries.extend(self.waiting.pop_first().map(|(_, delivery)| delivery));
        }
        self.since = self.first_waiting().min(self.turn);
        if self.since == self.turn {
            self.next_turn(now);
        } else {
            self.due_at = now + PART_PAUSE;
        }
    }

    /// The first message that waits without a row, or what comes after all.
    fn first_waiting(&self) -> MessageId {
        let after_newest = Id::from_number(self.newest.number() + 1);
        self.waiting.first_key_value().map_or(after_newest, |((message_id, _), _)| *message_id)
    }

    fn next_turn(&mut self, now: Duration) {
        self.turn = Id::from_number(self.newest.number() + 1);
        self.due_at = now + TURN;
    }

    /// What was taken out has been committed.
    pub(super) fn queued(&self) {
        self.count.store(self.waiting.len(), Ordering::SeqCst);
    }

    /// What was taken out could not be committed, and is tried again later.
    pub(super) fn put_back(&mut self, aged: Aged, now: Duration) {
        self.since = aged.before;
        self.due_at = now + TURN;
        self.waiting.extend(aged.deliveries.into_iter().map(|delivery| (key(&delivery), delivery)));
    }

    /// Whether the deliveries of this message may wait without rows.
    pub(super) fn takes(&self, message_id: MessageId) -> bool {
        message_id >= self.since && self.waiting.len() < WAITING_MAX
    }

    /// A message has been committed without the rows of these deliveries; there may be none.
    pub(super) fn add(&mut self, message_id: MessageId, deliveries: &[Delivery]) {
        self.newest = self.newest.max(message_id);
        self.waiting.extend(deliveries.iter().map(|delivery| (key(delivery), delivery.clone())));
        self.count.store(self.waiting.len(), Ordering::SeqCst);
    }

    /// Whether this delivery waits without a row.
    pub(super) fn holds(&self, delivery: &Delivery) -> bool {
        self.waiting.contains_key(&key(delivery))
    }

    /// What became of this delivery has been committed.
    pub(super) fn remove(&mut self, delivery: &Delivery) {
        self.waiting.remove(&key(delivery));
        self.count.store(self.waiting.len(), Ordering::SeqCst);
    }
}

/// By which the deliveries are ordered.
fn key(delivery: &Delivery) -> (MessageId, EndpointId) {
    (delivery.message_id, delivery.endpoint_id)
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

    use super::{Fresh, FreshCount, PART_MAX, PART_PAUSE, TURN, Whose, since};
    use crate::domain::delivery::Delivery;
    use crate::domain::id::{Id, MessageId};
    use crate::domain::node::Epoch;
    use crate::domain::time::Timestamp;
    use crate::store::connection::Connection;
    use crate::store::migrations;

    const START: MessageId = Id::from_number(1);

    fn delivery(message: i64) -> Delivery {
        at_endpoint(message, 7)
    }

    fn at_endpoint(message: i64, endpoint: i64) -> Delivery {
        let (message_id, now) = (Id::from_number(message), Timestamp::from_ms(message));
        Delivery::first(message_id, Id::from_number(endpoint), Id::from_number(8), now, Epoch::ALONE)
    }

    /// Gives rows as the writer does, and says from which message on there may be some without, if that changed.
    fn turn(fresh: &mut Fresh, connection: &Connection, whose: &Whose, now: Duration) -> Option<i64> {
        let aged = fresh.take(whose, now)?;
        connection.transaction(|connection| aged.queue(connection)).unwrap();
        fresh.queued();
        (aged.after != aged.before).then_some(aged.after.number())
    }

    fn empty(directory: &tempfile::TempDir) -> (Connection, Fresh) {
        let connection = Connection::writer(&directory.path().join("fresh.db")).unwrap();
        migrations::apply(&connection).unwrap();
        let fresh = Fresh::begin(&connection, FreshCount::default()).unwrap();
        (connection, fresh)
    }

    fn queued(connection: &Connection) -> Vec<i64> {
        connection.query("SELECT message_id FROM queue ORDER BY message_id", &[], |row| row.integer(0)).unwrap()
    }

    #[test]
    fn what_waits_for_a_turn_gets_its_row_and_what_is_over_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let (connection, mut fresh) = empty(&directory);
        assert_eq!((fresh.due(), since(&connection).unwrap()), (None, START));

        let at = |seconds: u64| Duration::from_secs(100 + seconds);
        assert_eq!(turn(&mut fresh, &connection, &Whose::All, at(0)), None, "nothing waits");
        assert!(fresh.takes(Id::from_number(5)) && !fresh.takes(Id::from_number(0)));
        fresh.add(Id::from_number(5), &[delivery(5)]);
        fresh.add(Id::from_number(6), &[delivery(6)]);
        assert_eq!(fresh.due(), Some(at(0) + TURN));
        assert_eq!(turn(&mut fresh, &connection, &Whose::Due, at(0)), None);
        assert_eq!(turn(&mut fresh, &connection, &Whose::Due, at(1)), None, "they may have come just now");
        fresh.add(Id::from_number(7), &[delivery(7)]);
        fresh.remove(&delivery(6));
        assert!(fresh.holds(&delivery(5)) && !fresh.holds(&delivery(6)));
        assert_eq!(turn(&mut fresh, &connection, &Whose::Due, at(2)), Some(7));
        assert_eq!((queued(&connection), since(&connection).unwrap().number()), (vec![5], 7));
        assert!(!fresh.holds(&delivery(5)) && fresh.holds(&delivery(7)));
        assert!(!fresh.takes(Id::from_number(6)), "nobody would find it");

        fresh.add(Id::from_number(9), &[delivery(9)]);
        let refused = fresh.take(&Whose::All, at(2)).unwrap();
        assert!(!fresh.takes(Id::from_number(8)) && !fresh.holds(&delivery(9)));
        fresh.put_back(refused, at(2));
        assert!(fresh.takes(Id::from_number(8)) && fresh.holds(&delivery(9)));
        assert_eq!(turn(&mut fresh, &connection, &Whose::All, at(2)), Some(10), "somebody asks");
        assert_eq!((queued(&connection), fresh.due()), (vec![5, 7, 9], None));
        assert_eq!(turn(&mut fresh, &connection, &Whose::All, at(2)), None);

        // Messages for nobody are not looked at again after a kill either.
        fresh.add(Id::from_number(20), &[]);
        assert_eq!((turn(&mut fresh, &connection, &Whose::Due, at(10)), fresh.due()), (None, None));
        assert_eq!(turn(&mut fresh, &connection, &Whose::Due, at(11)), Some(21));
        assert_eq!((queued(&connection), since(&connection).unwrap().number()), (vec![5, 7, 9], 21));
    }

    #[test]
    fn many_get_their_rows_in_parts_and_a_kill_between_them_loses_none() {
        let directory = tempfile::tempdir().unwrap();
        let (connection, mut fresh) = empty(&directory);
        let many: Vec<Delivery> = (0..PART_MAX as i64 * 2).map(|number| at_endpoint(5, number)).collect();
        fresh.add(Id::from_number(5), &many);
        let now = TURN * 100;
        assert_eq!(turn(&mut fresh, &connection, &Whose::Due, now), None);
        let now = now + TURN;
        assert_eq!(
            turn(&mut fresh, &connection, &Whose::Due, now),
            Some(5),
            "the message still has some without a row"
        );
        assert_eq!((queued(&connection).len(), fresh.due()), (PART_MAX, Some(now + PART_PAUSE)));
        assert!(!fresh.holds(&many[0]) && fresh.holds(&many[PART_MAX]));
        assert_eq!(turn(&mut fresh, &connection, &Whose::Due, now), None);
        assert_eq!(queued(&connection).len(), PART_MAX, "the next is not due yet");
        assert_eq!(since(&connection).unwrap(), Id::from_number(5), "after a kill it is looked at");
        assert_eq!(turn(&mut fresh, &connection, &Whose::Due, now + PART_PAUSE), Some(6));
        assert_eq!((queued(&connection).len(), fresh.due()), (PART_MAX * 2, None));
    }

    #[test]
    fn a_claim_gives_rows_to_its_own_endpoint_alone() {
        let directory = tempfile::tempdir().unwrap();
        let (connection, mut fresh) = empty(&directory);
        for message in 5..8 {
            fresh.add(Id::from_number(message), &[at_endpoint(message, 1), at_endpoint(message, 2)]);
        }
        let theirs = Whose::Endpoints([Id::from_number(2)].into());
        assert_eq!(turn(&mut fresh, &connection, &theirs, TURN), None, "the other's are still without");
        assert_eq!(queued(&connection), [5, 6, 7]);
        assert!(fresh.holds(&at_endpoint(5, 1)) && !fresh.holds(&at_endpoint(5, 2)));
        assert!(fresh.take(&theirs, TURN).is_none());
        assert_eq!(turn(&mut fresh, &connection, &theirs, TURN * 2), Some(8), "the others' turn comes all the same");
        assert_eq!(queued(&connection), [5, 5, 6, 6, 7, 7]);
    }
}
