//! Promises of what was begun a moment ago: a burst is not begun all at once, and nobody waits for who is slow.

use std::time::Duration;

use super::{Limits, NOW, Ready, Scheduler, accept, make_healthy, sends};
use crate::domain::attempt::Shown;
use crate::domain::time::Timestamp;

/// Where eight may be begun at a time, and twenty endpoints that are known to be quick have a message each.
fn scheduler() -> Scheduler {
    let mut scheduler = Scheduler::new(Limits { begun_max: 8, ..Limits::default() });
    (0..20).for_each(|number| make_healthy(&mut scheduler, number));
    accept(&mut scheduler, 0..20, 1);
    scheduler
}

/// They are answered at `now`, and that is recorded.
fn take(scheduler: &mut Scheduler, begun: &[Ready], now: Timestamp) {
    for ready in begun {
        scheduler.finished(ready, Some(Shown::Took), now);
        scheduler.recorded(&ready.delivery, None, now);
    }
}

#[test]
fn a_burst_is_begun_a_few_at_a_time() {
    let mut scheduler = scheduler();
    let begun = sends(&mut scheduler, NOW);
    assert_eq!(begun.len(), 8);
    scheduler.finished(&begun[0], Some(Shown::Took), NOW);
    assert_eq!(sends(&mut scheduler, NOW).len(), 1, "another is begun in its place");
    assert_eq!((scheduler.in_flight(), scheduler.begun.is_empty()), (8, false));
}

#[test]
fn who_takes_longer_than_a_moment_keeps_nobody_waiting() {
    let mut scheduler = scheduler();
    let begun = sends(&mut scheduler, NOW);
    let first_ends = scheduler.wake_at().expect("the rest waits for a moment");
    assert_eq!(sends(&mut scheduler, first_ends).len(), 0, "they may have been begun at its very end");
    let second_ends = scheduler.wake_at().expect("the rest waits for another moment");
    assert!(NOW < first_ends && first_ends < second_ends);
    assert_eq!(sends(&mut scheduler, second_ends).len(), 8);
    assert_eq!(scheduler.in_flight(), 16);

    take(&mut scheduler, &begun, second_ends);
    assert_eq!(sends(&mut scheduler, second_ends).len(), 0, "they counted no more");
    assert_eq!(scheduler.in_flight(), 8);
}

#[test]
fn who_is_not_known_to_be_quick_does_not_count() {
    let mut scheduler = Scheduler::new(Limits { begun_max: 8, ..Limits::default() });
    accept(&mut scheduler, 0..10, 1);
    let unknown = sends(&mut scheduler, NOW);
    assert_eq!((unknown.len(), scheduler.begun.is_empty()), (10, true));

    scheduler.finished(&unknown[0], None, NOW);
    scheduler.recorded(&unknown[0].delivery, None, NOW);
    accept(&mut scheduler, 0..1, 1);
    let unasked = sends(&mut scheduler, NOW);
    assert_eq!((unasked.len(), scheduler.begun.is_empty()), (1, true), "nothing was sent, so nothing is known");

    let unknown = [&unasked, &unknown[1..]].concat();
    let later = NOW.plus(Duration::from_millis(50));
    take(&mut scheduler, &unknown, later);
    accept(&mut scheduler, 0..10, 2);
    let slow = sends(&mut scheduler, later);
    assert_eq!((slow.len(), scheduler.begun.is_empty()), (20, true));

    take(&mut scheduler, &slow, later);
    accept(&mut scheduler, 0..10, 1);
    assert_eq!((sends(&mut scheduler, later).len(), scheduler.begun.is_empty()), (8, false), "they have become quick");
}

#[test]
fn whoever_waits_for_nothing_wakes_nobody() {
    let mut scheduler = scheduler();
    while let begun = sends(&mut scheduler, NOW)
        && !begun.is_empty()
    {
        take(&mut scheduler, &begun, NOW);
    }
    assert_eq!((scheduler.wake_at(), scheduler.begun.is_empty()), (None, true));
}

#[test]
fn a_clock_that_is_set_back_does_no_harm() {
    let mut scheduler = scheduler();
    let begun = sends(&mut scheduler, NOW);
    let earlier = NOW.minus(Duration::from_secs(60));
    assert_eq!(sends(&mut scheduler, earlier).len(), 0);
    let later = scheduler.wake_at().expect("the rest waits for a moment");
    assert!(later < NOW);
    assert_eq!(sends(&mut scheduler, later).len(), 8);
    take(&mut scheduler, &begun, later);
    assert_eq!(scheduler.in_flight(), 8);
}
