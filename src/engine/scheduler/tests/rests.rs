//! Endpoints that fail again and again are left in peace, and come back gently.

use super::{NOW, accept, delivery, endpoint, message};
use crate::domain::attempt::Shown;
use crate::domain::endpoint::Rest;
use crate::domain::time::Timestamp;
use crate::engine::scheduler::{Limits, Ready, Scheduler, Work};
use crate::store::{Claim, Content};

/// These messages as a claim brings them.
fn claim(number: i64, messages: std::ops::Range<i64>) -> Claim {
    let found = messages.map(message).map(|message| (delivery(&message, endpoint(number)), Content::Kept(message)));
    Claim { deliveries: found.collect(), next_due: Some(NOW) }
}

/// Sends whatever may be sent, each time to see `shown`; answers how many that were, and who rests from then on.
fn send_all(scheduler: &mut Scheduler, now: Timestamp, shown: impl Fn(&Ready) -> Shown) -> (usize, Vec<Option<Rest>>) {
    let (mut sent, mut rests) = (0, Vec::new());
    while let Some(work) = scheduler.next(now) {
        match work {
            Work::Send(ready) => {
                scheduler.finished(&ready, Some(shown(&ready)), now);
                scheduler.recorded(&ready.delivery, None, now);
                sent += 1;
            }
            Work::TellRest { rest, .. } => rests.push(rest),
            Work::Claim { endpoint_id, .. } => {
                scheduler.claimed(endpoint_id, Claim { deliveries: Vec::new(), next_due: None }, now);
            }
        }
    }
    (sent, rests)
}

/// What may be in flight at a time now.
fn in_flight(scheduler: &mut Scheduler, now: Timestamp) -> Vec<Ready> {
    let next = || match scheduler.next(now) {
        Some(Work::Send(ready)) => Some(ready),
        _ => None,
    };
    std::iter::from_fn(next).collect()
}

/// A scheduler whose one endpoint rests, with more in the store, and until when.
fn resting() -> (Scheduler, Timestamp) {
    let mut scheduler = Scheduler::new(Limits::default());
    accept(&mut scheduler, 0..1, 30);
    for _ in 0..10 {
        let Some(Work::Send(ready)) = scheduler.next(NOW) else { panic!("it is not left in peace so soon") };
        scheduler.finished(&ready, Some(Shown::Down), NOW);
        scheduler.recorded(&ready.delivery, Some(NOW.plus(std::time::Duration::from_secs(3_600))), NOW);
    }
    let Some(Work::TellRest { rest: Some(rest), .. }) = scheduler.next(NOW) else { panic!("it rests") };
    assert_eq!((rest.failures, scheduler.ready_bytes()), (10, 0), "what waits takes no room");
    (scheduler, rest.until)
}

/// The one message that is tried.
fn tried(scheduler: &mut Scheduler, now: Timestamp) -> Ready {
    let Some(Work::Claim { wanted: 1, .. }) = scheduler.next(now) else { panic!("one is to be tried") };
    scheduler.claimed(endpoint(0), claim(0, 10..11), now);
    in_flight(scheduler, now).pop().expect("one is tried")
}

#[test]
fn nothing_is_sent_in_a_rest_and_then_one_message() {
    let (mut scheduler, until) = resting();
    accept(&mut scheduler, 0..1, 50);
    assert!(scheduler.next(NOW).is_none());
    assert_eq!((scheduler.wake_at(), scheduler.ready_bytes()), (Some(until), 0));
    let ready = tried(&mut scheduler, until);
    assert!(scheduler.next(until).is_none(), "one alone");
    scheduler.finished(&ready, Some(Shown::Down), until);
    let Some(Work::TellRest { rest: Some(longer), .. }) = scheduler.next(until) else { panic!("it rests on") };
    assert!(longer.until.since(until) >= until.since(NOW));
    assert!(scheduler.next(until).is_none());
}

#[test]
fn an_endpoint_that_comes_back_gets_one_message_then_two_then_four() {
    let (mut scheduler, now) = resting();
    let ready = tried(&mut scheduler, now);
    scheduler.finished(&ready, Some(Shown::Took), now);
    assert!(matches!(scheduler.next(now), Some(Work::TellRest { rest: None, .. })));
    assert!(matches!(scheduler.next(now), Some(Work::Claim { wanted: 256, .. })));
    scheduler.claimed(endpoint(0), claim(0, 11..300), now);
    for together in [1, 2, 4, 8, 16, 32, 64, 64] {
        let sent = in_flight(&mut scheduler, now);
        assert_eq!(sent.len(), together);
        sent.iter().for_each(|ready| scheduler.finished(ready, Some(Shown::Took), now));
    }
}

#[test]
fn an_answer_of_any_other_kind_ends_a_rest_and_a_fault_of_ours_does_not() {
    for (shown, ends) in [(Shown::Refused, true), (Shown::Nothing, false)] {
        let (mut scheduler, now) = resting();
        let ready = tried(&mut scheduler, now);
        scheduler.finished(&ready, Some(shown), now);
        let ended = matches!(scheduler.next(now), Some(Work::TellRest { rest: None, .. }));
        assert_eq!(ended, ends, "{shown:?}");
    }
}

#[test]
fn an_endpoint_that_is_changed_is_sent_to_at_once() {
    let (mut scheduler, _) = resting();
    scheduler.waiting(endpoint(0), NOW, NOW);
    assert!(scheduler.next(NOW).is_none(), "a resend waits like everything else");
    scheduler.changed(endpoint(0), NOW);
    assert!(matches!(scheduler.next(NOW), Some(Work::Claim { wanted: 256, .. })));
}

#[test]
fn a_rest_that_another_node_tells_of_is_kept_here_too() {
    let mut scheduler = Scheduler::new(Limits::default());
    accept(&mut scheduler, 0..1, 30);
    let until = NOW.plus(std::time::Duration::from_secs(5));
    scheduler.heard_of_rest(endpoint(0), Some(Rest { until, failures: 10 }), NOW);
    assert!(scheduler.next(NOW).is_none() && scheduler.next(until).is_none());
    assert!(scheduler.wake_at().is_some_and(|at| at > until), "the other tries it first");
    scheduler.heard_of_rest(endpoint(0), None, until);
    assert!(matches!(scheduler.next(until), Some(Work::Claim { .. })));
}

#[test]
fn thousands_that_are_down_take_no_place_from_those_that_are_not() {
    let limits = Limits { in_flight_max: 100, ready_bytes_max: 256 * 1024 * 1024, ..Limits::default() };
    let mut scheduler = Scheduler::new(limits);
    let is_healthy = |ready: &Ready| ready.delivery.endpoint_id.number() % 50 == 0;
    let shown = |ready: &Ready| if is_healthy(ready) { Shown::Took } else { Shown::Down };
    accept(&mut scheduler, 0..5_000, 12);
    let (_, rests) = send_all(&mut scheduler, NOW, shown);
    assert_eq!(rests.len(), 4_900, "all that are down are left in peace");
    accept(&mut scheduler, 0..5_000, 20);
    let sent = in_flight(&mut scheduler, NOW);
    assert_eq!(sent.len(), 100);
    assert!(sent.iter().all(is_healthy));
}

#[test]
fn where_everything_fails_the_fault_is_rather_here_and_half_is_sent_to_as_ever() {
    let mut scheduler = Scheduler::new(Limits::default());
    accept(&mut scheduler, 0..100, 30);
    let (sent, rests) = send_all(&mut scheduler, NOW, |_| Shown::Down);
    assert_eq!((rests.len(), sent), (50, 50 * 10 + 50 * 30));
}
