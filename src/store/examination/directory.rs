//! The data directory and the disk under it, from outside: who may look into it, who holds it, how much room there is,
//! and whether the disk keeps what it says it has kept.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock, statvfs};

use super::{Tell, bytes_shown};
use crate::clock::Clock;
use crate::domain::finding::Finding;

/// Less room than this, and a busy server fills it within minutes.
const ROOM_MIN: u64 = 128 << 20;
/// Less room than this deserves a look.
const ROOM_WANTED: u64 = 1 << 30;
/// A disk that claims to have kept something faster than this has not: no disk is that fast.
const SYNC_MIN: Duration = Duration::from_micros(50);
/// A disk that takes longer than this makes every producer wait.
const SYNC_WANTED: Duration = Duration::from_millis(30);
/// How often the disk is asked.
const SYNCS: usize = 33;
/// What is written before each question, as a small commit would.
const WRITTEN: [u8; 4_096] = [0x5a; 4_096];

/// Looks at the data directory, its files, and who holds it.
pub fn examine_directory(path: &Path, tell: Tell<'_>) {
    const SUBJECT: &str = "data directory";
    let shown = path.display();
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return tell(Finding::fine(SUBJECT, format!("there is no {shown} yet; the first start makes it")));
        }
        Err(error) => {
            let advice = "run this as the user that Cornet runs as, or choose another --data-dir";
            return tell(Finding::problem(SUBJECT, format!("cannot look at {shown}: {error}"), advice));
        }
    };
    let user = rustix::process::geteuid();
    tell(if !user.is_root() && metadata.uid() != user.as_raw() {
        let advice = "run this as the user that Cornet runs as, or choose another --data-dir";
        Finding::problem(SUBJECT, format!("{shown} belongs to another user"), advice)
    } else if metadata.mode() & 0o077 != 0 {
        Finding::warning(SUBJECT, format!("others may look into {shown}"), format!("chmod 700 {shown}"))
    } else {
        Finding::fine(SUBJECT, format!("{shown} is for its owner only"))
    });
    examine_files(path, tell);
    examine_holder(path, tell);
}

fn examine_files(path: &Path, tell: Tell<'_>) {
    const SUBJECT: &str = "files";
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries.filter_map(Result::ok),
        Err(error) => {
            let advice = "run this as the user that Cornet runs as";
            return tell(Finding::problem(SUBJECT, format!("cannot list {}: {error}", path.display()), advice));
        }
    };
    let (mut seen, mut exposed) = (0, Vec::new());
    for entry in entries {
        let Ok(metadata) = entry.metadata() else { continue };
        seen += 1;
        if metadata.is_file() && metadata.mode() & 0o077 != 0 {
            exposed.push(entry.path().display().to_string());
        }
    }
    exposed.sort();
    tell(if exposed.is_empty() {
        Finding::fine(SUBJECT, format!("{seen} there, each for its owner only"))
    } else {
        let advice = format!("chmod 600 {}, and think of what is in it as known to others", exposed.join(" "));
        Finding::problem(SUBJECT, format!("others may read {}", exposed.join(", ")), advice)
    });
    let first_key = path.join("first-api-key");
    if first_key.exists() {
        let advice = format!("keep the key where you keep keys, and delete {}", first_key.display());
        tell(Finding::warning(SUBJECT, "the first API key still lies in its file", advice));
    }
}

/// Whether a server runs on the directory, which is no fault either way.
fn examine_holder(path: &Path, tell: Tell<'_>) {
    let lock = path.join("lock");
    let held = File::open(&lock).is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_err());
    let text = if held {
        format!("one runs here: {}", fs::read_to_string(&lock).unwrap_or_default().trim())
    } else {
        "none runs on this directory".to_owned()
    };
    tell(Finding::fine("server", text));
}

/// Looks at the disk that a folder is on: its room, and how long it takes to keep something.
pub fn examine_disk(folder: &Path, clock: &dyn Clock, tell: Tell<'_>) {
    if !folder.exists() {
        return;
    }
    examine_room(folder, tell);
    examine_sync(folder, clock, tell);
}

fn examine_room(folder: &Path, tell: Tell<'_>) {
    const SUBJECT: &str = "disk space";
    let room = match statvfs(folder) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
        Err(error) => {
            let text = format!("the disk of {} does not say how full it is: {error}", folder.display());
            return tell(Finding::warning(SUBJECT, text, "look at it with `df`"));
        }
    };
    let text = format!("{} free in {}", bytes_shown(room), folder.display());
    tell(if room < ROOM_MIN {
        Finding::problem(
            SUBJECT,
            text,
            "make room: when the disk is full, messages are refused with 503 until it is not",
        )
    } else if room < ROOM_WANTED {
        Finding::warning(SUBJECT, text, "make room before it is gone")
    } else {
        Finding::fine(SUBJECT, text)
    });
}

fn examine_sync(folder: &Path, clock: &dyn Clock, tell: Tell<'_>) {
    const SUBJECT: &str = "disk speed";
    tell(match measure_sync(folder, clock) {
        Err(error) => {
            let advice = "check the permissions, and whether the disk was made read-only after an error (`dmesg`)";
            Finding::problem(SUBJECT, format!("cannot write in {}: {error}", folder.display()), advice)
        }
        Ok(took) if took < SYNC_MIN => {
            let advice = "if this is a disk at all, let it wait for its platters or cells before it answers: a power cut \
                          would lose accepted messages";
            Finding::warning(SUBJECT, format!("keeps 4 kB in {took:?}, which is memory's speed"), advice)
        }
        Ok(took) if took > SYNC_WANTED => {
            let advice = "put the store on a faster disk: every message waits for this at least";
            Finding::warning(SUBJECT, format!("keeps 4 kB in {took:?}"), advice)
        }
        Ok(took) => Finding::fine(SUBJECT, format!("keeps 4 kB in {took:?}")),
    });
}

/// How long the disk takes to keep something, the median of several tries.
fn measure_sync(folder: &Path, clock: &dyn Clock) -> std::io::Result<Duration> {
    let path = folder.join(format!(".cornet-doctor-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    // The name is not needed, and whoever interrupts this leaves nothing behind.
    fs::remove_file(&path)?;
    let mut took = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let began = clock.monotonic();
        file.write_all(&WRITTEN)?;
        file.sync_data()?;
        took.push(clock.monotonic().saturating_sub(began));
    }
    took.sort_unstable();
    Ok(took[SYNCS / 2])
}
