//! Messages, attempts and where messages stand, asked for over the API without the engine: shapes, filters, pages, and
//! what a repeat does.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attempts;
mod destinations;
mod details;
mod door;
#[expect(dead_code, reason = "each test binary uses its own part of it")]
#[path = "../support/postgres.rs"]
mod postgres;
mod why;
mod world;

use world::{World, ids, text};

const ODD: &str = r#"{"b" : 40.0,  "a":[1E2, -0],"ü":"é\u00e9", "z":{ }}"#;

#[tokio::test]
async fn a_payload_is_kept_byte_for_byte() {
    let world = World::new().await;
    let body = format!(r#"{{"eventType":"order.created","payload": {ODD} ,"eventId":"e-1","channels":["eu"]}}"#);
    let posted = world.post("/app/shop/msg", &body).await;
    assert!(posted.text.contains(&format!(r#""payload":{ODD}"#)), "{}", posted.text);
    let message = posted.expect(202);
    assert_eq!(message["eventId"], "e-1");
    assert_eq!(message["channels"], serde_json::json!(["eu"]));
    assert_eq!(message["timestamp"], "2027-01-15T08:00:00.000Z");
    for name in [text(&message["id"]).as_str(), "e-1"] {
        let got = world.ask("GET", &format!("/app/shop/msg/{name}"), None, None).await;
        assert!(got.text.contains(&format!(r#""payload":{ODD}"#)), "{}", got.text);
        let without = world.get(&format!("/app/shop/msg/{name}?with_content=false")).await;
        assert_eq!(without["payload"], serde_json::json!({}));
    }
    let other = world.post("/app/shop/msg?with_content=false", r#"{"eventType":"a","payload":{"x":1}}"#).await;
    let other = other.expect(202);
    assert_eq!(other["payload"], serde_json::json!({}));
    assert!(other.get("eventId").is_none() && other.get("channels").is_none());
}

#[tokio::test]
async fn a_repeat_makes_nothing_and_another_request_with_its_key_is_refused() {
    let world = World::new().await;
    let endpoint = world.endpoint("one").await;
    let body = r#"{"eventType":"a.b","payload":{"n":40.0}}"#;
    let first = world.ask("POST", "/app/shop/msg", Some(body), Some("k")).await;
    assert!(first.headers.get("idempotent-replay").is_none());
    let again = world.ask("POST", "/app/shop/msg", Some(body), Some("\"k\"")).await;
    assert_eq!(again.headers["idempotent-replay"], "true");
    assert_eq!((again.status.as_u16(), &again.text), (202, &first.text));
    let other = world.ask("POST", "/app/shop/msg", Some(r#"{"eventType":"a.b","payload":{"n":40}}"#), Some("k")).await;
    assert_eq!(other.expect(409)["code"], "idempotency_key_reused");
    assert_eq!(world.waiting(endpoint).await.len(), 1);
}

#[tokio::test]
async fn an_event_id_is_taken_once() {
    let world = World::new().await;
    let body = r#"{"eventType":"a.b","payload":{},"eventId":"once"}"#;
    world.ask("POST", "/app/shop/msg", Some(body), Some("first")).await.expect(202);
    for _ in 0..2 {
        let taken = world.ask("POST", "/app/shop/msg", Some(body), Some("second")).await;
        assert_eq!(taken.expect(409)["code"], "event_id_taken");
    }
    world.post("/app", r#"{"name":"Other","uid":"other"}"#).await.expect(201);
    world.post("/app/other/msg", body).await.expect(202);
}

#[tokio::test]
async fn what_can_not_be_a_message_is_refused_with_its_place() {
    let world = World::new().await;
    let deep = format!(r#"{{"eventType":"a","payload":{{"x":{}1{}}}}}"#, "[".repeat(90), "]".repeat(90));
    let long = "1".repeat(1_001);
    for (body, place, code) in [
        (r#"{"eventType":"a..b","payload":{}}"#, "body.eventType", "event_type_name"),
        (r#"{"eventType":"","payload":{}}"#, "body.eventType", "event_type_name"),
        (r#"{"eventType":"a"}"#, "body", "missing_member"),
        (r#"{"eventType":"a","payload":[1]}"#, "body.payload", "wrong_type"),
        (r#"{"eventType":"a","payload":null}"#, "body.payload", "wrong_type"),
        (r#"{"eventType":"a","payload":"x"}"#, "body.payload", "wrong_type"),
        (r#"{"eventType":"a","payload":{},"paylod":{}}"#, "body.paylod", "unknown_member"),
        (r#"{"eventType":"a","payload":{},"eventId":"a b"}"#, "body.eventId", "event_id"),
        (r#"{"eventType":"a","payload":{},"channels":["a","b","c","d","e","f"]}"#, "body.channels", "channels_count"),
        (r#"{"eventType":"a","payload":{},"channels":["a b"]}"#, "body.channels", "channel_name"),
        (
            r#"{"eventType":"a","payload":{},"payloadRetentionPeriod":4}"#,
            "body.payloadRetentionPeriod",
            "retention_range",
        ),
        (
            r#"{"eventType":"a","payload":{},"payloadRetentionPeriod":91}"#,
            "body.payloadRetentionPeriod",
            "retention_range",
        ),
        (r#"{"eventType":"a","payload":{},"tags":["x"]}"#, "body.tags", "unsupported"),
        (r#"{"eventType":"a","payload":{},"deliverAt":"2030-01-01T00:00:00Z"}"#, "body.deliverAt", "unsupported"),
        (r#"{"eventType":"a","payload":{},"transformationsParams":{}}"#, "body.transformationsParams", "unsupported"),
        (r#"{"eventType":"a","payload":{},"payloadRetentionHours":5}"#, "body.payloadRetentionHours", "unsupported"),
        (deep.as_str(), "body", "json_depth"),
        (r#"{"eventType":"a","payload":{"k":1,"k":2}}"#, "body", "json_duplicate_key"),
        (r#"{"eventType":"a","payload":{"k":"\ud800"}}"#, "body", "json_encoding"),
        (&format!(r#"{{"eventType":"a","payload":{{"k":{long}}}}}"#), "body", "json_number"),
    ] {
        let refused = world.post("/app/shop/msg", body).await.refused();
        assert_eq!((refused.0.as_str(), refused.1.as_str()), (place, code), "{body}");
    }
    let large = format!(r#"{{"eventType":"a","payload":{{"k":"{}"}}}}"#, "x".repeat(1024 * 1024));
    assert_eq!(world.post("/app/shop/msg", &large).await.expect(413)["code"], "payload_too_large");
    assert_eq!(world.post("/app/shop/msg", "{").await.expect(400)["code"], "json_syntax");
    world.post("/app/nobody/msg", r#"{"eventType":"a","payload":{}}"#).await.expect(404);
    assert_eq!(world.get("/app/shop/msg").await["data"], serde_json::json!([]));
    let nulls = r#"{"eventType":"a","payload":{},"eventId":null,"channels":null,"tags":null,"deliverAt":null,
        "application":null,"payloadRetentionPeriod":null}"#;
    world.post("/app/shop/msg", nulls).await.expect(202);
}

#[tokio::test]
async fn a_message_brings_its_application_along() {
    let world = World::new().await;
    let body = r#"{"eventType":"a","payload":{},"application":{"name":"New"}}"#;
    world.post("/app/newcomer/msg", body).await.expect(202);
    world.post("/app/newcomer/msg", body).await.expect(202);
    assert_eq!(world.get("/app/newcomer").await["name"], "New");
    let other = r#"{"eventType":"a","payload":{},"application":{"name":"New","uid":"other"}}"#;
    assert_eq!(world.post("/app/nobody/msg", other).await.refused().1, "uid_mismatch");
    world.post("/app/shop/msg", other).await.expect(202);
    assert_eq!(world.get("/app/shop").await["name"], "Shop");
}

#[tokio::test]
async fn messages_are_listed_newest_first_in_pages_and_by_what_they_are() {
    let world = World::new().await;
    let mut all = Vec::new();
    for (event_type, more) in [
        ("a.one", r#","channels":["eu"]"#),
        ("a.two", ""),
        ("a.one", r#","channels":["eu","us"]"#),
        ("a.three", ""),
        ("a.two", r#","channels":["us"]"#),
    ] {
        all.insert(0, world.message(event_type, more).await);
    }
    let [five, four, three, two, one] = all.clone().try_into().unwrap();
    world.post("/app", r#"{"name":"Other","uid":"other"}"#).await.expect(201);
    world.post("/app/other/msg", r#"{"eventType":"a.one","payload":{}}"#).await.expect(202);
    assert_eq!(world.pages("/app/shop/msg").await, all);
    assert_eq!(world.pages("/app/shop/msg?with_content=false").await, all);
    assert_eq!(world.pages("/app/shop/msg?event_types=a.one,a.three").await, [&*four, &*three, &*one]);
    assert_eq!(world.pages("/app/shop/msg?event_types=a.two&event_types=a.three").await, [&*five, &*four, &*two]);
    assert_eq!(world.pages("/app/shop/msg?channel=eu").await, [&*three, &*one]);
    assert_eq!(world.pages("/app/shop/msg?channel=us&event_types=a.two").await, [&*five]);
    assert_eq!(world.pages("/app/shop/msg?before=2027-01-15T08:00:03Z").await, [&*two, &*one]);
    assert_eq!(world.pages("/app/shop/msg?after=2027-01-15T08:00:04%2B00:00").await, [&*five, &*four]);
    assert_eq!(
        world.pages("/app/shop/msg?after=2027-01-15T08:00:04.000000&before=2027-01-15T09:00:05%2B01:00").await,
        [&*four]
    );
    let page = world.get("/app/shop/msg?limit=5").await;
    assert_eq!((ids(&page), &page["done"]), (all, &true.into()));
    assert!(page["iterator"].is_null());
    for query in ["iterator=msg_x", "iterator=-1", "limit=0", "tag=x", "before=yesterday"] {
        let status = world.ask("GET", &format!("/app/shop/msg?{query}"), None, None).await.status.as_u16();
        assert!(status == 400 || status == 422, "{query}: {status}");
    }
}

#[tokio::test]
async fn an_expunged_payload_is_gone() {
    let world = World::new().await;
    let endpoint = world.endpoint("one").await;
    let id = world.message("a.b", r#","eventId":"e""#).await;
    assert_eq!(world.ask("DELETE", "/app/shop/msg/e/content", None, None).await.status, 204);
    assert_eq!(world.get(&format!("/app/shop/msg/{id}")).await["payload"], serde_json::json!({"expired": true}));
    let again = format!("/app/shop/msg/{id}/endpoint/one/resend");
    assert_eq!(world.ask("POST", &again, None, None).await.expect(409)["code"], "payload_expunged");
    assert_eq!(world.waiting(endpoint).await.len(), 1);
    world.ask("DELETE", "/app/shop/msg/nothing/content", None, None).await.expect(404);
    world.ask("DELETE", "/app/shop/msg/msg_00000000000000000000000000/content", None, None).await.expect(404);
}

#[tokio::test]
async fn an_example_goes_to_one_endpoint_only() {
    let world = World::new().await;
    let (one, two) = (world.endpoint("one").await, world.endpoint("two").await);
    let schemas = r#"{"1":{"type":"object","examples":[{"total": 40.0},{"total":2}]}}"#;
    let event_type = format!(r#"{{"name":"order.paid","description":"","schemas":{schemas}}}"#);
    world.post("/event-type", &event_type).await.expect(201);
    let sent = world.post("/app/shop/endpoint/one/send-example", r#"{"eventType":"order.paid"}"#).await;
    assert!(sent.text.contains(r#""payload":{"total": 40.0}"#), "{}", sent.text);
    let sent = sent.expect(200);
    assert_eq!(sent["eventType"], "order.paid");
    let body = r#"{"eventType":"order.paid","exampleIndex":1}"#;
    let second = world.post("/app/shop/endpoint/one/send-example", body).await.expect(200);
    assert_eq!(second["payload"], serde_json::json!({"total": 2}));
    let body = r#"{"eventType":"order.paid","payload":{"my":"own"}}"#;
    let own = world.ask("POST", "/app/shop/endpoint/one/send-example", Some(body), Some("k")).await;
    let again = world.ask("POST", "/app/shop/endpoint/one/send-example", Some(body), Some("k")).await;
    assert_eq!((again.headers.get("idempotent-replay").is_some(), &again.text), (true, &own.text));
    assert_eq!(own.expect(200)["payload"], serde_json::json!({"my": "own"}));
    assert_eq!((world.waiting(one).await.len(), world.waiting(two).await.len()), (3, 0));
    world.post("/app/shop/endpoint/one/send-example", r#"{"eventType":"no.such"}"#).await.expect(404);
    world.post("/app/shop/endpoint/three/send-example", r#"{"eventType":"order.paid"}"#).await.expect(404);
}

#[tokio::test]
async fn the_portal_is_entered_by_a_link() {
    let world = World::new().await;
    let access = world.post("/auth/app-portal-access/shop", "{}").await.expect(200);
    assert!(text(&access["url"]).starts_with("https://cornet.example/portal/app_"), "{access}");
    assert!(text(&access["token"]).len() > 40);
    let body = r#"{"application":{"name":"New"},"readOnly":true,"expiry":60,"featureFlags":[],"capabilities":null}"#;
    world.post("/auth/app-portal-access/newcomer", body).await.expect(200);
    world.get("/app/newcomer").await;
    world.post("/auth/app-portal-access/nobody", "{}").await.expect(404);
    assert_eq!(world.ask("POST", "/auth/logout", None, Some("k")).await.status, 204);
}
