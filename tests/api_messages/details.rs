//! What is kept of an attempt beside its outcome, and the attempts that are to come.

use std::time::Duration;

use cornet::domain::attempt::{Answer, Kept, Phases};
use cornet::domain::delivery::{Attempt, DeliveryState, Outcome};
use cornet::domain::id::{EndpointId, MessageId};
use cornet::domain::key::Scope;
use cornet::ops::Access;
use serde_json::json;

use crate::world::World;

/// Records an attempt of which everything is known, signed an hour before the time of its id.
async fn record(world: &World, endpoint: EndpointId, outcome: Outcome) -> Attempt {
    world.pass(1);
    let delivery = world.waiting(endpoint).await.remove(0);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let answer = Answer {
        status: 500,
        headers: vec![pair("server", "a: b"), pair("set-cookie", "a=1"), pair("set-cookie", "b=2")],
        body: b"oh".to_vec(),
        kept: Kept::Start,
        retry_after: None,
    };
    let attempt = Attempt {
        id: world.store.next_id(),
        message_id: delivery.message_id,
        endpoint_id: delivery.endpoint_id,
        application_id: delivery.application_id,
        trigger: delivery.trigger,
        number: delivery.attempts_made + 1,
        url: "https://example.com/then".to_owned(),
        sent_at: world.store.now().minus(Duration::from_secs(3_600)),
        duration_ms: 12,
        remote_address: Some("2001:db8::7".parse().unwrap()),
        phases: Some(Phases { dns_us: Some(1), connect_us: Some(2), tls_us: Some(3), first_byte_us: Some(4) }),
        result: Ok(answer),
    };
    world.record(delivery, attempt.clone(), outcome).await;
    attempt
}

/// Holds an attempt against what is kept of it.
async fn assert_kept(world: &World, made: &Attempt) {
    let kept = world.store.attempt(made.message_id, made.id).await.unwrap().unwrap();
    assert_eq!(format!("{kept:?}"), format!("{made:?}"));
}

#[tokio::test]
async fn every_detail_of_an_attempt_is_kept() {
    let world = World::new().await;
    let endpoint = world.endpoint("one").await;
    let message = world.message("a.one", "").await;
    let followed = record(&world, endpoint, Outcome::Retry(world.store.now())).await;
    let last = record(&world, endpoint, Outcome::Ended(DeliveryState::Failed)).await;
    assert_kept(&world, &followed).await;
    assert_kept(&world, &last).await;
    // The last one stays, also when another follows it after all.
    world.ask("POST", &format!("/app/shop/msg/{message}/endpoint/one/resend"), None, None).await.expect(202);
    assert_kept(&world, &last).await;

    let shown = world.get(&format!("/app/shop/msg/{message}/attempt/{}", last.id)).await;
    assert_eq!(shown["responseHeaders"], json!({"server": "a: b", "set-cookie": "a=1, b=2"}));
    assert!(!shown.to_string().contains("2001:db8"), "{shown}");
    let journeys = world.store.journeys(last.message_id).await.unwrap();
    let told = journeys[&endpoint].last.as_ref().unwrap().result.as_ref().unwrap();
    assert!(told.headers.is_empty() && told.body.is_empty());

    assert!(world.store.expunge_attempt(last.message_id, last.id).await.unwrap());
    let kept = world.store.attempt(last.message_id, last.id).await.unwrap().unwrap();
    let expunged = Answer { status: 500, body: b"EXPUNGED".to_vec(), ..Answer::default() };
    assert_eq!(kept.result, Ok(expunged));
}

#[tokio::test]
async fn an_attempt_that_got_no_answer_has_no_details() {
    let world = World::new().await;
    let endpoint = world.endpoint("one").await;
    let message = MessageId::parse(&world.message("a.one", "").await).unwrap();
    let id = world.attempt(endpoint, None, Outcome::Ended(DeliveryState::Failed)).await;
    let kept = world.store.attempt(message, id).await.unwrap().unwrap();
    assert_eq!((kept.sent_at, kept.remote_address, kept.phases), (id.time(), None, None));
}

#[tokio::test]
async fn the_attempts_to_come_are_those_of_the_schedule() {
    let world = World::new().await;
    let endpoint = world.endpoint("one").await;
    let message = world.message("a.one", r#","payloadRetentionPeriod":5"#).await;
    let id = MessageId::parse(&message).unwrap();
    let accepted = id.time();
    let environment_id = world.store.default_environment().await.unwrap().unwrap();
    let access = Access::new(environment_id, Scope::Environment);
    let to_come = async |endpoint: &str| {
        let times = world.operations.schedule_of(&access, "shop", &message, endpoint).await.unwrap();
        times.into_iter().map(|time| time.since(accepted).as_secs()).collect::<Vec<_>>()
    };
    // The environment's schedule is `5s,5m`.
    assert_eq!(to_come("one").await, [0, 5, 305]);
    world.attempt(endpoint, Some(500), Outcome::Retry(accepted.plus(Duration::from_secs(7)))).await;
    assert_eq!(to_come("one").await, [7, 307]);
    let own = Some(r#"{"retrySchedule":"1s,2s,1h,6d"}"#);
    world.ask("PATCH", "/app/shop/endpoint/one", own, None).await.expect(200);
    // What would come after the payload is deleted does not come.
    assert_eq!(to_come("one").await, [7, 9, 3609]);
    world.attempt(endpoint, Some(200), Outcome::Ended(DeliveryState::Delivered)).await;
    assert!(to_come("one").await.is_empty());
    world.endpoint("two").await;
    assert!(to_come("two").await.is_empty());

    world.ask("POST", &format!("/app/shop/msg/{message}/endpoint/one/resend"), None, None).await.expect(202);
    assert_eq!(to_come("one").await.len(), 4, "from its beginning");
    world.ask("DELETE", &format!("/app/shop/msg/{message}/content"), None, None).await.expect(204);
    assert!(to_come("one").await.is_empty());
    let foreign = Access { environment_id: world.store.next_id(), ..access };
    assert!(world.operations.schedule_of(&foreign, "shop", &message, "one").await.is_err());
}
