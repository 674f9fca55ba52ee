//! The data directory: where the embedded store and the master key lie, readable by its owner only, and used by one
//! server at a time.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::master_keys::MasterKeys;
use super::vault::MASTER_KEY_BYTES;

/// Why a data directory can't be used, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum DataDirectoryError {
    /// Another server has it.
    #[error("{path} is in use by another Cornet ({holder}): stop that one, or choose another --data-dir")]
    Held {
        /// The directory.
        path: PathBuf,
        /// What the other one wrote about itself.
        holder: String,
    },
    /// A file in it is readable by others.
    #[error("{0} can be read by others: `chmod 600` it, and think of its content as known to them")]
    Exposed(PathBuf),
    /// The directory belongs to somebody else.
    #[error("{0} belongs to another user: choose a --data-dir of your own")]
    Foreign(PathBuf),
    /// The master key is not one.
    #[error("{0} does not hold a master key: base64 of {MASTER_KEY_BYTES} bytes, in a line for each key")]
    NotAKey(String),
    /// The machine refused.
    #[error("cannot use {path}: {error}")]
    Refused {
        /// The file or directory.
        path: PathBuf,
        /// What the machine said.
        error: std::io::Error,
    },
}

pub(super) fn refused(path: &Path) -> impl FnOnce(std::io::Error) -> DataDirectoryError {
    let path = path.to_owned();
    move |error| DataDirectoryError::Refused { path, error }
}

/// A data directory that this process holds until it is dropped.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    /// Its lock ends with the process, however that ends.
    lock: File,
}

impl DataDirectory {
    /// Makes the directory when it is not there (0700), and holds it.
    ///
    /// # Errors
    /// When another server holds it, somebody else owns it, or the machine refuses.
    pub fn hold(path: &Path) -> Result<Self, DataDirectoryError> {
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(refused(path))?;
        let metadata = fs::metadata(path).map_err(refused(path))?;
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(DataDirectoryError::Foreign(path.to_owned()));
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(refused(path))?;
        let lock_path = path.join("lock");
        let mut options = OpenOptions::new();
        let mut lock = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(refused(&lock_path))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut holder = String::new();
            lock.read_to_string(&mut holder).ok();
            return Err(DataDirectoryError::Held { path: path.to_owned(), holder: holder.trim().to_owned() });
        }
        let mut held = Self { path: path.to_owned(), lock };
        held.describe(&format!("process {}", std::process::id()))?;
        Ok(held)
    }

    /// Leaves word of who holds the directory, for a server that is refused.
    ///
    /// # Errors
    /// When the machine refuses.
    pub fn describe(&mut self, holder: &str) -> Result<(), DataDirectoryError> {
        let mut write = || {
            self.lock.set_len(0)?;
            self.lock.rewind()?;
            self.lock.write_all(holder.as_bytes())
        };
        write().map_err(refused(&self.path.join("lock")))
    }

    /// What no other directory on any running machine is called: whoever holds the directory is the only one there. `None`
    /// where the machine has no name for the time since it was started.
    ///
    /// # Errors
    /// When the machine refuses.
    pub fn place(&self) -> Result<Option<String>, DataDirectoryError> {
        let metadata = self.lock.metadata().map_err(refused(&self.path))?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        Ok(boot.map(|boot| format!("{} {} {}", boot.trim(), metadata.dev(), metadata.ino())))
    }

    /// The file of the embedded store.
    pub fn database(&self) -> PathBuf {
        Self::database_in(&self.path)
    }

    /// The file of the embedded store in the directory at `path`, whether somebody holds it or not.
    pub fn database_in(path: &Path) -> PathBuf {
        path.join("cornet.db")
    }

    /// The master keys: read from their file, or one made and written there (0600) when there is none.
    ///
    /// # Errors
    /// When the file can be read by others or holds something else, or the machine refuses.
    pub fn master_keys(&self) -> Result<MasterKeys, DataDirectoryError> {
        match MasterKeys::in_directory(&self.path)? {
            Some(keys) => Ok(keys),
            None => MasterKeys::found(&self.path),
        }
    }
}
