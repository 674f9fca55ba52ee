//! What an endpoint that keeps order may be sent, and when.

use super::{NOW, accept, delivery, endpoint, message, sends};
use crate::domain::attempt::Shown;
use crate::domain::delivery::Delivery;
use crate::domain::time::Timestamp;
use crate::engine::scheduler::{Limits, Ready, Scheduler, Work};
use crate::store::{Claim, Content};

const LATER: Timestamp = Timestamp::from_ms(NOW.as_ms() + 5_000);

/// These messages as a claim in order brings them.
fn in_order(numbers: std::ops::Range<i64>) -> Claim {
    let found = numbers.map(message).map(|message| {
        let delivery = Delivery { in_order: true, ..delivery(&message, endpoint(0)) };
        (delivery, Content::Kept(message))
    });
    Claim { deliveries: found.collect(), next_due: None }
}

fn claim_is_in_order(scheduler: &mut Scheduler, now: Timestamp) -> bool {
    match scheduler.next(now) {
        Some(Work::Claim { in_order, in_hand, .. }) => in_order && in_hand.is_empty(),
        other => panic!("a claim is due, not {other:?}"),
    }
}

/// A scheduler that has found out that the endpoint keeps order, and has claimed these messages.
fn ordered(numbers: std::ops::Range<i64>) -> Scheduler {
    let mut scheduler = Scheduler::new(Limits::default());
    accept(&mut scheduler, 0..1, 3);
    for ready in sends(&mut scheduler, NOW) {
        scheduler.put_in_order(&ready, NOW);
    }
    assert!(claim_is_in_order(&mut scheduler, NOW));
    scheduler.claimed(endpoint(0), in_order(numbers), NOW);
    scheduler
}

/// The one message that may be sent now.
fn only(scheduler: &mut Scheduler) -> Ready {
    let mut ready = sends(scheduler, NOW);
    assert_eq!(ready.len(), 1);
    ready.remove(0)
}

#[test]
fn one_message_at_a_time_is_sent_and_the_next_when_it_was_taken() {
    let mut scheduler = ordered(0..3);
    for number in 0..3 {
        let ready = only(&mut scheduler);
        assert_eq!(ready.delivery.message_id, message(number).id);
        scheduler.finished(&ready, Some(Shown::Took), NOW);
        assert_eq!(scheduler.waits_for_outcomes(endpoint(0)), number == 2, "only the last of what is in hand");
    }
    assert!(sends(&mut scheduler, NOW).is_empty());
}

#[test]
fn what_is_accepted_goes_by_the_store_and_only_with_empty_hands() {
    let mut scheduler = ordered(0..1);
    let ready = only(&mut scheduler);
    accept(&mut scheduler, 0..1, 2);
    assert_eq!(scheduler.ready_bytes(), 0);
    scheduler.finished(&ready, Some(Shown::Took), NOW);
    assert!(scheduler.next(NOW).is_none(), "what is in hand may yet keep its place");
    scheduler.recorded(&ready.delivery, None, NOW);
    assert!(claim_is_in_order(&mut scheduler, NOW));
}

#[test]
fn one_that_is_tried_again_keeps_the_next_waiting_and_what_comes_is_not_looked_for_before() {
    let mut scheduler = ordered(0..3);
    let ready = only(&mut scheduler);
    scheduler.finished(&ready, Some(Shown::Down), NOW);
    assert!(scheduler.next(NOW).is_none(), "whether it goes on is not recorded yet");
    scheduler.recorded(&ready.delivery, Some(LATER), NOW);
    assert_eq!(scheduler.ready_bytes(), 0, "the others went back");
    assert!(claim_is_in_order(&mut scheduler, NOW));
    scheduler.claimed(endpoint(0), Claim { deliveries: Vec::new(), next_due: Some(LATER) }, NOW);
    accept(&mut scheduler, 0..1, 5);
    assert!(scheduler.next(NOW).is_none());
    assert_eq!(scheduler.wake_at(), Some(LATER));
    assert!(claim_is_in_order(&mut scheduler, LATER));
}

#[test]
fn one_that_has_ended_lets_the_next_go() {
    let mut scheduler = ordered(0..2);
    let ready = only(&mut scheduler);
    scheduler.finished(&ready, Some(Shown::Down), NOW);
    assert!(scheduler.waits_for_outcomes(endpoint(0)), "the next waits for the end of this one");
    scheduler.recorded(&ready.delivery, None, NOW);
    assert_eq!(only(&mut scheduler).delivery.message_id, message(1).id);
}

#[test]
fn an_endpoint_that_keeps_order_no_longer_is_sent_many_at_a_time() {
    let mut scheduler = ordered(0..6);
    let ready = only(&mut scheduler);
    scheduler.pace(endpoint(0), None, false);
    scheduler.finished(&ready, Some(Shown::Took), NOW);
    assert!(sends(&mut scheduler, NOW).len() > 1);
}
