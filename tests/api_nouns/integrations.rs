//! Integrations over the API.

use std::time::Duration;

use serde_json::json;

use crate::world::World;

const INTEGRATIONS: &str = "/api/v1/app/default/integration";

#[tokio::test]
async fn an_integration_is_made_renamed_given_a_new_key_and_deleted() {
    let world = World::new().await;
    let made = world.post(INTEGRATIONS, json!({"name": "Warehouse"})).await.assert(201);
    let first = made.text("key").to_owned();
    let opens = |key: String| {
        let world = &world;
        async move { world.call(&key, "GET", "/api/v1/app", None).await }
    };
    assert_eq!(opens(first.clone()).await.assert(200).column("uid"), ["default"]);
    let path = format!("{INTEGRATIONS}/{}", made.text("id"));
    let got = world.get(&path).await.assert(200);
    assert_eq!((got.text("name"), got.text("updatedAt")), ("Warehouse", got.text("createdAt")));
    assert!(!got.body.to_string().contains(&first));
    world.get(&format!("{path}/key")).await.refused(404, "key_not_kept");

    world.clock.set(world.store.now().plus(Duration::from_secs(1)));
    let renamed = world.put(&path, json!({"name": "Depot"})).await.assert(200);
    assert_eq!(renamed.text("name"), "Depot");
    assert_ne!(renamed.text("updatedAt"), renamed.text("createdAt"));
    opens(first.clone()).await.assert(200);

    let rotated = world.post(&format!("{path}/key/rotate"), json!({})).await.assert(200);
    let second = rotated.text("key").to_owned();
    opens(first).await.refused(401, "authentication_failed");
    opens(second.clone()).await.assert(200);
    assert_eq!(world.get(INTEGRATIONS).await.assert(200).column("name"), ["Depot"]);

    world.delete(&path).await.assert(204);
    opens(second).await.refused(401, "authentication_failed");
    world.get(&path).await.refused(404, "not_found");
    world.delete(&path).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_key_of_an_application_makes_no_others() {
    let world = World::new().await;
    let made = world.post(INTEGRATIONS, json!({"name": "A"})).await.assert(201);
    let path = format!("{INTEGRATIONS}/{}", made.text("id"));
    let rotate = format!("{path}/key/rotate");
    let requests = [
        ("GET", INTEGRATIONS, None),
        ("POST", INTEGRATIONS, Some(json!({"name": "B"}))),
        ("GET", &path, None),
        ("PUT", &path, Some(json!({"name": "B"}))),
        ("DELETE", &path, None),
        ("POST", &rotate, None),
    ];
    for (method, path, body) in requests {
        world.call(made.text("key"), method, path, body).await.refused(403, "insufficient_access");
    }
}

#[tokio::test]
async fn integrations_are_those_of_their_application() {
    let world = World::new().await;
    world.post("/api/v1/app", json!({"name": "A", "uid": "a"})).await.assert(201);
    let made = world.post(INTEGRATIONS, json!({"name": "A"})).await.assert(201);
    world.post(INTEGRATIONS, json!({"name": " "})).await.refused(422, "name");
    assert_eq!(world.get("/api/v1/app/a/integration").await.assert(200).body["data"], json!([]));
    world.get(&format!("/api/v1/app/a/integration/{}", made.text("id"))).await.refused(404, "not_found");
    let admin = world.admin_key().await;
    let environment = world.store.default_environment().await.unwrap().unwrap();
    let expire = format!("/api/v1/management/authentication/{environment}/api-token/{}/expire", made.text("id"));
    world.call(&admin, "POST", &expire, Some(json!({"expiry": 60}))).await.assert(204);
    assert_eq!(world.get(INTEGRATIONS).await.column("id"), [""; 0], "a key that ends is none any more");
}
