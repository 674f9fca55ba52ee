//! What waits for those who write, and when it is ripe. Outcomes wait for company, at most `RECORDS_WAIT_MS`, because writing
//! them in large batches is what makes them cheap: a crash in that time costs repeats, never a loss. Where one alone writes,
//! they go along with every so many messages (`MESSAGES_ALONE_MAX`), so that no producer waits for hundreds of them.
//!
//! Messages and changes wait for as many as came last time, and at most as long as the last commit took: those who have just
//! been answered come again one by one, and without that wait every other transaction would be the first of them alone (half
//! of all commits had one or two; with it the average is twice as many). Who is alone does not wait.
//!
//! Where there are several who write, any of them takes what is ripe: messages and outcomes do not meet each other. Changes
//! of anything else may, so one batch at a time has some. It does not know what a change is about, nor how it is written.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::change::{Acceptance, Change};
use super::queue::Record;
use crate::clock::Clock;

/// Outcomes that are written without waiting for more.
const RECORDS_BATCH: usize = 1_000;
/// How long an outcome waits for others before it is written.
const RECORDS_WAIT_MS: u64 = 50;
/// How many messages are written without the outcomes that wait. With those of 50 ms at once, the slowest of a hundred
/// transactions took 3.4 ms at 3 700 messages a second, with 64 at a time 1.6 ms. It counts messages, not outcomes, because a
/// fan-out, where many outcomes belong to a message, needs large batches.
const MESSAGES_ALONE_MAX: usize = 64;
/// Outcomes that are written in one transaction while messages come: with several hundred it takes longer than anything else
/// that a message may have to wait for.
const RECORDS_BESIDE_MESSAGES_MAX: usize = 128;
/// How long a change waits at most for those that are likely to come with it. Half of it or none won nothing.
const CHANGES_WAIT: Duration = Duration::from_millis(2);
/// Messages in one transaction, and changes.
const CHANGES_BATCH_MAX: usize = 4_096;

/// What is written in one transaction.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) messages: Vec<Acceptance>,
    pub(super) changes: Vec<Box<dyn Change>>,
    pub(super) records: Vec<Record>,
    /// What was counted before is written too, however little it is.
    pub(super) settling: bool,
    /// It has changes that no other may have at the same time.
    pub(super) changing: bool,
}

/// What has gathered and has not been taken.
#[derive(Default)]
pub(super) struct Inbox {
    messages: Vec<Acceptance>,
    changes: Vec<Box<dyn Change>>,
    /// When the oldest of both came, by the monotonic clock.
    since: Duration,
    /// How many of both the last transaction had.
    company: usize,
    /// How long they wait for as many.
    patience: Duration,
    /// Somebody is writing changes.
    changing: bool,
    records: Vec<Record>,
    /// When the oldest of the records came, by the monotonic clock.
    records_since: Duration,
    /// How many messages were taken since the records were.
    messages_alone: usize,
    /// The records do not wait for others: somebody waits for one of them.
    hurried: bool,
    /// For each who writes, what it alone is to do: then it writes all that there is, and what it has counted.
    settling: Vec<Vec<Box<dyn Change>>>,
    /// Nothing more is taken in.
    pub(super) closed: bool,
    /// Nothing more is written, not even what has gathered: as if the process had been killed.
    pub(super) abandoned: bool,
}

impl Inbox {
    /// How many messages and changes wait.
    pub(super) fn waiting(&self) -> usize {
        self.messages.len() + self.changes.len()
    }

    /// How many outcomes wait.
    pub(super) fn records_waiting(&self) -> usize {
        self.records.len()
    }

    /// Nothing waits for company.
    fn ends_waiting(&self) -> bool {
        self.closed || self.settling.iter().any(|own| !own.is_empty())
    }

    /// How much longer messages and changes wait for others, if there are any that may be taken.
    fn ripens(&self, now: Duration) -> Option<Duration> {
        let any = !self.messages.is_empty() || !(self.changes.is_empty() || self.changing);
        let complete = self.waiting() >= self.company || self.ends_waiting();
        let left = (self.since + self.patience).saturating_sub(now);
        any.then_some(if complete { Duration::ZERO } else { left })
    }

