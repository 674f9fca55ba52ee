//! The scheduler's promises: turns are fair, memory is bounded, nothing in hand is claimed again.

mod begun;
mod order;
mod rests;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Limits, Ready, Scheduler, Work};
use crate::domain::attempt::Shown;
use crate::domain::delivery::{Delivery, Trigger};
use crate::domain::id::{ApplicationId, EndpointId, EnvironmentId, Id, MessageId};
use crate::domain::message::Message;
use crate::domain::node::Epoch;
use crate::domain::time::Timestamp;
use crate::store::{Claim, Content};

const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);
const APPLICATION: ApplicationId = Id::from_number(1);
const ENVIRONMENT: EnvironmentId = Id::from_number(2);

fn endpoint(number: i64) -> EndpointId {
    Id::from_number(1_000 + number)
}

fn message(number: i64) -> Arc<Message> {
    let id: MessageId = Id::from_number(MessageId::first_at(NOW).number() + number);
    Arc::new(Message {
        id,
        environment_id: ENVIRONMENT,
        application_id: APPLICATION,
        event_type: "a.b".to_owned(),
        event_id: None,
        channels: Vec::new(),
        payload: Some(Bytes::from_static(&[b' '; 1_000])),
        expires_at: NOW,
        verdicts: Vec::new(),
    })
}

fn delivery(message: &Message, endpoint_id: EndpointId) -> Delivery {
    Delivery {
        message_id: message.id,
        endpoint_id,
        application_id: APPLICATION,
        due: NOW,
        attempts_made: 0,
        trigger: Trigger::Scheduled,
        epoch: Epoch::ALONE,
        held_until: None,
        in_order: false,
    }
}

/// `count` messages are accepted for each of `endpoints`.
fn accept(scheduler: &mut Scheduler, endpoints: impl Iterator<Item = i64>, count: i64) {
    for number in endpoints {
        for message in (0..count).map(message) {
            scheduler.accepted(&message, vec![delivery(&message, endpoint(number))], NOW);
        }
    }
}

fn sends(scheduler: &mut Scheduler, now: Timestamp) -> Vec<Ready> {
    let next = || match scheduler.next(now) {
        Some(Work::Send(ready)) => Some(ready),
        Some(Work::Claim { .. }) => panic!("nothing waits in the store"),
        Some(Work::TellRest { .. }) => panic!("nobody rests"),
        None => None,
    };
    std::iter::from_fn(next).collect()
}

/// Has `endpoint` take one message, so that it is known to be healthy.
fn make_healthy(scheduler: &mut Scheduler, number: i64) {
    accept(scheduler, std::iter::once(number), 1);
    for ready in sends(scheduler, NOW) {
        scheduler.finished(&ready, Some(Shown::Took), NOW);
        scheduler.recorded(&ready.delivery, None, NOW);
    }
}

#[test]
fn endpoints_take_turns() {
    let mut scheduler = Scheduler::new(Limits::default());
    accept(&mut scheduler, 0..3, 50);
    let order: Vec<_> = sends(&mut scheduler, NOW).iter().take(9).map(|ready| ready.delivery.endpoint_id).collect();
    assert_eq!(order, [0, 1, 2, 0, 1, 2, 0, 1, 2].map(endpoint));
}

#[test]
fn endpoints_that_fail_leave_most_places_to_those_that_do_not() {
    let limits = Limits { in_flight_max: 100, ..Limits::default() };
    let mut scheduler = Scheduler::new(limits);
    make_healthy(&mut scheduler, 0);
    accept(&mut scheduler, 1..201, 1);
    for ready in sends(&mut scheduler, NOW) {
        scheduler.finished(&ready, Some(Shown::Down), NOW);
    }
    while let Some(Work::Send(ready)) = scheduler.next(NOW) {
        scheduler.finished(&ready, Some(Shown::Down), NOW);
    }
    // All two hundred have failed once. They hang from now on, and the healthy one is still served.
    for message in (10..12).map(message) {
        let deliveries: Vec<_> = (1..201).map(|number| delivery(&message, endpoint(number))).collect();
        scheduler.accepted(&message, deliveries, NOW);
    }
    let hanging = sends(&mut scheduler, NOW);
    assert_eq!(hanging.len(), 20, "the failing ones have a fifth of the places");
    for message in (100..110).map(message) {
        scheduler.accepted(&message, vec![delivery(&message, endpoint(0))], NOW);
    }
    let healthy = sends(&mut scheduler, NOW);
    assert!(!healthy.is_empty() && healthy.iter().all(|ready| ready.delivery.endpoint_id == endpoint(0)));
}

