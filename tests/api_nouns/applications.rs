//! Applications over the API.

use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn an_application_is_made_read_changed_and_deleted() {
    let mut world = World::new().await;
    let wanted = json!({"name": "Acme", "uid": "acme", "throttleRate": 10, "metadata": {"plan": "pro"}});
    let made = world.post("/api/v1/app", wanted).await.assert(201);
    assert!(made.text("id").starts_with("app_"));
    assert_eq!(made.text("createdAt"), "2026-09-21T14:13:20.000Z");
    assert_eq!((&made.body["throttleRate"], &made.body["metadata"]["plan"]), (&json!(10), &json!("pro")));

    let path = format!("/api/v1/app/{}", made.text("id"));
    assert_eq!(world.get(&path).await.assert(200).body, made.body);
    assert_eq!(world.get("/api/v1/app/acme").await.assert(200).body, made.body);

    let patched = world.patch(&path, json!({"uid": null, "name": "Acme Ltd"})).await.assert(200);
    assert_eq!((patched.text("name"), &patched.body["uid"]), ("Acme Ltd", &Value::Null));
    assert_eq!(patched.body["throttleRate"], 10, "what is left out stays");
    world.get("/api/v1/app/acme").await.refused(404, "not_found");

    let put = world.put(&path, json!({"name": "Acme"})).await.assert(200);
    assert_eq!((&put.body["throttleRate"], &put.body["metadata"]), (&Value::Null, &json!({})));

    let endpoint = world.post(&format!("{path}/endpoint"), json!({"url": "https://example.com/"})).await.assert(201);
    world.delete(&path).await.assert(204);
    assert_eq!(world.next_notice().await, endpoint.text("id"), "the engine cancels what waits");
    world.get(&path).await.refused(404, "not_found");
    world.delete(&path).await.refused(404, "not_found");
}

#[tokio::test]
async fn a_uid_means_one_application() {
    let world = World::new().await;
    let first = world.post("/api/v1/app", json!({"name": "A", "uid": "a"})).await.assert(201);
    world.post("/api/v1/app", json!({"name": "B", "uid": "a"})).await.refused(409, "uid_taken");
    let found = world.post("/api/v1/app?get_if_exists=true", json!({"name": "B", "uid": "a"})).await.assert(200);
    assert_eq!(found.body, first.body, "it is answered as it is");
    world.post("/api/v1/app?get_if_exists=true", json!({"name": "B", "uid": "b"})).await.assert(201);
    world.patch("/api/v1/app/b", json!({"uid": "a"})).await.refused(409, "uid_taken");
    world.patch("/api/v1/app/a", json!({"uid": "a", "name": "AA"})).await.assert(200);
}

#[tokio::test]
async fn a_put_makes_what_is_not_there_once() {
    let world = World::new().await;
    let made = world.put("/api/v1/app/new", json!({"name": "New"})).await.assert(201);
    assert_eq!(made.text("uid"), "new");
    let again = world.put("/api/v1/app/new", json!({"name": "Newer"})).await.assert(200);
    assert_eq!((again.text("id"), again.text("uid")), (made.text("id"), "new"));
    let renamed = world.put("/api/v1/app/new", json!({"name": "N", "uid": "newer"})).await.assert(200);
    assert_eq!((renamed.text("id"), renamed.text("uid")), (made.text("id"), "newer"));
    let unknown = made.text("id").replace("app_0", "app_1");
    world.put(&format!("/api/v1/app/{unknown}"), json!({"name": "N"})).await.refused(404, "not_found");
}

#[tokio::test]
async fn what_can_not_be_taken_is_named() {
    let world = World::new().await;
    let cases = [
        (json!({}), "missing_member", "body"),
        (json!({"name": 1}), "wrong_type", "body.name"),
        (json!({"name": ""}), "name", "body.name"),
        (json!({"name": "a", "uid": "a b"}), "uid", "body.uid"),
        (json!({"name": "a", "uid": "app_01h455vb4pex5vsknk084sn02q"}), "uid", "body.uid"),
        (json!({"name": "a", "throttleRate": 0}), "throttle_rate", "body.throttleRate"),
        (json!({"name": "a", "throttleRate": 70_000}), "wrong_type", "body.throttleRate"),
        (json!({"name": "a", "metadata": {"a": 1}}), "wrong_type", "body.metadata.a"),
        (json!({"name": "a", "rateLimit": 1}), "unknown_member", "body.rateLimit"),
    ];
    for (body, code, place) in cases {
        let answer = world.post("/api/v1/app", body.clone()).await.refused(422, code);
        assert_eq!(answer.place(), place, "{body}");
    }
    let answer = world.patch("/api/v1/app/default", json!({"name": null})).await.refused(422, "wrong_type");
    assert_eq!(answer.place(), "body.name");
}

