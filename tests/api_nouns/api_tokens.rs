//! API keys over the API.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{Answer, World};

/// Where the keys of the first environment are.
async fn tokens(world: &World) -> String {
    let id = world.store.default_environment().await.unwrap().unwrap();
    format!("/api/v1/management/authentication/{id}/api-token")
}

async fn create(world: &World, admin: &str, body: Value) -> Answer {
    world.call(admin, "POST", &tokens(world).await, Some(body)).await
}

async fn expire(world: &World, admin: &str, id: &str, body: Value) -> Answer {
    let path = format!("{}/{id}/expire", tokens(world).await);
    world.call(admin, "POST", &path, Some(body)).await
}

#[tokio::test]
async fn a_key_is_shown_once_works_and_ends_at_once() {
    let world = World::new().await;
    let admin = world.admin_key().await;
    let made = create(&world, &admin, json!({"name": "Orders"})).await.assert(200);
    let token = made.text("token").to_owned();
    assert!(token.starts_with("ck_") && token.len() > 40);
    assert_eq!((made.text("name"), made.text("scope")), ("Orders", "environment"));
    assert_eq!((&made.body["scopes"], &made.body["expiresAt"]), (&json!(["environment"]), &Value::Null));
    world.call(&token, "GET", "/api/v1/app", None).await.assert(200);

    let path = format!("{}/{}", tokens(&world).await, made.text("id"));
    let got = world.call(&admin, "GET", &path, None).await.assert(200);
    let listed = world.call(&admin, "GET", &tokens(&world).await, None).await.assert(200);
    assert!(listed.column("id").contains(&made.text("id").to_owned()));
    assert_eq!(got.text("censoredToken"), format!("{}…", &token[..7]));
    assert!(!got.body.to_string().contains(&token) && !listed.body.to_string().contains(&token));

    expire(&world, &admin, made.text("id"), json!({})).await.assert(204);
    world.call(&token, "GET", "/api/v1/app", None).await.refused(401, "authentication_failed");
    let end = world.call(&admin, "GET", &path, None).await.text("expiresAt").to_owned();
    expire(&world, &admin, made.text("id"), json!({"expiry": 100})).await.assert(204);
    assert_eq!(world.call(&admin, "GET", &path, None).await.text("expiresAt"), end, "what has ended stays ended");
}

#[tokio::test]
async fn a_key_can_end_later() {
    let world = World::new().await;
    let admin = world.admin_key().await;
    let made = create(&world, &admin, json!({"name": "Old"})).await.assert(200);
    let (token, id) = (made.text("token"), made.text("id"));
    world.call(token, "GET", "/api/v1/app", None).await.assert(200);
    expire(&world, &admin, id, json!({"expiry": 259_201})).await.refused(422, "expiry");
    expire(&world, &admin, id, json!({"expiry": 60})).await.assert(204);
    world.clock.set(world.store.now().plus(Duration::from_secs(59)));
    world.call(token, "GET", "/api/v1/app", None).await.assert(200);
    world.clock.set(world.store.now().plus(Duration::from_secs(1)));
    world.call(token, "GET", "/api/v1/app", None).await.refused(401, "authentication_failed");
}

#[tokio::test]
async fn a_key_opens_what_its_scope_says() {
    let world = World::new().await;
    let admin = world.admin_key().await;
    let own = world.post("/api/v1/app", json!({"name": "A", "uid": "a"})).await.assert(201);
    let made = create(&world, &admin, json!({"name": "A", "applicationId": "a"})).await.assert(200);
    assert_eq!((made.text("scope"), made.text("applicationId")), ("application", own.text("id")));
    assert_eq!(world.call(made.text("token"), "GET", "/api/v1/app", None).await.assert(200).column("uid"), ["a"]);
    let second = create(&world, &admin, json!({"name": "Second", "scope": "admin"})).await.assert(200);
    world.call(second.text("token"), "GET", "/api/v1/management/environment", None).await.assert(200);

    create(&world, &admin, json!({"name": "A", "applicationId": "b"})).await.refused(404, "not_found");
    let refused = [
        (json!({"name": "A", "scope": "application"}), "scope"),
        (json!({"name": "A", "scope": "admin", "applicationId": "a"}), "scope"),
        (json!({"name": "A", "scope": "root"}), "wrong_type"),
        (json!({"name": ""}), "name"),
        (json!({"name": "A", "role": "owner"}), "unknown_member"),
    ];
    for (body, code) in refused {
        create(&world, &admin, body).await.refused(422, code);
    }
}

#[tokio::test]
async fn the_last_admin_key_without_an_end_stays() {
    let world = World::new().await;
    let admin = world.admin_key().await;
    let listed = world.call(&admin, "GET", &tokens(&world).await, None).await.assert(200);
    let own = listed.column("id").into_iter().zip(listed.column("scope")).find(|(_, scope)| scope == "admin");
    let (own, _) = own.unwrap();
    expire(&world, &admin, &own, json!({})).await.refused(409, "last_admin_key");
    let second = create(&world, &admin, json!({"name": "Second", "scope": "admin"})).await.assert(200);
    expire(&world, &admin, &own, json!({"expiry": 60})).await.assert(204);
    expire(&world, second.text("token"), second.text("id"), json!({})).await.refused(409, "last_admin_key");
}

#[tokio::test]
async fn a_repeat_makes_no_second_key() {
    let world = World::new().await;
    let admin = world.admin_key().await;
    let path = tokens(&world).await;
    let create = || {
        let request = axum::http::Request::post(&path)
            .header("authorization", format!("Bearer {admin}"))
            .header("content-type", "application/json")
            .header("idempotency-key", "once");
        world.send(request.body(axum::body::Body::from(json!({"name": "A"}).to_string())).unwrap())
    };
    let made = create().await.assert(200);
    let again = create().await.refused(409, "key_made_before");
    assert!(again.text("detail").contains(made.text("id")));
}