#[test]
fn whoever_takes_long_and_fails_and_is_unknown_leaves_places_to_who_does_not() {
    let limits = Limits { in_flight_max: 100, ..Limits::default() };
    let mut scheduler = Scheduler::new(limits);
    make_healthy(&mut scheduler, 0);
    let answers = [(Shown::Took, Duration::from_secs(1)), (Shown::Down, Duration::ZERO)];
    for (first, (shown, took)) in [1, 201].into_iter().zip(answers) {
        accept(&mut scheduler, first..first + 20, 1);
        for ready in sends(&mut scheduler, NOW) {
            scheduler.finished(&ready, Some(shown), NOW.plus(took));
            scheduler.recorded(&ready.delivery, None, NOW.plus(took));
        }
    }
    let in_flight = |scheduler: &mut Scheduler, endpoints| {
        accept(scheduler, endpoints, 10);
        sends(scheduler, NOW).len()
    };
    assert_eq!(in_flight(&mut scheduler, 1..21), 20, "those that take long have a fifth of the places");
    assert_eq!(in_flight(&mut scheduler, 201..221), 20, "and those that fail");
    assert_eq!(in_flight(&mut scheduler, 401..461), 40, "two fifths those that have not been asked");
    assert_eq!(in_flight(&mut scheduler, 0..1), 5, "who takes at once is sent what its window holds");
}

#[test]
fn who_was_never_asked_does_not_wait_for_strangers_that_were_asked_and_hang() {
    let limits = Limits { in_flight_max: 100, ..Limits::default() };
    let mut scheduler = Scheduler::new(limits);
    accept(&mut scheduler, 0..10, 10);
    assert_eq!(sends(&mut scheduler, NOW).len(), 20, "further requests have half of the strangers' places");
    accept(&mut scheduler, 10..31, 10);
    let asked: Vec<_> = sends(&mut scheduler, NOW).iter().map(|ready| ready.delivery.endpoint_id).collect();
    assert_eq!(asked, (10..30).map(endpoint).collect::<Vec<_>>(), "the others are for first requests, one for each");
}

#[test]
fn the_window_of_an_endpoint_grows_with_success_and_halves_with_failure() {
    let mut scheduler = Scheduler::new(Limits::default());
    accept(&mut scheduler, 0..1, 400);
    let first = sends(&mut scheduler, NOW);
    assert_eq!(first.len(), 4);
    for ready in &first {
        scheduler.finished(ready, Some(Shown::Took), NOW);
    }
    let second = sends(&mut scheduler, NOW);
    assert_eq!(second.len(), 8);
    for ready in &second {
        scheduler.finished(ready, Some(Shown::Down), NOW);
    }
    assert_eq!(sends(&mut scheduler, NOW).len(), 4);
}

#[test]
fn what_finds_no_room_in_memory_waits_in_the_store_and_is_claimed_later() {
    let limits = Limits { ready_per_endpoint_max: 10, ..Limits::default() };
    let mut scheduler = Scheduler::new(limits);
    accept(&mut scheduler, 0..1, 30);
    assert_eq!(scheduler.ready_bytes(), 10 * 1_000);
    let Some(Work::Claim { endpoint_id, in_hand, .. }) = scheduler.next(NOW) else { panic!("a claim is due") };
    assert_eq!((endpoint_id, in_hand.len()), (endpoint(0), 10));
    // The claim also brings one that is in hand: it is not taken twice.
    let found = (0..30).map(message).map(|message| (delivery(&message, endpoint(0)), Content::Kept(message)));
    scheduler.claimed(endpoint(0), Claim { deliveries: found.collect(), next_due: None }, NOW);
    let mut sent = HashSet::new();
    while let Some(Work::Send(ready)) = scheduler.next(NOW) {
        assert!(sent.insert(ready.delivery.message_id), "{:?} was sent twice", ready.delivery);
        scheduler.finished(&ready, Some(Shown::Took), NOW);
        scheduler.recorded(&ready.delivery, None, NOW);
    }
    assert_eq!(sent.len(), 30);
    assert_eq!((scheduler.ready_bytes(), scheduler.in_flight()), (0, 0));
}

