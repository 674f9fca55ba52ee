//! The store: everything that outlives the process. Reading goes to a few connections that only read, writing to the
//! one committer; what routing needs is remembered in memory. It is the only place with SQL, and knows nothing of
//! HTTP, of who asks, or of when anything should be sent.

mod applications;
mod attempts;
mod backlog;
mod bulk;
mod cache;
mod checkpointer;
mod committer;
mod connection;
mod data_directory;
mod database;
mod deliveries;
mod dialect;
mod endpoints;
mod environments;
mod error;
mod event_types;
mod examination;
mod failures;
mod figures;
mod file;
mod gathering;
mod happenings;
mod idempotency;
mod inbox_requests;
mod inboxes;
mod journeys;
mod json_list;
mod keys;
mod messages;
mod migrations;
mod moving;
mod packed;
mod page;
mod partitions;
#[cfg(test)]
mod plans;
mod portal_looks;
mod postgres;
mod postgres_address;
mod queue;
mod reach;
mod retention;
mod routing;
mod schedules;
mod schemas;
mod seal;
mod search;
mod sessions;
mod sqlite;
mod tally;
mod updated;
mod vault;
mod walk;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use cache::Cache;
use committer::{Committer, Writer};
use connection::Connection;
use happenings::Happenings;

pub use applications::ApplicationFilter;
pub use attempts::AttemptsPage;
pub use backlog::Backlog;
pub use committer::{Feed, Notice};
pub use data_directory::{DataDirectory, DataDirectoryError, master_key_in, parse_master_key};
pub use database::Database;
pub use deliveries::{Counted, DestinedFilter, DestinedPlace, Statistics};
pub use endpoints::{EventTypeSharing, Rotation, SignersThen};
pub use environments::Deleted;
pub use error::StoreError;
pub use event_types::Meeting;
pub use examination::{Tell, examine_database, examine_directory, examine_disk};
pub use figures::Owner;
pub use file::StoreFile;
pub use idempotency::{IDEMPOTENCY_KEY_HOURS, IdempotencyKey, Inserted, Seen};
pub use keys::{Expired, KeyChange};
pub use messages::{Accepted, MessagesPage};
pub use moving::{Moved, Moving, Stage, Sum, TellMoving, move_store};
pub use page::{Listed, Page};
pub use queue::{Claim, Content, Record};
pub use reach::Reach;
pub use routing::{Route, Routes};
pub use schemas::KnownSchema;
pub use search::EndpointFilter;
pub use updated::Updated;
pub use vault::{MASTER_KEY_BYTES, Vault};
pub use walk::{Walked, WalkedPage};

use crate::clock::Clock;
use crate::domain::id::{ApplicationId, EnvironmentId, Id, IdGenerator};
use crate::domain::key::{ApiKey, KeyHash};
use crate::domain::time::Timestamp;
use crate::telemetry::Metrics;

/// Connections that only read.
pub const READERS: usize = 4;
/// Applications and endpoints whose routes are remembered.
const ROUTES_REMEMBERED_MAX: u64 = 200_000;
/// API keys and uids that are remembered.
const NAMES_REMEMBERED_MAX: u64 = 50_000;
/// Schemas that are remembered; a large one counts for several.
const SCHEMAS_REMEMBERED_MAX: u64 = 4_096;

/// The greatest id in the store, of the nouns that are made most often.
const GREATEST_ID: &str = "SELECT coalesce(max(id), 0) FROM (SELECT max(id) AS id FROM messages
    UNION ALL SELECT max(id) FROM deliveries UNION ALL SELECT max(id) FROM attempts
    UNION ALL SELECT max(id) FROM endpoints UNION ALL SELECT max(id) FROM applications
    UNION ALL SELECT max(id) FROM idempotency_keys UNION ALL SELECT max(id) FROM endpoint_secrets
    UNION ALL SELECT max(id) FROM environments UNION ALL SELECT max(id) FROM api_keys
    UNION ALL SELECT max(id) FROM inboxes UNION ALL SELECT max(id) FROM inbox_requests) AS greatest";

/// The store.
pub struct Store {
    committer: Committer,
    database: Database,
    happenings: Happenings,
    readers: Arc<Readers>,
    vault: Arc<Vault>,
    clock: Arc<dyn Clock>,
    ids: IdGenerator,
    routes: Arc<Cache<ApplicationId, Routes>>,
    application_ids: Arc<Cache<(EnvironmentId, String), ApplicationId>>,
    keys: Arc<Cache<KeyHash, ApiKey>>,
    schemas: Arc<Cache<(EnvironmentId, String), KnownSchema>>,
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
        if !database.is_embedded() {
            connection.transaction(|connection| partitions::make_ahead(connection, clock.now()))?;
        }
        let last = connection.first(GREATEST_ID, &[], |row| row.integer(0))?.unwrap_or_default();
        let happenings = Happenings::new();
        let (writer, feed) = Writer::new(connection, happenings.clone(), clock.clone(), metrics);
        let store = Self {
            committer: Committer::start(writer)?,
            happenings,
            readers: Arc::new(Readers::new(database.clone())),
            database,
            vault: Arc::new(vault),
            clock,
            ids: IdGenerator::starting_after(last, 0),
            routes: Arc::new(Cache::new(ROUTES_REMEMBERED_MAX)),
            application_ids: Arc::new(Cache::new(NAMES_REMEMBERED_MAX)),
            keys: Arc::new(Cache::new(NAMES_REMEMBERED_MAX)),
            schemas: Arc::new(Cache::new(SCHEMAS_REMEMBERED_MAX)),
        };
        Ok((Arc::new(store), feed))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
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

    /// Writes what waits to be written and stops writing.
    pub fn close(&self) {
        self.committer.close();
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
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

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.committer.write(work, |_, _| {}).await
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
