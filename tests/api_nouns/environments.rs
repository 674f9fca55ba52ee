//! Environments over the API.

use serde_json::{Value, json};

use crate::world::{KEY, OTHER_KEY, World};

const ENVIRONMENTS: &str = "/api/v1/management/environment";

/// The id of the first environment.
async fn default_environment(world: &World) -> String {
    world.store.default_environment().await.unwrap().unwrap().to_string()
}

/// A new key of this environment.
async fn key_of(world: &World, admin: &str, environment: &str) -> String {
    let path = format!("/api/v1/management/authentication/{environment}/api-token");
    let made = world.call(admin, "POST", &path, Some(json!({"name": "Test"}))).await.assert(200);
    made.text("token").to_owned()
}

#[tokio::test]
async fn an_environment_is_made_read_changed_and_deleted() {
    let mut world = World::new().await;
    let admin = world.admin_key().await;
    let wanted = json!({"name": "Live", "type": "production"});
    let made = world.call(&admin, "POST", ENVIRONMENTS, Some(wanted)).await.assert(201);
    assert!(made.text("id").starts_with("env_"));
    assert_eq!(
        (made.text("type"), made.text("region"), made.text("preset")),
        ("production", "self-hosted", "standard")
    );
    assert_eq!(made.text("retrySchedule"), "5s,5m,30m,2h,5h,10h,14h,20h,24h");
    assert_eq!(made.body["endpointRules"], json!({"oneForEachEventType": false, "httpsOnly": false}));
    assert_eq!((&made.body["heedsAnswers"], &made.body["checksSchemas"]), (&json!(true), &json!(true)));

    let path = format!("{ENVIRONMENTS}/{}", made.text("id"));
    assert_eq!(world.call(&admin, "GET", &path, None).await.assert(200).body, made.body);
    let key = key_of(&world, &admin, made.text("id")).await;
    assert_eq!(world.call(&key, "GET", "/api/v1/app", None).await.assert(200).column("uid"), ["default"]);

    let patch = json!({"envelope": "standard", "retrySchedule": [5, 60], "endpointRules": {"httpsOnly": true}});
    let patched = world.call(&admin, "PATCH", &path, Some(patch)).await.assert(200);
    assert_eq!((patched.text("name"), patched.text("envelope")), ("Live", "standard"));
    assert_eq!((patched.text("retrySchedule"), &patched.body["endpointRules"]["httpsOnly"]), ("5s,1m", &json!(true)));
    let put = world.call(&admin, "PUT", &path, Some(json!({"name": "Real"}))).await.assert(200);
    assert_eq!((put.text("name"), put.text("retrySchedule")), ("Real", "5s,1m"), "renaming undoes nothing");

    let endpoints = "/api/v1/app/default/endpoint";
    let endpoint = world.call(&key, "POST", endpoints, Some(json!({"url": "https://example.com/"}))).await.assert(201);
    let event_type = json!({"name": "a", "description": ""});
    world.call(&key, "POST", "/api/v1/event-type", Some(event_type)).await.assert(201);
    world.call(&admin, "DELETE", &path, None).await.assert(204);
    assert_eq!(world.next_notice().await, endpoint.text("id"), "the engine cancels what waits");
    world.call(&key, "GET", "/api/v1/app", None).await.refused(401, "authentication_failed");
    for method in ["GET", "DELETE"] {
        world.call(&admin, method, &path, None).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn a_preset_is_where_an_environment_starts() {
    let world = World::new().await;
    let admin = world.admin_key().await;
    let create = |body| world.call(&admin, "POST", ENVIRONMENTS, Some(body));
    let wanted = json!({"name": "RR", "type": "development", "preset": "rose-rocket"});
    let rose = create(wanted).await.assert(201);
    assert_eq!((rose.text("retrySchedule"), rose.text("envelope")), ("none", "event-object"));
    assert_eq!(rose.body["heedsAnswers"], false);
    let wanted = json!({
        "name": "SE", "type": "development", "preset": "shipengine", "retrySchedule": "1m", "checksSchemas": false
    });
    let ship = create(wanted).await.assert(201);
    assert_eq!((ship.text("preset"), ship.text("envelope")), ("shipengine", "resource"));
    assert_eq!((ship.text("retrySchedule"), &ship.body["checksSchemas"]), ("1m", &json!(false)));
    assert_eq!(ship.body["endpointRules"]["oneForEachEventType"], true);

    let path = format!("{ENVIRONMENTS}/{}", ship.text("id"));
    let patched = world.call(&admin, "PATCH", &path, Some(json!({"preset": "shoprocket"}))).await.assert(200);
    assert_eq!((patched.text("envelope"), &patched.body["checksSchemas"]), ("typed-data", &json!(true)));
}

#[tokio::test]
async fn environments_are_listed_in_pages() {
    let world = World::new().await;
    let admin = world.admin_key().await;
    for name in ["A", "B", "C"] {
        world.call(&admin, "POST", ENVIRONMENTS, Some(json!({"name": name, "type": "development"}))).await.assert(201);
    }
    let get =
        |query: String| world.call(&admin, "GET", Box::leak(format!("{ENVIRONMENTS}{query}").into_boxed_str()), None);
    let first = get("?limit=3".to_owned()).await.assert(200);
    assert_eq!(
        (first.column("name"), &first.body["done"]),
        (vec!["test".into(), "test".into(), "A".into()], &json!(false))
    );
    let second = get(format!("?limit=3&iterator={}", first.text("iterator"))).await.assert(200);
    assert_eq!((second.column("name"), &second.body["done"]), (vec!["B".into(), "C".into()], &json!(true)));
    assert_eq!(get("?limit=2&order=descending".to_owned()).await.column("name"), ["C", "B"]);
}

#[tokio::test]
async fn an_environment_is_made_once_for_each_idempotency_key() {
    let world = World::new().await;
    let admin = world.admin_key().await;
    let create = |name: &str| {
        let request = axum::http::Request::post(ENVIRONMENTS)
            .header("authorization", format!("Bearer {admin}"))
            .header("content-type", "application/json")
            .header("idempotency-key", "once");
        let body = json!({"name": name, "type": "development"}).to_string();
        world.send(request.body(axum::body::Body::from(body)).unwrap())
    };
    let first = create("A").await.assert(201);
    assert_eq!(create("A").await.assert(201).text("id"), first.text("id"));
    create("B").await.refused(409, "idempotency_key_reused");
}

#[tokio::test]
async fn what_can_not_be_taken_is_named() {
    let world = World::new().await;
    let admin = world.admin_key().await;
    let cases = [
        (json!({"type": "production"}), "missing_member", "body"),
        (json!({"name": " "}), "name", "body.name"),
        (json!({"name": "A", "type": "live"}), "environment_type", "body.type"),
        (json!({"name": "A", "preset": "ups"}), "preset", "body.preset"),
        (json!({"name": "A", "envelope": "soap"}), "envelope", "body.envelope"),
        (json!({"name": "A", "retrySchedule": "5 s"}), "retry_schedule", "body.retrySchedule"),
        (json!({"name": "A", "retrySchedule": [4_000_000_000_u32]}), "retry_schedule", "body.retrySchedule"),
        (json!({"name": "A", "retrySchedule": {"a": 1}}), "wrong_type", "body.retrySchedule"),
        (json!({"name": "A", "retrySchedule": [-1]}), "wrong_type", "body.retrySchedule"),
        (json!({"name": "A", "endpointRules": {"a": 1}}), "unknown_member", "body.endpointRules.a"),
        (json!({"name": "A", "id": "env_1"}), "unknown_member", "body.id"),
    ];
    for (body, code, place) in cases {
        let answer = world.call(&admin, "POST", ENVIRONMENTS, Some(body.clone())).await.refused(422, code);
        assert_eq!(answer.place(), place, "{body}");
    }
    let path = format!("{ENVIRONMENTS}/{}", default_environment(&world).await);
    for body in [json!({"name": null}), json!({"preset": null}), json!({"retrySchedule": null})] {
        world.call(&admin, "PATCH", &path, Some(body)).await.refused(422, "wrong_type");
    }
}

#[tokio::test]
async fn only_an_admin_key_manages() {
    let world = World::new().await;
    let application = world.get("/api/v1/app/default").await.text("id").to_owned();
    let of_application = world.key_of(&application).await;
    let id = default_environment(&world).await;
    let (one, tokens) = (format!("{ENVIRONMENTS}/{id}"), format!("/api/v1/management/authentication/{id}/api-token"));
    let expire = format!("{tokens}/{id}/expire");
    let requests: [(&str, &str, Option<Value>); 9] = [
        ("GET", ENVIRONMENTS, None),
        ("POST", ENVIRONMENTS, Some(json!({"name": "A"}))),
        ("GET", &one, None),
        ("PUT", &one, Some(json!({"name": "A"}))),
        ("PATCH", &one, Some(json!({}))),
        ("DELETE", &one, None),
        ("GET", &tokens, None),
        ("POST", &tokens, Some(json!({"name": "A"}))),
        ("POST", &expire, Some(json!({}))),
    ];
    for key in [KEY, OTHER_KEY, &of_application] {
        for (method, path, body) in &requests {
            world.call(key, method, path, body.clone()).await.refused(403, "insufficient_access");
        }
    }
}

#[tokio::test]
async fn some_environments_stay() {
    let world = World::new().await;
    let admin = world.admin_key().await;
    let id = default_environment(&world).await;
    let delete = |key: String, id: String| {
        let path = format!("{ENVIRONMENTS}/{id}");
        async { world.call(&{ key }, "DELETE", &{ path }, None).await }
    };
    delete(admin.clone(), id.clone()).await.refused(409, "environment_own");
    let second = world.call(&admin, "POST", ENVIRONMENTS, Some(json!({"name": "B"}))).await.assert(201);
    let tokens = format!("/api/v1/management/authentication/{}/api-token", second.text("id"));
    let wanted = json!({"name": "B", "scope": "admin"});
    let other_admin = world.call(&admin, "POST", &tokens, Some(wanted)).await.assert(200).text("token").to_owned();
    delete(other_admin, id).await.refused(409, "environment_default");
    delete(admin, second.text("id").to_owned()).await.assert(204);
}

#[tokio::test]
async fn new_settings_hold_at_once() {
    let world = World::new().await;
    let admin = world.admin_key().await;
    let create = || world.post("/api/v1/app/default/endpoint", json!({"url": "http://example.com/"}));
    create().await.assert(201);
    let path = format!("{ENVIRONMENTS}/{}", default_environment(&world).await);
    let rules = json!({"endpointRules": {"httpsOnly": true}});
    world.call(&admin, "PATCH", &path, Some(rules)).await.assert(200);
    create().await.refused(422, "url_scheme");
    world.call(&admin, "PATCH", &path, Some(json!({"preset": "standard"}))).await.assert(200);
    create().await.assert(201);
}
