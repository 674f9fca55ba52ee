//! Who fails for days without a single success is switched off, and nobody else is.

use std::time::Duration;

use super::{Scene, Side};
use crate::domain::endpoint::{DisabledBecause, EndpointChange};
use crate::domain::failing::FAILING_FOR_MAX;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A message comes, and the endpoint fails.
async fn fails(scene: &Scene, side: &Side) {
    let message = scene.accept(&side.access, side.application, "a").await;
    let again = scene.retry(scene.first(&message, side.endpoint), Some(503));
    scene.settle().await;
    scene.fail(again, None);
    scene.settle().await;
}

/// It fails on each of so many days.
async fn fails_for(scene: &Scene, side: &Side, days: u32) {
    for _ in 0..days {
        fails(scene, side).await;
        scene.pass(DAY);
    }
}

async fn is_switched_off(scene: &Scene, side: &Side) -> bool {
    scene.store.disable_what_fails().await.unwrap();
    let (application, endpoint) = (side.application(), side.endpoint.to_string());
    let disabled = scene.operations.endpoint(&side.access, &application, &endpoint).await.unwrap().disabled;
    assert!(disabled.is_none_or(|reason| reason == DisabledBecause::Failing));
    disabled.is_some()
}

#[tokio::test]
async fn who_has_failed_for_days_is_switched_off_and_not_a_moment_sooner() {
    let scene = Scene::new();
    let (side, other) = (scene.side("one").await, scene.side("other").await);
    fails(&scene, &side).await;
    scene.pass(FAILING_FOR_MAX - HOUR);
    fails(&scene, &side).await;
    assert!(!is_switched_off(&scene, &side).await, "an hour is missing");
    scene.pass(HOUR);
    assert!(is_switched_off(&scene, &side).await);
    assert!(!is_switched_off(&scene, &other).await, "nothing was sent to this one");
}

#[tokio::test]
async fn who_fails_by_its_own_code_is_not_switched_off() {
    let scene = Scene::new();
    let (by_code, by_server) = (scene.side("code").await, scene.side("server").await);
    for _ in 0..8 {
        let message = scene.accept(&by_code.access, by_code.application, "a").await;
        scene.fail_in_code(scene.first(&message, by_code.endpoint)).await;
        fails(&scene, &by_server).await;
        scene.pass(DAY);
    }
    assert!(!is_switched_off(&scene, &by_code).await, "its receiver was never asked");
    assert!(is_switched_off(&scene, &by_server).await);
}

#[tokio::test]
async fn one_success_begins_the_days_anew_also_when_it_was_resent_since() {
    let scene = Scene::new();
    let side = scene.side("one").await;
    fails_for(&scene, &side, 3).await;
    let message = scene.accept(&side.access, side.application, "a").await;
    scene.deliver(scene.first(&message, side.endpoint), 15);
    scene.settle().await;
    scene.pass(DAY);
    fails_for(&scene, &side, 4).await;
    fails(&scene, &side).await;
    assert!(!is_switched_off(&scene, &side).await, "there was one success");
    let (application, endpoint) = (side.application(), side.endpoint.to_string());
    let (message, key) = (message.id.to_string(), None);
    scene.operations.resend(&side.access, &application, &message, &endpoint, key).await.unwrap();
    assert!(!is_switched_off(&scene, &side).await, "it is still one");
    scene.pass(DAY);
    assert!(is_switched_off(&scene, &side).await, "five days have passed since the first failure after it");
}

#[tokio::test]
async fn whoever_changes_an_endpoint_or_switches_it_on_has_days_again() {
    let scene = Scene::new();
    let side = scene.side("one").await;
    fails_for(&scene, &side, 5).await;
    fails(&scene, &side).await;
    assert!(is_switched_off(&scene, &side).await);
    let (application, endpoint) = (side.application(), side.endpoint.to_string());
    let on = EndpointChange { disabled: Some(false), ..EndpointChange::default() };
    scene.operations.patch_endpoint(&side.access, &application, &endpoint, on).await.unwrap();
    assert!(!is_switched_off(&scene, &side).await, "somebody minds");
    fails_for(&scene, &side, 5).await;
    fails(&scene, &side).await;
    assert!(is_switched_off(&scene, &side).await);
}

#[tokio::test]
async fn who_is_no_longer_sent_anything_is_left_alone() {
    let scene = Scene::new();
    let side = scene.side("one").await;
    fails(&scene, &side).await;
    scene.pass(FAILING_FOR_MAX + DAY);
    assert!(!is_switched_off(&scene, &side).await);
}
