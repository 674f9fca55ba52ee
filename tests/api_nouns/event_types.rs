//! Event types over the API.

use serde_json::{Value, json};

use crate::world::World;

const EVENT_TYPES: &str = "/api/v1/event-type";

#[tokio::test]
async fn an_event_type_is_made_read_changed_archived_and_deleted() {
    let world = World::new().await;
    let wanted = json!({"name": "order.created", "description": "An order", "schemas": {"1": {"type": "object"}},
        "groupName": "orders", "featureFlags": ["beta", "new"]});
    let made = world.post(EVENT_TYPES, wanted.clone()).await.assert(201);
    assert_eq!((made.text("groupName"), made.text("featureFlag")), ("orders", "beta"));
    assert_eq!(made.body["schemas"], json!({"1": {"type": "object"}}));
    let path = format!("{EVENT_TYPES}/order.created");
    assert_eq!(world.get(&path).await.assert(200).body, made.body);
    world.post(EVENT_TYPES, wanted.clone()).await.refused(409, "event_type_exists");

    let patch = json!({"schemas": null, "deprecated": true, "featureFlag": null});
    let patched = world.patch(&path, patch).await.assert(200);
    assert_eq!((&patched.body["schemas"], &patched.body["deprecated"]), (&Value::Null, &json!(true)));
    assert_eq!((patched.text("groupName"), &patched.body["featureFlags"]), ("orders", &Value::Null));

    world.delete(&path).await.assert(204);
    assert_eq!(world.get(&path).await.assert(200).body["archived"], true);
    assert_eq!(world.get(EVENT_TYPES).await.column("name"), [""; 0]);
    assert_eq!(world.get(&format!("{EVENT_TYPES}?include_archived=true")).await.column("name"), ["order.created"]);
    assert_eq!(world.post(EVENT_TYPES, wanted).await.assert(201).body["archived"], false, "made again");
    world.delete(&format!("{path}?expunge=true")).await.assert(204);
    world.get(&path).await.refused(404, "not_found");
    world.patch(&path, json!({})).await.refused(404, "not_found");
    world.put(&path, json!({"description": "An order"})).await.assert(201);
    world.put(&path, json!({"description": "One order"})).await.assert(200);
    world.put(&format!("{EVENT_TYPES}/a..b"), json!({"description": ""})).await.refused(404, "not_found");
}

#[tokio::test]
async fn event_types_are_listed_by_name_in_pages_both_ways() {
    let world = World::new().await;
    for name in ["c", "a", "b.x"] {
        let wanted = json!({"name": name, "description": "", "schemas": {"1": {"b": 1.0, "a": 2}}});
        world.post(EVENT_TYPES, wanted).await.assert(201);
    }
    let first = world.get(&format!("{EVENT_TYPES}?limit=2&with_content=false")).await.assert(200);
    assert_eq!((first.column("name"), first.text("iterator")), (vec!["a".into(), "b.x".into()], "b.x"));
    assert_eq!(first.body["data"][0]["schemas"], Value::Null);
    let second = world.get(&format!("{EVENT_TYPES}?limit=2&iterator=b.x&with_content=true")).await;
    assert_eq!((second.column("name"), &second.body["done"]), (vec!["c".to_owned()], &json!(true)));
    assert_eq!(second.body["data"][0]["schemas"], json!({"1": {"b": 1.0, "a": 2}}));
    let back = world.get(&format!("{EVENT_TYPES}?limit=1&iterator={}", second.text("prevIterator"))).await;
    assert_eq!((back.column("name"), &back.body["done"]), (vec!["b.x".to_owned()], &json!(false)));
    let falling = world.get(&format!("{EVENT_TYPES}?order=descending&limit=2")).await;
    assert_eq!(falling.column("name"), ["c", "b.x"]);
    world.get(&format!("{EVENT_TYPES}?iterator=a..b")).await.refused(400, "invalid_iterator");
}

#[tokio::test]
async fn what_can_not_be_taken_is_named() {
    let world = World::new().await;
    let cases = [
        (json!({"name": "a"}), "missing_member", "body"),
        (json!({"name": "a..b", "description": ""}), "event_type_name", "body.name"),
        (json!({"name": "a", "description": "", "schemas": {"1": []}}), "wrong_type", "body.schemas.1"),
        (json!({"name": "a", "description": "", "featureFlags": ["a b"]}), "feature_flag", "body.featureFlags.0"),
        (json!({"name": "a", "description": "", "groupName": "a b"}), "group_name", "body.groupName"),
    ];
    for (body, code, place) in cases {
        let answer = world.post(EVENT_TYPES, body.clone()).await.refused(422, code);
        assert_eq!(answer.place(), place, "{body}");
    }
    let large = json!({"name": "a", "description": "", "schemas": {"1": {"x": "y".repeat(300_000)}}});
    world.post(EVENT_TYPES, large).await.refused(422, "schemas_too_large");
}

#[tokio::test]
async fn a_repeated_request_makes_nothing() {
    let world = World::new().await;
    let wanted = json!({"name": "a", "description": ""});
    let made = world.post_once("k", EVENT_TYPES, wanted.clone()).await.assert(201);
    assert_eq!(world.post_once("k", EVENT_TYPES, wanted).await.assert(201).body, made.body);
    world.post_once("k2", EVENT_TYPES, json!({"name": "a", "description": ""})).await.refused(409, "event_type_exists");
}
