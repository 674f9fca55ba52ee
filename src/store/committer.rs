//! The one writer. Producers' changes and the engine's outcomes gather before it (`gathering.rs`); it takes what is ripe,
//! writes it in one transaction with one sync, and only then answers. It does not know what a change is about.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::bulk;
use super::connection::Connection;
use super::error::StoreError;
use super::gathering::{Batch, Gathering};
use super::happenings::Happenings;
use super::lease::Lease;
use super::messages::{self, Accepted, Accepting};
use super::news::News;
use super::queue::{self, Late, Record};
use super::tally::Tally;
use crate::clock::Clock;
use crate::domain::delivery::Delivery;
use crate::domain::endpoint::Rest;
use crate::domain::id::EndpointId;
use crate::domain::message::Message;
use crate::domain::time::Timestamp;
use crate::telemetry::Metrics;

/// Changes that wait before further ones are refused.
const CHANGES_WAITING_MAX: usize = 16_384;
/// How long the writer rests after the database refused a batch of outcomes, before it tries again.
const REST_MS: u64 = 250;

/// What the engine is told about what has just been committed.
#[derive(Debug)]
pub enum Notice {
    /// A message was accepted, with deliveries that are due at once; there may be none.
    Accepted {
        /// The message, so that it need not be read back.
        message: Arc<Message>,
        /// One for each endpoint that wants it.
        deliveries: Vec<Delivery>,
    },
    /// The outcome of this delivery is in the store; with when it is tried again.
    Recorded {
        /// As it stood in the queue.
        delivery: Delivery,
        /// When it is due again, if it has not ended.
        retry: Option<Timestamp>,
    },
    /// Something of this endpoint waits in the store and is due at this time.
    Waiting {
        /// Whose queue it is.
        endpoint_id: EndpointId,
        /// When it is due.
        due: Timestamp,
    },
    /// The endpoint itself has changed.
    Changed {
        /// Which.
        endpoint_id: EndpointId,
    },
    /// Another node has left this endpoint in peace, or does so no longer.
    Rests {
        /// Which.
        endpoint_id: EndpointId,
        /// How it rests, if it does.
        rest: Option<Rest>,
    },
    /// Something may wait in the store that the engine was not told of.
    LookAgain,
    /// Nothing that the engine holds is this node's any more.
    Lost,
}

/// The engine's end of the notices.
pub type Feed = mpsc::UnboundedReceiver<Notice>;

/// A change that is written in a transaction with others. It is applied again, alone, when its company is refused.
pub(super) trait Change: Send {
    /// Makes the change.
    fn apply(&mut self, connection: &Connection) -> Result<(), StoreError>;
    /// Says what the engine must know of it, now that it is kept.
    fn notify(&mut self, notices: &mut Vec<Notice>);
    /// Answers whoever asked for it; `committed` is whether it was kept.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
    /// The message, if it is one that is accepted.
    fn acceptance(&mut self) -> Option<&mut Acceptance> {
        None
    }
}

/// Makes the changes of a batch, of which a server takes all messages at once.
fn apply_all(connection: &Connection, changes: &mut [Box<dyn Change>]) -> Result<(), StoreError> {
    let Connection::Postgres(_) = connection else {
        return changes.iter_mut().try_for_each(|change| change.apply(connection));
    };
    let mut together = Vec::new();
    for change in changes {
        if change.acceptance().is_none() {
            change.apply(connection)?;
        } else {
            together.extend(change.acceptance());
        }
    }
    let accepting: Vec<&Accepting> = together.iter().map(|acceptance| &acceptance.accepting).collect();
    let results = bulk::accept(connection, &accepting)?;
    together.into_iter().zip(results).for_each(|(acceptance, result)| acceptance.result = Some(result));
    Ok(())
}

/// A change made of two functions: what is written, and what the engine is told of it.
struct Written<T, W, N> {
    work: W,
    notify: Option<N>,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, W, N> Change for Written<T, W, N>
where
    T: Send,
    W: FnMut(&Connection) -> Result<T, StoreError> + Send,
    N: FnOnce(&T, &mut Vec<Notice>) + Send,
{
    fn apply(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.result = Some((self.work)(connection)?);
        Ok(())
    }

    fn notify(&mut self, notices: &mut Vec<Notice>) {
        if let (Some(notify), Some(result)) = (self.notify.take(), &self.result) {
            notify(result, notices);
        }
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { result, reply, .. } = *self;
        let lost = || StoreError::Unavailable("the change was not made".to_owned());
        // Whoever asked may have hung up; what is committed stays committed.
        reply.send(committed.and_then(|()| result.ok_or_else(lost))).ok();
    }
}

/// A message that is accepted.
pub(super) struct Acceptance {
    accepting: Accepting,
    result: Option<Accepted>,
    reply: oneshot::Sender<Result<Accepted, StoreError>>,
}

impl Change for Acceptance {
    fn apply(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.result = Some(messages::accept_singly(connection, &self.accepting)?);
        Ok(())
    }

