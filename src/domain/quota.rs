//! What one application may use up: how many messages it may post in a second, and how many of its deliveries may wait. Here
//! are the rules; who counts what waits is somebody else.

use std::num::NonZeroU32;
use std::time::Duration;

/// How long a count of what waits is good for: other nodes accept messages too.
const COUNT_LIFE: Duration = Duration::from_secs(10);
/// How long a count is not made again.
const COUNT_REST: Duration = Duration::from_millis(100);

/// What each application may use up; nothing is bounded where nothing is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Messages in a second, over all nodes.
    pub rate: Option<NonZeroU32>,
    /// Deliveries that wait.
    pub waiting_max: Option<NonZeroU32>,
}

/// The messages that an application may still post at this node: those of one second at most, filled up as time goes by.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    left: f64,
    filled_at: Duration,
}

impl Allowance {
    /// A full one.
    pub fn new(rate: NonZeroU32, now: Duration) -> Self {
        Self { left: f64::from(rate.get()), filled_at: now }
    }

    /// Takes one message at `now`, where this node is one of so many that share the rate; says whether there was one.
    pub fn take(&mut self, rate: NonZeroU32, nodes: u32, now: Duration) -> bool {
        let share = f64::from(rate.get()) / f64::from(nodes.max(1));
        let filled = share * now.saturating_sub(self.filled_at).as_secs_f64();
        self.filled_at = now;
        // A node whose share is less than one message a second still sends one now and then.
        self.left = (self.left + filled).min(share.max(1.0));
        let is_there = self.left >= 1.0;
        if is_there {
            self.left -= 1.0;
        }
        is_there
    }

    /// When it was last taken from.
    pub fn used_at(&self) -> Duration {
        self.filled_at
    }
}

/// How many deliveries of an application wait, as far as is known: what was counted, and all that has been accepted since. What
/// was delivered since is seen when it is counted again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Waiting {
    at_most: u64,
    counted_at: Option<Duration>,
}

impl Waiting {
    /// Whether so many more have room, or it must be counted to know that; `None` when it must.
    pub fn has_room(&self, more: u64, most: NonZeroU32, now: Duration) -> Option<bool> {
        let age = now.saturating_sub(self.counted_at?);
        let fits = self.at_most + more <= u64::from(most.get());
        match fits {
            true if age < COUNT_LIFE => Some(true),
            false if age < COUNT_REST => Some(false),
            _ => None,
        }
    }

    /// So many wait at `now`.
    pub fn counted(&mut self, waiting: u64, now: Duration) {
        (self.at_most, self.counted_at) = (waiting, Some(now));
    }

    /// So many more are accepted.
    pub fn add(&mut self, more: u64) {
        self.at_most += more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn number(of: u32) -> NonZeroU32 {
        NonZeroU32::new(of).unwrap()
    }

    fn taken(allowance: &mut Allowance, rate: u32, nodes: u32, now: Duration) -> usize {
        std::iter::from_fn(|| allowance.take(number(rate), nodes, now).then_some(())).count()
    }

    #[test]
    fn a_second_has_its_messages_and_no_more() {
        let at = Duration::from_millis;
        let mut allowance = Allowance::new(number(10), at(1_000));
        assert_eq!(taken(&mut allowance, 10, 1, at(1_000)), 10);
        assert_eq!(taken(&mut allowance, 10, 1, at(1_500)), 5);
        assert_eq!(taken(&mut allowance, 10, 1, at(60_000)), 10, "what was not used is not saved up");
        assert_eq!(taken(&mut allowance, 10, 2, at(61_000)), 5, "two nodes share it");
        assert_eq!(taken(&mut allowance, 1, 4, at(63_000)), 0);
        assert_eq!(taken(&mut allowance, 1, 4, at(65_001)), 1, "a quarter of a message a second is one in four");
    }

    #[test]
    fn what_waits_is_counted_anew_when_it_may_be_less_or_is_long_ago() {
        let at = Duration::from_millis;
        let mut waiting = Waiting::default();
        assert_eq!(waiting.has_room(1, number(10), at(0)), None, "nobody has counted yet");
        waiting.counted(8, at(0));
        assert_eq!(waiting.has_room(2, number(10), at(50)), Some(true));
        waiting.add(2);
        assert_eq!(waiting.has_room(1, number(10), at(99)), Some(false));
        assert_eq!(waiting.has_room(1, number(10), at(100)), None, "something may have been delivered");
        waiting.counted(0, at(100));
        assert_eq!(waiting.has_room(1, number(10), at(10_099)), Some(true));
        assert_eq!(waiting.has_room(1, number(10), at(10_100)), None, "another node may have accepted something");
    }
}
