//! What there is to see of a store without changing anything, also while a server uses it: the directory, the disk, the
//! database and what lies in it. Each function tells what it finds as it finds it. It mends nothing.

mod content;
mod database;
mod directory;
mod secrets;

pub use database::examine_database;
pub use directory::{examine_directory, examine_disk};

use crate::domain::finding::Finding;

/// Who is told what is found.
pub type Tell<'a> = &'a mut dyn FnMut(Finding);

/// A number of bytes for people.
fn bytes_shown(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "kB")];
    let unit = UNITS.into_iter().find(|(size, _)| bytes >= *size);
    unit.map_or_else(|| format!("{bytes} bytes"), |(size, name)| format!("{} {name}", bytes / size))
}
