//! The filter of an endpoint over the API, and trying one.

use serde_json::{Value, json};

use crate::world::World;

const ENDPOINTS: &str = "/api/v1/app/default/endpoint";
const URL: &str = "https://example.com/webhooks";
const TEST: &str = "/api/v1/filter/test";

fn filter() -> Value {
    json!({"type": {"$startsWith": "order."}, "data": {"total": {"$gte": 100}}})
}

#[tokio::test]
async fn a_filter_is_set_shown_changed_and_removed() {
    let mut world = World::new().await;
    let made = world.post(ENDPOINTS, json!({"url": URL, "uid": "a", "filter": filter()})).await.assert(201);
    assert_eq!(made.body["filter"], filter());
    let path = format!("{ENDPOINTS}/a");
    assert_eq!(world.get(&path).await.assert(200).body, made.body);

    let patched = world.patch(&path, json!({"description": "b"})).await.assert(200);
    assert_eq!(patched.body["filter"], filter(), "what is left out stays");
    let put = world.put(&path, json!({"url": URL, "uid": "a"})).await.assert(200);
    assert_eq!(put.body["filter"], filter(), "what an SDK does not know stays");
    let other = json!({"data": {"a": 1.50}});
    let put = world.put(&path, json!({"url": URL, "uid": "a", "filter": other})).await.assert(200);
    assert_eq!(put.body["filter"], other);
    for _ in 0..3 {
        assert_eq!(world.next_notice().await, made.text("id"), "the engine looks again");
    }
    assert_eq!(world.patch(&path, json!({"filter": null})).await.assert(200).body["filter"], Value::Null);
    world.patch(&path, json!({"filter": filter()})).await.assert(200);
    assert_eq!(world.put(&path, json!({"url": URL, "filter": null})).await.assert(200).body["filter"], Value::Null);
    assert_eq!(
        world.post(ENDPOINTS, json!({"url": URL, "filter": null})).await.assert(201).body["filter"],
        Value::Null
    );
}

#[tokio::test]
async fn a_bad_filter_is_refused_with_its_place() {
    let world = World::new().await;
    world.post(ENDPOINTS, json!({"url": URL, "uid": "a"})).await.assert(201);
    for (filter, code, place) in [
        (json!({"total": 1}), "filter", "body.filter.total"),
        (json!({"data": {"total": {"$regex": ".*"}}}), "filter", "body.filter.data.total.$regex"),
        (json!({"data": {"total": {"$in": [1, [2]]}}}), "filter", "body.filter.data.total.$in.1"),
        (json!({}), "filter", "body.filter"),
        (json!({"data": {"a": {"$in": vec![1; 101]}}}), "filter", "body.filter.data.a.$in"),
        (json!("type"), "wrong_type", "body.filter"),
        (json!([]), "wrong_type", "body.filter"),
    ] {
        let answers = [
            world.post(ENDPOINTS, json!({"url": URL, "filter": filter})).await,
            world.put(&format!("{ENDPOINTS}/a"), json!({"url": URL, "filter": filter})).await,
            world.patch(&format!("{ENDPOINTS}/a"), json!({"filter": filter})).await,
            world.post(TEST, json!({"filter": filter, "payload": {}})).await,
        ];
        for answer in answers {
            assert_eq!(answer.refused(422, code).place(), place, "{filter}");
        }
    }
    assert_eq!(world.get(&format!("{ENDPOINTS}/a")).await.body["filter"], Value::Null);
}

#[tokio::test]
async fn a_filter_is_tried_on_a_message_of_which_nothing_is_kept() {
    let world = World::new().await;
    let test = async |message: Value| {
        let mut body = json!({"filter": filter()});
        body.as_object_mut().unwrap().extend(message.as_object().unwrap().clone());
        world.post(TEST, body).await
    };
    let passed = test(json!({"eventType": "order.paid", "payload": {"total": 100.0}})).await.assert(200);
    assert_eq!(passed.body, json!({"passes": true, "clause": null, "why": null}));
    let stopped = test(json!({"eventType": "order.paid", "payload": {"total": 40}})).await.assert(200);
    let told = json!({"passes": false, "clause": ["data", "total", "$gte"], "why": "must be at least 100, but is 40"});
    assert_eq!(stopped.body, told);
    let stopped = test(json!({"payload": {"total": 100}})).await.assert(200);
    assert_eq!(stopped.body["clause"], json!(["type", "$startsWith"]));
    let body = json!({"filter": {"id": "7", "channels": "eu"}, "eventId": "7", "channels": ["eu"], "payload": {}});
    assert_eq!(world.post(TEST, body).await.assert(200).body["passes"], true);
    test(json!({"eventType": "no name", "payload": {}})).await.refused(422, "event_type_name");
    assert_eq!(test(json!({"payload": []})).await.refused(422, "wrong_type").place(), "body.payload");
    assert_eq!(world.get("/api/v1/app/default/msg").await.assert(200).body["data"], json!([]));
    world
        .call("nobody", "POST", TEST, Some(json!({"filter": {}, "payload": {}})))
        .await
        .refused(401, "authentication_failed");
}
