//! Promises of what was begun a moment ago: a burst is not begun all at once, and nobody waits for who is slow.

use std::time::Duration;

use super::{Limits, NOW, Scheduler, accept, sends};
use crate::domain::attempt::Shown;

fn scheduler() -> Scheduler {
    let mut scheduler = Scheduler::new(Limits { begun_max: 8, ..Limits::default() });
    accept(&mut scheduler, 0..20, 1);
    scheduler
}

#[test]
fn a_burst_is_begun_a_few_at_a_time() {
    let mut scheduler = scheduler();
    let begun = sends(&mut scheduler, NOW);
    assert_eq!(begun.len(), 4, "those that nothing is known of have half of the places");
    scheduler.finished(&begun[0], Some(Shown::Took), NOW);
    assert_eq!(sends(&mut scheduler, NOW).len(), 1, "another is begun in its place");
    assert_eq!((scheduler.in_flight(), scheduler.begun.is_empty()), (4, false));
}

#[test]
fn who_takes_longer_than_a_moment_keeps_nobody_waiting() {
    let mut scheduler = scheduler();
    let slow = sends(&mut scheduler, NOW);
    let first_ends = scheduler.wake_at().expect("the rest waits for a moment");
    assert_eq!(sends(&mut scheduler, first_ends).len(), 0, "they may have been begun at its very end");
    let second_ends = scheduler.wake_at().expect("the rest waits for another moment");
    assert!(NOW < first_ends && first_ends < second_ends);
    assert_eq!(sends(&mut scheduler, second_ends).len(), 4);
    assert_eq!(scheduler.in_flight(), 8);

    slow.iter().for_each(|ready| scheduler.finished(ready, Some(Shown::Took), second_ends));
    assert_eq!(sends(&mut scheduler, second_ends).len(), 0, "they counted no more");
    assert_eq!(scheduler.in_flight(), 4);
}

#[test]
fn whoever_waits_for_nothing_wakes_nobody() {
    let mut scheduler = scheduler();
    while let begun = sends(&mut scheduler, NOW)
        && !begun.is_empty()
    {
        begun.iter().for_each(|ready| scheduler.finished(ready, Some(Shown::Took), NOW));
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
    assert_eq!(sends(&mut scheduler, later).len(), 4);
    begun.iter().for_each(|ready| scheduler.finished(ready, Some(Shown::Took), later));
    assert_eq!(scheduler.in_flight(), 4);
}
