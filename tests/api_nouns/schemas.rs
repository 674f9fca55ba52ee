//! Messages are held against the JSON Schemas of their event types.

use cornet::domain::catalogue::Catalogue;
use cornet::domain::environment::Settings;
use cornet::domain::preset::Preset;
use serde_json::{Value, json};

use crate::world::World;

const EVENT_TYPES: &str = "/api/v1/event-type";
const MESSAGES: &str = "/api/v1/app/default/msg";

fn message(event_type: &str, payload: Value) -> Value {
    json!({"eventType": event_type, "payload": payload})
}

#[tokio::test]
async fn a_payload_that_does_not_fit_is_refused_with_its_path() {
    let world = World::new().await;
    world.post(MESSAGES, message("order.created", json!({}))).await.assert(202);
    world.load(Preset::Shoprocket).await;
    let refused = world.post(MESSAGES, message("order.created", json!({"id": "1", "raw_order_id": "186"}))).await;
    let refused = refused.refused(422, "payload_schema");
    assert_eq!(refused.place(), "body.payload.raw_order_id");
    let why = refused.body["detail"][0]["msg"].as_str().unwrap();
    assert!(why.contains(r#"is not of type "integer""#) && !why.contains("186"), "{why}");
    let items = json!({"id": "1", "order_items": [{}, {"quantity": 1}]});
    let refused = world.post(MESSAGES, message("order.created", items)).await.refused(422, "payload_schema");
    assert_eq!(refused.place(), "body.payload.order_items.1.quantity");
    let refused = world.post(MESSAGES, message("customer.created", json!({}))).await.refused(422, "payload_schema");
    assert_eq!(refused.place(), "body.payload");
    assert!(refused.body["detail"][0]["msg"].as_str().unwrap().contains(r#""id" is a required property"#));
    world.post(MESSAGES, message("never.heard_of", json!({}))).await.assert(202);
}

#[tokio::test]
async fn every_example_is_accepted_as_it_stands() {
    for preset in [Preset::RoseRocket, Preset::Shoprocket, Preset::ShipEngine] {
        let world = World::with(preset.settings()).await;
        world.load(preset).await;
        for entry in Catalogue::of(preset).event_types() {
            let payload = serde_json::from_str(&entry.example).unwrap();
            world.post(MESSAGES, message(&entry.name, payload)).await.assert(202);
        }
    }
}

#[tokio::test]
async fn the_newest_schema_counts_and_a_change_counts_at_once() {
    let world = World::new().await;
    let wanted =
        json!({"name": "a", "description": "", "schemas": {"9": {"required": ["old"]}, "10": {"required": ["new"]}}});
    world.post(MESSAGES, message("a", json!({}))).await.assert(202);
    world.post(EVENT_TYPES, wanted).await.assert(201);
    world.post(MESSAGES, message("a", json!({"old": 1}))).await.refused(422, "payload_schema");
    world.post(MESSAGES, message("a", json!({"new": 1}))).await.assert(202);
    let path = format!("{EVENT_TYPES}/a");
    world.patch(&path, json!({"schemas": {"1": {"required": ["other"]}}})).await.assert(200);
    world.post(MESSAGES, message("a", json!({"new": 1}))).await.refused(422, "payload_schema");
    world.patch(&path, json!({"schemas": null})).await.assert(200);
    world.post(MESSAGES, message("a", json!({}))).await.assert(202);
    world.put(&path, json!({"description": "", "schemas": {"1": {"required": ["x"]}}})).await.assert(200);
    world.post(MESSAGES, message("a", json!({}))).await.refused(422, "payload_schema");
    world.delete(&format!("{path}?expunge=true")).await.assert(204);
    world.post(MESSAGES, message("a", json!({}))).await.assert(202);
}

#[tokio::test]
async fn the_check_can_be_turned_off_for_an_environment() {
    let world = World::with(Settings { checks_schemas: false, ..Settings::default() }).await;
    world.load(Preset::Shoprocket).await;
    world.post(MESSAGES, message("order.created", json!({"raw_order_id": "x"}))).await.assert(202);
}

#[tokio::test]
async fn a_schema_or_example_that_can_not_be_used_is_refused_when_it_is_written() {
    let world = World::new().await;
    let cases = [
        (json!({"schemas": {"1": {}, "2": {"type": "strange"}}}), "schema_invalid", "body.schemas.2"),
        (json!({"schemas": {"1": {"$ref": "https://example.com/s.json"}}}), "schema_invalid", "body.schemas.1"),
        (json!({"schemas": {"1": {"pattern": "(?=a)b"}}}), "schema_invalid", "body.schemas.1"),
        (json!({"example": {"a": "b".repeat(70_000)}}), "example_too_large", "body.example"),
        (json!({"example": [1]}), "wrong_type", "body.example"),
        (json!({"title": " "}), "title", "body.title"),
    ];
    for (mut body, code, place) in cases {
        body["name"] = json!("a");
        body["description"] = json!("");
        assert_eq!(world.post(EVENT_TYPES, body).await.refused(422, code).place(), place);
    }
}

#[tokio::test]
async fn the_example_of_the_type_is_sent_first() {
    let world = World::new().await;
    let example = json!({"id": 7});
    let wanted = json!({"name": "a", "title": "A thing", "description": "", "example": example,
        "schemas": {"1": {"examples": [{"id": 8}]}}});
    let made = world.post(EVENT_TYPES, wanted).await.assert(201);
    assert_eq!((made.text("title"), &made.body["example"]), ("A thing", &example));
    let endpoint = world.post("/api/v1/app/default/endpoint", json!({"url": "https://example.com/"})).await.assert(201);
    let path = format!("/api/v1/app/default/endpoint/{}/send-example", endpoint.text("id"));
    for (index, id) in [(0, 7), (1, 8), (9, 8)] {
        let sent = world.post(&path, json!({"eventType": "a", "exampleIndex": index})).await.assert(200);
        assert_eq!(sent.body["payload"], json!({"id": id}));
    }
    world.patch(&format!("{EVENT_TYPES}/a"), json!({"example": null, "title": null})).await.assert(200);
    let sent = world.post(&path, json!({"eventType": "a"})).await.assert(200);
    assert_eq!(sent.body["payload"], json!({"id": 8}));
}
