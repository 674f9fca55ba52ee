//! One connection to the database, and the few kinds of value that go through it. SQL is written for it once, with
//! `?1` for the first parameter, whichever database answers; it knows no noun.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::error::StoreError;
use super::postgres::{Postgres, PostgresAddress, Use};
use super::postgres_value::Plain;
use super::sqlite::Sqlite;

/// How often a transaction is tried that the database gave up for the sake of another.
const TRIES_MAX: usize = 5;

const LOCK: &str = "SELECT pg_advisory_xact_lock(?1)";
const TRY_LOCK: &str = "SELECT pg_try_advisory_xact_lock(?1)";

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

/// One row of an answer.
pub enum Row<'a> {
    /// Of SQLite.
    Sqlite(&'a rusqlite::Row<'a>),
    /// Of PostgreSQL.
    Postgres(&'a tokio_postgres::Row),
}

impl Row<'_> {
    fn optional<T>(&self, column: usize) -> Result<Option<T>, StoreError>
    where
        T: rusqlite::types::FromSql,
        Plain<T>: for<'a> tokio_postgres::types::FromSql<'a>,
    {
        let damaged = |error: String| StoreError::Corrupt(format!("column {column}: {error}"));
        match self {
            Self::Sqlite(row) => row.get(column).map_err(|error| damaged(error.to_string())),
            Self::Postgres(row) => {
                let found: Option<Plain<T>> = row.try_get(column).map_err(|error| damaged(error.to_string()))?;
                Ok(found.map(|Plain(value)| value))
            }
        }
    }

    fn get<T>(&self, column: usize) -> Result<T, StoreError>
    where
        T: rusqlite::types::FromSql,
        Plain<T>: for<'a> tokio_postgres::types::FromSql<'a>,
    {
        self.optional(column)?.ok_or_else(|| StoreError::Corrupt(format!("column {column} is empty")))
    }

    /// The number in `column`.
    pub fn integer(&self, column: usize) -> Result<i64, StoreError> {
        self.get(column)
    }

    /// The number in `column`, or nothing.
    pub fn optional_integer(&self, column: usize) -> Result<Option<i64>, StoreError> {
        self.optional(column)
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
        self.optional(column)
    }

    /// The bytes in `column`.
    pub fn bytes(&self, column: usize) -> Result<Vec<u8>, StoreError> {
        self.get(column)
    }

    /// The bytes in `column`, or nothing.
    pub fn optional_bytes(&self, column: usize) -> Result<Option<Vec<u8>>, StoreError> {
        self.optional(column)
    }
}

/// One connection.
pub enum Connection {
    /// To the embedded database.
    Sqlite(Sqlite),
    /// To a PostgreSQL server.
    Postgres(Postgres),
}

/// A statement that runs for many rows.
pub enum Statement<'c> {
    /// Looked up in the embedded database.
    Sqlite(rusqlite::CachedStatement<'c>),
    /// A server's, which its connection remembers.
    Postgres(&'c Postgres, &'static str),
}

impl Statement<'_> {
    /// Runs it for one row and says how many it changed.
    ///
    /// # Errors
    /// When the database refuses it.
    pub fn execute(&mut self, parameters: &[Parameter<'_>]) -> Result<usize, StoreError> {
        match self {
            Self::Sqlite(statement) => Ok(statement.execute(rusqlite::params_from_iter(parameters))?),
            Self::Postgres(postgres, sql) => postgres.execute(sql, parameters),
        }
    }
}

impl Connection {
    /// Opens the database file for writing, and makes it when it is not there.
    ///
    /// # Errors
    /// When the file can't be opened or is not a database.
    pub fn writer(path: &Path) -> Result<Self, StoreError> {
        Sqlite::writer(path).map(Self::Sqlite)
    }

    /// Opens the database file for reading only.
    ///
    /// # Errors
    /// When the file can't be opened or is not a database.
    pub fn reader(path: &Path) -> Result<Self, StoreError> {
        Sqlite::reader(path).map(Self::Sqlite)
    }

    /// Connects to a PostgreSQL server, for a node that lives on such a lease.
    ///
    /// # Errors
    /// When the server can't be reached or does not let us in.
    pub fn to_server(address: Arc<PostgresAddress>, for_use: Use, lease: Duration) -> Result<Self, StoreError> {
        Postgres::connect(address, for_use, lease).map(Self::Postgres)
    }

