//! Attempts: both tables as one list, and asking for another.

use cornet::domain::delivery::{DeliveryState, Outcome, Trigger};
use cornet::domain::id::MessageId;
use cornet::domain::time::Timestamp;
use serde_json::json;

use crate::world::{World, text};

const DELIVERED: Outcome = Outcome::Ended(DeliveryState::Delivered);
const FAILED: Outcome = Outcome::Ended(DeliveryState::Failed);

/// Tried again at once.
fn retry(world: &World) -> Outcome {
    Outcome::Retry(world.store.now())
}

#[tokio::test]
async fn both_tables_are_one_list() {
    let world = World::new().await;
    let endpoint = world.endpoint("one").await;
    let first = world.message("a.one", r#","channels":["eu"]"#).await;
    let mut all = Vec::new();
    // Two that are followed by another, then the last one.
    all.insert(0, world.attempt(endpoint, Some(500), retry(&world)).await.to_string());
    all.insert(0, world.attempt(endpoint, None, retry(&world)).await.to_string());
    all.insert(0, world.attempt(endpoint, Some(204), DELIVERED).await.to_string());
    let second = world.message("a.two", "").await;
    all.insert(0, world.attempt(endpoint, Some(302), FAILED).await.to_string());
    world.message("a.two", "").await;
    world.ended_unsent(endpoint, DeliveryState::Cancelled).await;
    let [four, three, two, one] = all.clone().try_into().unwrap();

    let by_endpoint = "/app/shop/attempt/endpoint/one";
    assert_eq!(world.pages(by_endpoint).await, all);
    assert_eq!(world.pages(&format!("{by_endpoint}?with_content=false")).await, all);
    for (query, expected) in [
        ("status=0", vec![&three]),
        ("status=2", vec![&four, &two, &one]),
        ("status=1", vec![]),
        ("status=4&expanded_statuses=true", vec![]),
        ("status_code_class=500", vec![&one]),
        ("status_code_class=0", vec![&two]),
        ("status_code_class=200", vec![&three]),
        ("status_code_class=300&status=2", vec![&four]),
        ("channel=eu", vec![&three, &two, &one]),
        ("event_types=a.two", vec![&four]),
        ("before=2027-01-15T08:00:03Z", vec![&one]),
        ("after=2027-01-15T08:00:04Z", vec![&four, &three]),
    ] {
        let found = world.pages(&format!("{by_endpoint}?{query}")).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{query}");
    }
    assert_eq!(world.pages(&format!("/app/shop/attempt/msg/{first}")).await, [&*three, &*two, &*one]);
    assert_eq!(world.pages(&format!("/app/shop/attempt/msg/{second}?endpoint_id=one")).await, [&*four]);
    world.endpoint("two").await;
    assert!(world.pages(&format!("/app/shop/attempt/msg/{second}?endpoint_id=two")).await.is_empty());
    for bad in ["status=7", "status_code_class=201", "endpoint_id=none"] {
        let path = format!("/app/shop/attempt/msg/{second}?{bad}");
        assert!(world.ask("GET", &path, None, None).await.status.is_client_error(), "{bad}");
    }
}

#[tokio::test]
async fn an_attempt_has_every_member_and_can_be_expunged() {
    let world = World::new().await;
    let endpoint = world.endpoint("one").await;
    let message = world.message("a.one", "").await;
    let failed = world.attempt(endpoint, None, retry(&world)).await;
    let taken = world.attempt(endpoint, Some(200), DELIVERED).await;
    let path = |id: &str| format!("/app/shop/msg/{message}/attempt/{id}");
    let shown = world.get(&path(&taken.to_string())).await;
    let expected = json!({
        "id": taken.to_string(), "msgId": message, "endpointId": endpoint.to_string(),
        "url": "https://example.com/then", "response": "thanks \u{fffd}", "responseStatusCode": 200,
        "responseDurationMs": 12, "status": 0, "statusText": "success", "triggerType": 0,
        "timestamp": "2027-01-15T08:00:03.000Z", "responseHeaders": {},
    });
    assert_eq!(shown, expected);
    let shown = world.get(&path(&failed.to_string())).await;
    assert_eq!((&shown["response"], &shown["responseStatusCode"]), (&json!(""), &json!(0)));
    assert_eq!((&shown["status"], &shown["statusText"]), (&json!(2), &json!("fail")));
    assert_eq!(shown["errorCode"], "timeout");
    assert!(text(&shown["errorDetail"]).starts_with("no answer in 15 s"));

    let list = world.get("/app/shop/attempt/endpoint/one?with_content=false&with_msg=true").await;
    assert_eq!(list["data"][0]["response"], "");
    assert_eq!(list["data"][0]["msg"]["id"], message.as_str());
    assert_eq!(list["data"][0]["msg"]["payload"], json!({}));

    for id in [taken, failed] {
        let content = format!("{}/content", path(&id.to_string()));
        assert_eq!(world.ask("DELETE", &content, None, None).await.status, 204);
    }
    assert_eq!(world.get(&path(&taken.to_string())).await["response"], "EXPUNGED");
    let other = world.message("a.one", "").await;
    let elsewhere = format!("/app/shop/msg/{other}/attempt/{taken}");
    world.ask("GET", &elsewhere, None, None).await.expect(404);
    world.ask("DELETE", &format!("{elsewhere}/content"), None, None).await.expect(404);
    world.ask("GET", &path("atmpt_x"), None, None).await.expect(404);
}

#[tokio::test]
async fn a_resend_moves_what_waits_and_queues_what_has_ended() {
    let mut world = World::new().await;
    let endpoint = world.endpoint("one").await;
    let message = world.message("a.one", "").await;
    let path = format!("/app/shop/msg/{message}/endpoint/one/resend");
    world.attempt(endpoint, Some(500), Outcome::Retry(Timestamp::from_ms(1_900_000_000_000))).await;

    world.pass(5);
    assert_eq!(world.ask("POST", &path, None, None).await.expect(202), json!({}));
    let [moved] = world.waiting(endpoint).await.try_into().unwrap();
    assert_eq!((moved.due, moved.attempts_made, moved.trigger), (world.store.now(), 1, Trigger::Manual));
    world.told_of(endpoint, moved.due).await;
    // Again in the same millisecond: the place must be another one.
    world.ask("POST", &path, None, None).await.expect(202);
    let [again] = world.waiting(endpoint).await.try_into().unwrap();
    assert!(again.due > moved.due);

    // What was in flight then is history; the moved one decides.
    world.attempt_at(moved, Some(200), DELIVERED).await;
    assert_eq!(world.waiting(endpoint).await.len(), 1);
    world.attempt(endpoint, Some(200), DELIVERED).await;
    assert!(world.waiting(endpoint).await.is_empty());

    let first = world.ask("POST", &path, None, Some("k")).await;
    assert!(first.headers.get("idempotent-replay").is_none());
    let repeat = world.ask("POST", &path, None, Some("k")).await;
    assert_eq!(repeat.headers["idempotent-replay"], "true");
    assert_eq!(repeat.expect(202), json!({}));
    let [queued] = world.waiting(endpoint).await.try_into().unwrap();
    assert_eq!((queued.attempts_made, queued.trigger), (0, Trigger::Manual));
    world.attempt(endpoint, Some(200), DELIVERED).await;
    world.ask("POST", &path, None, Some("k")).await.expect(202);
    assert!(world.waiting(endpoint).await.is_empty());
    let shown = world.get("/app/shop/attempt/endpoint/one?limit=1").await;
    assert_eq!(shown["data"][0]["triggerType"], 1);

    world.message("a.one", "").await;
    let other = world.ask("POST", &path.replace("one/resend", "two/resend"), None, None).await;
    other.expect(404);
    world.ask("PATCH", "/app/shop/endpoint/one", Some(r#"{"disabled":true}"#), None).await.expect(200);
    assert_eq!(world.ask("POST", &path, None, None).await.expect(409)["code"], "endpoint_disabled");
}

#[tokio::test]
async fn a_recovery_queues_what_failed_last() {
    let mut world = World::new().await;
    let endpoint = world.endpoint("one").await;
    let before = world.message("a.one", "").await;
    world.attempt(endpoint, Some(500), FAILED).await;
    world.pass(100);
    let since = world.store.now();
    let failed = world.message("a.one", "").await;
    world.attempt(endpoint, Some(500), FAILED).await;
    let mended = world.message("a.one", "").await;
    world.attempt(endpoint, Some(500), FAILED).await;
    world.ask("POST", &format!("/app/shop/msg/{mended}/endpoint/one/resend"), None, None).await.expect(202);
    world.attempt(endpoint, Some(200), DELIVERED).await;
    let waits = world.message("a.one", "").await;
    world.attempt(endpoint, Some(500), FAILED).await;
    world.ask("POST", &format!("/app/shop/msg/{waits}/endpoint/one/resend"), None, None).await.expect(202);
    world.pass(1);
    let until = world.store.now();
    world.pass(1);
    let after = world.message("a.one", "").await;
    let deliveries = world.waiting(endpoint).await;
    world.attempt_at(deliveries.into_iter().next_back().unwrap(), Some(500), FAILED).await;
    world.pass(10);

    let body = format!(r#"{{"since":"{since}","until":"{until}"}}"#);
    let task = world.post("/app/shop/endpoint/one/recover", &body).await.expect(202);
    assert!(text(&task["id"]).starts_with("qtask_"), "{task}");
    assert_eq!((&task["status"], &task["task"]), (&json!("running"), &json!("endpoint.recover")));
    assert!(task["updatedAt"].is_string());
    world.told_of(endpoint, world.store.now()).await;
    let queued: Vec<MessageId> =
        world.waiting(endpoint).await.into_iter().map(|delivery| delivery.message_id).collect();
    let name = |text: &str| MessageId::parse(text).unwrap();
    assert_eq!(queued, [name(&waits), name(&failed)]);

    let body = format!(r#"{{"since":"{since}"}}"#);
    world.pass(10);
    world.post("/app/shop/endpoint/one/recover", &body).await.expect(202);
    world.told_of(endpoint, world.store.now()).await;
    let queued: Vec<MessageId> =
        world.waiting(endpoint).await.into_iter().map(|delivery| delivery.message_id).collect();
    // What a recovery has queued is not queued twice.
    assert!(queued.contains(&name(&after)) && !queued.contains(&name(&before)) && queued.len() == 3);
    let empty = format!(r#"{{"since":"{until}","until":"{since}"}}"#);
    assert_eq!(world.post("/app/shop/endpoint/one/recover", &empty).await.refused().0, "body.until");
    assert_eq!(world.post("/app/shop/endpoint/one/recover", r#"{"since":"now"}"#).await.refused().0, "body.since");
    world.post("/app/shop/endpoint/two/recover", &body).await.expect(404);
}
