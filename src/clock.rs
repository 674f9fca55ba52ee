//! Where the time comes from. Nothing else in Cornet asks the machine for the time, so a test or a simulation can
//! move it by hand. It knows nothing of timers: waiting is the business of whoever waits.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::domain::time::Timestamp;

/// A source of wall-clock and monotonic time.
pub trait Clock: Send + Sync + 'static {
    /// The wall-clock time, to the millisecond. It may jump when the machine's clock is set.
    fn now(&self) -> Timestamp;

    /// Time that never jumps, counted from an arbitrary start; for measuring durations. Every process of the machine
    /// sees the same, so one may measure what another has begun.
    fn monotonic(&self) -> Duration;
}

/// The machine's clock.
#[derive(Default)]
pub struct SystemClock {}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = clock_gettime(ClockId::Realtime);
        Timestamp::from_ms(now.tv_sec.saturating_mul(1_000).saturating_add(now.tv_nsec / 1_000_000))
    }

    fn monotonic(&self) -> Duration {
        as_duration(clock_gettime(ClockId::Monotonic))
    }
}

/// How long this thread has computed. Who is made to wait by others does not grow older by it.
pub fn thread_time() -> Duration {
    as_duration(clock_gettime(ClockId::ThreadCPUTime))
}

fn as_duration(time: Timespec) -> Duration {
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}

/// A clock whose wall-clock time stands still until it is moved by hand, for tests and simulations. Its monotonic
/// time does not pass at all, so nothing happens because a thread happened to look at it.
pub struct ManualClock {
    now_ms: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { now_ms: AtomicI64::new(now.as_ms()) }
    }

    /// Moves the clock to `now`, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        self.now_ms.store(now.as_ms(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.now_ms.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}