    fn notify(&mut self, notices: &mut Vec<Notice>) {
        if self.result == Some(Accepted::New) {
            let Accepting { message, deliveries, .. } = &mut self.accepting;
            notices.push(Notice::Accepted { message: message.clone(), deliveries: std::mem::take(deliveries) });
        }
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let lost = || StoreError::Unavailable("the message was not accepted".to_owned());
        self.reply.send(committed.and_then(|()| self.result.ok_or_else(lost))).ok();
    }

    fn acceptance(&mut self) -> Option<&mut Acceptance> {
        Some(self)
    }
}

/// The connection that writes, and the transaction around a batch.
pub(super) struct Writer {
    connection: Connection,
    lease: Arc<Lease>,
    feed: mpsc::UnboundedSender<Notice>,
    happenings: Happenings,
    tally: Tally,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        lease: Arc<Lease>,
        happenings: Happenings,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> (Self, Feed) {
        let (feed, notices) = mpsc::unbounded_channel();
        (Self { connection, lease, feed, happenings, tally: Tally::default(), clock, metrics }, notices)
    }

    /// Where the engine is told.
    pub(super) fn feed(&self) -> mpsc::UnboundedSender<Notice> {
        self.feed.clone()
    }

    /// Writes a batch and answers each change. Gives the records back when they could not be written.
    fn commit(&mut self, batch: Batch) -> Vec<Record> {
        let left = self.write(batch);
        self.tally.gathered(self.clock.monotonic());
        left
    }

    fn write(&mut self, batch: Batch) -> Vec<Record> {
        let Batch { mut changes, records, settling } = batch;
        let started = self.clock.monotonic();
        let with_tally = self.tally.due().is_some_and(|due| settling || due <= started);
        let mut took = Duration::ZERO;
        let together = self.connection.transaction(|connection| {
            apply_all(connection, &mut changes)?;
            let late = self.record_all(connection, &records)?;
            if with_tally {
                let started = self.clock.monotonic();
                self.tally.write(connection)?;
                took = self.clock.monotonic().saturating_sub(started);
            }
            Ok(late)
        });
        if let Ok(late) = &together {
            if with_tally {
                self.happenings.counted(|| self.tally.applications());
                self.tally.written(took);
            }
            self.metrics.committed(changes.len() + records.len());
            // The engine is told first: who has an answer may rely on it.
            let mut notices = Vec::with_capacity(changes.len() + records.len());
            changes.iter_mut().for_each(|change| change.notify(&mut notices));
            self.count(&records, late);
            notices.extend(records.into_iter().map(Record::into_notice));
            self.tell(notices);
            changes.into_iter().for_each(|change| change.answer(Ok(())));
            return Vec::new();
        }
        if with_tally {
            self.tally.put_off();
        }
        // One of them spoiled it for all: each gets a transaction of its own, as long as there is a database.
        let mut lost = None;
        for mut change in changes {
            let alone = match &lost {
                None => self.connection.transaction(|connection| change.apply(connection)),
                Some(why) => Err(StoreError::clone(why)),
            };
            lost = alone.as_ref().err().filter(|error| matches!(error, StoreError::Unavailable(_))).cloned();
            let mut notices = Vec::new();
            if alone.is_ok() {
                change.notify(&mut notices);
            }
            self.tell(notices);
            change.answer(alone);
        }
        if matches!(together, Err(StoreError::Unavailable(_))) {
            self.lease.doubt();
        }
        self.record_singly(records)
    }

    fn record_all(&self, connection: &Connection, records: &[Record]) -> Result<Late, StoreError> {
        let late = queue::record_all(connection, records)?;
        News::tell_turns(connection, &self.lease, records)?;
        Ok(late)
    }

    /// Writes each outcome by itself, so that one that can't be written holds up no other; gives back what is left.
    fn record_singly(&mut self, records: Vec<Record>) -> Vec<Record> {
        let mut left = Vec::new();
        let mut rest = records.into_iter();
        for record in rest.by_ref() {
            let alone = std::slice::from_ref(&record);
            match self.connection.transaction(|connection| self.record_all(connection, alone)) {
                Ok(late) => {
                    self.count(alone, &late);
                    self.tell(vec![record.into_notice()]);
                }
                Err(error) => {
                    tracing::error!(%error, "cannot record an outcome, trying again");
                    left.push(record);
                    if matches!(error, StoreError::Full | StoreError::Unavailable(_)) {
                        break;
                    }
                }
            }
        }
        left.extend(rest);
        left
    }

