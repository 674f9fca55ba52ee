//! What tells that a store is being moved or has been: a table on the server while the move is under way, and a file
//! beside the store that was left behind, whose own bytes stay as they were.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::store::connection::Connection;
use crate::store::database::Database;
use crate::store::error::StoreError;

const IS_UNFINISHED: &str = "SELECT to_regclass('unfinished_move') IS NOT NULL";
const BEGIN: &str = "CREATE TABLE unfinished_move (source BYTEA PRIMARY KEY)";
const REMEMBER: &str = "INSERT INTO unfinished_move (source) VALUES (?1)";
const SOURCE: &str = "SELECT source FROM unfinished_move";
const END: &str = "DROP TABLE unfinished_move";

/// The source of the move into this server that is under way, if one is.
pub(super) fn source_of(target: &Connection) -> Result<Option<Vec<u8>>, StoreError> {
    if !target.first(IS_UNFINISHED, &[], |row| row.boolean(0))?.unwrap_or_default() {
        return Ok(None);
    }
    Ok(Some(target.first(SOURCE, &[], |row| row.bytes(0))?.unwrap_or_default()))
}

/// Marks a server: the move of this source into it is under way.
pub(super) fn begin(target: &Connection, source: &[u8]) -> Result<(), StoreError> {
    target.transaction(|target| {
        target.run(BEGIN)?;
        target.execute(REMEMBER, &[source.into()]).map(|_| ())
    })
}

/// Marks a server: the move into it is complete.
pub(super) fn end(target: &Connection) -> Result<(), StoreError> {
    target.run(END)
}

/// The file that marks a store as left behind.
fn path_of(store: &Path) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push(".moved");
    PathBuf::from(path)
}

/// Marks the store in this file as left behind, durably; `words` say where it went, and when.
pub(super) fn leave(store: &Path, words: &str) -> Result<(), StoreError> {
    let path = path_of(store);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    writeln!(file, "{words}")?;
    file.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(File::open(folder)?.sync_all()?)
}

/// Where the store in this file went, and when; `None` when it is still there.
///
/// # Errors
/// When the machine does not say.
pub fn moved_to(store: &Path) -> Result<Option<String>, StoreError> {
    match fs::read_to_string(path_of(store)) {
        Ok(words) => Ok(Some(words.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Refuses a file whose store has been moved: what is in it has gone on elsewhere.
///
/// # Errors
/// When it has been moved.
pub fn refuse_moved(database: &Database) -> Result<(), StoreError> {
    let Database::File(path) = database else { return Ok(()) };
    match moved_to(path)? {
        None => Ok(()),
        Some(words) => Err(StoreError::Unavailable(format!(
            "{words}: start with --database-url and that address. To go on with {} all the same, which would deliver \
             again what waited in it, delete {}",
            path.display(),
            path_of(path).display()
        ))),
    }
}

/// Refuses a server that a move has filled in part only.
///
/// # Errors
/// When a move into it is under way.
pub fn refuse_unfinished(connection: &Connection) -> Result<(), StoreError> {
    if matches!(connection, Connection::Sqlite(_)) || source_of(connection)?.is_none() {
        return Ok(());
    }
    Err(StoreError::Unavailable("a move into it is not complete: call `cornet move` again until it says so".to_owned()))
}