    /// How much longer the records wait for others, if there are any.
    fn records_ripen(&self, now: Duration) -> Option<Duration> {
        let complete = self.records.len() >= RECORDS_BATCH || self.hurried || self.ends_waiting();
        let left = (self.records_since + Duration::from_millis(RECORDS_WAIT_MS)).saturating_sub(now);
        (!self.records.is_empty()).then_some(if complete { Duration::ZERO } else { left })
    }

    /// Adds a message that came at `now`; says whether to ring. The first sets an alarm and the last of a batch rings it;
    /// between them everybody may sleep.
    pub(super) fn add_message(&mut self, message: Acceptance, now: Duration) -> bool {
        self.since = if self.waiting() == 0 { now } else { self.since };
        self.messages.push(message);
        self.has_come()
    }

    /// Adds a change in the same way.
    pub(super) fn add_change(&mut self, change: Box<dyn Change>, now: Duration) -> bool {
        self.since = if self.waiting() == 0 { now } else { self.since };
        self.changes.push(change);
        self.has_come()
    }

    fn has_come(&self) -> bool {
        self.waiting() == 1 || self.waiting() >= self.company
    }

    /// Adds an outcome in the same way.
    pub(super) fn add_record(&mut self, record: Record, now: Duration) -> bool {
        self.records_since = if self.records.is_empty() { now } else { self.records_since };
        self.records.push(record);
        self.records.len() == 1 || self.records.len() == RECORDS_BATCH
    }

    /// Has the outcomes written that wait.
    pub(super) fn hurry(&mut self) {
        self.hurried = !self.records.is_empty();
    }

    /// Takes back outcomes that could not be written.
    pub(super) fn put_back(&mut self, records: Vec<Record>) {
        self.records.splice(0..0, records);
    }

    /// Takes what is ripe for one of those who write.
    fn take(&mut self, writer: usize, with_records: bool) -> Batch {
        let mut batch = Batch::default();
        let messages = self.messages.len().min(CHANGES_BATCH_MAX);
        batch.messages.extend(self.messages.drain(..messages));
        if !self.changing {
            let taken = self.changes.len().min(CHANGES_BATCH_MAX);
            batch.changes.extend(self.changes.drain(..taken));
            batch.changing = taken > 0;
            self.changing = batch.changing;
        }
        self.messages_alone += messages;
        let go_along = self.settling.len() == 1 && self.messages_alone >= MESSAGES_ALONE_MAX;
        if with_records || go_along {
            let by_parts = self.settling.len() == 1 && self.messages_alone > 0 && !go_along && !self.ends_waiting();
            let most = if by_parts { RECORDS_BESIDE_MESSAGES_MAX } else { usize::MAX };
            batch.records.extend(self.records.drain(..self.records.len().min(most)));
            // What is left follows with the next, which is ripe at once or soon.
            if self.records.is_empty() {
                self.messages_alone = 0;
                self.hurried = false;
            }
        }
        let own = std::mem::take(&mut self.settling[writer]);
        batch.settling = !own.is_empty();
        batch.changes.extend(own);
        batch
    }
}

/// Where changes and outcomes gather, between those who bring them and those who write.
pub(super) struct Gathering {
    inbox: Mutex<Inbox>,
    filled: Condvar,
    clock: Arc<dyn Clock>,
}

impl Gathering {
    /// For so many who write.
    pub(super) fn new(writers: usize, clock: Arc<dyn Clock>) -> Self {
        let settling = std::iter::repeat_with(Vec::new).take(writers).collect();
        Self { inbox: Mutex::new(Inbox { settling, ..Inbox::default() }), filled: Condvar::new(), clock }
    }

    /// The monotonic time.
    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Has one of those who write look.
    pub(super) fn ring(&self) {
        self.filled.notify_one();
    }

    /// Has all of them look.
    pub(super) fn ring_all(&self) {
        self.filled.notify_all();
    }