    /// Counts outcomes; those that came late are history, and were counted by whoever was in time.
    fn count(&mut self, records: &[Record], late: &Late) {
        let in_time = |record: &&Record| record.attempt.as_ref().is_ok_and(|attempt| !late.contains(&attempt.id));
        for record in records.iter().filter(|record| record.attempt.is_err() || in_time(record)) {
            self.tally.recorded(record);
        }
        if !late.is_empty() {
            let attempts = late.len();
            tracing::warn!(attempts, "outcomes came after their deliveries had been moved: each may be a repeat");
            self.metrics.late(attempts);
        }
    }

    fn tell(&mut self, notices: Vec<Notice>) {
        self.happenings.noticed(&notices);
        for notice in notices {
            if let Notice::Accepted { message, .. } = &notice {
                self.tally.accepted(message);
            }
            // Nobody listens while the server stops; what waits is found again at the next start.
            self.feed.send(notice).ok();
        }
    }
}

/// The way to the writer's thread.
pub(super) struct Committer {
    gathering: Arc<Gathering>,
    lease: Arc<Lease>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Committer {
    /// Starts the writer's thread.
    pub(super) fn start(mut writer: Writer) -> Result<Self, StoreError> {
        let gathering = Arc::new(Gathering::new(writer.clock.clone()));
        let lease = writer.lease.clone();
        let inside = gathering.clone();
        let thread = std::thread::Builder::new().name("committer".to_owned()).spawn(move || {
            while let Some(batch) = inside.take(writer.tally.due()) {
                let (changes, began) = (batch.changes.len(), writer.clock.monotonic());
                let kept = writer.commit(batch);
                if changes > 0 {
                    inside.inbox().committed(changes, writer.clock.monotonic().saturating_sub(began));
                }
                if !kept.is_empty() {
                    std::thread::sleep(Duration::from_millis(REST_MS));
                    let mut inbox = inside.inbox();
                    // Closing does not wait for a store that refuses: what is lost are outcomes, seen as repeats.
                    if !inbox.closed {
                        inbox.records.splice(0..0, kept);
                    }
                }
            }
            if !inside.inbox().abandoned {
                writer.commit(Batch { settling: true, ..Batch::default() });
            }
        })?;
        Ok(Self { gathering, lease, thread: Mutex::new(Some(thread)) })
    }

    /// Makes a change and answers once it is durable; `notify` says what the engine must know of it.
    ///
    /// # Errors
    /// When it was not made: because the store refused, or because too much waits already.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
        notify: impl FnOnce(&T, &mut Vec<Notice>) + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.hand_in(Box::new(Written { work, notify: Some(notify), result: None, reply }))?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the writer has stopped".to_owned())))
    }

    /// Keeps a message and answers once it is durable.
    ///
    /// # Errors
    /// When it was not kept: because the store refused, or because too much waits already.
    pub(super) async fn accept(&self, accepting: Accepting) -> Result<Accepted, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.hand_in(Box::new(Acceptance { accepting, result: None, reply }))?;
        answer.await.unwrap_or_else(|_| Err(StoreError::Unavailable("the writer has stopped".to_owned())))
    }

    fn hand_in(&self, change: Box<dyn Change>) -> Result<(), StoreError> {
        self.lease.check()?;
        let now = self.gathering.now();
        let rings = {
            let mut inbox = self.gathering.inbox();
            if inbox.closed {
                return Err(StoreError::Unavailable("the server is stopping".to_owned()));
            }
            if inbox.changes.len() >= CHANGES_WAITING_MAX {
                return Err(StoreError::Unavailable("too much waits to be written".to_owned()));
            }
            inbox.add_change(change, now)
        };
        if rings {
            self.gathering.ring();
        }
        Ok(())
    }

    /// Has an outcome written soon, with others.
    pub(super) fn record(&self, record: Record) {
        let now = self.gathering.now();
        if self.gathering.inbox().add_record(record, now) {
            self.gathering.ring();
        }
    }

    /// Outcomes that wait to be written.
    pub(super) fn waiting(&self) -> usize {
        self.gathering.inbox().records.len()
    }

    /// Writes what has gathered now, and what was counted before, and answers once it is durable.
    pub(super) async fn settle(&self) -> Result<(), StoreError> {
        self.gathering.inbox().settling = true;
        self.write(|_| Ok(()), |(), _| {}).await
    }

    /// Writes what has gathered and ends the writer.
    pub(super) fn close(&self) {
        self.gathering.inbox().closed = true;
        self.gathering.ring();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the writer ended badly");
        }
    }
}

impl Drop for Committer {
    /// A store that is dropped without being closed ends like a process that is killed: what was acknowledged is
    /// durable, and nothing else is written.
    fn drop(&mut self) {
        self.gathering.inbox().abandoned = true;
        self.close();
    }
}
