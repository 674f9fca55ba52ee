//! Why: the verdict for each endpoint, where the message stands there now, and what the last attempt says.

use cornet::domain::delivery::{DeliveryState, Outcome};
use serde_json::{Value, json};

use crate::world::{World, text};

const DELIVERED: Outcome = Outcome::Ended(DeliveryState::Delivered);
const FAILED: Outcome = Outcome::Ended(DeliveryState::Failed);

async fn why(world: &World, message: &str) -> Value {
    world.get(&format!("/app/shop/msg/{message}/why")).await
}

/// What is said of the endpoint with this uid or URL.
fn of(why: &Value, name: &str) -> Value {
    let endpoints = why["endpoints"].as_array().unwrap();
    let found = endpoints.iter().find(|one| one["uid"] == name || one["url"] == name || one["endpointId"] == name);
    found.unwrap_or_else(|| panic!("{name} is not in {why}")).clone()
}

async fn endpoint(world: &World, uid: &str, more: Value) {
    let mut body = json!({"uid": uid, "url": format!("https://example.com/{uid}")});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.post("/app/shop/endpoint", &body.to_string()).await.expect(201);
}

#[tokio::test]
async fn every_verdict_is_told_with_its_reason() {
    let world = World::new().await;
    endpoint(&world, "all", json!({})).await;
    endpoint(&world, "other-type", json!({"eventTypes": ["a.two"]})).await;
    endpoint(&world, "other-channel", json!({"channels": ["us"]})).await;
    endpoint(&world, "off", json!({"disabled": true})).await;
    endpoint(&world, "filtered", json!({"filter": {"data": {"none": {"$exist": true}}}})).await;
    endpoint(&world, "passed", json!({"filter": {"id": "mine", "channels": "eu", "type": "a.one"}})).await;
    let message = world.message("a.one", r#","channels":["eu"],"eventId":"mine""#).await;
    let shown = why(&world, &message).await;
    assert_eq!((text(&shown["msgId"]), text(&shown["eventType"])), (message.clone(), "a.one".to_owned()));
    assert_eq!(why(&world, "mine").await, shown);
    for (uid, verdict, reason) in [
        ("other-type", "event_type", "The endpoint is not subscribed to the message's event type."),
        ("other-channel", "channel", "The endpoint wants other channels than the message has."),
        ("off", "disabled", "The endpoint was switched off when the message was accepted."),
        ("filtered", "filter", "The endpoint's filter said no."),
    ] {
        let expected = json!({
            "endpointId": of(&shown, uid)["endpointId"], "uid": uid, "url": format!("https://example.com/{uid}"),
            "verdict": verdict, "explanation": reason, "state": null, "attempts": 0, "nextAttempt": null,
            "lastAttempt": null,
        });
        assert_eq!(of(&shown, uid), expected);
    }
    assert_eq!(of(&shown, "passed")["verdict"], "queued");
    let queued = of(&shown, "all");
    assert_eq!((&queued["verdict"], &queued["state"]), (&json!("queued"), &json!("waiting")));
    assert!(queued["nextAttempt"].is_string());
    assert_eq!(queued["explanation"], "It was queued for the endpoint. It waits for its first attempt.");
}

#[tokio::test]
async fn what_was_queued_is_followed_to_its_end() {
    let world = World::new().await;
    let one = world.endpoint("one").await;
    let message = world.message("a.one", "").await;
    let retry = Outcome::Retry(world.store.now());
    let first = world.attempt(one, Some(503), retry).await;
    let shown = of(&why(&world, &message).await, "one");
    assert_eq!((&shown["state"], &shown["attempts"]), (&json!("waiting"), &json!(1)));
    let expected = json!({
        "id": first.to_string(), "timestamp": first.time().to_string(), "statusCode": 503, "errorCode": null,
        "explanation": "Your server failed; its log says why.",
    });
    assert_eq!(shown["lastAttempt"], expected);
    world.ask("PATCH", "/app/shop/endpoint/one", Some(r#"{"disabled":true}"#), None).await.expect(200);
    let shown = of(&why(&world, &message).await, "one");
    assert!(text(&shown["explanation"]).contains("switched off; switching it on has it sent"), "{shown}");

    world.attempt(one, None, FAILED).await;
    let shown = of(&why(&world, &message).await, "one");
    assert_eq!(
        (&shown["state"], &shown["attempts"], &shown["nextAttempt"]),
        (&json!("failed"), &json!(2), &Value::Null)
    );
    assert_eq!(
        (&shown["lastAttempt"]["statusCode"], &shown["lastAttempt"]["errorCode"]),
        (&Value::Null, &json!("timeout"))
    );
    assert!(text(&shown["lastAttempt"]["explanation"]).starts_with("Your server did not answer in time"));

    // A deleted endpoint is still told of, by its id.
    let second = world.message("a.one", "").await;
    world.ask("DELETE", "/app/shop/endpoint/one", None, None).await.expect(204);
    let shown = of(&why(&world, &message).await, &one.to_string());
    assert_eq!((&shown["uid"], &shown["url"], &shown["state"]), (&Value::Null, &Value::Null, &json!("failed")));
    assert_eq!(of(&why(&world, &second).await, &one.to_string())["verdict"], "disabled");
}

#[tokio::test]
async fn an_endpoint_that_got_it_by_a_resend_is_told_of() {
    let world = World::new().await;
    endpoint(&world, "picky", json!({"eventTypes": ["a.two"]})).await;
    let message = world.message("a.one", "").await;
    let late = world.endpoint("late").await;
    assert_eq!(why(&world, &message).await["endpoints"].as_array().unwrap().len(), 1);
    for uid in ["late", "picky"] {
        let path = format!("/app/shop/msg/{message}/endpoint/{uid}/resend");
        world.post(&path, "{}").await.expect(202);
    }
    world.attempt(late, Some(204), DELIVERED).await;
    let shown = why(&world, &message).await;
    let of_late = of(&shown, "late");
    assert_eq!((&of_late["verdict"], &of_late["state"]), (&Value::Null, &json!("delivered")));
    let told = "The endpoint was not looked at when the message was accepted. Somebody had the message sent there \
                later. The endpoint took it.";
    assert_eq!(of_late["explanation"], told);
    let of_picky = of(&shown, "picky");
    assert_eq!((&of_picky["verdict"], &of_picky["state"]), (&json!("event_type"), &json!("waiting")));
    assert!(text(&of_picky["explanation"]).contains("Somebody had"), "{of_picky}");
}

#[tokio::test]
async fn a_filter_decides_once_and_only_when_a_message_is_accepted() {
    let world = World::new().await;
    let dear = json!({"filter": {"data": {"total": {"$gte": 100}}}});
    endpoint(&world, "dear", dear.clone()).await;
    endpoint(&world, "other", json!({"eventTypes": ["a.two"], "filter": {"data": {"total": 40}}})).await;
    let post = async |total: u32| {
        let body = json!({"eventType": "a.one", "payload": {"total": total}}).to_string();
        let reply = world.ask("POST", "/app/shop/msg", Some(&body), Some(&total.to_string())).await;
        text(&reply.expect(202)["id"])
    };
    let verdict = async |message: &str, uid: &str| text(&of(&why(&world, message).await, uid)["verdict"]);
    let (cheap, costly) = (post(40).await, post(100).await);
    assert_eq!((verdict(&cheap, "dear").await, verdict(&costly, "dear").await), ("filter".into(), "queued".into()));
    assert_eq!(verdict(&cheap, "other").await, "event_type", "a filter is asked last");

    // What was decided stays, also for who repeats himself.
    world.ask("PATCH", "/app/shop/endpoint/dear", Some(r#"{"filter":null}"#), None).await.expect(200);
    assert_eq!(post(40).await, cheap);
    assert_eq!(verdict(&cheap, "dear").await, "filter");
    world.ask("PATCH", "/app/shop/endpoint/dear", Some(&dear.to_string()), None).await.expect(200);

    // A resend that somebody asks for goes regardless.
    let resend = format!("/app/shop/msg/{cheap}/endpoint/dear/resend");
    world.post(&resend, "{}").await.expect(202);
    let shown = of(&why(&world, &cheap).await, "dear");
    assert_eq!((text(&shown["verdict"]), &shown["state"]), ("filter".into(), &json!("waiting")));
    let told =
        "The endpoint's filter said no. Somebody had the message sent there later. It waits for its first attempt.";
    assert_eq!(shown["explanation"], told);
}

#[tokio::test]
async fn there_is_no_why_without_a_message() {
    let world = World::new().await;
    world.ask("GET", "/app/shop/msg/msg_none/why", None, None).await.expect(404);
    world.ask("GET", "/app/none/msg/msg_none/why", None, None).await.expect(404);
    let message = world.message("a.one", "").await;
    assert_eq!(why(&world, &message).await["endpoints"], json!([]));
}

#[tokio::test]
async fn where_order_is_kept_a_message_says_that_it_waits_for_the_one_before_it() {
    let world = World::new().await;
    endpoint(&world, "in-order", json!({"fifo": true})).await;
    let first = world.message("a", "").await;
    let second = world.message("a", "").await;
    let explained = async |message: &str| text(&of(&why(&world, message).await, "in-order")["explanation"]);
    assert_eq!(explained(&first).await, "It was queued for the endpoint. It waits for its first attempt.");
    let expected = "It waits for the message before it, because the endpoint keeps order.";
    assert_eq!(explained(&second).await, format!("It was queued for the endpoint. {expected}"));
}
