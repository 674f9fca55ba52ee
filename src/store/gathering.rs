//! What waits for the writer, and when it is ripe. Outcomes wait for company, at most `RECORDS_WAIT_MS`, because writing
//! them in large batches is what makes them cheap: a crash in that time costs repeats, never a loss.
//!
//! Changes wait for as many as came last time, and at most as long as the last commit took: those who have just been
//! answered come again one by one, and without that wait every other transaction would be the first of them alone (half
//! of all commits had one or two changes; with it the average is twice as many). Who is alone does not wait.
//!
//! It does not know what a change is about, nor how it is written.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::committer::Change;
use super::queue::Record;
use crate::clock::Clock;

/// Outcomes that are written without waiting for more.
const RECORDS_BATCH: usize = 1_000;
/// How long an outcome waits for others before it is written.
const RECORDS_WAIT_MS: u64 = 50;
/// How long a change waits at most for those that are likely to come with it.
const CHANGES_WAIT_MS: u64 = 2;
/// Changes in one transaction.
const CHANGES_BATCH_MAX: usize = 4_096;

/// What is written in one transaction.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) changes: Vec<Box<dyn Change>>,
    pub(super) records: Vec<Record>,
    /// What was counted before is written too, however little it is.
    pub(super) settling: bool,
}

/// What has gathered since the last transaction.
#[derive(Default)]
pub(super) struct Inbox {
    pub(super) changes: Vec<Box<dyn Change>>,
    /// When the oldest of the changes came, by the monotonic clock.
    changes_since: Duration,
    /// How many changes the last transaction had.
    company: usize,
    /// How long changes wait for as many.
    patience: Duration,
    pub(super) records: Vec<Record>,
    /// When the oldest of the records came, by the monotonic clock.
    records_since: Duration,
    /// The records, and what was counted, are written with the next change, however few they are.
    pub(super) settling: bool,
    /// Nothing more is taken in.
    pub(super) closed: bool,
    /// Nothing more is written, not even what has gathered: as if the process had been killed.
    pub(super) abandoned: bool,
}

impl Inbox {
    /// How much longer the changes wait for others, if there are any.
    fn changes_ripen(&self, now: Duration) -> Option<Duration> {
        let complete = self.changes.len() >= self.company || self.settling || self.closed;
        let left = (self.changes_since + self.patience).saturating_sub(now);
        (!self.changes.is_empty()).then_some(if complete { Duration::ZERO } else { left })
    }

    /// How much longer the records wait for others, if there are any.
    fn records_ripen(&self, now: Duration) -> Option<Duration> {
        let complete = self.records.len() >= RECORDS_BATCH || self.settling || self.closed;
        let left = (self.records_since + Duration::from_millis(RECORDS_WAIT_MS)).saturating_sub(now);
        (!self.records.is_empty()).then_some(if complete { Duration::ZERO } else { left })
    }

    /// Adds a change that came at `now`; says whether to ring. The first sets the writer's alarm and the last of a batch
    /// rings it; between them it may sleep.
    pub(super) fn add_change(&mut self, change: Box<dyn Change>, now: Duration) -> bool {
        if self.changes.is_empty() {
            self.changes_since = now;
        }
        self.changes.push(change);
        self.changes.len() == 1 || self.changes.len() >= self.company || self.settling
    }

    /// Adds an outcome in the same way.
    pub(super) fn add_record(&mut self, record: Record, now: Duration) -> bool {
        if self.records.is_empty() {
            self.records_since = now;
        }
        self.records.push(record);
        self.records.len() == 1 || self.records.len() == RECORDS_BATCH
    }

    /// A transaction with so many changes has taken so long.
    pub(super) fn committed(&mut self, changes: usize, took: Duration) {
        self.company = changes;
        self.patience = took.min(Duration::from_millis(CHANGES_WAIT_MS));
    }
}

/// Where changes and outcomes gather, between those who bring them and the writer.
pub(super) struct Gathering {
    inbox: Mutex<Inbox>,
    filled: Condvar,
    clock: Arc<dyn Clock>,
}

impl Gathering {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { inbox: Mutex::default(), filled: Condvar::new(), clock }
    }

    /// The monotonic time.
    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Has the writer look.
    pub(super) fn ring(&self) {
        self.filled.notify_one();
    }

    pub(super) fn inbox(&self) -> MutexGuard<'_, Inbox> {
        // Nothing panics while it holds the lock, and a list is whole after any push.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something to write, or until `tally_due`; `None` when there never will be again.
    pub(super) fn take(&self, tally_due: Option<Duration>) -> Option<Batch> {
        let mut inbox = self.inbox();
        loop {
            if inbox.abandoned {
                return None;
            }
            let now = self.clock.monotonic();
            let (changes_ripen, records_ripen) = (inbox.changes_ripen(now), inbox.records_ripen(now));
            let tally_ripens = tally_due.map(|due| due.saturating_sub(now));
            let next = [changes_ripen, records_ripen, tally_ripens].into_iter().flatten().min();
            if next.is_some_and(|wait| wait.is_zero()) {
                let settling = std::mem::take(&mut inbox.settling);
                let taken = inbox.changes.len().min(CHANGES_BATCH_MAX);
                let changes = inbox.changes.drain(..taken).collect();
                let ripe = records_ripen.is_some_and(|wait| wait.is_zero());
                let records = if ripe { std::mem::take(&mut inbox.records) } else { Vec::new() };
                return Some(Batch { changes, records, settling });
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
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{CHANGES_WAIT_MS, Gathering, Inbox};
    use crate::clock::ManualClock;
    use crate::domain::time::Timestamp;
    use crate::store::committer::{Change, Notice};
    use crate::store::connection::Connection;
    use crate::store::error::StoreError;

    struct Nothing;

    impl Change for Nothing {
        fn apply(&mut self, _: &Connection) -> Result<(), StoreError> {
            Ok(())
        }

        fn notify(&mut self, _: &mut Vec<Notice>) {}

        fn answer(self: Box<Self>, _: Result<(), StoreError>) {}
    }

    #[test]
    fn changes_wait_for_as_many_as_came_last_time_and_not_for_long() {
        let at = Duration::from_millis;
        let mut inbox = Inbox::default();
        assert!(inbox.add_change(Box::new(Nothing), at(10)));
        assert_eq!(inbox.changes_ripen(at(10)), Some(Duration::ZERO), "who is alone does not wait");

        inbox.changes.clear();
        inbox.committed(3, at(50));
        assert_eq!(inbox.changes_ripen(at(20)), None);
        assert!(inbox.add_change(Box::new(Nothing), at(20)), "the first sets the alarm");
        assert!(!inbox.add_change(Box::new(Nothing), at(21)));
        assert_eq!(inbox.changes_ripen(at(21)), Some(at(CHANGES_WAIT_MS - 1)));
        assert_eq!(inbox.changes_ripen(at(20 + CHANGES_WAIT_MS)), Some(Duration::ZERO));
        assert!(inbox.add_change(Box::new(Nothing), at(21)), "the last rings");
        assert_eq!(inbox.changes_ripen(at(21)), Some(Duration::ZERO));
    }

    #[test]
    fn what_was_counted_is_written_though_nothing_else_is() {
        let clock = Arc::new(ManualClock::new(Timestamp::EPOCH));
        let gathering = Gathering::new(clock);
        let batch = gathering.take(Some(Duration::ZERO)).unwrap();
        assert!(batch.changes.is_empty() && batch.records.is_empty());
        gathering.inbox().closed = true;
        assert!(gathering.take(Some(Duration::from_secs(1))).is_none());
    }
}
