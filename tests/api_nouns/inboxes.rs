//! Inboxes: who sees them, what they may be told to answer, and how much they keep.

use std::time::Duration;

use cornet::domain::id::InboxRequestId;
use cornet::domain::inbox::{
    INBOX_BODY_BYTES_MAX, INBOX_BYTES_MAX, INBOX_DAYS_MAX, INBOX_RATE_MAX, INBOX_REQUESTS_MAX,
    INBOXES_PER_ENVIRONMENT_MAX, Inbox, InboxRequest, Received,
};
use cornet::ops::{OpError, Page};
use serde_json::{Value, json};

use crate::world::{KEY, OTHER_KEY, World};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn received(body: Vec<u8>) -> Received {
    let headers = vec![("x".to_owned(), "y".to_owned())];
    Received { method: "POST".to_owned(), path: "/inbox/x".to_owned(), headers, body: body.into() }
}

/// The inbox of an answer that made it.
async fn inbox(world: &World, id: &str) -> Inbox {
    let access = world.operations.authenticate(KEY).await.unwrap();
    world.operations.inbox(&access, id).await.unwrap()
}

async fn kept(world: &World, inbox: &Inbox) -> Vec<InboxRequest> {
    let page: Page<InboxRequestId> = Page { limit: 1_000, after: None, backwards: false, descending: true };
    world.operations.requests_of_inbox(&inbox.token, page).await.unwrap().items
}

