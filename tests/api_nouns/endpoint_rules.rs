//! What endpoints an environment allows: one for each event type (SEEDS C5), and `https` alone (SEEDS D8).

use std::sync::Arc;

use serde_json::{Value, json};

use crate::world::{KEY, World};

const ENDPOINTS: &str = "/api/v1/app/default/endpoint";
const URL: &str = "https://example.com/webhooks";

/// A world whose first environment has these rules.
async fn ruled(rules: Value) -> World {
    let world = World::new().await;
    let admin = world.admin_key().await;
    let id = world.store.default_environment().await.unwrap().unwrap();
    let path = format!("/api/v1/management/environment/{id}");
    world.call(&admin, "PATCH", &path, Some(json!({"endpointRules": rules}))).await.assert(200);
    world
}

#[tokio::test]
async fn only_https_is_taken_where_the_rules_say_so() {
    let world = ruled(json!({"httpsOnly": true})).await;
    let plain = json!({"url": "http://example.com/"});
    let refused = world.post(ENDPOINTS, plain.clone()).await.refused(422, "url_scheme");
    assert!(refused.body.to_string().contains("https://"));
    let made = world.post(ENDPOINTS, json!({"url": URL})).await.assert(201);
    let path = format!("{ENDPOINTS}/{}", made.text("id"));
    world.put(&path, plain.clone()).await.refused(422, "url_scheme");
    world.patch(&path, plain.clone()).await.refused(422, "url_scheme");
    world.put(&format!("{ENDPOINTS}/new"), plain).await.refused(422, "url_scheme");
    world.patch(&path, json!({"description": "a"})).await.assert(200);
    // The other environment has no such rule.
    let plain = Some(json!({"url": "http://example.com/"}));
    world.call(crate::world::OTHER_KEY, "POST", ENDPOINTS, plain).await.assert(201);
}

#[tokio::test]
async fn each_endpoint_has_one_event_type() {
    let world = ruled(json!({"oneForEachEventType": true})).await;
    for body in [json!({"url": URL}), json!({"url": URL, "eventTypes": ["a", "b"]})] {
        let refused = world.post(ENDPOINTS, body.clone()).await.refused(422, "event_types_one");
        assert_eq!(refused.place(), "body.eventTypes", "{body}");
    }
    let made = world.post(ENDPOINTS, json!({"url": URL, "eventTypes": ["a", "a"]})).await.assert(201);
    let path = format!("{ENDPOINTS}/{}", made.text("id"));
    world.put(&path, json!({"url": URL})).await.refused(422, "event_types_one");
    world.patch(&path, json!({"eventTypes": null})).await.refused(422, "event_types_one");
    world.patch(&path, json!({"eventTypes": ["b"]})).await.assert(200);
}

#[tokio::test]
async fn an_event_type_has_one_endpoint_that_is_switched_on() {
    let world = ruled(json!({"oneForEachEventType": true})).await;
    let endpoint = |names: &[&str], disabled: bool| json!({"url": URL, "eventTypes": names, "disabled": disabled});
    let first = world.post(ENDPOINTS, endpoint(&["a"], false)).await.assert(201);
    world.post(ENDPOINTS, endpoint(&["a"], false)).await.refused(409, "event_type_taken");
    world.put(&format!("{ENDPOINTS}/new"), endpoint(&["a"], false)).await.refused(409, "event_type_taken");
    let second = world.post(ENDPOINTS, endpoint(&["b"], false)).await.assert(201);
    let second = format!("{ENDPOINTS}/{}", second.text("id"));
    world.patch(&second, json!({"eventTypes": ["a"]})).await.refused(409, "event_type_taken");
    world.put(&second, endpoint(&["a"], false)).await.refused(409, "event_type_taken");
    world.put(&second, endpoint(&["b"], false)).await.assert(200);

    // One that is switched off takes no place, until it is switched on.
    let third = world.post(ENDPOINTS, endpoint(&["a"], true)).await.assert(201);
    let third = format!("{ENDPOINTS}/{}", third.text("id"));
    world.patch(&third, json!({"disabled": false})).await.refused(409, "event_type_taken");
    let first = format!("{ENDPOINTS}/{}", first.text("id"));
    world.patch(&first, json!({"disabled": true})).await.assert(200);
    world.patch(&third, json!({"disabled": false})).await.assert(200);
    world.patch(&first, json!({"disabled": false})).await.refused(409, "event_type_taken");
    world.delete(&third).await.assert(204);
    world.patch(&first, json!({"disabled": false})).await.assert(200);

    // Applications do not meet.
    world.post("/api/v1/app", json!({"name": "A", "uid": "a"})).await.assert(201);
    world.post("/api/v1/app/a/endpoint", endpoint(&["a"], false)).await.assert(201);
}

#[tokio::test]
async fn what_is_older_than_the_rule_stays_and_counts() {
    let world = World::new().await;
    let both = world.post(ENDPOINTS, json!({"url": URL, "eventTypes": ["a", "b"]})).await.assert(201);
    let admin = world.admin_key().await;
    let id = world.store.default_environment().await.unwrap().unwrap();
    let rules = json!({"endpointRules": {"oneForEachEventType": true}});
    world.call(&admin, "PATCH", &format!("/api/v1/management/environment/{id}"), Some(rules)).await.assert(200);
    let path = format!("{ENDPOINTS}/{}", both.text("id"));
    world.patch(&path, json!({"description": "still here"})).await.assert(200);
    world.post(ENDPOINTS, json!({"url": URL, "eventTypes": ["b"]})).await.refused(409, "event_type_taken");
    world.post(ENDPOINTS, json!({"url": URL, "eventTypes": ["c"]})).await.assert(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_at_once_exactly_one_wins() {
    let world = Arc::new(ruled(json!({"oneForEachEventType": true})).await);
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let world = world.clone();
            let body = json!({"url": URL, "eventTypes": ["track"]});
            tokio::spawn(async move { world.call(KEY, "POST", ENDPOINTS, Some(body)).await })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        let answer = task.await.unwrap();
        match answer.status.as_u16() {
            201 => won += 1,
            _ => drop(answer.refused(409, "event_type_taken")),
        }
    }
    assert_eq!((won, world.get(ENDPOINTS).await.column("id").len()), (1, 1));
}
