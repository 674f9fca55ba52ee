//! Where everything is kept: in a file of this machine, or by a PostgreSQL server. It opens connections there, and
//! refuses a server that would forget what it has acknowledged. It knows no noun.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::connection::Connection;
use super::dialect;
use super::error::StoreError;
use super::file::{self, StoreFile};
use super::migrations;
use super::postgres::{PostgresAddress, Use};

/// The oldest server that is known to do, as the server says it.
pub(super) const SERVER_VERSION_MIN: i64 = 150_000;

const SERVER_VERSION: &str = "SELECT CAST(current_setting('server_version_num') AS BIGINT)";
/// What may not be off, and whether it is.
pub(super) const DURABLE: [(&str, &str); 2] = [
    ("fsync", "SELECT current_setting('fsync') = 'off'"),
    ("synchronous_commit", "SELECT current_setting('synchronous_commit') = 'off'"),
];

/// Where everything is kept.
#[derive(Clone, Debug)]
pub enum Database {
    /// In this file.
    File(PathBuf),
    /// By a PostgreSQL server.
    Server(Server),
}

/// A PostgreSQL server, and what it may be.
#[derive(Clone, Debug)]
pub struct Server {
    address: Arc<PostgresAddress>,
    /// Whether it may lose what it acknowledged when its machine fails.
    unsafe_allowed: bool,
}

impl From<&Path> for Database {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<&PathBuf> for Database {
    fn from(path: &PathBuf) -> Self {
        Self::File(path.clone())
    }
}

impl Database {
    /// The server that a `postgres://` URL names; `unsafe_allowed` is whether it may lose what it acknowledged.
    ///
    /// # Errors
    /// What is wrong with the URL; the text does not quote it.
    pub fn server(url: &str, unsafe_allowed: bool) -> Result<Self, String> {
        Ok(Self::Server(Server { address: Arc::new(PostgresAddress::parse(url)?), unsafe_allowed }))
    }

    /// Whether it is by itself on this machine, so that its server can be the only one that uses it.
    pub(super) const fn is_embedded(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Brings it up to date and opens the connection that writes.
    pub(super) fn prepare(&self) -> Result<Connection, StoreError> {
        let shaping = self.shape()?;
        match self {
            Self::File(_) => Ok(shaping),
            Self::Server(_) => self.writer(),
        }
    }

    /// Brings it up to date over a connection whose statements may take as long as they take, and gives that.
    pub(super) fn shape(&self) -> Result<Connection, StoreError> {
        let shaping = match self {
            Self::File(path) => Connection::writer(path)?,
            Self::Server(server) => {
                let shaping = Connection::to_server(server.address.clone(), Use::Shaping)?;
                server.check(&shaping)?;
                shaping
            }
        };
        migrations::apply(&shaping)?;
        Ok(shaping)
    }

    /// Opens a connection that writes.
    pub(super) fn writer(&self) -> Result<Connection, StoreError> {
        match self {
            Self::File(path) => Connection::writer(path),
            Self::Server(server) => Connection::to_server(server.address.clone(), Use::Writing),
        }
    }

    /// Opens a connection that only reads.
    pub(super) fn reader(&self) -> Result<Connection, StoreError> {
        match self {
            Self::File(path) => Connection::reader(path),
            Self::Server(server) => Connection::to_server(server.address.clone(), Use::Reading),
        }
    }

    /// How large it is, as `connection` says.
    pub(super) fn extent(&self, connection: &Connection) -> Result<StoreFile, StoreError> {
        let size = match self {
            Self::File(_) => file::SIZE,
            Self::Server(_) => dialect::SIZE_OF_SERVER_DATABASE,
        };
        let size = connection.first(size, &[], |row| Ok((row.integer(0)?, row.integer(1)?)))?;
        let (bytes, free_bytes) = size.unwrap_or_default();
        let count = |bytes: i64| bytes.try_into().unwrap_or_default();
        Ok(StoreFile {
            place: self.to_string(),
            embedded: self.is_embedded(),
            bytes: count(bytes),
            free_bytes: count(free_bytes),
        })
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Server(server) => write!(f, "{}", server.address),
        }
    }
}

impl Server {
    /// Refuses a server that is too old, or that would forget.
    fn check(&self, connection: &Connection) -> Result<(), StoreError> {
        let refused = |why: String| Err(StoreError::Unavailable(why));
        let version = connection.first(SERVER_VERSION, &[], |row| row.integer(0))?.unwrap_or_default();
        if version < SERVER_VERSION_MIN {
            return refused(format!("{} is older than PostgreSQL {}", self.address, SERVER_VERSION_MIN / 10_000));
        }
        for (setting, sql) in DURABLE {
            let off = connection.first(sql, &[], |row| row.boolean(0))?.unwrap_or_default();
            if off && !self.unsafe_allowed {
                return refused(format!(
                    "{} has {setting}=off and would lose accepted messages when its machine fails: switch it on, or \
                     start with --allow-unsafe-database true if that does not matter",
                    self.address
                ));
            }
            if off {
                tracing::warn!(setting, "the database may lose accepted messages when its machine fails");
            }
        }
        Ok(())
    }
}
