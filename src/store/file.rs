//! The file of the store: where it lies and how large it is.

use std::path::PathBuf;

use super::Store;
use super::error::StoreError;

const PLACE: &str = "SELECT file FROM pragma_database_list WHERE name = 'main'";
const SIZE: &str = "SELECT page_count * page_size, freelist_count * page_size
    FROM pragma_page_count, pragma_page_size, pragma_freelist_count";

/// The file of the store.
#[derive(Clone, Debug)]
pub struct StoreFile {
    /// Where it lies.
    pub path: PathBuf,
    /// How large it is.
    pub bytes: u64,
    /// How much of that is empty and used before it grows.
    pub free_bytes: u64,
}

impl Store {
    /// The file that everything is kept in.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn file(&self) -> Result<StoreFile, StoreError> {
        self.read(|connection| {
            let path = connection.first(PLACE, &[], |row| row.text(0))?.unwrap_or_default();
            let size = connection.first(SIZE, &[], |row| Ok((row.integer(0)?, row.integer(1)?)))?;
            let (bytes, free_bytes) = size.unwrap_or_default();
            let count = |bytes: i64| bytes.try_into().unwrap_or_default();
            Ok(StoreFile { path: path.into(), bytes: count(bytes), free_bytes: count(free_bytes) })
        })
        .await
    }
}
