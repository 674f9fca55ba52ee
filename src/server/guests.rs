//! Who is connected, so that whoever has rested longest can be asked to leave when every place is taken (THREATS F05). Only
//! the one who lets clients in knows it; a client that has left by itself is found out later.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::AbortHandle;

use super::exchange::Exchange;

/// How long a client must have rested to be sent away.
pub const RESTED_MIN: Duration = Duration::from_secs(5);

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

    /// Sends the one away that has rested longest at `now`, if long enough.
    pub(super) fn send_the_idlest_away(&mut self, now: Duration) {
        self.forget_the_gone();
        let rested = |(exchange, _): &(Weak<Exchange>, AbortHandle)| exchange.upgrade()?.idle(now);
        let all = self.all.iter().enumerate();
        let idlest = all.filter_map(|(at, guest)| Some((rested(guest)?, at))).max();
        if let Some((_, at)) = idlest.filter(|(rested, _)| *rested >= RESTED_MIN) {
            self.all.swap_remove(at).1.abort();
        }
    }

    fn forget_the_gone(&mut self) {
        self.all.retain(|(_, task)| !task.is_finished());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_has_rested_longest_leaves_first_and_nobody_who_is_answered() {
        let at = Duration::from_secs;
        let mut guests = Guests::default();
        let come = |guests: &mut Guests, seconds: u64| {
            let exchange = Exchange::new(at(seconds));
            let task = tokio::spawn(std::future::pending::<()>());
            guests.welcome(&exchange, task.abort_handle());
            (exchange, task)
        };
        let (answered, answering) = come(&mut guests, 1);
        answered.begin();
        let (_second, later) = come(&mut guests, 3);
        let (_first, earlier) = come(&mut guests, 2);
        guests.send_the_idlest_away(at(6));
        tokio::task::yield_now().await;
        assert!(!earlier.is_finished(), "nobody has rested for long");
        guests.send_the_idlest_away(at(7));
        assert!(earlier.await.unwrap_err().is_cancelled());
        guests.send_the_idlest_away(at(7));
        tokio::task::yield_now().await;
        assert!(!later.is_finished());
        guests.send_the_idlest_away(at(8));
        assert!(later.await.unwrap_err().is_cancelled());
        guests.send_the_idlest_away(at(1_000));
        tokio::task::yield_now().await;
        assert!(!answering.is_finished());
    }
}