#[tokio::test]
async fn an_inbox_is_made_in_a_call_and_answers_as_it_is_told() {
    let world = World::new().await;
    let made = world.post_once("once", "/api/v1/inbox", json!({})).await.assert(201);
    let path = format!("/api/v1/inbox/{}", made.text("id"));
    assert_eq!((made.text("name"), &made.body["status"], &made.body["delayMs"]), ("Inbox", &json!(200), &json!(0)));
    let again = world.post_once("once", "/api/v1/inbox", json!({})).await.assert(201);
    assert_eq!(again.body, made.body);
    let change = json!({"name": "Slow", "status": 503, "delayMs": 30_000, "body": "later", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"});
    let changed = world.patch(&path, change).await.assert(200);
    assert_eq!(changed.body["hasSecret"], true);
    assert!(!changed.body.to_string().contains("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "the secret is not shown");
    let without = world.patch(&path, json!({"secret": null})).await.assert(200);
    assert_eq!((&without.body["hasSecret"], &without.body["status"]), (&json!(false), &json!(503)));
    assert_eq!(world.get(&path).await.assert(200).body, without.body);
    let refused = [
        (json!({"status": 199}), "inbox_status"),
        (json!({"status": 600}), "inbox_status"),
        (json!({"delayMs": 30_001}), "inbox_delay"),
        (json!({"body": "x".repeat(16 * 1024 + 1)}), "inbox_body"),
        (json!({"secret": "secret"}), "secret"),
        (json!({"name": " "}), "name"),
    ];
    for (change, code) in refused {
        let answer = world.patch(&path, change.clone()).await.assert(422);
        assert_eq!(answer.body["detail"][0]["type"], code, "{change}");
    }
    world.delete(&path).await.assert(204);
    world.get(&path).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_key_of_an_application_sees_its_own_inboxes_alone() {
    let world = World::new().await;
    let application = world.post("/api/v1/app", json!({"name": "A", "uid": "a"})).await.assert(201);
    let key = world.key_of(application.text("id")).await;
    let shared = world.post("/api/v1/inbox", json!({})).await.assert(201).text("id").to_owned();
    let theirs = world.post("/api/v1/inbox", json!({"applicationId": "default"})).await.assert(201);
    let own = world.call(&key, "POST", "/api/v1/inbox", Some(json!({}))).await.assert(201);
    assert_eq!(own.text("applicationId"), application.text("id"));
    let listed = world.call(&key, "GET", "/api/v1/inbox", None).await.assert(200);
    assert_eq!(listed.column("id"), [own.text("id")]);
    for other in [&shared, theirs.text("id")] {
        for method in ["GET", "DELETE"] {
            let path = format!("/api/v1/inbox/{other}");
            world.call(&key, method, &path, None).await.refused(404, "not_found");
        }
    }
    let elsewhere = json!({"applicationId": "default"});
    world.call(&key, "POST", "/api/v1/inbox", Some(elsewhere.clone())).await.refused(404, "not_found");
    assert_eq!(world.get("/api/v1/inbox").await.column("id"), [own.text("id"), theirs.text("id"), &shared]);
    assert_eq!(world.call(OTHER_KEY, "GET", "/api/v1/inbox", None).await.body["data"], json!([]));
    // An application takes its inboxes along.
    world.delete("/api/v1/app/a").await.assert(204);
    assert_eq!(world.get("/api/v1/inbox").await.column("id"), [theirs.text("id"), &shared]);
}

#[tokio::test]
async fn an_inbox_keeps_the_newest_within_its_bounds() {
    let world = World::new().await;
    let made = world.post("/api/v1/inbox", json!({})).await.assert(201);
    let inbox = inbox(&world, made.text("id")).await;
    for number in 0..=INBOX_REQUESTS_MAX {
        let body = number.to_string().into_bytes();
        let request = InboxRequest::new(world.store.next_id(), &inbox, received(body));
        assert!(world.store.insert_inbox_request(request).await.unwrap());
    }
    let all = kept(&world, &inbox).await;
    assert_eq!(all.len(), INBOX_REQUESTS_MAX);
    assert_eq!((&*all[0].body, &*all[INBOX_REQUESTS_MAX - 1].body), (b"500".as_slice(), b"1".as_slice()));
    for _ in 0..=INBOX_BYTES_MAX / INBOX_BODY_BYTES_MAX {
        let request = InboxRequest::new(world.store.next_id(), &inbox, received(vec![7; INBOX_BODY_BYTES_MAX]));
        assert!(world.store.insert_inbox_request(request).await.unwrap());
    }
    let all = kept(&world, &inbox).await;
    // A request is a little more than its body.
    assert_eq!(all.len(), INBOX_BYTES_MAX / INBOX_BODY_BYTES_MAX - 1);
    assert!(all.iter().map(InboxRequest::size).sum::<usize>() <= INBOX_BYTES_MAX);
    world.operations.clear_inbox(&inbox.token).await.unwrap();
    assert!(kept(&world, &inbox).await.is_empty());
}

#[tokio::test]
async fn an_inbox_takes_so_much_in_a_second_and_says_when_something_came() {
    let world = World::new().await;
    let made = world.post("/api/v1/inbox", json!({})).await.assert(201);
    let inbox = inbox(&world, made.text("id")).await;
    let inboxes = world.operations.inboxes();
    let mut watch = inboxes.watch(&inbox);
    for _ in 0..INBOX_RATE_MAX {
        inboxes.receive(&inbox, received(Vec::new())).await.unwrap();
    }
    assert!(watch.changed().await);
    let refused = inboxes.receive(&inbox, received(Vec::new())).await;
    assert!(matches!(refused, Err(OpError::TooMany { code: "inbox_rate", .. })), "{refused:?}");
    world.clock.set(world.store.now().plus(Duration::from_secs(1)));
    inboxes.receive(&inbox, received(Vec::new())).await.unwrap();
    assert_eq!(kept(&world, &inbox).await.len() as u32, INBOX_RATE_MAX + 1);
    world.operations.delete_inbox(&world.operations.authenticate(KEY).await.unwrap(), made.text("id")).await.unwrap();
    let gone = inboxes.receive(&inbox, received(Vec::new())).await;
    assert!(matches!(gone, Err(OpError::NotFound("inbox"))), "{gone:?}");
}

#[tokio::test]
async fn what_nobody_uses_goes_after_its_days() {
    let world = World::new().await;
    let unused = world.post("/api/v1/inbox", json!({})).await.assert(201).text("id").to_owned();
    let used = world.post("/api/v1/inbox", json!({})).await.assert(201).text("id").to_owned();
    let used_inbox = inbox(&world, &used).await;
    world.operations.inboxes().receive(&used_inbox, received(b"early".to_vec())).await.unwrap();
    let days = u32::try_from(INBOX_DAYS_MAX).unwrap();
    world.clock.set(world.store.now().plus(DAY * (days - 1)));
    world.operations.inboxes().receive(&used_inbox, received(b"late".to_vec())).await.unwrap();
    while world.store.drop_what_is_old().await.unwrap() {}
    assert_eq!(world.get("/api/v1/inbox").await.column("id"), [used.clone(), unused]);
    world.clock.set(world.store.now().plus(DAY * 2));
    while world.store.drop_what_is_old().await.unwrap() {}
    assert_eq!(world.get("/api/v1/inbox").await.column("id"), [used]);
    let left = kept(&world, &used_inbox).await;
    assert_eq!(left.iter().map(|request| &*request.body).collect::<Vec<_>>(), [b"late"]);
}

#[tokio::test]
async fn an_environment_has_a_bounded_number_of_inboxes() {
    let world = World::new().await;
    let access = world.operations.authenticate(KEY).await.unwrap();
    for _ in 0..INBOXES_PER_ENVIRONMENT_MAX {
        world.operations.create_inbox(&access, None, None, None).await.unwrap();
    }
    world.post("/api/v1/inbox", json!({})).await.refused(409, "inboxes_full");
    let elsewhere: Value = json!({"name": "Elsewhere"});
    world.call(OTHER_KEY, "POST", "/api/v1/inbox", Some(elsewhere)).await.assert(201);
}
