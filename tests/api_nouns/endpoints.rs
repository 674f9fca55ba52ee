//! Endpoints, their headers and their secrets over the API.

use cornet::domain::id::ApplicationId;
use serde_json::{Value, json};

use crate::world::World;

const ENDPOINTS: &str = "/api/v1/app/default/endpoint";
const URL: &str = "https://example.com/webhooks";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PRIVATE: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";

#[tokio::test]
async fn an_endpoint_is_made_read_changed_and_deleted() {
    let mut world = World::new().await;
    let wanted = json!({"url": URL, "uid": "main", "eventTypes": ["a.b", "a.b", "c"], "channels": null});
    let made = world.post(ENDPOINTS, wanted).await.assert(201);
    assert!(made.text("id").starts_with("ep_"));
    assert_eq!((made.text("description"), &made.body["disabled"]), ("", &json!(false)));
    assert_eq!((&made.body["eventTypes"], &made.body["channels"]), (&json!(["a.b", "c"]), &Value::Null));
    let path = format!("{ENDPOINTS}/{}", made.text("id"));
    assert_eq!(world.get(&path).await.assert(200).body, made.body);
    assert_eq!(world.get(&format!("{ENDPOINTS}/main")).await.assert(200).body, made.body);

    let patched = world.patch(&path, json!({"eventTypes": null, "disabled": true})).await.assert(200);
    assert_eq!((&patched.body["eventTypes"], &patched.body["disabled"]), (&Value::Null, &json!(true)));
    assert_eq!(patched.text("uid"), "main", "what is left out stays");
    assert_eq!(world.next_notice().await, made.text("id"), "the engine looks again");

    assert_eq!(patched.body["fifo"], false);
    assert_eq!(world.patch(&path, json!({"fifo": true})).await.assert(200).body["fifo"], true);
    assert_eq!(world.next_notice().await, made.text("id"));

    let put = world.put(&path, json!({"url": URL, "description": "b"})).await.assert(200);
    assert_eq!(put.body["fifo"], true, "what it does not know stays");
    assert_eq!(world.next_notice().await, made.text("id"));
    assert_eq!((put.text("description"), &put.body["disabled"], &put.body["uid"]), ("b", &json!(false), &Value::Null));
    world.delete(&path).await.assert(204);
    world.get(&path).await.refused(404, "not_found");
    assert_eq!(world.next_notice().await, made.text("id"));
    world.delete(&path).await.refused(404, "not_found");
    let made = world.put(&format!("{ENDPOINTS}/fresh"), json!({"url": URL})).await.assert(201);
    assert_eq!(made.text("uid"), "fresh");
}

#[tokio::test]
async fn what_can_not_be_taken_is_named() {
    let world = World::new().await;
    let cases = [
        (json!({}), "missing_member", "body"),
        (json!({"url": "http://127.0.0.1/"}), "target_forbidden", "body.url"),
        (json!({"url": "ftp://example.com/"}), "url_scheme", "body.url"),
        (json!({"url": "https://a:b@example.com/"}), "url_userinfo", "body.url"),
        (json!({"url": URL, "eventTypes": []}), "event_type_name", "body.eventTypes"),
        (json!({"url": URL, "eventTypes": ["a", "a..b"]}), "event_type_name", "body.eventTypes.1"),
        (json!({"url": URL, "channels": ["a b"]}), "channel", "body.channels.0"),
        (json!({"url": URL, "headers": {"Host": "a"}}), "header", "body.headers"),
        (json!({"url": URL, "headers": {"x-a": "1", "X-A": "2"}}), "header", "body.headers"),
        (json!({"url": URL, "secret": "whsec_short"}), "secret", "body.secret"),
        (json!({"url": URL, "version": 1}), "unknown_member", "body.version"),
        (json!({"url": URL, "uid": ""}), "uid", "body.uid"),
    ];
    for (body, code, place) in cases {
        let answer = world.post(ENDPOINTS, body.clone()).await.refused(422, code);
        assert_eq!(answer.place(), place, "{body}");
    }
    world.post(ENDPOINTS, json!({"url": URL, "uid": "a"})).await.assert(201);
    world.post(ENDPOINTS, json!({"url": URL, "uid": "a"})).await.refused(409, "uid_taken");
    world.patch(&format!("{ENDPOINTS}/a"), json!({"url": "http://[::1]/"})).await.refused(422, "target_forbidden");
    world.patch(&format!("{ENDPOINTS}/a"), json!({"url": null})).await.refused(422, "wrong_type");
    world.post("/api/v1/app/nobody/endpoint", json!({"url": URL})).await.refused(404, "not_found");
}

