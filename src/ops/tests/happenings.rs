//! Who looks on sees what it may see, and holds up nobody.

use super::Scene;
use crate::domain::application::ApplicationChange;
use crate::domain::happening::{Happening, HappeningKind};
use crate::ops::Happenings;

fn happening(kind: HappeningKind, side: &super::Side, at_endpoint: bool) -> Happening {
    let endpoint_id = at_endpoint.then_some(side.endpoint);
    Happening { kind, application_id: Some(side.application), endpoint_id }
}

/// The next thing that happens beside counting.
async fn next(seen: &mut Happenings) -> Option<Happening> {
    loop {
        match seen.next().await {
            Some(Happening { kind: HappeningKind::Counted, .. }) => {}
            other => return other,
        }
    }
}

#[tokio::test]
async fn what_happens_elsewhere_is_not_seen() {
    let scene = Scene::new();
    let (side, other) = (scene.side("one").await, scene.side("other").await);
    let second = scene.application(&side.access, "second").await;
    let mut all = scene.operations.happenings(&side.access);
    let mut own = scene.operations.happenings(&side.own());
    let theirs = scene.accept(&other.access, other.application, "a").await;
    scene.deliver(scene.first(&theirs, other.endpoint), 15);
    scene.accept(&side.access, second, "b").await;
    let message = scene.accept(&side.access, side.application, "c").await;
    scene.deliver(scene.first(&message, side.endpoint), 15);
    scene.settle().await;
    let change = ApplicationChange { name: Some("renamed".to_owned()), ..ApplicationChange::default() };
    scene.operations.patch_application(&side.access, &side.application(), change).await.unwrap();
    assert_eq!(next(&mut all).await.and_then(|next| next.application_id), Some(second));
    for seen in [&mut all, &mut own] {
        assert_eq!(next(seen).await, Some(happening(HappeningKind::Accepted, &side, false)));
        assert_eq!(next(seen).await, Some(happening(HappeningKind::Attempted, &side, true)));
        assert_eq!(next(seen).await, Some(happening(HappeningKind::Changed, &side, false)));
    }
}

#[tokio::test]
async fn who_is_too_slow_learns_that_something_has_changed_and_goes_on() {
    let scene = Scene::new();
    let side = scene.side("one").await;
    let mut seen = scene.operations.happenings(&side.access);
    let message = scene.accept(&side.access, side.application, "a").await;
    for _ in 0..2_000 {
        scene.deliver(scene.first(&message, side.endpoint), 15);
    }
    scene.settle().await;
    let missed = Happening { kind: HappeningKind::Changed, application_id: None, endpoint_id: None };
    assert_eq!(seen.next().await, Some(missed));
    assert_eq!(seen.next().await, Some(happening(HappeningKind::Attempted, &side, true)));
}

#[tokio::test]
async fn what_is_passed_over_is_not_told_again() {
    let scene = Scene::new();
    let side = scene.side("one").await;
    let mut seen = scene.operations.happenings(&side.access);
    let message = scene.accept(&side.access, side.application, "a").await;
    assert_eq!(seen.next().await, Some(happening(HappeningKind::Accepted, &side, false)));
    scene.accept(&side.access, side.application, "a").await;
    seen.skip();
    scene.deliver(scene.first(&message, side.endpoint), 15);
    scene.settle().await;
    assert_eq!(next(&mut seen).await, Some(happening(HappeningKind::Attempted, &side, true)));
}

#[tokio::test]
async fn who_looks_at_figures_learns_when_they_have_changed() {
    let scene = Scene::new();
    let side = scene.side("one").await;
    let mut seen = scene.operations.happenings(&side.access);
    scene.accept(&side.access, side.application, "a").await;
    assert_eq!(seen.next().await, Some(happening(HappeningKind::Accepted, &side, false)));
    scene.settle().await;
    assert_eq!(seen.next().await, Some(happening(HappeningKind::Counted, &side, false)));
}
