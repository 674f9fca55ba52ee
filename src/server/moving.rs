//! Moves the store that the settings name to a PostgreSQL server, while no server runs on it.

use super::{ServeError, database};
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, ConfigError};
use crate::store::{DataDirectory, Database, move_store};

pub use crate::store::{Moved, Moving, Stage, Sum, TellMoving};

/// Moves the store to the server that the URL `to` names. The data directory is held meanwhile.
///
/// # Errors
/// When a setting can't be used, a server runs, or the move is not complete; then it can be called again.
pub fn move_to(config: &Config, to: &str, tell: TellMoving<'_>) -> Result<Moved, ServeError> {
    let refused = |why: &str| ConfigError::new("--to", why);
    let is_server = to.starts_with("postgres://") || to.starts_with("postgresql://");
    if !is_server {
        return Err(refused("write where the store is to go, as postgres://USER@HOST/DATABASE").into());
    }
    let target = Database::server(to, config.allow_unsafe_database).map_err(|why| refused(&why))?;
    let Database::File(path) = database(config)? else {
        let why = "it names a server already; unset it, or name the file that is to be moved as sqlite:PATH";
        return Err(ConfigError::new("CORNET_DATABASE_URL", why).into());
    };
    let clock = SystemClock::default();
    let _held = match config.data_dir.exists() {
        true => {
            let mut directory = DataDirectory::hold(&config.data_dir)?;
            directory.describe(&format!("process {}, moving the store, since {}", std::process::id(), clock.now()))?;
            Some(directory)
        }
        false => None,
    };
    Ok(move_store(&path, &target, &clock, tell)?)
}