#[test]
fn what_waits_for_those_that_fail_leaves_most_of_the_memory_to_those_that_do_not() {
    let limits = Limits { ready_bytes_max: 100 * 1_000, ..Limits::default() };
    let mut scheduler = Scheduler::new(limits);
    make_healthy(&mut scheduler, 0);
    for number in 1..40 {
        accept(&mut scheduler, number..number + 1, 1);
        let failed = sends(&mut scheduler, NOW);
        scheduler.finished(&failed[0], Some(Shown::Refused), NOW);
    }
    accept(&mut scheduler, 1..40, 4);
    assert_eq!(scheduler.ready_bytes(), 20 * 1_000, "a fifth for all of them");
    accept(&mut scheduler, 100..140, 4);
    assert_eq!(scheduler.ready_bytes(), (20 + 40) * 1_000, "two fifths for those not yet known");
    accept(&mut scheduler, 0..1, 100);
    assert_eq!(scheduler.ready_bytes(), 100 * 1_000, "what is left for who is healthy");
}

#[test]
fn without_room_each_endpoint_holds_one_message_and_no_more() {
    let limits = Limits { ready_bytes_max: 2_000, in_flight_max: 0, ..Limits::default() };
    let mut scheduler = Scheduler::new(limits);
    (0..10).for_each(|number| scheduler.waiting(endpoint(number), NOW, NOW));
    let mut most = 0;
    while let Some(Work::Claim { endpoint_id, wanted, in_hand, .. }) = scheduler.next(NOW) {
        most = most.max(wanted);
        let found = (0..1_000).map(message).map(|message| (delivery(&message, endpoint_id), Content::Kept(message)));
        let found = found.filter(|(delivery, _)| !in_hand.contains(&delivery.place())).take(wanted).collect();
        scheduler.claimed(endpoint_id, Claim { deliveries: found, next_due: Some(NOW) }, NOW);
    }
    // The first finds room, and may take more than there is.
    assert_eq!(scheduler.ready_bytes(), (most + 9) * 1_000);
}

#[test]
fn large_payloads_take_no_more_memory_in_flight_than_there_is() {
    let limits = Limits { in_flight_bytes_max: 8 * 1_000, ..Limits::default() };
    let mut scheduler = Scheduler::new(limits);
    accept(&mut scheduler, 0..20, 1);
    let unknown = sends(&mut scheduler, NOW);
    assert_eq!(unknown.len(), 4, "those that nothing is known of have half of it");
    scheduler.finished(&unknown[0], Some(Shown::Refused), NOW);
    assert_eq!(sends(&mut scheduler, NOW).len(), 1);
    scheduler.finished(&unknown[1], Some(Shown::Took), NOW);
    accept(&mut scheduler, unknown[1].delivery.endpoint_id.number() - 1_000..20, 10);
    let after: Vec<_> = sends(&mut scheduler, NOW).iter().map(|ready| ready.standing).collect();
    assert_eq!(after.len(), 5, "the whole of it is for those that take their messages: {after:?}");
}

#[test]
fn what_is_recorded_while_a_claim_is_under_way_is_not_sent_again() {
    let mut scheduler = Scheduler::new(Limits::default());
    accept(&mut scheduler, 0..1, 1);
    scheduler.waiting(endpoint(0), NOW, NOW);
    let Some(Work::Claim { .. }) = scheduler.next(NOW) else { panic!("a claim is due") };
    let ready = sends(&mut scheduler, NOW).pop().expect("one is ready");
    scheduler.finished(&ready, Some(Shown::Took), NOW);
    scheduler.recorded(&ready.delivery, None, NOW);
    // The claim looked before the outcome was written.
    let stale = vec![(ready.delivery.clone(), ready.content.clone())];
    scheduler.claimed(endpoint(0), Claim { deliveries: stale, next_due: None }, NOW);
    assert!(scheduler.next(NOW).is_none());
}

