//! Those who write. Producers' changes and the engine's outcomes gather before them (`gathering.rs`); each takes what is ripe,
//! writes it in one transaction with one sync (`writer.rs`), and only then answers. A file has one of them. On a server there
//! are several, each on a connection of its own, so that one writes while another waits for its sync. It does not know what a
//! change is about.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;

use super::change::{Acceptance, Queueing, Written};
use super::connection::Connection;
use super::error::StoreError;
use super::fresh::{Fresh, FreshCount};
use super::gathering::{Batch, Gathering, Inbox};
use super::lease::Lease;
use super::messages::{Accepted, Accepting};
use super::queue::Record;
use super::writer::{Desk, Writer};
use crate::domain::delivery::Delivery;
use crate::domain::endpoint::Rest;
use crate::domain::id::EndpointId;
use crate::domain::message::Message;
use crate::domain::time::Timestamp;

/// Changes that wait before further ones are refused.
const CHANGES_WAITING_MAX: usize = 16_384;
/// How long one that writes rests after the database refused a batch of outcomes, before it tries again.
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

/// The way to those who write.
pub(super) struct Committer {
    gathering: Arc<Gathering>,
    lease: Arc<Lease>,
    fresh_count: FreshCount,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Writes what is ripe, batch by batch, until nothing more will come.
fn write_on(gathering: &Gathering, number: usize, mut writer: Writer, desk: &Desk) {
    while let Some(batch) = gathering.take(number, writer.due()) {
        let (written, changing) = (batch.messages.len() + batch.changes.len(), batch.changing);
        let began = desk.clock.monotonic();
        let kept = writer.commit(batch);
        gathering.committed(written, changing, desk.clock.monotonic().saturating_sub(began));
        if !kept.is_empty() {
            std::thread::sleep(Duration::from_millis(REST_MS));
            let mut inbox = gathering.inbox();
            // Closing does not wait for a store that refuses: what is lost are outcomes, seen as repeats.
            if !inbox.closed {
                inbox.put_back(kept);
            }
        }
    }
    if !gathering.inbox().abandoned {
        writer.commit(Batch { settling: true, ..Batch::default() });
    }
}

impl Committer {
    /// Starts a thread for each connection that writes.
    pub(super) fn start(connections: Vec<Connection>, desk: &Desk) -> Result<Self, StoreError> {
        let gathering = Arc::new(Gathering::new(connections.len(), desk.clock.clone()));
        let fresh_count = FreshCount::default();
        let start = |(number, connection)| {
            let (gathering, desk) = (gathering.clone(), desk.clone());
            let fresh = matches!(connection, Connection::Sqlite(_))
                .then(|| Fresh::begin(&connection, fresh_count.clone()))
                .transpose()?;
            let writer = Writer::new(connection, desk.clone(), fresh);
            let thread = std::thread::Builder::new().name(format!("writer-{number}"));
            Ok::<_, StoreError>(thread.spawn(move || write_on(&gathering, number, writer, &desk))?)
        };
        let threads = connections.into_iter().enumerate().map(start).collect::<Result<_, _>>()?;
        Ok(Self { gathering, lease: desk.lease.clone(), fresh_count, threads: Mutex::new(threads) })
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
        let (change, answer) = Written::new(work, notify);
        self.hand_in(|inbox, now| inbox.add_change(Box::new(change), now))?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Has everything that waits in the queue that was accepted so far.
    ///
    /// # Errors
    /// When the store could not.
    pub(super) async fn queue_fresh(&self) -> Result<(), StoreError> {
        if self.fresh_count.load(Ordering::SeqCst) == 0 {
            return Ok(());
        }
        // Before any change, all get their rows.
        self.write(|_| Ok(()), |(), _| {}).await
    }

    /// Has everything in the queue that was accepted for this endpoint so far.
    ///
    /// # Errors
    /// When the store could not.
    pub(super) async fn queue_fresh_of(&self, endpoint_id: EndpointId) -> Result<(), StoreError> {
        if self.fresh_count.load(Ordering::SeqCst) == 0 {
            return Ok(());
        }
        let (change, answer) = Queueing::new(endpoint_id);
        self.hand_in(|inbox, now| inbox.add_change(Box::new(change), now))?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Keeps a message and answers once it is durable.
    ///
    /// # Errors
    /// When it was not kept: because the store refused, or because too much waits already.
    pub(super) async fn accept(&self, accepting: Accepting) -> Result<Accepted, StoreError> {
        let (message, answer) = Acceptance::new(accepting);
        self.hand_in(|inbox, now| inbox.add_message(message, now))?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    fn hand_in(&self, add: impl FnOnce(&mut Inbox, Duration) -> bool) -> Result<(), StoreError> {
        self.lease.check()?;
        let now = self.gathering.now();
        let rings = {
            let mut inbox = self.gathering.inbox();
            if inbox.closed {
                return Err(StoreError::Unavailable("the server is stopping".to_owned()));
            }
            if inbox.waiting() >= CHANGES_WAITING_MAX {
                return Err(StoreError::Unavailable("too much waits to be written".to_owned()));
            }
            add(&mut inbox, now)
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

    /// Has the outcomes written at once that wait for others.
    pub(super) fn hurry(&self) {
        self.gathering.inbox().hurry();
        self.gathering.ring();
    }

    /// Outcomes that wait to be written.
    pub(super) fn waiting(&self) -> usize {
        self.gathering.inbox().records_waiting()
    }

    /// Writes what has gathered now, and what was counted before, and answers once it is durable.
    pub(super) async fn settle(&self) -> Result<(), StoreError> {
        let mut answers = Vec::new();
        self.gathering.settle(|| {
            let (change, answer) = Written::new(|_: &Connection| Ok(()), |(): &(), _: &mut Vec<Notice>| {});
            answers.push(answer);
            Box::new(change)
        });
        for answer in answers {
            answer.await.unwrap_or_else(|_| Err(stopped()))?;
        }
        Ok(())
    }

    /// Writes what has gathered and ends those who write.
    pub(super) fn close(&self) {
        self.gathering.inbox().closed = true;
        self.gathering.ring_all();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("one that writes ended badly");
            }
        }
    }
}

/// Why nobody answers.
fn stopped() -> StoreError {
    StoreError::Unavailable("the writer has stopped".to_owned())
}

impl Drop for Committer {
    /// A store that is dropped without being closed ends like a process that is killed: what was acknowledged is
    /// durable, and nothing else is written.
    fn drop(&mut self) {
        self.gathering.inbox().abandoned = true;
        self.close();
    }
}
