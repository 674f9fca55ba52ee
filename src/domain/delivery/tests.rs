//! What an attempt's report makes of a delivery.

use std::time::Duration;

use super::*;
use crate::domain::attempt::AttemptErrorCode;
use crate::domain::id::Id;

const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

/// What `result` makes of a delivery that has failed `attempts_made` times, on a schedule of a minute and an hour.
fn outcome(attempts_made: u32, result: Result<Answer, AttemptError>, heeds_answers: bool) -> Outcome {
    let delivery = Delivery {
        message_id: Id::from_number(1),
        endpoint_id: Id::from_number(2),
        application_id: Id::from_number(3),
        due: NOW,
        attempts_made,
        trigger: Trigger::Scheduled,
        epoch: Epoch::ALONE,
        held_until: None,
        in_order: false,
    };
    let report = AttemptReport { duration_ms: 1, remote_address: None, phases: None, result };
    let policy = RetryPolicy { schedule: "1m,1h".parse().unwrap(), heeds_answers };
    delivery.after(&report, &policy, NOW, &mut fastrand::Rng::with_seed(1))
}

fn answer(status: u16, retry_after: Option<&str>) -> Result<Answer, AttemptError> {
    Ok(Answer { status, retry_after: retry_after.map(str::to_owned), ..Answer::default() })
}

#[track_caller]
fn assert_retry_after(outcome: Outcome, delay: Duration) {
    let Outcome::Retry(due) = outcome else { panic!("{outcome:?}") };
    let waits = due.since(NOW);
    assert!(waits >= delay && waits <= delay.mul_f64(1.1), "{waits:?}");
}

#[test]
fn a15_every_2xx_and_nothing_else_is_success() {
    for heeds_answers in [true, false] {
        for status in [200, 201, 204, 226, 299] {
            let delivered = Outcome::Ended(DeliveryState::Delivered);
            assert_eq!(outcome(0, answer(status, None), heeds_answers), delivered, "{status}");
        }
        for status in [199, 300, 302, 400, 500] {
            assert_retry_after(outcome(0, answer(status, None), heeds_answers), Duration::from_secs(60));
        }
        let refused = AttemptError::new(AttemptErrorCode::ConnectRefused, "refused");
        assert_retry_after(outcome(0, Err(refused.clone()), heeds_answers), Duration::from_secs(60));
        assert_eq!(outcome(2, Err(refused), heeds_answers), Outcome::Ended(DeliveryState::Failed));
    }
}

#[test]
fn an_answer_that_is_heeded_moves_the_next_attempt_or_ends_it() {
    assert_retry_after(outcome(0, answer(503, Some("600")), true), Duration::from_secs(600));
    assert_eq!(outcome(0, answer(410, None), true), Outcome::Ended(DeliveryState::Failed));
}

/// SEEDS A16, D7.
#[test]
fn a16_an_answer_that_is_not_heeded_neither_moves_nor_ends_it() {
    assert_retry_after(outcome(0, answer(503, Some("600")), false), Duration::from_secs(60));
    assert_retry_after(outcome(0, answer(410, None), false), Duration::from_secs(60));
    assert_retry_after(outcome(1, answer(410, None), false), Duration::from_secs(3_600));
    assert_eq!(outcome(2, answer(410, None), false), Outcome::Ended(DeliveryState::Failed));
}
