//! Whether an endpoint that has failed again and again is left in peace. While it rests, one message is tried now and then;
//! when that one gets through, the others follow. It knows neither deliveries nor whose turn it is.

use std::time::Duration;

use crate::domain::endpoint::Rest;
use crate::domain::id::EndpointId;
use crate::domain::time::Timestamp;

/// So many attempts in a row find an endpoint down before it is left in peace.
pub(super) const FAILURES_BEFORE_REST: u32 = 10;
/// How long an endpoint rests at first, before one message is tried; twice as long after each that fails.
const REST_MIN: Duration = Duration::from_secs(5);
/// How long it rests at most.
const REST_MAX: Duration = Duration::from_secs(60);
/// So much longer than another node said is waited for what comes of the message that it tries.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the last attempts say of whether the endpoint is there.
#[derive(Default)]
pub(super) struct Breaker {
    /// Attempts in a row that found it down.
    failures: u32,
    /// When the first of them did.
    failing_since: Timestamp,
    /// `None` while it is sent to as ever.
    resting: Option<Resting>,
}

struct Resting {
    /// For how long this time, without what spreads it.
    length: Duration,
    until: Timestamp,
    /// It is this node that tries it then.
    is_own: bool,
}

impl Breaker {
    pub(super) fn is_open(&self) -> bool {
        self.resting.is_some()
    }

    /// Until when nothing is sent.
    pub(super) fn rests_until(&self, now: Timestamp) -> Timestamp {
        let until = self.resting.as_ref().map_or(Timestamp::EPOCH, |resting| resting.until);
        // No rest is so long: the clock was set back.
        if until.since(now) > REST_MAX * 2 { Timestamp::EPOCH } else { until }
    }

    /// When the endpoint began to be found down, if it may have to rest at its next failure.
    pub(super) fn failing_since(&self) -> Timestamp {
        self.failing_since
    }

    /// An attempt found the endpoint down; `may_rest` is whether it may be left in peace for that. Answers the rest that
    /// begins, if one does: at first, and each time that what was tried meanwhile fails.
    pub(super) fn found_down(&mut self, id: EndpointId, may_rest: bool, now: Timestamp) -> Option<Rest> {
        if self.failures == 0 {
            self.failing_since = now;
        }
        self.failures = self.failures.saturating_add(1);
        let length = match &self.resting {
            // It was under way when the rest began.
            Some(_) if now < self.rests_until(now) => return None,
            Some(resting) => (resting.length * 2).min(REST_MAX),
            None if self.failures >= FAILURES_BEFORE_REST && may_rest => REST_MIN,
            None => return None,
        };
        // Many that went down together are not all tried together.
        let mut random = fastrand::Rng::with_seed(id.number().cast_unsigned() ^ u64::from(self.failures));
        let until = now.plus(length.mul_f64(1.0 + random.f64() / 5.0));
        self.resting = Some(Resting { length, until, is_own: true });
        Some(Rest { until, failures: self.failures })
    }

    /// It answers again, or is another endpoint than it was; says whether it rested until now.
    pub(super) fn close(&mut self) -> bool {
        let rested = self.is_open();
        *self = Self::default();
        rested
    }

    /// Another node says that it rests, and tries it when that is over, unless this one does so before; or that it rests
    /// no longer.
    pub(super) fn heard(&mut self, rest: Option<Rest>, now: Timestamp) {
        let Some(rest) = rest else {
            self.close();
            return;
        };
        self.failures = self.failures.max(rest.failures);
        let tries_first = |own: &Resting| own.is_own && own.until <= rest.until && now < own.until;
        if !self.resting.as_ref().is_some_and(tries_first) {
            let length = rest.until.since(now).clamp(REST_MIN, REST_MAX);
            self.resting = Some(Resting { length, until: rest.until.plus(PATIENCE), is_own: false });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;

    const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);
    const ENDPOINT: EndpointId = Id::from_number(7);

    fn opened() -> (Breaker, Rest) {
        let mut breaker = Breaker::default();
        for _ in 1..FAILURES_BEFORE_REST {
            assert!(breaker.found_down(ENDPOINT, true, NOW).is_none());
        }
        let rest = breaker.found_down(ENDPOINT, true, NOW).expect("it rests");
        (breaker, rest)
    }

    #[test]
    fn rests_grow_from_five_seconds_to_a_minute_and_a_fifth_at_most() {
        let (mut breaker, mut rest) = opened();
        let mut begun = NOW;
        for seconds in [5, 10, 20, 40, 60, 60] {
            let length = rest.until.since(begun).as_secs_f64();
            assert!((f64::from(seconds)..=f64::from(seconds) * 1.2).contains(&length), "{length}");
            begun = rest.until;
            rest = breaker.found_down(ENDPOINT, true, begun).expect("it goes on resting");
        }
    }

    #[test]
    fn what_was_under_way_when_a_rest_began_does_not_make_it_longer() {
        let (mut breaker, rest) = opened();
        assert!(breaker.found_down(ENDPOINT, true, NOW).is_none());
        assert_eq!(breaker.rests_until(NOW), rest.until);
    }

    #[test]
    fn a_clock_that_is_set_back_ends_a_rest_instead_of_making_hours_of_it() {
        let (mut breaker, _) = opened();
        let back = NOW.minus(Duration::from_secs(3_600));
        assert!(breaker.rests_until(back) <= back);
        let rest = breaker.found_down(ENDPOINT, true, back).expect("it goes on resting");
        assert!(rest.until.since(back) <= REST_MAX);
    }

    #[test]
    fn one_answer_ends_it_and_failures_are_counted_anew() {
        let (mut breaker, _) = opened();
        assert!(breaker.close() && !breaker.close());
        assert!(breaker.found_down(ENDPOINT, true, NOW).is_none() && !breaker.is_open());
    }

    #[test]
    fn where_it_may_not_rest_it_goes_on_and_rests_as_soon_as_it_may() {
        let mut breaker = Breaker::default();
        for _ in 0..2 * FAILURES_BEFORE_REST {
            assert!(breaker.found_down(ENDPOINT, false, NOW).is_none());
        }
        assert!(breaker.found_down(ENDPOINT, true, NOW).is_some());
    }

    #[test]
    fn while_another_node_tries_this_one_waits_longer() {
        let (_, rest) = opened();
        let mut breaker = Breaker::default();
        breaker.heard(Some(rest), NOW);
        assert_eq!(breaker.rests_until(NOW), rest.until.plus(PATIENCE));
        assert!(breaker.found_down(ENDPOINT, true, breaker.rests_until(NOW)).is_some(), "it tries in its place");
        let own = breaker.rests_until(NOW);
        breaker.heard(Some(Rest { until: own.plus(PATIENCE), ..rest }), rest.until.plus(PATIENCE));
        assert_eq!(breaker.rests_until(NOW), own, "of two that would try it, the first does");
        breaker.heard(None, NOW);
        assert!(!breaker.is_open());
    }
}
