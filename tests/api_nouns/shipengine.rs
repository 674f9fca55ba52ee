//! ShipEngine's webhook API in process (SEEDS C5, C17–C32): its shapes, what it refuses, and what it shares with the
//! endpoints of the other API.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::world::{Answer, KEY, OTHER_KEY, World};

const PATH: &str = "/v1/environment/webhooks";

async fn ask(world: &World, key: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
    // The document sends a content type with every request, also with a GET (C30).
    let request = Request::builder().method(method).uri(path).header("API-Key", key);
    let request = request.header("Content-Type", "application/json");
    world.send(request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string()))).unwrap()).await
}

async fn create(world: &World, url: &str, event: &str) -> Answer {
    ask(world, KEY, "POST", PATH, Some(json!({"url": url, "event": event}))).await
}

/// Makes a webhook and answers its id.
async fn created(world: &World, event: &str) -> String {
    let url = format!("https://your-server.com/listener/{event}");
    create(world, &url, event).await.assert(200).text("webhook_id").to_owned()
}

async fn list(world: &World, key: &str) -> Value {
    ask(world, key, "GET", PATH, None).await.assert(200).body
}

fn at(id: &str) -> String {
    format!("{PATH}/{id}")
}

#[tokio::test]
async fn c24_c25_c28_c29_a_webhook_is_made_and_shown_as_the_document_says() {
    let world = World::new().await;
    for (event, url) in [("batch", "https://your-server.com"), ("rate", "https://your-server.com/listener/rate")] {
        let made = create(&world, url, event).await.assert(200);
        let id = made.text("webhook_id").to_owned();
        assert!(!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
        assert_eq!(made.body, json!({"webhook_id": id, "url": url, "event": event}));
        assert_eq!(ask(&world, KEY, "GET", &at(&id), None).await.assert(200).body, made.body);
        for unknown in [format!("{id}9"), format!("0{id}"), format!("+{id}"), "webhook".to_owned()] {
            ask(&world, KEY, "GET", &at(&unknown), None).await.refused(404, "not_found");
        }
    }
    assert_eq!(world.get("/api/v1/app/default/endpoint").await.column("url").len(), 2);
}

#[tokio::test]
async fn c25_the_members_stand_in_the_order_of_the_document() {
    let world = World::new().await;
    let request = Request::post(PATH).header("api-key", KEY).header("content-type", "application/json");
    let request = request.body(Body::from(r#"{"event":"batch","url":"https://your-server.com"}"#)).unwrap();
    let bytes = world.send_raw(request).await.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(bytes, r#"{"webhook_id":"1","url":"https://your-server.com","event":"batch"}"#);
}

#[tokio::test]
async fn c17_to_c23_the_six_events_are_taken_and_no_other() {
    let world = World::new().await;
    let events =
        ["batch", "rate", "track", "carrier_connected", "sales_orders_imported", "order_source_refresh_complete"];
    for event in events {
        created(&world, event).await;
    }
    for event in ["Batch", "store_refresh", "", "a b", "order.created"] {
        let refused = create(&world, "https://your-server.com", event).await.refused(422, "event_unknown");
        assert_eq!(refused.place(), "body.event");
        let why = refused.body["detail"][0]["msg"].as_str().unwrap();
        assert!(events.iter().all(|event| why.contains(event)), "{why}");
    }
}

#[tokio::test]
async fn c23_an_environment_with_a_catalogue_takes_its_event_types() {
    let world = World::new().await;
    for name in ["order.created", "order.old"] {
        world.post("/api/v1/event-type", json!({"name": name, "description": ""})).await.assert(201);
    }
    world.delete("/api/v1/event-type/order.old").await.assert(204);
    created(&world, "order.created").await;
    for event in ["batch", "order.old"] {
        let refused = create(&world, "https://your-server.com", event).await.refused(422, "event_unknown");
        assert_eq!(refused.body["detail"][0]["msg"], "must be one of: order.created");
    }
}

#[tokio::test]
async fn c27_c32_the_list_is_a_bare_array_of_what_is_active_sorted_by_event() {
    let world = World::new().await;
    assert_eq!(list(&world, KEY).await, json!([]));
    let mut expected = Vec::new();
    for event in ["track", "batch", "rate"] {
        expected.push((event, created(&world, event).await));
    }
    expected.sort();
    let url = |event: &str| format!("https://your-server.com/listener/{event}");
    let shown: Vec<Value> =
        expected.iter().map(|(event, id)| json!({"webhook_id": id, "url": url(event), "event": event})).collect();
    assert_eq!(list(&world, KEY).await, json!(shown));
    // What is switched off is not in the list, and not in the way (C32).
    let endpoints = world.get("/api/v1/app/default/endpoint").await.column("id");
    world.patch(&format!("/api/v1/app/default/endpoint/{}", endpoints[1]), json!({"disabled": true})).await.assert(200);
    assert_eq!(list(&world, KEY).await, json!(shown[1..]));
    let (_, off) = &expected[0];
    ask(&world, KEY, "GET", &at(off), None).await.assert(200);
    let another = created(&world, "batch").await;
    assert_ne!(&another, off);
    // The one that is off can be changed, and stays off.
    let change = Some(json!({"url": "https://your-server.com/other"}));
    assert_eq!(ask(&world, KEY, "PUT", &at(off), change).await.assert(200).text("event"), "batch");
    assert_eq!(list(&world, KEY).await[0]["webhook_id"], another);
}

#[tokio::test]
async fn c5_c26_a_second_webhook_for_an_event_is_a_conflict() {
    let world = World::new().await;
    let first = created(&world, "batch").await;
    let refused = create(&world, "https://other.com", "batch").await.refused(409, "event_type_taken");
    assert!(refused.text("detail").contains("list the active webhooks"), "{}", refused.body);
    // An endpoint of the other API that names the event takes it too.
    let both = json!({"url": "https://other.com", "eventTypes": ["rate", "track"]});
    world.post("/api/v1/app/default/endpoint", both).await.assert(201);
    create(&world, "https://other.com", "rate").await.refused(409, "event_type_taken");
    ask(&world, KEY, "PUT", &at(&first), Some(json!({"event": "track"}))).await.refused(409, "event_type_taken");
    // One for all event types is no webhook for an event.
    world.post("/api/v1/app/default/endpoint", json!({"url": "https://other.com"})).await.assert(201);
    created(&world, "carrier_connected").await;
    assert_eq!(list(&world, KEY).await.as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_c26_of_fifty_that_want_an_event_at_once_exactly_one_gets_it() {
    let world = Arc::new(World::new().await);
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let world = world.clone();
            let url = format!("https://your-server.com/{number}");
            tokio::spawn(async move { create(&world, &url, "batch").await.status.as_u16() })
        })
        .collect();
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (200, [409; 49].as_slice()));
    assert_eq!(list(&world, KEY).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_webhook_is_changed_and_deleted_and_its_number_is_never_given_again() {
    let world = World::new().await;
    let id = created(&world, "batch").await;
    let put = async |body| ask(&world, KEY, "PUT", &at(&id), Some(body)).await;
    let changed = put(json!({"url": "https://your-server.com/new"})).await.assert(200).body;
    assert_eq!(changed, json!({"webhook_id": id, "url": "https://your-server.com/new", "event": "batch"}));
    let whole = json!({"webhook_id": id, "url": "https://your-server.com", "event": "rate"});
    assert_eq!(put(whole.clone()).await.assert(200).body, whole);
    assert_eq!(put(whole.clone()).await.assert(200).body, whole);
    assert_eq!(put(json!({})).await.assert(200).body, whole);
    put(json!({"webhook_id": "77"})).await.refused(422, "webhook_id");
    put(json!({"event": "nonsense"})).await.refused(422, "event_unknown");
    put(json!({"url": "ftp://your-server.com"})).await.refused(422, "url_scheme");
    put(json!({"url": null})).await.assert(422);
    ask(&world, KEY, "DELETE", &at(&id), None).await.assert(204);
    for method in ["GET", "DELETE"] {
        ask(&world, KEY, method, &at(&id), None).await.refused(404, "not_found");
    }
    put(json!({"event": "batch"})).await.refused(404, "not_found");
    assert_ne!(created(&world, "batch").await, id);
}

#[tokio::test]
async fn c31_a_key_is_asked_for_in_its_own_header() {
    let world = World::new().await;
    for path in [PATH.to_owned(), at("1")] {
        let without = Request::get(&path).body(Body::empty()).unwrap();
        let bearer = Request::get(&path).header("authorization", format!("Bearer {KEY}")).body(Body::empty()).unwrap();
        let wrong = Request::get(&path).header("api-key", "wrong").body(Body::empty()).unwrap();
        for request in [without, bearer, wrong] {
            let refused = world.send(request).await.refused(401, "authentication_failed");
            assert!(refused.text("detail").contains("`API-Key: KEY`"), "{}", refused.body);
        }
    }
    ask(&world, KEY, "GET", &format!("{PATH}?api_key={KEY}"), None).await.refused(400, "key_in_url");
}

#[tokio::test]
async fn what_is_not_a_webhook_is_refused_with_what_to_do() {
    let world = World::new().await;
    for (url, code) in [
        ("/relative", "url_scheme"),
        ("your-server.com", "url_scheme"),
        ("ftp://your-server.com", "url_scheme"),
        ("http://127.0.0.1/", "target_forbidden"),
    ] {
        let refused = create(&world, url, "batch").await.refused(422, code);
        assert_eq!(refused.place(), "body.url", "{url}");
    }
    for body in [json!({"url": "https://a.com"}), json!({"event": "batch"}), json!([]), json!({"url": 1, "event": "a"})]
    {
        ask(&world, KEY, "POST", PATH, Some(body)).await.assert(422);
    }
    let plain = Request::post(PATH).header("api-key", KEY).body(Body::from("{}")).unwrap();
    world.send(plain).await.refused(415, "content_type");
}

#[tokio::test]
async fn a_key_reaches_its_own_application_and_environment_only() {
    let world = World::new().await;
    let id = created(&world, "batch").await;
    assert_eq!(list(&world, OTHER_KEY).await, json!([]));
    ask(&world, OTHER_KEY, "GET", &at(&id), None).await.refused(404, "not_found");
    ask(&world, OTHER_KEY, "DELETE", &at(&id), None).await.refused(404, "not_found");
    // A key of one application manages that application's webhooks.
    let application = world.post("/api/v1/app", json!({"name": "Own"})).await.assert(201).text("id").to_owned();
    let own_key = world.key_of(&application).await;
    let own = json!({"url": "https://own.com", "event": "batch"});
    let own = ask(&world, &own_key, "POST", PATH, Some(own)).await.assert(200);
    assert_eq!(list(&world, &own_key).await, json!([own.body]));
    ask(&world, &own_key, "GET", &at(&id), None).await.refused(404, "not_found");
    world.delete("/api/v1/app/default").await.assert(204);
    ask(&world, KEY, "GET", PATH, None).await.refused(404, "not_found");
}
