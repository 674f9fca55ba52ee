//! A connection to the embedded database: SQLite with a write-ahead log, each commit synced. It knows no noun.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use rusqlite::OpenFlags;
use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::checkpointer::Checkpointer;
use super::connection::{Parameter, Row};
use super::error::StoreError;

/// How long a reader waits for a lock before it gives up; the writer is alone and never waits.
const BUSY_MS: u64 = 5_000;
/// Statements kept prepared on each connection.
const STATEMENTS_MAX: usize = 128;

impl rusqlite::ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// One connection.
pub struct Sqlite(rusqlite::Connection);

impl Sqlite {
    /// Opens the database file for writing, and makes it when it is not there.
    pub(super) fn writer(path: &Path) -> Result<Self, StoreError> {
        let mut connection = rusqlite::Connection::open(path)?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        let mut checkpointer = Checkpointer::new(path);
        connection.wal_hook(Some(move |log: &mut Wal, pages| {
            // The commit is kept, whatever comes of this.
            if checkpointer.committed(u32::try_from(pages).unwrap_or_default())
                && let Err(error) = log.checkpoint()
            {
                tracing::warn!(%error, "the store's log could not be copied into its file, trying again");
            }
            Ok(())
        }))?;
        Self::prepared(connection)
    }

    /// Opens the database file for reading only.
    pub(super) fn reader(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Self::prepared(rusqlite::Connection::open_with_flags(path, flags)?)
    }

    /// Opens the database file for nobody but this connection, to read all of it. What is in the log stays there.
    pub(super) fn alone(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(path, flags)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let locked = connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE; SELECT count(*) FROM sqlite_schema");
        locked.map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy) => {
                StoreError::Unavailable(format!("{} is in use: end the server or whatever has it open", path.display()))
            }
            _ => error.into(),
        })?;
        Self::prepared(connection)
    }

    fn prepared(connection: rusqlite::Connection) -> Result<Self, StoreError> {
        connection.busy_timeout(Duration::from_millis(BUSY_MS))?;
        connection.execute_batch("PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY;")?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        Ok(Self(connection))
    }

    /// Runs statements that take no parameters and answer nothing.
    pub(super) fn run(&self, sql: &str) -> Result<(), StoreError> {
        Ok(self.0.execute_batch(sql)?)
    }

    /// Runs one statement and says how many rows it changed.
    pub(super) fn execute(&self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<usize, StoreError> {
        Ok(self.prepare(sql)?.execute(rusqlite::params_from_iter(parameters))?)
    }

    /// A statement that is looked up once, to be run many times.
    pub(super) fn prepare(&self, sql: &'static str) -> Result<rusqlite::CachedStatement<'_>, StoreError> {
        Ok(self.0.prepare_cached(sql)?)
    }

    /// Runs one query and shows its rows to `look` until it says that it has seen enough.
    pub(super) fn visit(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
        mut look: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(parameters))?;
        while let Some(row) = rows.next()? {
            if look(&Row::Sqlite(row))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Runs one query and reads its first row, if it has one.
    pub(super) fn first<T>(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(parameters))?;
        rows.next()?.map(|row| read(&Row::Sqlite(row))).transpose()
    }

    /// How the database would answer a query, step by step.
    #[cfg(test)]
    pub fn plan(&self, sql: &str) -> Result<Vec<String>, StoreError> {
        let mut statement = self.0.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
        let nothing = vec![rusqlite::types::Null; statement.parameter_count()];
        let mut rows = statement.query(rusqlite::params_from_iter(nothing))?;
        let mut steps = Vec::new();
        while let Some(row) = rows.next()? {
            steps.push(row.get(3)?);
        }
        Ok(steps)
    }
}
