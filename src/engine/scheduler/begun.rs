//! Requests that were begun a moment ago and have not ended. A fan-out has hundreds of them to begin at once, and a machine
//! that begins them all writes each over another connection before it reads the first answer: with at most 64 for a core, one
//! message to ten endpoints was delivered an eighth faster, for a seventh less CPU. It counts only those to endpoints that
//! are known to be quick; all others have as many requests in flight as ever. It does not know what a request is for.

use std::time::Duration;

use super::standing::{Held, Standing};
use crate::domain::time::Timestamp;

/// A request counts for between one and two of these. With 2 ms, many counted no more that only waited for the machine.
const MOMENT: Duration = Duration::from_millis(5);
/// Who takes longer to answer is not quick. What waits for a busy machine seldom takes as long: with 5 ms nothing was won.
const QUICK: Duration = Duration::from_millis(20);

/// Whether who was asked at `begun_at` and has answered now is quick.
pub(super) fn is_quick(begun_at: Timestamp, now: Timestamp) -> bool {
    now.since(begun_at) <= QUICK
}

/// How many requests there are that were begun in this moment and in the one before.
#[derive(Default)]
pub(super) struct Begun {
    now: Held,
    before: Held,
    /// When this moment began.
    since: Timestamp,
    /// Its number.
    moment: u64,
}

impl Begun {
    /// What was begun two moments before `now` counts no more.
    pub(super) fn look(&mut self, now: Timestamp) {
        // A clock that is set back begins a new moment too.
        if now >= self.until() || now < self.since {
            self.before = std::mem::take(&mut self.now);
            self.since = now;
            self.moment += 1;
        }
    }

    /// When this moment ends.
    pub(super) fn until(&self) -> Timestamp {
        self.since.plus(MOMENT)
    }

    /// Whether none counts.
    pub(super) fn is_empty(&self) -> bool {
        self.now.plus(&self.before).all() == 0
    }

    /// Whether another may be begun for a standing, where all may be at most `most`.
    pub(super) fn has_room(&self, standing: Standing, most: usize) -> bool {
        self.now.plus(&self.before).has_room(standing, 1, most)
    }

    /// One is begun; answers in which moment.
    pub(super) fn add(&mut self, standing: Standing) -> u64 {
        self.now.add(standing, 1);
        self.moment
    }

    /// One has ended that was begun in this moment.
    pub(super) fn release(&mut self, standing: Standing, moment: u64) {
        if moment == self.moment {
            self.now.release(standing, 1);
        } else if moment + 1 == self.moment {
            self.before.release(standing, 1);
        }
    }
}