#[tokio::test]
async fn endpoints_are_listed_in_pages_both_ways() {
    let world = World::new().await;
    for number in 1..=5 {
        world.post(ENDPOINTS, json!({"url": URL, "uid": format!("u{number}")})).await.assert(201);
    }
    let first = world.get(&format!("{ENDPOINTS}?limit=2")).await.assert(200);
    assert_eq!(first.column("uid"), ["u1", "u2"]);
    let second = world.get(&format!("{ENDPOINTS}?limit=2&iterator={}", first.text("iterator"))).await;
    assert_eq!((second.column("uid"), &second.body["done"]), (vec!["u3".into(), "u4".into()], &json!(false)));
    let back = world.get(&format!("{ENDPOINTS}?limit=2&iterator={}", second.text("prevIterator"))).await;
    assert_eq!((back.column("uid"), &back.body["done"]), (vec!["u1".into(), "u2".into()], &json!(true)));
    let newest = world.get(&format!("{ENDPOINTS}?order=descending")).await;
    assert_eq!(newest.column("uid"), ["u5", "u4", "u3", "u2", "u1"]);
}

#[tokio::test]
async fn headers_are_set_and_credentials_are_not_shown() {
    let world = World::new().await;
    let wanted = json!({"url": URL, "uid": "a", "headers": {"X-Tenant": "1", "Authorization": "Bearer t"}});
    world.post(ENDPOINTS, wanted).await.assert(201);
    let path = format!("{ENDPOINTS}/a/headers");
    let shown = world.get(&path).await.assert(200).body;
    assert_eq!(shown, json!({"headers": {"x-tenant": "1"}, "sensitive": ["authorization"]}));
    world.patch(&path, json!({"headers": {"x-new": "2", "Authorization": null}})).await.assert(204);
    world.patch(&path, json!({"headers": {}, "deleteHeaders": ["X-Tenant"]})).await.assert(204);
    let shown = world.get(&path).await.assert(200).body;
    assert_eq!(shown, json!({"headers": {"x-new": "2"}, "sensitive": []}));
    world.patch(&path, json!({"headers": {"webhook-id": "a"}})).await.refused(422, "header");
    world.put(&path, json!({"headers": {"X-Only": "3"}})).await.assert(204);
    assert_eq!(world.get(&path).await.body["headers"], json!({"x-only": "3"}));
    world.put(&format!("{ENDPOINTS}/a"), json!({"url": URL})).await.assert(200);
    assert_eq!(world.get(&path).await.body["headers"], json!({"x-only": "3"}), "a PUT leaves headers alone");
}

#[tokio::test]
async fn a_replaced_secret_goes_on_signing() {
    let world = World::new().await;
    world.post(ENDPOINTS, json!({"url": URL, "uid": "a", "secret": SECRET})).await.assert(201);
    let path = format!("{ENDPOINTS}/a/secret");
    assert_eq!(world.get(&path).await.assert(200).text("key"), SECRET);
    let rotate = format!("{path}/rotate");
    let rotated = world.post_once("k", &rotate, json!({})).await.assert(200);
    assert!(rotated.text("key").starts_with("whsec_") && rotated.text("key") != SECRET);
    assert_eq!(world.post_once("k", &rotate, json!({})).await.assert(200).body, rotated.body);
    assert_eq!(world.get(&path).await.body, rotated.body);
    assert_eq!(signers(&world).await, 2);
    assert_eq!(world.post(&rotate, json!({"key": PRIVATE})).await.assert(200).text("key"), PUBLIC);
    assert_eq!(world.get(&path).await.text("key"), PUBLIC);
    assert_eq!(signers(&world).await, 3);
    let pair = world.post(&rotate, json!({"key": null})).await.assert(200);
    assert!(pair.text("key").starts_with("whpk_"), "the new secret is of the same kind");
    assert_eq!(signers(&world).await, 3, "of too many the oldest goes");
    world.post(&rotate, json!({"gracePeriodSeconds": 0})).await.assert(200);
    assert_eq!(signers(&world).await, 2, "one without grace and one whose time is not over");
    let answer = world.post(&rotate, json!({"gracePeriodSeconds": 604_801})).await.refused(422, "grace_period");
    assert_eq!(answer.place(), "body.gracePeriodSeconds");
    world.post(&rotate, json!({"key": PUBLIC})).await.refused(422, "secret");
}

async fn signers(world: &World) -> usize {
    let application = world.get("/api/v1/app/default").await;
    let id = ApplicationId::parse(application.text("id")).unwrap();
    let routes = world.store.routes(id).await.unwrap().unwrap();
    routes.endpoint_by_text("a").unwrap().signers.len()
}

#[tokio::test]
async fn a_repeated_request_makes_no_second_endpoint() {
    let world = World::new().await;
    let made = world.post_once("k", ENDPOINTS, json!({"url": URL})).await.assert(201);
    assert_eq!(world.post_once("k", ENDPOINTS, json!({"url": URL})).await.assert(201).body, made.body);
    assert_eq!(world.get(ENDPOINTS).await.column("id").len(), 1);
    world
        .post_once("k", ENDPOINTS, json!({"url": "https://example.com/b"}))
        .await
        .refused(409, "idempotency_key_reused");
}
