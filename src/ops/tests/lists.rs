//! Lists of a whole environment show all of it, newest first, and nothing of another one.

use super::Scene;
use crate::domain::delivery::{DeliveryState, Stage};
use crate::domain::id::MessageId;
use crate::domain::message::MessageFilter;
use crate::domain::time::Span;
use crate::ops::{Access, Backlog, EndpointFilter, MessagesPage, OpError, WalkedPage};

const PAGE: MessagesPage = MessagesPage { before: None, limit: 10, with_content: false };

async fn message_ids(scene: &Scene, access: &Access, application: Option<&str>) -> Vec<MessageId> {
    let listed =
        scene.operations.messages_of_environment(access, application, Span::ALL, MessageFilter::default(), PAGE).await;
    listed.unwrap().rows.iter().map(|message| message.id).collect()
}

#[tokio::test]
async fn messages_of_all_applications_are_one_list() {
    let scene = Scene::new();
    let (side, other) = (scene.side("one").await, scene.side("other").await);
    let second = scene.application(&side.access, "second").await;
    let a = scene.accept(&side.access, side.application, "a").await.id;
    let hidden = scene.accept(&other.access, other.application, "a").await.id;
    let b = scene.accept(&side.access, second, "b").await.id;
    assert_eq!(message_ids(&scene, &side.access, None).await, [b, a]);
    assert_eq!(message_ids(&scene, &side.own(), None).await, [a]);
    assert_eq!(message_ids(&scene, &side.access, Some(&second.to_string())).await, [b]);
    assert_eq!(message_ids(&scene, &other.access, None).await, [hidden]);
    let wanted = MessageFilter { event_types: Some(vec!["a".to_owned()]), ..MessageFilter::default() };
    let page = MessagesPage { limit: 1, ..PAGE };
    let list = |filter, page| scene.operations.messages_of_environment(&side.access, None, Span::ALL, filter, page);
    assert_eq!(list(wanted, page).await.unwrap().rows[0].id, a);
    let first = list(MessageFilter::default(), page).await.unwrap();
    assert_eq!((first.rows[0].id, first.next), (b, Some(b)));
    let rest = list(MessageFilter::default(), MessagesPage { before: first.next, ..page }).await.unwrap();
    assert_eq!((rest.rows[0].id, rest.next), (a, None));
    let theirs = Some(other.application());
    let hidden = scene
        .operations
        .messages_of_environment(&side.access, theirs.as_deref(), Span::ALL, MessageFilter::default(), PAGE)
        .await;
    assert!(matches!(hidden, Err(OpError::NotFound("application"))));
}

#[tokio::test]
async fn each_message_stands_somewhere_at_each_endpoint() {
    let scene = Scene::new();
    let side = scene.side("one").await;
    let second = scene.endpoint(&side.access, side.application, "second").await;
    let message = scene.accept(&side.access, side.application, "a").await;
    let due = scene.store.now();
    let stages = async || {
        let stages = scene.operations.standings_of(&[(*message).clone()]).await.unwrap();
        (stages[&message.id][&side.endpoint], stages[&message.id][&second])
    };
    assert_eq!(stages().await, (Stage::Waiting(due), Stage::Waiting(due)));
    let again = scene.retry(scene.first(&message, side.endpoint), Some(500));
    scene.deliver(scene.first(&message, second), 15);
    scene.settle().await;
    assert_eq!(stages().await, (Stage::Retrying(again.due), Stage::Ended(DeliveryState::Delivered)));
}