#[tokio::test]
async fn applications_are_listed_in_pages_both_ways() {
    let world = World::new().await;
    for number in 1..=4 {
        world.post("/api/v1/app", json!({"name": "A", "uid": format!("u{number}")})).await.assert(201);
    }
    let first = world.get("/api/v1/app?limit=2").await.assert(200);
    assert_eq!((first.column("uid"), &first.body["done"]), (vec!["default".into(), "u1".into()], &json!(false)));
    let second = world.get(&format!("/api/v1/app?limit=2&iterator={}", first.text("iterator"))).await;
    assert_eq!(second.column("uid"), ["u2", "u3"]);
    let third = world.get(&format!("/api/v1/app?limit=2&iterator={}", second.text("iterator"))).await;
    assert_eq!((third.column("uid"), &third.body["done"]), (vec!["u4".to_owned()], &json!(true)));
    let back = world.get(&format!("/api/v1/app?limit=2&iterator={}", third.text("prevIterator"))).await;
    assert_eq!(back.body["data"], second.body["data"]);
    let empty = world.get(&format!("/api/v1/app?iterator={}", third.text("iterator"))).await;
    assert_eq!(empty.body, json!({"data": [], "iterator": null, "prevIterator": null, "done": true}));

    let newest = world.get("/api/v1/app?limit=2&order=descending").await;
    assert_eq!(newest.column("uid"), ["u4", "u3"]);
    let older = world.get(&format!("/api/v1/app?limit=2&order=descending&iterator={}", newest.text("iterator"))).await;
    assert_eq!(older.column("uid"), ["u2", "u1"]);

    world.get("/api/v1/app?iterator=nonsense").await.refused(400, "invalid_iterator");
    world.get("/api/v1/app?limit=0").await.refused(422, "limit_range");
    world.get("/api/v1/app?limit=251").await.refused(422, "limit_range");
    assert_eq!(world.get("/api/v1/app?limit=x").await.refused(422, "invalid_parameter").place(), "query.limit");
    world.get("/api/v1/app?order=sideways").await.refused(422, "invalid_parameter");
}

#[tokio::test]
async fn applications_are_listed_by_their_endpoints() {
    let world = World::new().await;
    for (uid, disabled) in [("on", false), ("off", true)] {
        world.post("/api/v1/app", json!({"name": "A", "uid": uid})).await.assert(201);
        let endpoint = json!({"url": "https://example.com/", "disabled": disabled});
        world.post(&format!("/api/v1/app/{uid}/endpoint"), endpoint).await.assert(201);
    }
    let some = world.get("/api/v1/app?exclude_apps_with_no_endpoints=true").await;
    assert_eq!(some.column("uid"), ["on", "off"]);
    let on = world.get("/api/v1/app?exclude_apps_with_disabled_endpoints=true").await;
    assert_eq!(on.column("uid"), ["default", "on"]);
}

#[tokio::test]
async fn a_repeated_request_makes_nothing() {
    let world = World::new().await;
    let wanted = json!({"name": "A", "uid": "a"});
    let made = world.post_once("k1", "/api/v1/app", wanted.clone()).await.assert(201);
    let again = world.post_once("\"k1\"", "/api/v1/app", wanted.clone()).await.assert(201);
    assert_eq!(again.body, made.body);
    assert_eq!(again.headers["idempotent-replay"], "true");
    world.post_once("k1", "/api/v1/app", json!({"name": "B"})).await.refused(409, "idempotency_key_reused");
    world
        .post_once("k1", "/api/v1/app?get_if_exists=true", wanted.clone())
        .await
        .refused(409, "idempotency_key_reused");
    // A request that made nothing gives its key back.
    world.post_once("k2", "/api/v1/app", wanted.clone()).await.refused(409, "uid_taken");
    world.delete("/api/v1/app/a").await.assert(204);
    world.post_once("k2", "/api/v1/app", wanted).await.assert(201);
    for key in ["", " ", "a b", &"k".repeat(256)] {
        let answer = world.post_once(key, "/api/v1/app", json!({"name": "A"})).await.refused(422, "idempotency_key");
        assert_eq!(answer.place(), "header.idempotency-key");
    }
}

/// THREATS H09: a key is remembered for 24 hours, not less, and then it is another request's.
#[tokio::test]
async fn an_idempotency_key_is_remembered_for_24_hours() {
    let world = World::new().await;
    let hour = std::time::Duration::from_secs(3_600);
    let post = || world.post_once("one", "/api/v1/app", json!({"name": "A"}));
    let wait = |time: std::time::Duration| world.clock.set(world.store.now().plus(time));
    let first = post().await.assert(201).text("id").to_owned();
    for (waited, is_known) in [(23 * hour, true), (2 * hour, false)] {
        wait(waited);
        while world.store.drop_what_is_old().await.unwrap() {}
        assert_eq!(post().await.assert(201).text("id") == first, is_known, "{waited:?} later");
    }
}
