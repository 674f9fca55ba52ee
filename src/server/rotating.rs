//! Replaces the master key that lies in the data directory: first a new one is put before it, and when the server has
//! sealed everything anew, the old one is taken away.

use super::{ServeError, database, old_and_next};
use crate::config::Config;
use crate::store::{DataDirectoryError, MasterKeys, StoreError, sealed_with_old_keys};

/// Why a master key was not replaced.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The settings or the data directory can't be used.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The key is not in the data directory.
    #[error(
        "the master key comes from CORNET_MASTER_KEY: replace it there (docs/operating.md, Replacing the master key)"
    )]
    Elsewhere,
    /// There is no key.
    #[error("there is no master key in the data directory; the first start makes one")]
    NoKey,
    /// An old one is there already.
    #[error(
        "a rotation is under way: restart the server, and call this with --finish when it has sealed everything anew"
    )]
    UnderWay,
    /// Only one is there.
    #[error("there is no old master key to take away")]
    NothingToFinish,
    /// Something needs the old one.
    #[error(
        "{0} of what is in the store still needs the old master key: a server that was started since seals it anew"
    )]
    Needed(u64),
}

impl From<DataDirectoryError> for RotateError {
    fn from(error: DataDirectoryError) -> Self {
        Self::Serve(error.into())
    }
}

impl From<StoreError> for RotateError {
    fn from(error: StoreError) -> Self {
        Self::Serve(error.into())
    }
}

fn keys(config: &Config) -> Result<MasterKeys, RotateError> {
    if config.master_key.is_some() {
        return Err(RotateError::Elsewhere);
    }
    MasterKeys::in_directory(&config.data_dir)?.ok_or(RotateError::NoKey)
}

/// Puts a new key before the one in the data directory; the server has it in use from its next start on.
///
/// # Errors
/// When there is no key, an old one is still there, or the machine refuses; then nothing has changed.
pub fn begin(config: &Config) -> Result<(), RotateError> {
    let keys = keys(config)?;
    if !keys.old.is_empty() {
        return Err(RotateError::UnderWay);
    }
    keys.renew(&config.data_dir)?;
    Ok(())
}

/// Takes the old key out of the data directory, if nothing in the store needs it.
///
/// # Errors
/// When something does, there is none, or the store can't be read; then nothing has changed.
pub fn finish(config: &Config) -> Result<(), RotateError> {
    let keys = keys(config)?;
    if keys.old.is_empty() {
        return Err(RotateError::NothingToFinish);
    }
    let keys = old_and_next(keys, config).map_err(ServeError::from)?;
    match sealed_with_old_keys(&database(config)?, &keys)? {
        0 => keys.forget_old(&config.data_dir).map(|_| ()).map_err(RotateError::from),
        needed => Err(RotateError::Needed(needed)),
    }
}