#[tokio::test]
async fn endpoints_and_applications_are_found_by_a_part_of_their_names() {
    let scene = Scene::new();
    let (side, other) = (scene.side("one").await, scene.side("other").await);
    let second = scene.application(&side.access, "Second Shop").await;
    let orders = scene.endpoint(&side.access, second, "Orders").await;
    let find = async |access: &Access, text: &str, disabled: Option<bool>| {
        let filter = EndpointFilter { text: Some(text.to_owned()), disabled };
        let page = WalkedPage { before: None, limit: 10 };
        let found = scene.operations.endpoints_of_environment(access, filter, page).await.unwrap();
        found.rows.into_iter().map(|(endpoint, application)| (endpoint.id, application.id)).collect::<Vec<_>>()
    };
    let (ours, theirs) = ((side.endpoint, side.application), (other.endpoint, other.application));
    assert_eq!(find(&side.access, "", None).await, [(orders, second), ours]);
    assert_eq!(find(&side.access, "ORDER", None).await, [(orders, second)]);
    assert_eq!(find(&side.access, "", Some(true)).await, []);
    assert_eq!(find(&side.access, "", Some(false)).await.len(), 2);
    assert_eq!(find(&side.own(), "", None).await, [ours]);
    assert_eq!(find(&other.access, "127.0.0.1", None).await, [theirs]);
    let name = async |access: &Access, text: &str| {
        let page = WalkedPage { before: None, limit: 10 };
        let found = scene.operations.search_applications(access, text, page).await.unwrap();
        found.rows.into_iter().map(|application| application.id).collect::<Vec<_>>()
    };
    assert_eq!(name(&side.access, "shop").await, [second]);
    assert_eq!(name(&side.access, "").await, [second, side.application]);
    assert_eq!(name(&other.access, "shop").await, []);
    assert_eq!(name(&side.own(), "").await, [side.application]);
}

#[tokio::test]
async fn the_newest_attempts_come_from_both_tables_and_one_environment() {
    let scene = Scene::new();
    let (side, other) = (scene.side("one").await, scene.side("other").await);
    let second = scene.application(&side.access, "second").await;
    let at_second = scene.endpoint(&side.access, second, "second").await;
    let message = scene.accept(&side.access, side.application, "a").await;
    let again = scene.retry(scene.first(&message, side.endpoint), Some(500));
    let theirs = scene.accept(&other.access, other.application, "theirs").await;
    scene.deliver(scene.first(&theirs, other.endpoint), 15);
    let later = scene.accept(&side.access, second, "b").await;
    scene.deliver(scene.first(&later, at_second), 15);
    scene.fail(again, None);
    scene.settle().await;
    let recent = async |access: &Access, application: Option<&str>, limit| {
        let found = scene.operations.recent_attempts(access, application, limit).await.unwrap();
        let shown = found.into_iter().map(|(attempt, event_type)| (event_type.unwrap_or_default(), attempt.number));
        shown.collect::<Vec<_>>()
    };
    let of = |name: &str, number| (name.to_owned(), number);
    assert_eq!(recent(&side.access, None, 10).await, [of("a", 2), of("b", 1), of("a", 1)]);
    assert_eq!(recent(&side.access, None, 1).await, [of("a", 2)]);
    assert_eq!(recent(&side.access, Some(&second.to_string()), 10).await, [of("b", 1)]);
    assert_eq!(recent(&side.own(), None, 10).await, [of("a", 2), of("a", 1)]);
    assert_eq!(recent(&other.access, None, 10).await, [of("theirs", 1)]);
}

#[tokio::test]
async fn what_waits_is_counted_for_one_environment() {
    let scene = Scene::new();
    let (side, other) = (scene.side("one").await, scene.side("other").await);
    let due = scene.store.now();
    let retried = scene.accept(&side.access, side.application, "a").await;
    scene.accept(&side.access, side.application, "a").await;
    scene.accept(&other.access, other.application, "a").await;
    scene.retry(scene.first(&retried, side.endpoint), None);
    scene.settle().await;
    let expected = Backlog { ready: 1, scheduled: 1, more: false, endpoints: 1, oldest_due: Some(due) };
    assert_eq!(scene.operations.backlog(&side.access).await.unwrap(), expected);
    let expected = Backlog { ready: 1, scheduled: 0, ..expected };
    assert_eq!(scene.operations.backlog(&other.access).await.unwrap(), expected);
    let nothing = scene.application(&side.access, "second").await;
    let access = Access { scope: crate::domain::key::Scope::Application(nothing), ..side.access };
    assert_eq!(scene.operations.backlog(&access).await.unwrap(), Backlog::default());
}
