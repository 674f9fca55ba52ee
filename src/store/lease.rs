//! Whether this node may still act, and as whom. On a server a node lives on a lease: it says again and again that it is
//! there, and where it has not for too long, others take over what it had. So before it sends anything it asks, by its own
//! clock, whether the others may have done so. The embedded store is nobody else's, and its lease has no end. It does not
//! know how a lease is renewed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::Store;
use super::error::StoreError;
use crate::clock::Clock;
use crate::domain::delivery::Delivery;
use crate::domain::node::Epoch;

/// What stands for a lease without an end.
const ENDLESS: u64 = u64::MAX;

/// The lease of this node.
pub(super) struct Lease {
    clock: Arc<dyn Clock>,
    epoch: AtomicI64,
    /// Until when it holds, in microseconds of the monotonic clock.
    until_us: AtomicU64,
    /// How many nodes live, this one among them.
    nodes: AtomicU32,
    /// Whether a transaction may have been kept though nobody said so.
    doubtful: AtomicBool,
}

impl Lease {
    /// The lease of an embedded store.
    pub(super) fn endless(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            epoch: AtomicI64::new(Epoch::ALONE.0),
            until_us: AtomicU64::new(ENDLESS),
            nodes: AtomicU32::new(1),
            doubtful: AtomicBool::new(false),
        }
    }

    /// A lease that does not hold yet.
    pub(super) fn none(clock: Arc<dyn Clock>) -> Self {
        let lease = Self::endless(clock);
        lease.lose();
        lease
    }

    pub(super) fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::SeqCst))
    }

    /// Whether it holds right now, by this machine's clock.
    pub(super) fn holds(&self) -> bool {
        let until = self.until_us.load(Ordering::SeqCst);
        until == ENDLESS || micros(self.clock.monotonic()) < until
    }

    /// Refuses unless it holds right now.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.holds() {
            return Ok(());
        }
        Err(StoreError::Unavailable("this node has lost touch with the others".to_owned()))
    }

    /// The node lives anew.
    pub(super) fn begin(&self, epoch: Epoch, until: Duration) {
        self.epoch.store(epoch.0, Ordering::SeqCst);
        self.renew(until);
    }

    /// It holds until then, by the monotonic clock.
    pub(super) fn renew(&self, until: Duration) {
        self.until_us.store(micros(until), Ordering::SeqCst);
    }

    /// It holds no longer.
    pub(super) fn lose(&self) {
        self.until_us.store(0, Ordering::SeqCst);
    }

    /// So many nodes live.
    pub(super) fn live_among(&self, nodes: u32) {
        self.nodes.store(nodes.max(1), Ordering::Relaxed);
    }

    pub(super) fn nodes(&self) -> u32 {
        self.nodes.load(Ordering::Relaxed)
    }

    /// A commit was not answered: what it wrote may be there.
    pub(super) fn doubt(&self) {
        self.doubtful.store(true, Ordering::SeqCst);
    }

    /// Whether there was a doubt since this was asked last.
    pub(super) fn take_doubt(&self) -> bool {
        self.doubtful.swap(false, Ordering::SeqCst)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(ENDLESS - 1)
}

impl Store {
    /// Which life of which node this is.
    pub(super) fn epoch(&self) -> Epoch {
        self.lease.epoch()
    }

    /// Whether this node may act right now: nobody else can have taken over what it has.
    pub fn holds_lease(&self) -> bool {
        self.lease.holds()
    }

    /// Whether this node may send this delivery right now.
    pub fn may_send(&self, delivery: &Delivery) -> bool {
        self.lease.holds() && delivery.epoch == self.lease.epoch()
    }

    /// How many nodes share the work, this one among them.
    pub fn nodes_live(&self) -> u32 {
        self.lease.nodes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    /// A monotonic clock that is moved by hand.
    struct Watch(AtomicU64);

    impl Clock for Watch {
        fn now(&self) -> Timestamp {
            Timestamp::EPOCH
        }

        fn monotonic(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::SeqCst))
        }
    }

    #[test]
    fn a_lease_holds_from_when_it_begins_to_its_end_by_the_nodes_own_clock() {
        let watch = Arc::new(Watch(AtomicU64::new(100)));
        let lease = Lease::none(watch.clone());
        assert!(!lease.holds());
        lease.begin(Epoch(7), Duration::from_secs(112));
        assert!(lease.holds() && lease.epoch() == Epoch(7));
        watch.0.store(112, Ordering::SeqCst);
        assert!(!lease.holds());
        lease.renew(Duration::from_secs(120));
        assert!(lease.holds());
        lease.lose();
        assert!(!lease.holds());
        watch.0.store(u64::MAX / 2, Ordering::SeqCst);
        assert!(Lease::endless(watch).holds(), "what is nobody else's needs none");
    }
}