    pub(super) fn inbox(&self) -> MutexGuard<'_, Inbox> {
        // Nothing panics while it holds the lock, and a list is whole after any push.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has each of those who write, once it is done with what it has taken, do what `change` gives it, with all that there is.
    pub(super) fn settle(&self, change: impl FnMut() -> Box<dyn Change>) {
        let mut inbox = self.inbox();
        inbox.settling.iter_mut().zip(std::iter::repeat_with(change)).for_each(|(own, change)| own.push(change));
        drop(inbox);
        self.ring_all();
    }

    /// Waits until there is something to write for one of those who do, or until `own_due`, when that one has something
    /// to do of its own; `None` when there never will be again.
    pub(super) fn take(&self, writer: usize, own_due: Option<Duration>) -> Option<Batch> {
        let mut inbox = self.inbox();
        loop {
            if inbox.abandoned {
                return None;
            }
            let now = self.clock.monotonic();
            let records_ripen = inbox.records_ripen(now);
            let own_ripens = (!inbox.settling[writer].is_empty()).then_some(Duration::ZERO);
            let due = own_due.map(|due| due.saturating_sub(now));
            let next = [inbox.ripens(now), records_ripen, own_ripens, due].into_iter().flatten().min();
            if next.is_some_and(|wait| wait.is_zero()) {
                return Some(inbox.take(writer, records_ripen.is_some_and(|wait| wait.is_zero())));
            }
            if inbox.closed {
                return None;
            }
            inbox = match next {
                None => self.filled.wait(inbox).unwrap_or_else(PoisonError::into_inner),
                Some(wait) => self.filled.wait_timeout(inbox, wait).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// A transaction with so many messages and changes has taken so long.
    pub(super) fn committed(&self, written: usize, changing: bool, took: Duration) {
        let mut inbox = self.inbox();
        if written > 0 {
            inbox.company = written;
            inbox.patience = took.min(CHANGES_WAIT);
        }
        if changing {
            inbox.changing = false;
            // Who found some that it could not take may be asleep.
            drop(inbox);
            self.ring();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{CHANGES_WAIT, Change, Gathering, MESSAGES_ALONE_MAX, RECORDS_BESIDE_MESSAGES_MAX, RECORDS_WAIT_MS};
    use crate::clock::ManualClock;
    use crate::domain::delivery::{Delivery, DeliveryState, Outcome};
    use crate::domain::id::Id;
    use crate::domain::node::Epoch;
    use crate::domain::time::Timestamp;
    use crate::store::change::Acceptance;
    use crate::store::committer::Notice;
    use crate::store::connection::Connection;
    use crate::store::error::StoreError;
    use crate::store::queue::Record;

    struct Nothing;

    impl Change for Nothing {
        fn apply(&mut self, _: &Connection) -> Result<(), StoreError> {
            Ok(())
        }

        fn notify(&mut self, _: &mut Vec<Notice>) {}

        fn answer(self: Box<Self>, _: Result<(), StoreError>) {}
    }

    fn gathering() -> Gathering {
        of_writers(2)
    }

    fn of_writers(writers: usize) -> Gathering {
        Gathering::new(writers, Arc::new(ManualClock::new(Timestamp::EPOCH)))
    }

    fn record() -> Record {
        let (number, now) = (Id::from_number(1), Timestamp::EPOCH);
        let delivery = Delivery::first(number, Id::from_number(4), Id::from_number(3), now, Epoch::ALONE);
        let ended = Outcome::Ended(DeliveryState::Delivered);
        Record { delivery, attempt: Err(Id::from_number(5)), outcome: ended }
    }

    #[test]
    fn changes_wait_for_as_many_as_came_last_time_and_not_for_long() {
        let at = Duration::from_millis;
        let gathering = gathering();
        assert!(gathering.inbox().add_change(Box::new(Nothing), at(10)));
        assert_eq!(gathering.inbox().ripens(at(10)), Some(Duration::ZERO), "who is alone does not wait");

        gathering.inbox().take(0, true);
        gathering.committed(3, true, at(50));
        let mut inbox = gathering.inbox();
        assert_eq!(inbox.ripens(at(20)), None);
        assert!(inbox.add_change(Box::new(Nothing), at(20)), "the first sets the alarm");
        assert!(!inbox.add_change(Box::new(Nothing), at(20) + CHANGES_WAIT / 2));
        assert_eq!(inbox.ripens(at(20) + CHANGES_WAIT / 2), Some(CHANGES_WAIT / 2));
        assert_eq!(inbox.ripens(at(20) + CHANGES_WAIT), Some(Duration::ZERO));
        assert!(inbox.add_change(Box::new(Nothing), at(21)), "the last rings");
        assert_eq!(inbox.ripens(at(21)), Some(Duration::ZERO));
    }

    #[test]
    fn outcomes_go_along_with_messages_where_one_alone_writes() {
        let taken = |writers, records, messages| {
            let gathering = of_writers(writers);
            let mut inbox = gathering.inbox();
            (0..records).for_each(|_| _ = inbox.add_record(record(), Duration::ZERO));
            (0..messages).for_each(|_| _ = inbox.add_message(Acceptance::example(1).0, Duration::ZERO));
            inbox.take(0, false).records.len()
        };
        assert_eq!(taken(1, 3, MESSAGES_ALONE_MAX), 3);
        assert_eq!(taken(1, 3, MESSAGES_ALONE_MAX - 1), 0, "they wait for company");
        assert_eq!(taken(1, 3, 0), 0, "nothing is written that they could go along with");
        assert_eq!(taken(2, 3, MESSAGES_ALONE_MAX), 0, "another writes them meanwhile");
    }

    #[test]
    fn while_messages_come_outcomes_are_written_in_parts() {
        let many = RECORDS_BESIDE_MESSAGES_MAX * 2 + 1;
        let parts = |writers, messages| {
            let gathering = of_writers(writers);
            let mut inbox = gathering.inbox();
            (0..many).for_each(|_| _ = inbox.add_record(record(), Duration::ZERO));
            (0..messages).for_each(|_| _ = inbox.add_message(Acceptance::example(1).0, Duration::ZERO));
            let ripe = Duration::from_millis(RECORDS_WAIT_MS);
            let next = || inbox.records_ripen(ripe).map(|_| inbox.take(0, true).records.len());
            std::iter::from_fn(next).collect::<Vec<_>>()
        };
        assert_eq!(parts(1, 1), [RECORDS_BESIDE_MESSAGES_MAX, RECORDS_BESIDE_MESSAGES_MAX, 1]);
        assert_eq!(parts(1, 0), [many], "nobody waits for them");
        assert_eq!(parts(1, MESSAGES_ALONE_MAX), [many], "so many messages have waited for none");
        assert_eq!(parts(2, 1), [many], "another writes messages meanwhile");
    }

    #[test]
    fn one_batch_at_a_time_has_changes() {
        let gathering = gathering();
        let add = || gathering.inbox().add_change(Box::new(Nothing), Duration::ZERO);
        add();
        let first = gathering.take(0, None).unwrap();
        add();
        assert_eq!((first.changes.len(), gathering.inbox().ripens(Duration::MAX)), (1, None));
        gathering.inbox().settling[1].push(Box::new(Nothing));
        assert_eq!(gathering.take(1, None).unwrap().changes.len(), 1, "what is its own is no such change");
        gathering.committed(1, first.changing, Duration::ZERO);
        assert_eq!(gathering.take(1, None).unwrap().changes.len(), 1);
    }

    #[test]
    fn what_was_counted_is_written_though_nothing_else_is() {
        let gathering = gathering();
        let batch = gathering.take(0, Some(Duration::ZERO)).unwrap();
        assert!(batch.changes.is_empty() && batch.messages.is_empty() && batch.records.is_empty());
        gathering.inbox().closed = true;
        assert!(gathering.take(0, Some(Duration::from_secs(1))).is_none());
    }
}
