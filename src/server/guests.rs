//! Who is connected, so that those who have kept the server waiting for longest can be asked to leave when every place is taken
//! (THREATS F05). Only the one who lets clients in knows it; a client that has left by itself is found out later.

use std::cmp::Reverse;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::AbortHandle;

use super::exchange::Exchange;

/// One in so many is sent away at a time, because looking for them takes a look at everybody.
const SENT_AWAY: usize = 256;

/// The clients that are connected, and some that have left.
#[derive(Default)]
pub(super) struct Guests {
    all: Vec<(Weak<Exchange>, AbortHandle)>,
    forget_at: usize,
}

impl Guests {
    /// One more has come, for whom this task works.
    pub(super) fn welcome(&mut self, exchange: &Arc<Exchange>, task: AbortHandle) {
        if self.all.len() >= self.forget_at {
            self.forget_the_gone();
            self.forget_at = 64 + 2 * self.all.len();
        }
        self.all.push((Arc::downgrade(exchange), task));
    }

    /// How many are there.
    pub(super) fn count(&mut self) -> usize {
        self.forget_the_gone();
        self.all.len()
    }

    /// Sends those away who have kept the server waiting for longest, by `waited`; says whether there were any.
    pub(super) fn send_some_away(&mut self, waited: impl Fn(&Exchange) -> Option<Duration>) -> bool {
        self.forget_the_gone();
        let all = self.all.iter().enumerate();
        let mut waiting: Vec<_> =
            all.filter_map(|(at, (exchange, _))| Some((waited(&*exchange.upgrade()?)?, Reverse(at)))).collect();
        let leaving = self.all.len().div_ceil(SENT_AWAY).min(waiting.len());
        if leaving == 0 {
            return false;
        }
        waiting.select_nth_unstable_by(leaving - 1, |one, other| other.cmp(one));
        // Of those who came at the same time, the last may not have had time to ask.
        waiting[..leaving].iter().for_each(|(_, Reverse(at))| self.all[*at].1.abort());
        true
    }

    fn forget_the_gone(&mut self) {
        self.all.retain(|(_, task)| !task.is_finished());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_has_kept_us_waiting_for_longest_leaves_first_and_nobody_who_is_answered() {
        let at = Duration::from_secs;
        let mut guests = Guests::default();
        let come = |guests: &mut Guests, seconds: u64| {
            let exchange = Exchange::new(at(seconds), false);
            let task = tokio::spawn(std::future::pending::<()>());
            guests.welcome(&exchange, task.abort_handle());
            (exchange, task)
        };
        let (answered, answering) = come(&mut guests, 1);
        answered.begin(at(1), None);
        let (_second, later) = come(&mut guests, 3);
        let (_first, earlier) = come(&mut guests, 2);
        assert!(!guests.send_some_away(|exchange| exchange.kept_waiting_long(at(2))), "nobody has waited for long");
        assert!(guests.send_some_away(|exchange| exchange.kept_waiting_long(at(4))));
        assert!(earlier.await.unwrap_err().is_cancelled());
        assert!(!later.is_finished());
        assert!(guests.send_some_away(|exchange| exchange.kept_waiting_long(at(4))));
        assert!(later.await.unwrap_err().is_cancelled());
        assert!(!guests.send_some_away(|exchange| exchange.kept_waiting_long(at(1_000))));
        assert!(!answering.is_finished());
        assert_eq!(guests.count(), 1);
    }
}