    /// Runs statements that take no parameters and answer nothing.
    ///
    /// # Errors
    /// When the database refuses one; those before it have been run.
    pub fn run(&self, sql: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.run(sql),
            Self::Postgres(postgres) => postgres.run(sql),
        }
    }

    /// Does `work` in a transaction: all of it is kept, or nothing. It is done again when the database gave it up for
    /// the sake of another transaction.
    ///
    /// # Errors
    /// When `work` fails or the database refuses to keep it.
    pub fn transaction<T>(&self, mut work: impl FnMut(&Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut tries = 1;
        loop {
            self.begin()?;
            let done = work(self).and_then(|result| self.commit().map(|()| result));
            match done {
                Err(StoreError::Contended(_)) if tries < TRIES_MAX => {
                    tries += 1;
                    self.roll_back();
                }
                Err(error) => {
                    self.roll_back();
                    return Err(error);
                }
                Ok(result) => return Ok(result),
            }
        }
    }

    fn begin(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.execute("BEGIN IMMEDIATE", &[]).map(|_| ()),
            Self::Postgres(postgres) => {
                postgres.begin();
                Ok(())
            }
        }
    }

    fn commit(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.execute("COMMIT", &[]).map(|_| ()),
            Self::Postgres(postgres) => postgres.commit(),
        }
    }

    fn roll_back(&self) {
        match self {
            // SQLite has rolled back by itself after some errors; then this says so and does no harm.
            Self::Sqlite(sqlite) => _ = sqlite.run("ROLLBACK"),
            Self::Postgres(postgres) => postgres.roll_back(),
        }
    }

    /// Runs one statement and says how many rows it changed.
    ///
    /// # Errors
    /// When the database refuses it.
    pub fn execute(&self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<usize, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.execute(sql, parameters),
            Self::Postgres(postgres) => postgres.execute(sql, parameters),
        }
    }

    /// A statement that is to run for many rows. Looking it up costs a tenth of what running it for one does.
    ///
    /// # Errors
    /// When the database does not understand it.
    pub fn prepare(&self, sql: &'static str) -> Result<Statement<'_>, StoreError> {
        Ok(match self {
            Self::Sqlite(sqlite) => Statement::Sqlite(sqlite.prepare(sql)?),
            Self::Postgres(postgres) => Statement::Postgres(postgres, sql),
        })
    }

    /// Locks everybody else out who locks this number on the same server, until the transaction ends. A file has one
    /// writer anyway.
    ///
    /// # Errors
    /// When it takes too long.
    pub fn lock(&self, number: i64) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(_) => self.execute(LOCK, &[number.into()]).map(|_| ()),
        }
    }

    /// The same, unless somebody else has locked it already; answers whether it did.
    ///
    /// # Errors
    /// When the server can't be asked.
    pub fn try_lock(&self, number: i64) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(true),
            Self::Postgres(_) => Ok(self.first(TRY_LOCK, &[number.into()], |row| row.boolean(0))?.unwrap_or_default()),
        }
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
        match self {
            Self::Sqlite(sqlite) => {
                let mut found = Vec::new();
                sqlite.visit(sql, parameters, |row| {
                    found.push(read(row)?);
                    Ok(ControlFlow::Continue(()))
                })?;
                Ok(found)
            }
            Self::Postgres(postgres) => {
                postgres.query(sql, parameters)?.iter().map(|row| read(&Row::Postgres(row))).collect()
            }
        }
    }

    /// Runs one query and shows its rows to `look` until it says that it has seen enough.
    ///
    /// # Errors
    /// When the database refuses it or `look` fails.
    pub fn visit(
        &self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
        look: impl FnMut(&Row<'_>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.visit(sql, parameters, look),
            Self::Postgres(postgres) => postgres.visit(sql, parameters, look),
        }
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
        match self {
            Self::Sqlite(sqlite) => sqlite.first(sql, parameters, read),
            Self::Postgres(postgres) => {
                let rows = postgres.query(sql, parameters)?;
                rows.first().map(|row| read(&Row::Postgres(row))).transpose()
            }
        }
    }

    /// How often it was opened. A file is never lost.
    pub fn opened(&self) -> usize {
        match self {
            Self::Sqlite(_) => 1,
            Self::Postgres(postgres) => postgres.opened(),
        }
    }

    /// What others have told through the server, waited for as long as `wait`, or until it rings.
    ///
    /// # Errors
    /// When the connection is lost; what is told then is not heard.
    pub fn hear(&self, wait: Duration, rings: &Notify) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(Vec::new()),
            Self::Postgres(postgres) => postgres.hear(async {
                // Whether it rang or the time is over, it is looked what there is to do.
                tokio::time::timeout(wait, rings.notified()).await.ok();
            }),
        }
    }

    /// How the database would answer a query, step by step.
    #[cfg(test)]
    pub fn plan(&self, sql: &'static str) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Sqlite(sqlite) => sqlite.plan(sql),
            Self::Postgres(postgres) => postgres.plan(sql),
        }
    }
}
