//! Brings a database to the shape that this version expects, step by step, each step once and in a transaction. It
//! refuses a database that a newer version has changed. The version is SQLite's own `user_version`.

use super::connection::Connection;
use super::error::StoreError;

/// Every step, in order; a step that has been released is never changed.
const STEPS: &[(&str, &str)] = &[
    ("0001_foundation", include_str!("../../migrations/sqlite/0001_foundation.sql")),
    ("0002_figures", include_str!("../../migrations/sqlite/0002_figures.sql")),
    ("0003_inboxes", include_str!("../../migrations/sqlite/0003_inboxes.sql")),
    ("0004_attempt_details", include_str!("../../migrations/sqlite/0004_attempt_details.sql")),
    ("0005_sessions", include_str!("../../migrations/sqlite/0005_sessions.sql")),
];

/// Applies the steps that `connection` lacks.
///
/// # Errors
/// When the database is of a newer version, or refuses a step.
pub fn apply(connection: &Connection) -> Result<(), StoreError> {
    let version = connection.first("PRAGMA user_version", &[], |row| row.integer(0))?.unwrap_or_default();
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > STEPS.len() {
        return Err(StoreError::Unavailable(format!(
            "its schema is version {done} and this Cornet knows {}: start the newer Cornet that wrote it",
            STEPS.len()
        )));
    }
    for (place, (name, sql)) in STEPS.iter().enumerate().skip(done) {
        let step = format!("BEGIN IMMEDIATE; {sql} PRAGMA user_version = {}; COMMIT;", place + 1);
        if let Err(error) = connection.run(&step) {
            connection.run("ROLLBACK").ok();
            return Err(StoreError::Database(format!("migration {name}: {error}")));
        }
    }
    Ok(())
}
