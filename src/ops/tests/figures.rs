//! Figures are what happened, when it happened, to whom it happened.

use std::time::Duration;

use super::{START, Scene, Side};
use crate::domain::attempt::AttemptErrorCode;
use crate::domain::failing::Cause;
use crate::domain::figures::{Counts, Figures, Window};
use crate::ops::{Counted, FiguresOf, OpError};

const HOUR: Duration = Duration::from_secs(3_600);

/// Accepted, delivered, failed and retried.
fn numbers(counts: &Counts) -> (u64, u64, u64, u64) {
    (counts.accepted, counts.delivered, counts.failed, counts.retried)
}

/// Two messages: one is delivered at once, the other fails in this minute and for good in the next one.
async fn a_minute_ends(scene: &Scene, side: &Side) {
    let first = scene.accept(&side.access, side.application, "a").await;
    let second = scene.accept(&side.access, side.application, "b").await;
    scene.deliver(scene.first(&first, side.endpoint), 15);
    let again = scene.retry(scene.first(&second, side.endpoint), Some(503));
    scene.settle().await;
    scene.pass(Duration::from_secs(10));
    scene.fail(again, Some(503));
}

async fn everything(scene: &Scene, side: &Side, window: Window) -> Figures {
    scene.operations.figures(&side.access, FiguresOf::Everything, window).await.unwrap()
}

#[tokio::test]
async fn what_happens_is_counted_in_its_minute_for_each_whom_it_concerns() {
    let scene = Scene::new();
    let (side, other) = (scene.side("one").await, scene.side("other").await);
    a_minute_ends(&scene, &side).await;
    scene.settle().await;
    let (application, endpoint) = (side.application(), side.endpoint.to_string());
    for of in
        [FiguresOf::Everything, FiguresOf::Application(&application), FiguresOf::Endpoint(&application, &endpoint)]
    {
        let figures = scene.operations.figures(&side.access, of, Window::Hour).await.unwrap();
        let last: Vec<_> = figures.bars[57..].iter().map(|bar| numbers(&bar.counts)).collect();
        assert_eq!(last, [(0, 0, 0, 0), (2, 1, 0, 1), (0, 0, 1, 0)], "{of:?}");
        assert_eq!(numbers(&figures.total), (2, 1, 1, 1));
        assert_eq!(figures.total.success(), Some(0.5));
        assert_eq!(figures.total.latencies.percentile(33), Some(20));
        assert_eq!(figures.bars[59].counts.latencies.percentile(95), Some(1_000));
        assert_eq!(figures.bars[0].counts.latencies.percentile(95), None);
    }
    for window in Window::ALL {
        assert_eq!(numbers(&everything(&scene, &side, window).await.total), (2, 1, 1, 1), "{window:?}");
        assert_eq!(everything(&scene, &other, window).await.total, Counts::default(), "{window:?}");
    }
    let own = scene.operations.figures(&side.own(), FiguresOf::Everything, Window::Day).await.unwrap();
    assert_eq!(numbers(&own.total), (2, 1, 1, 1));
    let hidden = scene.operations.figures(&other.access, FiguresOf::Application(&application), Window::Day).await;
    assert!(matches!(hidden, Err(OpError::NotFound("application"))));
}

#[tokio::test]
async fn a_message_for_several_endpoints_is_one_message() {
    let scene = Scene::new();
    let side = scene.side("one").await;
    scene.endpoint(&side.access, side.application, "second").await;
    scene.accept(&side.access, side.application, "a").await;
    scene.settle().await;
    assert_eq!(everything(&scene, &side, Window::Day).await.total.accepted, 1);
    let strips = scene.operations.strips_of_endpoints(&side.access, &[side.endpoint]).await.unwrap();
    assert_eq!(strips[&side.endpoint].accepted, 1);
}

#[tokio::test]
async fn the_window_before_is_shown_as_far_as_it_is_kept() {
    let scene = Scene::new();
    let side = scene.side("one").await;
    a_minute_ends(&scene, &side).await;
    scene.settle().await;
    scene.pass(HOUR - Duration::from_secs(60));
    let hour = everything(&scene, &side, Window::Hour).await;
    assert_eq!((numbers(&hour.total), hour.before.map(|counts| numbers(&counts))), ((0, 0, 1, 0), Some((2, 1, 0, 1))));
    assert_eq!(everything(&scene, &side, Window::Month).await.before, None);
}

