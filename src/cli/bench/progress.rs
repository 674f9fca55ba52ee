//! One line on a terminal that says what the benchmark is doing. Where nobody looks it says nothing.

use std::cell::Cell;
use std::io::{IsTerminal as _, Write as _};

/// Back to the start of the line, which is wiped.
const WIPE: &str = "\r\x1b[K";

/// The line.
pub(super) struct Progress {
    shown: bool,
    scenarios: usize,
    begun: Cell<usize>,
}

impl Progress {
    /// Of so many scenarios.
    pub(super) fn new(scenarios: usize) -> Self {
        Self { shown: std::io::stderr().is_terminal(), scenarios, begun: Cell::new(0) }
    }

    /// The next scenario begins.
    pub(super) fn next(&self) {
        self.begun.set(self.begun.get() + 1);
    }

    /// Says what is done now.
    pub(super) fn say(&self, what: &str) {
        if self.shown {
            write!(std::io::stderr(), "{WIPE}[{}/{}] {what} …", self.begun.get(), self.scenarios).ok();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            write!(std::io::stderr(), "{WIPE}").ok();
        }
    }
}
