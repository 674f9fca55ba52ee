//! Brings a database to the shape that this version expects, step by step, each step once and in a transaction. It
//! refuses a database that a newer version has changed. Both kinds of database take the same steps, each in its own
//! words. The version of a file is SQLite's own `user_version`; on a server it is the number of rows of `migrations`,
//! which remember what was run, and one node at a time looks and applies.

use aws_lc_rs::digest;

use super::connection::Connection;
use super::error::StoreError;

/// A step in both words; one that has been released is never changed.
struct Step {
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! steps {
    ($($name:literal),*) => {
        &[$(Step {
            name: $name,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../../migrations/postgres/", $name, ".sql")),
        }),*]
    };
}

/// Every step, in order.
const STEPS: &[Step] = steps![
    "0001_foundation",
    "0002_figures",
    "0003_inboxes",
    "0004_attempt_details",
    "0005_sessions",
    "0006_event_ids",
    "0007_nodes",
    "0008_audit_entries",
    "0009_order",
    "0010_filter",
    "0011_transformations",
    "0012_fresh"
];

/// Held by the node that looks and applies; the number means nothing else.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7230914835106)";
const TABLE: &str = "CREATE TABLE IF NOT EXISTS migrations
    (step BIGINT PRIMARY KEY, name TEXT COLLATE \"C\" NOT NULL, checksum BYTEA NOT NULL)";
const HAS_TABLE: &str = "SELECT to_regclass('migrations') IS NOT NULL";
const VERSION_OF_SERVER: &str = "SELECT count(*) FROM migrations";
const VERSION_OF_FILE: &str = "PRAGMA user_version";
const DONE: &str = "SELECT name, checksum FROM migrations ORDER BY step";
const REMEMBER: &str = "INSERT INTO migrations (step, name, checksum) VALUES (?1, ?2, ?3)";

/// Applies the steps that `connection` lacks.
///
/// # Errors
/// When the database is of a newer version, or refuses a step.
pub fn apply(connection: &Connection) -> Result<(), StoreError> {
    apply_until(connection, STEPS.len())
}

fn apply_until(connection: &Connection, last: usize) -> Result<(), StoreError> {
    match connection {
        Connection::Sqlite(_) => apply_to_file(connection, last),
        Connection::Postgres(_) => connection.transaction(|connection| apply_to_server(connection, last)),
    }
}

fn refuse_newer(done: usize) -> Result<(), StoreError> {
    if done > STEPS.len() {
        return Err(StoreError::Unavailable(format!(
            "its schema is version {done} and this Cornet knows {}: start the newer Cornet that wrote it",
            STEPS.len()
        )));
    }
    Ok(())
}

/// How many steps there are.
pub(super) const fn known() -> usize {
    STEPS.len()
}

/// How many steps have been taken.
///
/// # Errors
/// When the database can't be read.
pub(super) fn done(connection: &Connection) -> Result<usize, StoreError> {
    let done = match connection {
        Connection::Sqlite(_) => connection.first(VERSION_OF_FILE, &[], |row| row.integer(0))?,
        Connection::Postgres(_) => match connection.first(HAS_TABLE, &[], |row| row.boolean(0))? {
            Some(true) => connection.first(VERSION_OF_SERVER, &[], |row| row.integer(0))?,
            _ => None,
        },
    };
    Ok(usize::try_from(done.unwrap_or_default()).unwrap_or(usize::MAX))
}

fn apply_to_file(connection: &Connection, last: usize) -> Result<(), StoreError> {
    let done = done(connection)?;
    refuse_newer(done)?;
    for (place, Step { name, sqlite, .. }) in STEPS.iter().enumerate().take(last).skip(done) {
        let step = format!("BEGIN IMMEDIATE; {sqlite} PRAGMA user_version = {}; COMMIT;", place + 1);
        if let Err(error) = connection.run(&step) {
            connection.run("ROLLBACK").ok();
            return Err(StoreError::Database(format!("migration {name}: {error}")));
        }
    }
    Ok(())
}

fn apply_to_server(connection: &Connection, last: usize) -> Result<(), StoreError> {
    connection.execute(LOCK, &[])?;
    connection.run(TABLE)?;
    let done = connection.query(DONE, &[], |row| Ok((row.text(0)?, row.bytes(1)?)))?;
    refuse_newer(done.len())?;
    for (Step { name, postgres, .. }, (done_name, checksum)) in STEPS.iter().zip(&done) {
        if name != done_name || *checksum != checksum_of(postgres) {
            return Err(StoreError::Unavailable(format!(
                "its schema was made by a step {done_name} that is not this Cornet's {name}: is it another program's?"
            )));
        }
    }
    for (place, Step { name, postgres, .. }) in STEPS.iter().enumerate().take(last).skip(done.len()) {
        connection.run(postgres).map_err(|error| match error {
            StoreError::Database(why) => StoreError::Database(format!("migration {name}: {why}")),
            error => error,
        })?;
        let step = i64::try_from(place).unwrap_or(i64::MAX);
        connection.execute(REMEMBER, &[step.into(), (*name).into(), checksum_of(postgres).as_slice().into()])?;
    }
    Ok(())
}

fn checksum_of(sql: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, sql.as_bytes()).as_ref().to_vec()
}
