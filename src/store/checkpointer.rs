//! Copies the log of the embedded database into its file, beside the writer instead of in its way: while it is copied,
//! no producer would be answered. Only the last few pages are left to the writer, because the log begins anew when a copy
//! has caught up with it, and nobody else can catch up while the writer writes. Who copies lets everybody else go first. It
//! knows no noun.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use rusqlite::OpenFlags;
use rustix::process::nice;

/// Pages in the log before they are copied: 4 MB. A longer log is copied less often, but its copy keeps the disk busy for
/// longer, and with it every commit: the slowest of a hundred messages took 12 ms with 2 000 pages and 190 ms with 16 000, and
/// on another day 7.9 ms with 1 000 and 9.7 ms with 2 000, at the same rate.
const PAGES: u32 = 1_000;
/// How many times as many there may be before the writer waits for nobody and copies them itself.
const PAGES_FACTOR_MAX: u32 = 8;
/// How much less urgent a copy is than all else (`nice(2)`). It computes for some milliseconds, and as urgent as the others it
/// kept the writer or whoever answers from one of two cores: with it the slowest of a hundred messages took about a quarter
/// less in most series of measurements.
const NICENESS: i32 = 10;

/// Decides after each commit who copies what.
pub(super) struct Checkpointer {
    database: PathBuf,
    /// Pages in the log before they are copied, when it began anew.
    pages: u32,
    /// The same now: more, when a copy has not caught up because somebody was reading.
    next: u32,
    copying: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// For the database in this file.
    pub(super) fn new(database: &Path) -> Self {
        Self::after(database, PAGES)
    }

    fn after(database: &Path, pages: u32) -> Self {
        Self { database: database.to_owned(), pages, next: pages, copying: None }
    }

    /// A commit has left so many pages in the log; says whether the writer is to copy those that nobody else has.
    pub(super) fn committed(&mut self, pages: u32) -> bool {
        if pages < self.pages {
            self.next = self.pages;
        }
        if self.copying.as_ref().is_some_and(|copying| !copying.is_finished()) {
            return pages >= self.pages * PAGES_FACTOR_MAX;
        }
        if self.join() {
            self.next = pages + self.pages / 4;
            return true;
        }
        if pages < self.next {
            return false;
        }
        let database = self.database.clone();
        let copying = beside(move || {
            if let Err(error) = copy(&database) {
                tracing::warn!(%error, "the store's log could not be copied into its file, the writer does it");
            }
        });
        self.copying = copying.ok();
        self.copying.is_none()
    }

    /// Waits for the copy that is being made; says whether there was one.
    fn join(&mut self) -> bool {
        // What went wrong there the writer meets too.
        self.copying.take().map(JoinHandle::join).is_some()
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.join();
    }
}

/// Has this done by a thread that is less urgent than the others: on Linux each has a niceness of its own.
fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> std::io::Result<JoinHandle<T>> {
    std::thread::Builder::new().name("checkpointer".to_owned()).spawn(|| {
        // Where that is refused, the copy is made all the same.
        nice(NICENESS).ok();
        work()
    })
}

/// Copies what is in the log, and once more what was written meanwhile, which is little.
fn copy(database: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(database, flags)?;
    for _ in 0..2 {
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::{Checkpointer, NICENESS, beside};

    const PAGES: u32 = 16;

    #[test]
    fn who_copies_is_less_urgent_and_nobody_else() {
        let niceness = || getpriority_process(None).unwrap();
        let before = niceness();
        let copying = beside(niceness).unwrap();
        assert_eq!((copying.join().unwrap(), niceness()), ((before + NICENESS).min(19), before));
    }

    #[test]
    fn the_log_stays_short_and_everything_gets_into_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("cornet.db");
        let writer = rusqlite::Connection::open(&database).unwrap();
        writer.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE rows (id INTEGER PRIMARY KEY, filling)").unwrap();
        let mut checkpointer = Checkpointer::after(&database, PAGES);
        let (mut longest, mut by_the_writer) = (0, 0);
        for id in 0..2_000_i64 {
            writer.execute("INSERT INTO rows VALUES (?1, zeroblob(4000))", [id]).unwrap();
            let pages = writer.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1)).unwrap();
            longest = longest.max(pages);
            if checkpointer.committed(pages) {
                by_the_writer += 1;
                writer.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
            }
            while checkpointer.copying.as_ref().is_some_and(|copying| !copying.is_finished()) {
                std::thread::yield_now();
            }
        }
        drop(checkpointer);
        assert!(by_the_writer > 0);
        assert!(longest <= PAGES * 2, "{longest} pages");
        let copied = std::fs::metadata(&database).unwrap().len();
        assert!(copied > 1_500 * 4_096, "{copied} bytes are in the file");
    }
}
