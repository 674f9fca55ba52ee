//! A bound on failed sign-ins: who guesses keys has to wait, and with them, for a moment, everybody who types one.
//! One-time links are never held up. Also a bound on what failed sign-ins add to the audit log, which is kept for ever.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::OpError;
use crate::domain::time::Timestamp;

/// At most so many sign-ins with a key fail in a minute before further ones are refused.
pub const SIGN_IN_FAILURES_MAX: usize = 10;
/// For how long a failure counts.
const FAILURE_COUNTS: Duration = Duration::from_secs(60);

/// The sign-ins that failed of late. One that is under way counts as failed until it is known to be good.
#[derive(Default)]
pub(super) struct SignInLimit(Mutex<VecDeque<Timestamp>>);

impl SignInLimit {
    /// Begins a sign-in.
    ///
    /// # Errors
    /// When too many have failed.
    pub(super) fn begin(&self, now: Timestamp) -> Result<(), OpError> {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back holds nobody up for longer.
        failures.retain(|at| *at <= now && now.since(*at) < FAILURE_COUNTS);
        if failures.len() >= SIGN_IN_FAILURES_MAX {
            let why =
                "too many sign-ins have failed: wait a minute, or use a one-time link, which `cornet link` prints";
            return Err(OpError::TooMany { code: "sign_ins_failed", why: why.to_owned() });
        }
        failures.push_back(now);
        Ok(())
    }

    /// The sign-in that began last, or another one, was good.
    pub(super) fn succeed(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_back();
    }
}

/// At most so many refused sign-ins are written into the audit log in an hour.
pub const SIGN_IN_REFUSALS_NOTED_MAX: usize = 20;
/// After one of an address, no other of it is written for so long.
const NOTED_FOR: Duration = Duration::from_secs(60 * 60);

/// The refused sign-ins that were written into the audit log of late, and of whom.
#[derive(Default)]
pub(super) struct RefusalsNoted(Mutex<VecDeque<(Timestamp, Option<IpAddr>)>>);

impl RefusalsNoted {
    /// Whether a refusal is to be written, which then counts as written.
    pub(super) fn take(&self, address: Option<IpAddr>, now: Timestamp) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.retain(|(at, _)| *at <= now && now.since(*at) < NOTED_FOR);
        let is_new = noted.iter().all(|(_, known)| *known != address);
        let is_taken = is_new && noted.len() < SIGN_IN_REFUSALS_NOTED_MAX;
        if is_taken {
            noted.push_back((now, address));
        }
        is_taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_a_few_entries() {
        let noted = RefusalsNoted::default();
        let start = Timestamp::from_ms(1_800_000_000_000);
        let address = |number: u32| Some(IpAddr::from(number.to_be_bytes()));
        let taken = (0..1_000).filter(|number| noted.take(address(number % 100), start)).count();
        assert_eq!(taken, SIGN_IN_REFUSALS_NOTED_MAX);
        let later = start.plus(NOTED_FOR);
        assert!(noted.take(address(7), later) && !noted.take(address(7), later) && noted.take(None, later));
    }

    #[test]
    fn ten_failures_close_the_door_for_a_minute() {
        let limit = SignInLimit::default();
        let start = Timestamp::from_ms(1_000_000);
        for _ in 0..SIGN_IN_FAILURES_MAX {
            limit.begin(start).unwrap();
            limit.begin(start).map(|()| limit.succeed()).ok();
        }
        assert!(matches!(limit.begin(start), Err(OpError::TooMany { code: "sign_ins_failed", .. })));
        assert!(limit.begin(start.minus(FAILURE_COUNTS)).is_ok(), "the clock was set back");
        assert!(limit.begin(start.plus(FAILURE_COUNTS)).is_ok());
    }
}
