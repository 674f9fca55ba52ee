//! One connection to the database, and the few kinds of value that go through it. SQL is written for it once, with
//! `?1` for the first parameter; it knows no noun.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use rusqlite::OpenFlags;
use rusqlite::types::{ToSqlOutput, ValueRef};

use super::error::StoreError;

/// How long a reader waits for a lock before it gives up; the writer is alone and never waits.
const BUSY_MS: u64 = 5_000;
/// Statements kept prepared on each connection.
const STATEMENTS_MAX: usize = 128;
/// Pages in the log before it is copied into the database file (STORE.md).
const CHECKPOINT_PAGES: u32 = 16_000;

/// A value that goes into a statement.
#[derive(Clone, Copy, Debug)]
pub enum Parameter<'a> {
    /// Nothing.
    Null,
    /// A number, a time in milliseconds, or a truth as 0 or 1.
    Integer(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

impl From<i64> for Parameter<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for Parameter<'_> {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<bool> for Parameter<'_> {
    fn from(truth: bool) -> Self {
        Self::Integer(truth.into())
    }
}

impl<K> From<crate::domain::id::Id<K>> for Parameter<'_> {
    fn from(id: crate::domain::id::Id<K>) -> Self {
        Self::Integer(id.number())
    }
}

impl From<crate::domain::time::Timestamp> for Parameter<'_> {
    fn from(time: crate::domain::time::Timestamp) -> Self {
        Self::Integer(time.as_ms())
    }
}

impl<'a> From<&'a str> for Parameter<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Parameter<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Parameter<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Blob(bytes)
    }
}

impl<'a, T: Into<Parameter<'a>>> From<Option<T>> for Parameter<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

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

/// One row of an answer.
pub struct Row<'a>(&'a rusqlite::Row<'a>);

impl Row<'_> {
    fn get<T: rusqlite::types::FromSql>(&self, column: usize) -> Result<T, StoreError> {
        self.0.get(column).map_err(|error| StoreError::Corrupt(format!("column {column}: {error}")))
    }

    /// The number in `column`.
    pub fn integer(&self, column: usize) -> Result<i64, StoreError> {
        self.get(column)
    }

    /// The number in `column`, or nothing.
    pub fn optional_integer(&self, column: usize) -> Result<Option<i64>, StoreError> {
        self.get(column)
    }

    /// The truth in `column`.
    pub fn boolean(&self, column: usize) -> Result<bool, StoreError> {
        Ok(self.integer(column)? != 0)
    }

    /// The id in `column`.
    pub fn id<K>(&self, column: usize) -> Result<crate::domain::id::Id<K>, StoreError> {
        self.integer(column).map(crate::domain::id::Id::from_number)
    }

    /// The time in `column`.
    pub fn time(&self, column: usize) -> Result<crate::domain::time::Timestamp, StoreError> {
        self.integer(column).map(crate::domain::time::Timestamp::from_ms)
    }

    /// The text in `column`.
    pub fn text(&self, column: usize) -> Result<String, StoreError> {
        self.get(column)
    }

    /// The text in `column`, or nothing.
    pub fn optional_text(&self, column: usize) -> Result<Option<String>, StoreError> {
        self.get(column)
    }

    /// The bytes in `column`.
    pub fn bytes(&self, column: usize) -> Result<Vec<u8>, StoreError> {
        self.get(column)
    }

    /// The bytes in `column`, or nothing.
    pub fn optional_bytes(&self, column: usize) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(column)
    }
}

/// One connection.
pub struct Connection(rusqlite::Connection);

impl Connection {
    /// Opens the database file for writing, and makes it when it is not there.
    ///
    /// # Errors
    /// When the file can't be opened or is not a database.
    pub fn writer(path: &Path) -> Result<Self, StoreError> {
        let connection = rusqlite::Connection::open(path)?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        Self::prepared(connection)
    }

    /// Opens the database file for reading only.
    ///
    /// # Errors
    /// When the file can't be opened or is not a database.
    pub fn reader(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Self::prepared(rusqlite::Connection::open_with_flags(path, flags)?)
    }

    fn prepared(connection: rusqlite::Connection) -> Result<Self, StoreError> {
        connection.busy_timeout(Duration::from_millis(BUSY_MS))?;
        connection.execute_batch("PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY;")?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        Ok(Self(connection))
    }

    /// Runs statements that take no parameters and answer nothing.
    ///
    /// # Errors
    /// When the database refuses one; those before it have been run.
    pub fn run(&self, sql: &str) -> Result<(), StoreError> {
        Ok(self.0.execute_batch(sql)?)
    }

    /// Runs one statement and says how many rows it changed.
    ///
    /// # Errors
    /// When the database refuses it.
    pub fn execute(&self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<usize, StoreError> {
        let mut statement = self.0.prepare_cached(sql)?;
        Ok(statement.execute(rusqlite::params_from_iter(parameters))?)
    }

    /// Runs one query and reads each of its rows with `read`.
    ///
    /// # Errors
    /// When the database refuses it or a row is not what `read` expects.
    pub fn query<T>(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(parameters))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read(&Row(row))?);
        }
        Ok(found)
    }

    /// Runs one query and shows its rows to `look` until it says that it has seen enough.
    ///
    /// # Errors
    /// When the database refuses it or `look` fails.
    pub fn visit(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
        mut look: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(parameters))?;
        while let Some(row) = rows.next()? {
            if look(&Row(row))?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Runs one query and reads its first row, if it has one.
    ///
    /// # Errors
    /// When the database refuses it or the row is not what `read` expects.
    pub fn first<T>(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(rusqlite::params_from_iter(parameters))?;
        rows.next()?.map(|row| read(&Row(row))).transpose()
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
