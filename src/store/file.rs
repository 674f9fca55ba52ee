//! The whole of what is kept: where it lies and how large it is.

use super::Store;
use super::error::StoreError;

/// The bytes of the embedded database, and how many of them are free.
pub(super) const SIZE: &str = "SELECT page_count * page_size, freelist_count * page_size
    FROM pragma_page_count, pragma_page_size, pragma_freelist_count";

/// Where everything lies, and how large it is.
#[derive(Clone, Debug)]
pub struct StoreFile {
    /// The path of the file, or the address of the server without a password.
    pub place: String,
    /// Whether it is a file of this machine.
    pub embedded: bool,
    /// How large it is.
    pub bytes: u64,
    /// How much of that is empty and used before it grows, as far as it is known.
    pub free_bytes: u64,
}

impl Store {
    /// Where everything is kept.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn file(&self) -> Result<StoreFile, StoreError> {
        let database = self.database.clone();
        self.read(move |connection| database.extent(connection)).await
    }
}
