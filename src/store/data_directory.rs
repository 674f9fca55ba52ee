//! The data directory: where the embedded store and the master key lie, readable by its owner only, and used by one
//! server at a time.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustix::fs::{FlockOperation, flock};
use zeroize::Zeroizing;

use super::vault::MASTER_KEY_BYTES;

/// The file of the master key.
const MASTER_KEY: &str = "master.key";

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
    #[error("{0} does not hold a master key: base64 of {MASTER_KEY_BYTES} bytes")]
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

fn refused(path: &Path) -> impl FnOnce(std::io::Error) -> DataDirectoryError {
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

    /// The master key: read from its file, or made and written there (0600) when there is none.
    ///
    /// # Errors
    /// When the file can be read by others or holds no key, or the machine refuses.
    pub fn master_key(&self) -> Result<Zeroizing<Vec<u8>>, DataDirectoryError> {
        match master_key_in(&self.path)? {
            Some(key) => Ok(key),
            None => self.make_master_key(),
        }
    }

    /// Makes a master key under another name first: whoever is killed meanwhile leaves a whole one behind, or none.
    fn make_master_key(&self) -> Result<Zeroizing<Vec<u8>>, DataDirectoryError> {
        let path = self.path.join("master.key.new");
        let mut key = Zeroizing::new(vec![0u8; MASTER_KEY_BYTES]);
        let no_randomness = |_| std::io::Error::other("the operating system gave no randomness");
        rand::fill(&mut key).map_err(no_randomness).map_err(refused(&path))?;
        let text = Zeroizing::new(BASE64.encode(key.as_slice()));
        let write = || {
            // What was left behind may have other permissions.
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&path, self.path.join(MASTER_KEY))?;
            // The name must last as long as what is sealed with the key.
            File::open(&self.path)?.sync_all()
        };
        write().map_err(refused(&path))?;
        Ok(key)
    }
}

/// The master key in the directory at `path`, whether somebody holds it or not; `None` when there is none.
///
/// # Errors
/// When the file can be read by others or holds no key, or the machine refuses.
pub fn master_key_in(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, DataDirectoryError> {
    let path = path.join(MASTER_KEY);
    match read_master_key(&path) {
        Err(DataDirectoryError::Refused { error, .. }) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

fn read_master_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, DataDirectoryError> {
    let metadata = fs::metadata(path).map_err(refused(path))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(DataDirectoryError::Exposed(path.to_owned()));
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(refused(path))?);
    parse_master_key(&text).ok_or_else(|| DataDirectoryError::NotAKey(path.display().to_string()))
}

/// Reads the text of a master key: base64 of `MASTER_KEY_BYTES` bytes.
pub fn parse_master_key(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let key = Zeroizing::new(BASE64.decode(text.trim()).ok()?);
    (key.len() == MASTER_KEY_BYTES).then_some(key)
}
