//! What a receiver sees of each envelope, and how an endpoint is tried out: signed over what is sent, by the real sender,
//! told at once, and kept nowhere.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use serde_json::{Value, json};
use standardwebhooks::Webhook;

use support::receiver::{Gate, Received, Reply};
use support::scene::{Scene, array, text};

const ORDER_CREATED: &str = include_str!("samples/shoprocket-order-created.json");
const SALES_ORDERS: &str = include_str!("samples/shipengine-sales-orders.json");

/// Every envelope with a payload that fits it.
const ENVELOPES: [(&str, &str); 7] = [
    ("raw", r#"{ "n":40.0}"#),
    ("event-object", r#"{ "id":7.50}"#),
    ("typed-data", r#"{ "n":40.0}"#),
    ("resource", r#"{ "resource_url":"https://example.com/1" , "data":[40.0 ]}"#),
    ("standard", r#"{ "n":40.0}"#),
    ("cloudevents-structured", r#"{ "n":40.0}"#),
    ("cloudevents-binary", r#"{ "n":40.0}"#),
];

/// A server whose environment sends in this envelope; nothing has asked for the environment yet.
fn scene(envelope: &str, environment_type: &str) -> Scene {
    let scene = Scene::new();
    let database = rusqlite::Connection::open(scene.data_dir().join("cornet.db")).unwrap();
    let changed = database.execute("UPDATE environments SET envelope = ?1, type = ?2", [envelope, environment_type]);
    assert_eq!(changed.unwrap(), 1);
    scene
}

/// Verifies a request as a receiver with the official library would.
#[track_caller]
fn verify(scene: &Scene, endpoint: &str, request: &Received) {
    let mut headers = http::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, request.header(name).parse().unwrap());
    }
    Webhook::new(&scene.secret(endpoint)).unwrap().verify(&request.body, &headers).unwrap();
}

fn test(scene: &Scene, endpoint: &str, body: &Value) -> Value {
    let path = scene.app(&format!("/endpoint/{endpoint}/msg/test-attempt"));
    scene.client.post(&path, body).expect_status(201).json()
}

/// The text of a member of an object.
fn member(object: &str, name: &str) -> String {
    let members: std::collections::BTreeMap<String, Box<serde_json::value::RawValue>> =
        serde_json::from_str(object).unwrap();
    members[name].get().to_owned()
}

/// SEEDS A19, A21: what is signed is what is sent, and a repeat has the same id and the same bytes.
#[test]
fn every_envelope_is_signed_as_it_is_sent_and_repeated_byte_for_byte() {
    for (envelope, payload) in ENVELOPES {
        let scene = scene(envelope, "production");
        let endpoint = scene.endpoint("/hook");
        scene.receiver.on("/hook", [Reply::status(500), Reply::status(200)]);
        let id = scene.message_text(payload);
        let received = scene.receiver.wait_for("/hook", 2);
        received.iter().for_each(|request| verify(&scene, &endpoint, request));
        assert_eq!(received[0].body, received[1].body, "{envelope}");
        assert_eq!((received[0].id(), received[1].id()), (id.as_str(), id.as_str()));
        let kept = if envelope == "resource" { "[40.0 ]" } else { payload };
        assert!(received[0].text().contains(kept), "{envelope}: {}", received[0].text());
        let structured = envelope == "cloudevents-structured";
        let content_type = if structured { "application/cloudevents+json; charset=utf-8" } else { "application/json" };
        assert_eq!(received[0].header("content-type"), content_type);
        assert_eq!(received[0].has_header("ce-id"), envelope == "cloudevents-binary");
        // An example of any type can be sent in it, also of one that has none written.
        scene.client.post("/api/v1/event-type", &json!({"name": "made.up", "description": ""})).expect_status(201);
        let path = scene.app(&format!("/endpoint/{endpoint}/send-example"));
        scene.client.post(&path, &json!({"eventType": "made.up"})).expect_status(200);
        let example = scene.receiver.wait_for("/hook", 3).remove(2);
        verify(&scene, &endpoint, &example);
        assert!(example.text().contains(r#""example":true"#), "{envelope}: {}", example.text());
    }
}

/// SEEDS B25–B28: the document's `data` is posted, the document's payload arrives.
#[test]
fn b28_the_documents_data_arrives_as_the_documents_payload() {
    let scene = scene("typed-data", "development");
    scene.endpoint("/hook");
    let data = member(ORDER_CREATED, "data");
    let body = format!(r#"{{"eventType":"order.created","payload":{data}}}"#);
    scene.client.post_bytes(&scene.app("/msg"), body.as_bytes()).expect_status(202);
    let received = scene.receiver.wait_for("/hook", 1).remove(0);
    assert_eq!(received.text(), format!(r#"{{"data":{data},"type":"order.created","webhook_environment":"test"}}"#));
    let printed: Value = serde_json::from_str(ORDER_CREATED).unwrap();
    assert_eq!(serde_json::from_str::<Value>(received.text()).unwrap(), printed);
}

/// SEEDS C39–C42, C49: thin and full; what could not be sent is not accepted.
#[test]
fn c42_resources_arrive_and_what_is_none_is_refused() {
    let scene = scene("resource", "production");
    scene.endpoint("/hook");
    let post = |payload: &str| {
        let body = format!(r#"{{"eventType":"sales_orders_imported","payload":{payload}}}"#);
        scene.client.post_bytes(&scene.app("/msg"), body.as_bytes())
    };
    post(SALES_ORDERS).expect_status(202);
    let received = scene.receiver.wait_for("/hook", 1).remove(0);
    assert!(received.text().ends_with(&format!(r#","data":{}}}"#, member(SALES_ORDERS, "data"))));
    post(r#"{"resource_url":"https://example.com/1"}"#).expect_status(202);
    let received = scene.receiver.wait_for("/hook", 2).remove(1);
    let thin = r#"{"resource_url":"https://example.com/1","resource_type":"API_SALES_ORDERS_IMPORTED"}"#;
    assert_eq!(received.text(), thin);
    let problem = post(r#"{"url":"https://example.com/1"}"#).expect_problem(422);
    assert_eq!(problem["detail"][0]["loc"], json!(["body", "payload", "resource_url"]));
    assert_eq!(problem["code"], "envelope");
}

/// SEEDS B20–B24, B27: in a live environment a test says that it is one; what came of it is told at once, and nothing of
/// it is kept or counted.
#[test]
fn b22_a_test_is_sent_signed_and_marked_and_its_outcome_is_told() {
    let scene = scene("typed-data", "production");
    let endpoint = scene.endpoint_with("/hook", json!({"eventTypes": ["something.else"], "disabled": true}));
    let data = member(ORDER_CREATED, "data");
    let event_type = format!(r#"{{"name":"order.created","description":"","schemas":{{"1":{{"example":{data}}}}}}}"#);
    scene.client.post_bytes("/api/v1/event-type", event_type.as_bytes()).expect_status(201);
    let reply = Reply::status(422).header("x-one", "1").body("no \u{1f4ef}");
    scene.receiver.on("/hook", [reply, Reply::status(200)]);
    let outcome = test(&scene, &endpoint, &json!({"eventType": "order.created"}));
    let received = scene.receiver.wait_for("/hook", 1).remove(0);
    verify(&scene, &endpoint, &received);
    assert_eq!(received.text(), format!(r#"{{"data":{data},"type":"order.created","webhook_environment":"test"}}"#));
    assert_eq!((&outcome["responseStatusCode"], &outcome["response"]), (&json!(422), &json!("no \u{1f4ef}")));
    assert_eq!((&outcome["statusText"], &outcome["responseHeaders"]["x-one"]), (&json!("fail"), &json!("1")));
    assert_eq!((&outcome["msgId"], &outcome["msg"]["id"]), (&json!(received.id()), &json!(received.id())));
    assert!(outcome["responseDurationMs"].is_u64() && outcome["url"] == scene.receiver.url("/hook"));
    let other = test(&scene, &endpoint, &json!({"eventType": "not.known", "payload": {"n": 1}}));
    assert_eq!((&other["statusText"], &other["msg"]["payload"]), (&json!("success"), &json!({"n": 1})));
    assert_ne!(other["msgId"], outcome["msgId"]);
    let path = scene.app(&format!("/msg/{}", text(&outcome["msgId"])));
    scene.client.get(&path).expect_problem(404);
    let attempts = scene.client.get(&scene.app(&format!("/attempt/endpoint/{endpoint}"))).expect_status(200).json();
    assert!(array(&attempts["data"]).is_empty());
    let counts = scene.client.get(&scene.app(&format!("/endpoint/{endpoint}/stats"))).expect_status(200).json();
    assert!(counts.as_object().unwrap().values().all(|count| *count == 0), "{counts}");
}

/// SEEDS B24: an error is told in words that help; what can't be tested says why.
#[test]
fn b24_a_test_without_an_answer_says_why() {
    let scene = Scene::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let made = scene.client.post(&scene.app("/endpoint"), &json!({"url": format!("http://{closed}/")}));
    let endpoint = text(&made.expect_status(201).json()["id"]);
    let outcome = test(&scene, &endpoint, &json!({"eventType": "a", "payload": {}}));
    assert_eq!((&outcome["errorCode"], &outcome["responseStatusCode"]), (&json!("connect_refused"), &json!(0)));
    assert!(text(&outcome["errorDetail"]).contains("check that it is running"), "{outcome}");
    let path = scene.app(&format!("/endpoint/{endpoint}/msg/test-attempt"));
    scene.client.post(&path, &json!({"eventType": "not.known"})).expect_problem(404);
    scene.client.post(&path, &json!({"eventType": "a..b", "payload": {}})).expect_problem(422);
    let path = scene.app("/endpoint/nobody/msg/test-attempt");
    scene.client.post(&path, &json!({"eventType": "a", "payload": {}})).expect_problem(404);
}

#[test]
fn a_few_tests_of_an_application_are_under_way_at_a_time() {
    let scene = Scene::new();
    let endpoint = scene.endpoint("/hook");
    let gate = Gate::default();
    scene.receiver.on("/hook", (0..4).map(|_| Reply::status(200).after(&gate)));
    let path = scene.app(&format!("/endpoint/{endpoint}/msg/test-attempt"));
    let body = json!({"eventType": "a", "payload": {}});
    std::thread::scope(|scope| {
        let tests: Vec<_> =
            (0..4).map(|_| scope.spawn(|| scene.client.post(&path, &body).expect_status(201))).collect();
        support::until("four tests are under way", || (scene.receiver.received("/hook").len() == 4).then_some(()));
        let refused = scene.client.post(&path, &body);
        assert_eq!(refused.header("retry-after"), Some("1"));
        assert_eq!(refused.expect_problem(429)["code"], "tests_in_flight");
        gate.open();
        tests.into_iter().for_each(|test| drop(test.join().unwrap()));
    });
    scene.client.post(&path, &body).expect_status(201);
}

/// An endpoint's schedule goes before its event type's, and that before the environment's, which has three attempts.
#[test]
fn the_nearest_schedule_is_kept() {
    let scene = Scene::new();
    let usual = scene.endpoint("/usual");
    let own = scene.endpoint_with("/own", json!({"retrySchedule": "20ms"}));
    let failing = |path: &str| scene.receiver.on(path, (0..9).map(|_| Reply::status(500)));
    let tried = |message: &str, path: &str, endpoint: &str, count: usize| {
        scene.wait_for_state(message, endpoint, "fail");
        let received = scene.receiver.received(path);
        assert_eq!(received.iter().filter(|request| request.id() == message).count(), count, "{path}");
    };
    ["/usual", "/own"].iter().for_each(|path| failing(path));
    let message = scene.message(&json!({}));
    tried(&message, "/usual", &usual, 3);
    tried(&message, "/own", &own, 2);
    let event_type = "/api/v1/event-type/test.event";
    scene.client.put(event_type, &json!({"description": ""})).expect_status(201);
    scene.client.put(&format!("{event_type}/retry-schedule"), &json!({"retrySchedule": []})).expect_status(200);
    ["/usual", "/own"].iter().for_each(|path| failing(path));
    let message = scene.message(&json!({}));
    tried(&message, "/usual", &usual, 1);
    tried(&message, "/own", &own, 2);
    let path = scene.app(&format!("/endpoint/{own}"));
    scene.client.patch(&path, &json!({"retrySchedule": null})).expect_status(200);
    scene.client.delete(&format!("{event_type}?expunge=true")).expect_status(204);
    ["/usual", "/own"].iter().for_each(|path| failing(path));
    let message = scene.message(&json!({}));
    tried(&message, "/own", &own, 3);
}
