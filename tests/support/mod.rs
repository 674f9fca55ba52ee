//! What the black-box tests share: a real `cornet` process, a real receiver, a small HTTP client, and a scene that ties
//! the three together. Nothing in here knows the inside of Cornet.

pub mod client;
pub mod postgres;
pub mod receiver;
pub mod scene;
pub mod server;
pub mod systems;

use std::time::{Duration, Instant};

/// How long a test waits for something that must happen before it gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long a poll of another process pauses between two looks.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(5);

/// The machine's monotonic clock, for deadlines and for the order in which things arrived.
#[expect(clippy::disallowed_methods, reason = "a black-box test has only the machine's own clock to wait by")]
pub fn instant() -> Instant {
    Instant::now()
}

/// Seconds since 1970, as the machine sees it.
#[expect(clippy::disallowed_methods, reason = "a black-box test compares what the process wrote with the real time")]
pub fn unix_seconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("the machine's clock is after 1970").as_secs()
}

/// Asks another process again and again until it shows what is expected; panics with `what` when it never does.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = instant() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(instant() < deadline, "waited {PATIENCE:?} in vain for: {what}");
        std::thread::sleep(LOOK_AGAIN_AFTER);
    }
}
