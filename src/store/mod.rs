//! The store: everything that outlives the process. Reading goes to a few connections that only read, writing to the
//! one committer; what routing needs is remembered in memory. It is the only place with SQL, and knows nothing of
//! HTTP, of who asks, or of when anything should be sent.

mod applications;
mod attempts;
mod audit;
mod backlog;
mod bulk;
mod cache;
mod change;
mod checkpointer;
mod claim;
mod committer;
mod connection;
mod data_directory;
mod database;
mod deliveries;
mod dialect;
mod endpoint_secrets;
mod endpoints;
mod environments;
mod error;
mod event_types;
mod examination;
mod failures;
mod figures;
mod file;
mod fresh;
mod gathering;
mod happenings;
mod idempotency;
mod inbox_requests;
mod inboxes;
mod journeys;
mod json_list;
mod keys;
mod lasting_failure;
mod lease;
mod locks;
mod master_keys;
mod member;
mod memory;
mod messages;
mod migrations;
mod moving;
mod news;
mod nodes;
mod other_clocks;
mod packed;
mod page;
mod partitions;
#[cfg(test)]
mod plans;
mod portal_looks;
mod postgres;
mod postgres_address;
mod postgres_value;
mod queue;
mod reach;
mod resealing;
mod rests;
mod retention;
mod routing;
mod schedules;
mod schemas;
mod seal;
mod search;
mod sessions;
mod sqlite;
mod tally;
mod transformations;
mod updated;
mod vault;
mod walk;
mod writer;

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};

use audit::Outcome;
use committer::Committer;
use connection::Connection;
use happenings::Happenings;
use lease::Lease;
use member::{Member, Parts};
use memory::Memory;
use writer::Desk;

pub use applications::ApplicationFilter;
pub use attempts::AttemptsPage;
pub use backlog::Backlog;
pub use claim::{Claim, Content};
pub use committer::{Feed, Notice};
pub use data_directory::{DataDirectory, DataDirectoryError};
pub use database::{Database, Seat};
pub use deliveries::{Counted, DestinedFilter, DestinedPlace, Statistics};
pub use endpoint_secrets::{Rotation, SignersThen};
pub use endpoints::EventTypeSharing;
pub use environments::Deleted;
pub use error::StoreError;
pub use event_types::Meeting;
pub use examination::{Tell, examine_database, examine_directory, examine_disk};
pub use figures::Owner;
pub use file::StoreFile;
pub use idempotency::{IDEMPOTENCY_KEY_HOURS, IdempotencyKey, Inserted, Seen};
pub use keys::{Expired, KeyChange};
pub use master_keys::{MasterKey, MasterKeys, parse_master_keys};
pub use messages::{Accepted, MessagesPage};
pub use moving::{Moved, Moving, Stage, Sum, TellMoving, move_store};
pub use page::{Listed, Page};
pub use queue::Record;
pub use reach::Reach;
pub use resealing::{OldKeys, Resealed, sealed_with_old_keys};
pub use routing::{Route, Routes};
pub use schemas::KnownSchema;
pub use search::EndpointFilter;
pub use transformations::Unfit;
pub use updated::Updated;
pub use vault::{MASTER_KEY_BYTES, Vault};
pub use walk::{Walked, WalkedPage};

use crate::clock::Clock;
use crate::domain::audit::AuditEntry;
use crate::domain::id::{Id, IdGenerator};
use crate::domain::time::Timestamp;
use crate::telemetry::Metrics;

/// Connections that only read.
pub const READERS: usize = 4;

/// The greatest id in the store, of the nouns that are made most often.
const GREATEST_ID: &str = "SELECT coalesce(max(id), 0) FROM (SELECT max(id) AS id FROM messages
    UNION ALL SELECT max(id) FROM deliveries UNION ALL SELECT max(id) FROM attempts
    UNION ALL SELECT max(id) FROM endpoints UNION ALL SELECT max(id) FROM applications
    UNION ALL SELECT max(id) FROM idempotency_keys UNION ALL SELECT max(id) FROM endpoint_secrets
    UNION ALL SELECT max(id) FROM environments UNION ALL SELECT max(id) FROM api_keys
    UNION ALL SELECT max(id) FROM inboxes UNION ALL SELECT max(id) FROM inbox_requests
    UNION ALL SELECT (SELECT max(id) FROM audit_entries WHERE environment_id = environments.id) FROM environments)
    AS greatest";

/// The store, for somebody whose changes are written down, or for Cornet itself.
pub struct Store {
    shared: Arc<Shared>,
    /// What is written down with the next change.
    entry: Option<AuditEntry>,
}

