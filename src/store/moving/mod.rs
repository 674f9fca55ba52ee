//! Carries a store from a file to a PostgreSQL server: every table, row by row in the order of its key, and then reads
//! both sides again to see that they are alike. It may be killed at any time and called again: what a table has on the
//! server is always its beginning, because each piece is one transaction. It knows no noun; the tables are those that
//! the migrations made.

mod mark;
mod table;

use std::path::Path;
use std::time::Duration;

use super::connection::Connection;
use super::database::Database;
use super::error::StoreError;
use super::sqlite::Sqlite;
use super::{fresh, migrations, partitions, seal};
use crate::clock::Clock;
use crate::domain::id::{Id, MessageId};
use crate::domain::message::PAYLOAD_RETENTION_DAYS_MAX;
use table::{Piece, Table};

pub(super) use mark::{moved_to, refuse_moved, refuse_unfinished};
pub use table::Sum;

/// Whether anything that is not a move's is on a server.
const HAS_TABLES: &str = "SELECT count(*) > 0 FROM information_schema.tables WHERE table_schema = current_schema()";
/// The oldest of what a server keeps in parts by day.
const OLDEST: &str = "SELECT min(id) FROM (SELECT min(id) AS id FROM messages
    UNION ALL SELECT min(id) FROM deliveries UNION ALL SELECT min(id) FROM attempts) AS oldest";
/// The server has not seen its tables grow, and must not think of reading all of them for each piece.
const BY_KEY: &str = "SET enable_seqscan = off";
/// So that the server plans for the rows that it has now.
const ANALYZE: &str = "ANALYZE";

/// What is being done, and how far it is.
#[derive(Clone, Copy, Debug)]
pub struct Moving<'a> {
    /// What is done to the tables.
    pub stage: Stage,
    /// Which table it is at.
    pub table: &'a str,
    /// Rows that this stage has done, of all tables.
    pub done: u64,
    /// Rows that it has to do, of all tables.
    pub rows: u64,
}

/// What is done to the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Their rows are copied.
    Copying,
    /// Their rows are read on both sides and compared.
    Comparing,
}

/// A move that is complete.
#[derive(Clone, Debug)]
pub struct Moved {
    /// Where the store is now; shown without a password.
    pub target: String,
    /// Each table, and what both sides have of it.
    pub tables: Vec<(String, Sum)>,
}

