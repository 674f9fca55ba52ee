//! What a key may not see is not there for it: the answer is that of an id that nothing has (THREATS G01, G02).

use serde_json::{Value, json};

use crate::world::{OTHER_KEY, World};

const METHODS: [&str; 4] = ["GET", "PUT", "PATCH", "DELETE"];

/// A body that the noun at this path takes from its own caller.
fn body_for(method: &str, path: &str) -> Option<Value> {
    match method {
        "PUT" if path.contains("/endpoint/") => Some(json!({"url": "https://example.com/"})),
        "PUT" => Some(json!({"name": "Mine"})),
        "PATCH" => Some(json!({})),
        _ => None,
    }
}

#[tokio::test]
async fn a_foreign_id_is_answered_like_one_that_nothing_has() {
    let world = World::new().await;
    let application = world.post("/api/v1/app", json!({"name": "A", "uid": "a"})).await.assert(201);
    let endpoint = world.post("/api/v1/app/a/endpoint", json!({"url": "https://example.com/"})).await.assert(201);
    let (own_application, own_endpoint) = (application.text("id").to_owned(), endpoint.text("id").to_owned());
    let gone_application = {
        let gone = world.post("/api/v1/app", json!({"name": "Gone"})).await;
        world.delete(&format!("/api/v1/app/{}", gone.text("id"))).await.assert(204);
        gone.text("id").to_owned()
    };
    let gone_endpoint = {
        let gone = world.post("/api/v1/app/a/endpoint", json!({"url": "https://example.com/"})).await;
        world.delete(&format!("/api/v1/app/a/endpoint/{}", gone.text("id"))).await.assert(204);
        gone.text("id").to_owned()
    };
    let pairs = [
        (format!("/api/v1/app/{own_application}"), format!("/api/v1/app/{gone_application}")),
        (
            format!("/api/v1/app/{own_application}/endpoint/{own_endpoint}"),
            format!("/api/v1/app/{gone_application}/endpoint/{gone_endpoint}"),
        ),
        // A foreign endpoint under the caller's own application.
        (
            format!("/api/v1/app/default/endpoint/{own_endpoint}"),
            format!("/api/v1/app/default/endpoint/{gone_endpoint}"),
        ),
    ];
    for (foreign, missing) in &pairs {
        for method in METHODS {
            let mut answers = Vec::new();
            for path in [foreign, missing] {
                let answer =
                    world.call(OTHER_KEY, method, path, body_for(method, path)).await.refused(404, "not_found");
                let mut body = answer.body;
                body.as_object_mut().unwrap().remove("requestId");
                answers.push(body);
            }
            assert_eq!(answers[0], answers[1], "{method} {foreign}");
        }
    }
    world.get(&format!("/api/v1/app/{own_application}/endpoint/{own_endpoint}")).await.assert(200);
    for path in ["secret", "headers"] {
        let path = format!("/api/v1/app/{own_application}/endpoint/{own_endpoint}/{path}");
        world.call(OTHER_KEY, "GET", &path, None).await.refused(404, "not_found");
    }
    assert_eq!(world.call(OTHER_KEY, "GET", "/api/v1/app", None).await.column("uid"), ["default"]);
}

#[tokio::test]
async fn names_and_keys_of_two_environments_do_not_meet() {
    let world = World::new().await;
    let post = |key, path, body| world.call(key, "POST", path, Some(body));
    world.post("/api/v1/app", json!({"name": "A", "uid": "a"})).await.assert(201);
    post(OTHER_KEY, "/api/v1/app", json!({"name": "B", "uid": "a"})).await.assert(201);
    assert_eq!(world.get("/api/v1/app/a").await.text("name"), "A");
    assert_eq!(world.call(OTHER_KEY, "GET", "/api/v1/app/a", None).await.text("name"), "B");
    world.post("/api/v1/event-type", json!({"name": "t", "description": ""})).await.assert(201);
    world.call(OTHER_KEY, "GET", "/api/v1/event-type/t", None).await.refused(404, "not_found");
    assert_eq!(world.call(OTHER_KEY, "GET", "/api/v1/event-type", None).await.column("name"), [""; 0]);
}

#[tokio::test]
async fn a_key_of_one_application_sees_that_one_alone() {
    let world = World::new().await;
    let own = world.post("/api/v1/app", json!({"name": "A", "uid": "a"})).await.assert(201);
    let key = world.key_of(own.text("id")).await;
    let call = |method, path, body| world.call(&key, method, path, body);
    assert_eq!(call("GET", "/api/v1/app", None).await.assert(200).column("uid"), ["a"]);
    call("GET", "/api/v1/app/a", None).await.assert(200);
    call("GET", "/api/v1/app/default", None).await.refused(404, "not_found");
    call("PATCH", "/api/v1/app/default", Some(json!({}))).await.refused(404, "not_found");
    call("PUT", "/api/v1/app/other", Some(json!({"name": "A"}))).await.refused(404, "not_found");
    call("POST", "/api/v1/app", Some(json!({"name": "A"}))).await.refused(403, "insufficient_access");
    call("DELETE", "/api/v1/app/a", None).await.refused(403, "insufficient_access");
    call("POST", "/api/v1/app/a/endpoint", Some(json!({"url": "https://example.com/"}))).await.assert(201);
    call("GET", "/api/v1/event-type", None).await.assert(200);
    let event_type = json!({"name": "t", "description": ""});
    call("POST", "/api/v1/event-type", Some(event_type)).await.refused(403, "insufficient_access");
    world.delete("/api/v1/app/a").await.assert(204);
    call("GET", "/api/v1/event-type", None).await.refused(401, "authentication_failed");
}