#[test]
fn a_throttled_endpoint_is_sent_no_more_than_its_rate() {
    let mut scheduler = Scheduler::new(Limits::default());
    make_healthy(&mut scheduler, 0);
    scheduler.pace(endpoint(0), Some(Duration::from_millis(100)), false);
    accept(&mut scheduler, 0..1, 60);
    let mut now = NOW;
    let mut sent = 0;
    while now < NOW.plus(Duration::from_secs(3)) {
        for ready in sends(&mut scheduler, now) {
            sent += 1;
            scheduler.finished(&ready, Some(Shown::Took), now);
        }
        now = scheduler.wake_at().expect("more waits");
    }
    assert_eq!(sent, 30);
}

#[test]
fn a_switched_off_endpoint_is_left_alone_until_it_changes() {
    let mut scheduler = Scheduler::new(Limits::default());
    accept(&mut scheduler, 0..1, 20);
    for ready in sends(&mut scheduler, NOW) {
        scheduler.put_back(&ready, None, NOW);
    }
    assert_eq!(scheduler.ready_bytes(), 0);
    assert!(scheduler.next(NOW).is_none() && scheduler.wake_at().is_none());
    scheduler.waiting(endpoint(0), NOW, NOW);
    assert!(matches!(scheduler.next(NOW), Some(Work::Claim { .. })));
}

#[test]
fn an_endpoint_that_is_switched_on_while_it_is_found_switched_off_goes_on() {
    let mut scheduler = Scheduler::new(Limits::default());
    accept(&mut scheduler, 0..1, 1);
    let ready = sends(&mut scheduler, NOW).pop().expect("one is ready");
    // Whoever prepares it has read that the endpoint is off; then it is switched on; then it is put back.
    scheduler.waiting(endpoint(0), NOW, NOW);
    scheduler.put_back(&ready, None, NOW);
    assert!(matches!(scheduler.next(NOW), Some(Work::Claim { .. })));
}

#[test]
fn few_claims_are_under_way_at_a_time() {
    let mut scheduler = Scheduler::new(Limits::default());
    (0..100).for_each(|number| scheduler.waiting(endpoint(number), NOW, NOW));
    let claimed: Vec<_> = std::iter::from_fn(|| scheduler.next(NOW)).collect();
    assert_eq!(claimed.len(), 16);
    scheduler.claimed(endpoint(0), Claim::default(), NOW);
    assert!(matches!(scheduler.next(NOW), Some(Work::Claim { .. })));
}

#[test]
fn an_endpoint_that_recovers_does_not_wait_behind_those_that_fail() {
    let limits = Limits { in_flight_max: 6, ..Limits::default() };
    let mut scheduler = Scheduler::new(limits);
    accept(&mut scheduler, 1..3, 1);
    for ready in sends(&mut scheduler, NOW) {
        scheduler.finished(&ready, Some(Shown::Down), NOW);
        scheduler.recorded(&ready.delivery, None, NOW);
    }
    accept(&mut scheduler, 1..3, 1);
    assert_eq!(sends(&mut scheduler, NOW).len(), 2, "they hold the places of the failing ones from now on");
    accept(&mut scheduler, 0..1, 3);
    let mut first = sends(&mut scheduler, NOW).into_iter();
    let (one, two) = (first.next().expect("one is ready"), first.next().expect("two are ready"));
    scheduler.finished(&one, Some(Shown::Down), NOW);
    assert!(sends(&mut scheduler, NOW).is_empty(), "it stands in the round of the failing ones");
    scheduler.finished(&two, Some(Shown::Took), NOW);
    let next: Vec<_> = sends(&mut scheduler, NOW).iter().map(|ready| ready.delivery.endpoint_id).collect();
    assert!(next.contains(&endpoint(0)), "{next:?}");
}

#[test]
fn what_is_forgotten_is_not_sent_and_what_is_in_flight_keeps_its_place() {
    let mut scheduler = Scheduler::new(Limits::default());
    accept(&mut scheduler, 0..3, 20);
    let in_flight = sends(&mut scheduler, NOW);
    scheduler.forget();
    assert_eq!((scheduler.ready_bytes(), scheduler.in_flight()), (0, in_flight.len()));
    for ready in in_flight {
        scheduler.finished(&ready, Some(Shown::Took), NOW);
        scheduler.recorded(&ready.delivery, None, NOW);
    }
    assert!(scheduler.next(NOW).is_none(), "nothing of it is left");
    scheduler.waiting(endpoint(0), NOW, NOW);
    assert!(matches!(scheduler.next(NOW), Some(Work::Claim { in_hand, .. }) if in_hand.is_empty()));
}
