//! Producers that go on posting while something is done to the server that they post to, or to its database.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::ledger::Ledger;
use crate::support::client::Client;
use crate::support::until;

/// Producers at a time.
const PRODUCERS: usize = 4;

/// How far the producers are.
pub struct Load {
    accepted: AtomicUsize,
}

impl Load {
    /// Waits until the producers have so many messages accepted.
    pub fn reach(&self, accepted: usize) {
        until("so much is accepted", || (self.accepted.load(Ordering::SeqCst) >= accepted).then_some(()));
    }
}

/// Has each producer post so many messages, until each is accepted, and does `work` meanwhile. Answers with what that
/// answers, and how long the longest refusal took.
pub fn during<T>(ledger: &Ledger, client: &Client, each: usize, work: impl FnOnce(&Load) -> T) -> (T, Duration) {
    let load = Load { accepted: AtomicUsize::new(0) };
    thread::scope(|scope| {
        let post = |_| {
            let load = &load;
            scope.spawn(move || {
                let insist = |_| {
                    let longest = ledger.insist(client);
                    load.accepted.fetch_add(1, Ordering::SeqCst);
                    longest
                };
                (0..each).map(insist).max().unwrap_or_default()
            })
        };
        let producers: Vec<_> = (0..PRODUCERS).map(post).collect();
        let done = work(&load);
        let longest = producers.into_iter().map(|producer| producer.join().expect("no producer panics")).max();
        (done, longest.unwrap_or_default())
    })
}

/// How many messages all producers have together when each has so many.
pub const fn together(each: usize) -> usize {
    PRODUCERS * each
}
