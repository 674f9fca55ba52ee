//! What can go wrong in a store. Absence is not here: a lookup that finds nothing answers `None`.

/// Why the store did not do what it was asked. Nothing of the request was kept.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another noun has what must be unique.
    #[error("{0} is taken")]
    Conflict(&'static str),
    /// The disk is full; reading still works, and writing does again once there is space.
    #[error("the disk is full")]
    Full,
    /// The store can't be reached or written to right now.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The database gave the transaction up for the sake of another; it may be tried again.
    #[error("another transaction was in the way: {0}")]
    Contended(String),
    /// A stored value is not what was written there.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// The database refused a statement: a fault of Cornet's.
    #[error("the database refused: {0}")]
    Database(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{CannotOpen, DatabaseCorrupt, DiskFull, NotADatabase, ReadOnly, SystemIoFailure};
        match error.sqlite_error_code() {
            Some(DiskFull) => Self::Full,
            Some(CannotOpen | ReadOnly | SystemIoFailure) => Self::Unavailable(error.to_string()),
            Some(DatabaseCorrupt | NotADatabase) => Self::Corrupt(error.to_string()),
            _ => Self::Database(error.to_string()),
        }
    }
}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}
