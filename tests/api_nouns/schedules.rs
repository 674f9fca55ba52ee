//! Retry schedules over the API: an event type's, and an endpoint's.

use serde_json::{Value, json};

use crate::world::World;

const SCHEDULE: &str = "/api/v1/event-type/order.created/retry-schedule";
const ENDPOINTS: &str = "/api/v1/app/default/endpoint";

#[tokio::test]
async fn an_event_type_has_a_schedule_that_other_changes_leave_alone() {
    let world = World::new().await;
    world.get(SCHEDULE).await.refused(404, "not_found");
    world.put(SCHEDULE, json!({"retrySchedule": null})).await.refused(404, "not_found");
    world.post("/api/v1/event-type", json!({"name": "order.created", "description": ""})).await.assert(201);
    assert_eq!(world.get(SCHEDULE).await.assert(200).body, json!({"retrySchedule": null}));
    let wanted = json!({"retrySchedule": [5, {"secs": 7200}, {"secs": 0, "nanos": 250_000_000}]});
    let set = world.put(SCHEDULE, wanted).await.assert(200);
    let shown = json!({"retrySchedule": [
        {"secs": 5, "nanos": 0}, {"secs": 7200, "nanos": 0}, {"secs": 0, "nanos": 250_000_000}]});
    assert_eq!(set.body, shown);
    world.patch("/api/v1/event-type/order.created", json!({"deprecated": true})).await.assert(200);
    world.put("/api/v1/event-type/order.created", json!({"description": "An order"})).await.assert(200);
    assert_eq!(world.get(SCHEDULE).await.assert(200).body, shown);
    assert_eq!(world.put(SCHEDULE, shown.clone()).await.assert(200).body, shown);
    assert_eq!(world.put(SCHEDULE, json!({"retrySchedule": []})).await.body, json!({"retrySchedule": []}));
    assert_eq!(world.put(SCHEDULE, json!({})).await.assert(200).body, json!({"retrySchedule": null}));
}

#[tokio::test]
async fn a_schedule_that_can_not_be_is_refused() {
    let world = World::new().await;
    world.post("/api/v1/event-type", json!({"name": "order.created", "description": ""})).await.assert(201);
    for (delays, code) in [
        (json!(vec![1; 33]), "retry_schedule"),
        (json!([u64::MAX]), "retry_schedule"),
        (json!([{"secs": u64::MAX, "nanos": u32::MAX}]), "retry_schedule"),
        (json!([{"secs": 1, "nanos": 1}]), "retry_schedule"),
        (json!([-1]), "wrong_type"),
        (json!("5s"), "wrong_type"),
    ] {
        world.put(SCHEDULE, json!({"retrySchedule": delays})).await.refused(422, code);
    }
    let made = world.post(ENDPOINTS, json!({"url": "https://example.com", "retrySchedule": "5"})).await;
    assert_eq!(made.refused(422, "wrong_type").place(), "body.retrySchedule");
    let application = world.get("/api/v1/app/default").await.text("id").to_owned();
    let key = world.key_of(&application).await;
    let set = world.call(&key, "PUT", SCHEDULE, Some(json!({"retrySchedule": [1]}))).await;
    set.refused(403, "insufficient_access");
    world.call(&key, "GET", SCHEDULE, None).await.assert(200);
}

#[tokio::test]
async fn an_endpoint_has_a_schedule_of_its_own_if_it_is_given_one() {
    let world = World::new().await;
    let made = world.post(ENDPOINTS, json!({"url": "https://example.com"})).await.assert(201);
    assert_eq!(made.body["retrySchedule"], Value::Null);
    let made = world.post(ENDPOINTS, json!({"url": "https://example.com", "retrySchedule": "300s, 2h"})).await;
    assert_eq!(made.text("retrySchedule"), "5m,2h");
    let path = format!("{ENDPOINTS}/{}", made.text("id"));
    let put = world.put(&path, json!({"url": "https://example.com/other"})).await.assert(200);
    assert_eq!(put.text("retrySchedule"), "5m,2h");
    assert_eq!(world.patch(&path, json!({"retrySchedule": "none"})).await.text("retrySchedule"), "none");
    assert_eq!(world.get(&path).await.text("retrySchedule"), "none");
    assert_eq!(world.patch(&path, json!({"retrySchedule": null})).await.body["retrySchedule"], Value::Null);
}

#[tokio::test]
async fn a_process_that_sends_nothing_tests_nothing() {
    let world = World::new().await;
    let made = world.post(ENDPOINTS, json!({"url": "https://example.com"})).await.assert(201);
    let path = format!("{ENDPOINTS}/{}/msg/test-attempt", made.text("id"));
    world.post(&path, json!({"eventType": "a", "payload": {}})).await.refused(409, "sending_off");
}