/// What the store is for everybody.
pub struct Shared {
    committer: Committer,
    database: Database,
    happenings: Happenings,
    readers: Arc<Readers>,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    ids: Arc<IdGenerator>,
    memory: Memory,
    lease: Arc<Lease>,
    /// The life among other nodes, where there can be any.
    member: Option<Member>,
}

impl Deref for Store {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Store {
    /// Opens the store in `database`, brings it up to date, and starts its writer. What the engine must know of what
    /// is written comes out of the feed.
    ///
    /// # Errors
    /// When the database is not a store of this version or of this vault's master key, or can't be used.
    pub fn open(
        database: impl Into<Database>,
        vault: Vault,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<(Arc<Self>, Feed), StoreError> {
        let database = database.into();
        moving::refuse_moved(&database)?;
        let connection = database.prepare()?;
        moving::refuse_unfinished(&connection)?;
        seal::check(&connection, &vault)?;
        if database.is_embedded() {
            let deliveries = fresh::queue_what_was_left(&connection, clock.now())?;
            if deliveries > 0 {
                tracing::info!(deliveries, "found what was accepted just before the last end, which was not in order");
            }
        } else {
            connection.transaction(|connection| partitions::make_ahead(connection, clock.now()))?;
        }
        let last = connection.first(GREATEST_ID, &[], |row| row.integer(0))?.unwrap_or_default();
        let ids = Arc::new(IdGenerator::starting_after(last, 0));
        let (happenings, memory) = (Happenings::new(!database.is_embedded()), Memory::new());
        let lease = if database.is_embedded() { Lease::endless(clock.clone()) } else { Lease::none(clock.clone()) };
        let lease = Arc::new(lease);
        let (told, feed) = mpsc::unbounded_channel();
        let desk = Desk {
            lease: lease.clone(),
            told: told.clone(),
            happenings: happenings.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
        };
        let join = |seat: &Seat| {
            let parts = Parts {
                seat: seat.clone(),
                clock: clock.clone(),
                lease: lease.clone(),
                ids: ids.clone(),
                memory: memory.clone(),
                happenings: happenings.clone(),
                feed: told,
                metrics,
            };
            Member::start(database.membership()?, parts)
        };
        let member = database.seat().map(join).transpose()?;
        let shared = Shared {
            committer: Committer::start(database.writers(connection)?, &desk)?,
            happenings,
            readers: Arc::new(Readers::new(database.clone())),
            database,
            vault: Arc::new(vault),
            clock,
            ids,
            memory,
            lease,
            member,
        };
        Ok((Arc::new(Self { shared: Arc::new(shared), entry: None }), feed))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The monotonic time.
    pub fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// An id that no other noun has.
    pub fn next_id<K>(&self) -> Id<K> {
        self.ids.next(self.now())
    }

    /// Whether the store can be read and written right now.
    ///
    /// # Errors
    /// Why it can't.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.read(|connection| connection.first("SELECT 1", &[], |_| Ok(()))).await?;
        // A transaction that changes nothing is kept on a full or read-only disk, too.
        self.write(seal::try_writing).await
    }

    /// Writes the outcomes that have gathered so far, and answers once they are durable. The figures then have what was
    /// recorded before; a second time, they have these outcomes too.
    ///
    /// # Errors
    /// When the store could not.
    pub async fn settle(&self) -> Result<(), StoreError> {
        self.committer.settle().await
    }

    /// Writes what waits to be written, stops writing, and leaves the nodes.
    pub fn close(&self) {
        self.committer.close();
        if let Some(member) = &self.member {
            member.leave();
        }
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        // A line that has been silent for so long may be dead, and whoever asks would wait for nothing.
        self.lease.check()?;
        let readers = self.readers.clone();
        let permit = readers.permits.clone().acquire_owned().await;
        let permit = permit.map_err(|_| StoreError::Unavailable("the store is closed".to_owned()))?;
        let reading = tokio::task::spawn_blocking(move || {
            let result = readers.with(work);
            drop(permit);
            result
        });
        reading.await.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
    }

    /// Reads where it counts what waits: what was accepted a moment ago is put into the queue first, unless the store can't
    /// be written just now.
    async fn read_queue<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if let Err(error) = self.committer.queue_fresh().await {
            tracing::debug!(%error, "the queue is read without what was accepted a moment ago");
        }
        self.read(work).await
    }

    async fn write<T: Outcome + Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.committer.write(self.noted(work, T::is_change), |_, _| {}).await
    }
}

/// The connections that only read. They are opened when they are needed first: each has a memory of its own.
struct Readers {
    database: Database,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    fn new(database: Database) -> Self {
        Self { database, idle: Mutex::default(), permits: Arc::new(Semaphore::new(READERS)) }
    }

    /// Works with a connection that nobody else uses; there may be one for each permit.
    fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let taken = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = taken.map_or_else(|| self.database.reader(), Ok)?;
        let result = work(&connection);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        result
    }
}