#[tokio::test]
async fn a_store_that_is_closed_has_counted_everything() {
    let scene = Scene::new();
    let side = scene.side("one").await;
    a_minute_ends(&scene, &side).await;
    let scene = scene.again();
    assert_eq!(numbers(&everything(&scene, &side, Window::Hour).await.total), (2, 1, 1, 1));
}

#[tokio::test]
async fn minutes_go_after_hours_and_half_hours_after_a_month() {
    let scene = Scene::new();
    let side = scene.side("one").await;
    a_minute_ends(&scene, &side).await;
    scene.settle().await;
    // What is old now is still shown when the clock is back where it was.
    for (later, hour, day, causes) in [(HOUR * 2, 2, 2, 1), (HOUR * 4, 0, 2, 1), (HOUR * 24 * 33, 0, 0, 0)] {
        scene.clock.set(START.plus(later));
        while scene.store.drop_what_is_old().await.unwrap() {}
        scene.clock.set(START.plus(Duration::from_secs(10)));
        assert_eq!(everything(&scene, &side, Window::Hour).await.total.accepted, hour, "{later:?}");
        assert_eq!(everything(&scene, &side, Window::Day).await.total.accepted, day, "{later:?}");
        assert_eq!(scene.operations.failing(&side.access, 7).await.unwrap().len(), causes, "{later:?}");
    }
}

#[tokio::test]
async fn strips_show_the_last_24_hours_of_what_may_be_seen() {
    let scene = Scene::new();
    let (side, other) = (scene.side("one").await, scene.side("other").await);
    a_minute_ends(&scene, &side).await;
    scene.settle().await;
    scene.pass(HOUR * 2);
    let wanted = [side.endpoint, other.endpoint];
    let strips = scene.operations.strips_of_endpoints(&side.access, &wanted).await.unwrap();
    assert_eq!(strips.keys().collect::<Vec<_>>(), [&side.endpoint]);
    let strip = &strips[&side.endpoint];
    assert_eq!((strip.hours.len(), strip.hours[21], strip.hours[23], strip.accepted), (24, (1, 2), (0, 0), 2));
    let wanted = [side.application, other.application];
    let strips = scene.operations.strips_of_applications(&side.access, &wanted).await.unwrap();
    assert_eq!(strips.keys().collect::<Vec<_>>(), [&side.application]);
    assert_eq!(strips[&side.application].success(), Some(1.0 / 3.0));
}

#[tokio::test]
async fn failures_are_put_together_by_endpoint_and_cause() {
    let scene = Scene::new();
    let (side, other) = (scene.side("one").await, scene.side("other").await);
    a_minute_ends(&scene, &side).await;
    scene.pass(HOUR * 24);
    let message = scene.accept(&side.access, side.application, "a").await;
    scene.fail(scene.first(&message, side.endpoint), Some(503));
    scene.pass(HOUR);
    let latest = scene.store.now();
    let message = scene.accept(&side.access, side.application, "a").await;
    scene.fail(scene.first(&message, side.endpoint), None);
    scene.settle().await;
    let groups = scene.operations.failing(&side.access, 7).await.unwrap();
    let timeout = Cause::Error(AttemptErrorCode::Timeout);
    let shown: Vec<_> = groups.iter().map(|group| &group.failing).collect();
    let shown: Vec<_> = shown.iter().map(|failing| (failing.cause, failing.ended, failing.retried)).collect();
    assert_eq!(shown, [(timeout, 1, 0), (Cause::Status(503), 2, 1)]);
    assert_eq!((groups[0].failing.first_at, groups[0].failing.last_at), (latest, latest));
    assert_eq!(groups[1].failing.first_at, START);
    assert_eq!(groups[1].route.endpoint.id, side.endpoint);
    assert_eq!(scene.operations.failing(&side.access, 1).await.unwrap().len(), 2);
    assert!(scene.operations.failing(&other.access, 7).await.unwrap().is_empty());
    assert_eq!(scene.operations.failing(&side.own(), 7).await.unwrap().len(), 2);
    let recoverable = async |since, at_most| {
        let (application, endpoint) = (side.application(), side.endpoint.to_string());
        let counted = scene.operations.recoverable(&side.access, &application, &endpoint, since, None, at_most).await;
        counted.unwrap()
    };
    assert_eq!(recoverable(START, 10).await, Counted { number: 3, more: false });
    assert_eq!(recoverable(START, 3).await, Counted { number: 3, more: false });
    assert_eq!(recoverable(START, 2).await, Counted { number: 2, more: true });
    assert_eq!(recoverable(latest, 10).await, Counted { number: 1, more: false });
}
