//! Where everything is kept: in a file of this machine, or by a PostgreSQL server. It opens connections there, and
//! refuses a server that would forget what it has acknowledged. It knows no noun.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::connection::Connection;
use super::dialect;
use super::error::StoreError;
use super::file::{self, StoreFile};
use super::migrations;
use super::postgres::{PostgresAddress, Use};

/// For how long a node is believed to live when nothing is heard of it, unless a setting says otherwise.
const LEASE: Duration = Duration::from_secs(15);
/// Connections of a node that write to a server.
const WRITERS: usize = 2;
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
    seat: Seat,
}

/// Where a process sits among those that share a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// What people know it by: its machine and port.
    pub name: String,
    /// What only one process can sit in at a time, such as a locked folder; empty when nobody vouches for that.
    pub place: String,
    /// For how long it is believed to live when nothing is heard of it.
    pub lease: Duration,
}

impl Seat {
    pub(super) fn lease_ms(&self) -> i64 {
        i64::try_from(self.lease.as_millis()).unwrap_or(i64::MAX)
    }
}

impl Default for Seat {
    fn default() -> Self {
        Self { name: "unnamed".to_owned(), place: String::new(), lease: LEASE }
    }
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
        let address = Arc::new(PostgresAddress::parse(url)?);
        Ok(Self::Server(Server { address, unsafe_allowed, seat: Seat::default() }))
    }

    /// The same, used by a process that sits here. A file has one seat anyway.
    #[must_use]
    pub fn seated(self, seat: Seat) -> Self {
        match self {
            Self::File(path) => Self::File(path),
            Self::Server(server) => Self::Server(Server { seat, ..server }),
        }
    }

    /// Where this process sits among those that share it, if any can.
    pub(super) fn seat(&self) -> Option<&Seat> {
        match self {
            Self::File(_) => None,
            Self::Server(server) => Some(&server.seat),
        }
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
                let shaping = server.connect(Use::Shaping)?;
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
            Self::Server(server) => server.connect(Use::Writing),
        }
    }

    /// All connections that write, of which this is the first: a file has one writer, a server as many as are of use.
    pub(super) fn writers(&self, first: Connection) -> Result<Vec<Connection>, StoreError> {
        let further = if self.is_embedded() { 0 } else { WRITERS - 1 };
        std::iter::once(Ok(first)).chain((0..further).map(|_| self.writer())).collect()
    }

    /// Opens a connection to live among the nodes with.
    pub(super) fn membership(&self) -> Result<Connection, StoreError> {
        match self {
            Self::File(path) => Connection::writer(path),
            Self::Server(server) => server.connect(Use::Membership),
        }
    }

    /// Opens a connection that only reads.
    pub(super) fn reader(&self) -> Result<Connection, StoreError> {
        match self {
            Self::File(path) => Connection::reader(path),
            Self::Server(server) => server.connect(Use::Reading),
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
    fn connect(&self, for_use: Use) -> Result<Connection, StoreError> {
        Connection::to_server(self.address.clone(), for_use, self.seat.lease)
    }

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