/// Who is told how far a move is.
pub type TellMoving<'a> = &'a mut dyn FnMut(Moving<'_>);

/// Moves the store in the file at `path`, which nobody may use meanwhile, to the server `target`, which must be empty or
/// be what an earlier call has left. The file stays as it is, but for what a killed process has left out of its queue, and
/// is marked as left behind.
///
/// # Errors
/// When one of the two can't be used or holds something else, or they are not alike in the end. Calling it again goes on
/// where it ended.
pub fn move_store(
    path: &Path,
    target: &Database,
    clock: &dyn Clock,
    tell: TellMoving<'_>,
) -> Result<Moved, StoreError> {
    let (source, identity) = open_source(path)?;
    let target_connection = open_target(target, &identity)?;
    if let (Some(words), None) = (mark::moved_to(path)?, mark::source_of(&target_connection)?) {
        return Err(StoreError::Unavailable(format!("{words}, and nothing is left to do")));
    }
    fresh::queue_what_was_left(&source, clock.now())?;
    let course = Course { tables: table::tables(&source, &target_connection)?, source, target: target_connection };
    course.begin(&identity)?;
    course.make_parts(clock)?;
    course.copy(tell)?;
    let tables = course.compare(tell)?;
    course.target.run(ANALYZE)?;
    // In this order: a kill in between leaves a server that no Cornet starts on, and a move that can be called again.
    mark::leave(path, &format!("this store was moved to {target} on {}", clock.now()))?;
    mark::end(&course.target)?;
    Ok(Moved { target: target.to_string(), tables })
}

/// Opens the file for this move alone, with what tells its store from any other.
fn open_source(path: &Path) -> Result<(Connection, Vec<u8>), StoreError> {
    let refused = |why: String| Err(StoreError::Unavailable(why));
    let shown = path.display();
    if !path.exists() {
        return refused(format!("there is no store at {shown}: name it with --data-dir or --database-url sqlite:PATH"));
    }
    let source = Connection::Sqlite(Sqlite::alone(path)?);
    let (done, known) = (migrations::done(&source)?, migrations::known());
    let identity = if done == known { seal::identity(&source)? } else { None };
    match identity {
        Some(identity) => Ok((source, identity)),
        None => refused(format!(
            "{shown} is of version {done} and this Cornet of version {known}: start this Cornet on it once, which brings \
             it up to date, and end it again"
        )),
    }
}

/// Opens the server and makes its tables, if nothing else is in it.
fn open_target(target: &Database, identity: &[u8]) -> Result<Connection, StoreError> {
    let refused = |why: &str| Err(StoreError::Unavailable(format!("{target} {why}")));
    let looking = target.reader()?;
    let has_tables = looking.first(HAS_TABLES, &[], |row| row.boolean(0))?.unwrap_or_default();
    match mark::source_of(&looking)? {
        Some(source) if source != identity => {
            return refused("holds a part of another store: move into an empty database, or go on with that move");
        }
        Some(_) => {}
        None if has_tables && migrations::done(&looking)? == 0 => {
            return refused("holds tables of another program: move into an empty database");
        }
        None => {}
    }
    drop(looking);
    let shaping = target.shape()?;
    shaping.run(BY_KEY)?;
    Ok(shaping)
}

/// Both sides of a move.
struct Course {
    source: Connection,
    target: Connection,
    tables: Vec<Table>,
}

impl Course {
    /// Marks the server, unless an earlier call has.
    fn begin(&self, identity: &[u8]) -> Result<(), StoreError> {
        if mark::source_of(&self.target)?.is_some() {
            return Ok(());
        }
        for table in &self.tables {
            if table.last_key(&self.target)?.is_some() {
                return Err(StoreError::Unavailable(format!(
                    "the target has rows in {} already: move into an empty database",
                    table.name
                )));
            }
        }
        mark::begin(&self.target, identity)
    }

    /// Makes the parts of the server's tables that the days of the history belong to.
    fn make_parts(&self, clock: &dyn Clock) -> Result<(), StoreError> {
        let now = clock.now();
        let kept = Duration::from_secs(u64::try_from(PAYLOAD_RETENTION_DAYS_MAX).unwrap_or(0) * 24 * 3_600);
        let oldest = self.source.first(OLDEST, &[], |row| row.optional_integer(0))?.flatten();
        let oldest: MessageId = oldest.map_or(Id::first_at(now), Id::from_number);
        partitions::make_between(&self.target, oldest.time().max(now.minus(kept)), now)
    }

    fn copy(&self, tell: TellMoving<'_>) -> Result<(), StoreError> {
        let stage = Stage::Copying;
        let counts = self.tables.iter().map(|table| table.count(&self.source)).collect::<Result<Vec<_>, _>>()?;
        let (rows, mut done) = (counts.iter().sum(), 0_u64);
        for (table, count) in self.tables.iter().zip(counts) {
            let before = done;
            tell(Moving { stage, table: &table.name, done, rows });
            done += table.count(&self.target)?;
            self.copy_table(table, |copied| {
                done += copied;
                tell(Moving { stage, table: &table.name, done, rows });
            })?;
            done = before + count;
        }
        Ok(())
    }

    /// Copies what the server does not have of a table yet.
    fn copy_table(&self, table: &Table, mut tell: impl FnMut(u64)) -> Result<(), StoreError> {
        let mut key = table.last_key(&self.target)?;
        while let Some(Piece { rows, last }) = table.rows_after(&self.source, key.as_deref())? {
            table.insert(&self.target, &rows)?;
            tell(rows.len() as u64);
            key = Some(last);
        }
        Ok(())
    }

    /// Compares both sides. A table that differs was changed between two calls, and is copied anew.
    fn compare(&self, tell: TellMoving<'_>) -> Result<Vec<(String, Sum)>, StoreError> {
        let stage = Stage::Comparing;
        let counts = self.tables.iter().map(|table| table.count(&self.source)).collect::<Result<Vec<_>, _>>()?;
        let (rows, mut done) = (2 * counts.iter().sum::<u64>(), 0_u64);
        let mut sums = Vec::with_capacity(self.tables.len());
        for table in &self.tables {
            let mut advance = |more: u64| {
                done = (done + more).min(rows);
                tell(Moving { stage, table: &table.name, done, rows });
            };
            advance(0);
            let here = table.sum(&self.source, &mut advance)?;
            if table.sum(&self.target, &mut advance)? != here {
                table.empty(&self.target)?;
                self.copy_table(table, |_| {})?;
                if table.sum(&self.target, |_| {})? != here {
                    return Err(StoreError::Corrupt(format!(
                        "{} is not on the server what it is in the file; call it again into an empty database",
                        table.name
                    )));
                }
            }
            sums.push((table.name.clone(), here));
        }
        Ok(sums)
    }
}
