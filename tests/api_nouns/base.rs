//! What holds for every request: who asks, problems, bodies, request ids.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::world::{KEY, World};

#[tokio::test]
async fn whatever_is_not_there_is_a_problem_in_json() {
    let world = World::new().await;
    world.get("/api/v1/nothing").await.refused(404, "not_found");
    world.get("/api/v1/app/").await.refused(404, "not_found");
    world.get("/").await.refused(404, "not_found");
    for path in ["..%2F..%2Fetc", "%00", "%ff", "'%20OR%201=1--", "%7B%7B7*7%7D%7D", &"a".repeat(10_000)] {
        world.get(&format!("/api/v1/app/{path}")).await.refused(404, "not_found");
        world.get(&format!("/api/v1/app/default/endpoint/{path}")).await.refused(404, "not_found");
        world.get(&format!("/api/v1/event-type/{path}")).await.refused(404, "not_found");
    }
    let answer = world.call(KEY, "PATCH", "/api/v1/app", None).await.refused(405, "method_not_allowed");
    assert_eq!(answer.headers["allow"], "GET,HEAD,POST");
    world.call(KEY, "TRACE", "/api/v1/app", None).await.refused(405, "method_not_allowed");
}

#[tokio::test]
async fn only_a_key_opens_anything_but_health() {
    let world = World::new().await;
    for key in ["", "ck_wrong", &"k".repeat(1000)] {
        let answer = world.call(key, "GET", "/api/v1/app", None).await.refused(401, "authentication_failed");
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
    let without = Request::post("/api/v1/app").body(Body::empty()).unwrap();
    world.send(without).await.refused(401, "authentication_failed");
    world.get(&format!("/api/v1/app?api_key={KEY}")).await.refused(400, "key_in_url");
    for path in ["/api/v1/health", "/api/v1/health/ping"] {
        for method in ["GET", "HEAD"] {
            let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            world.send(request).await.assert(204);
        }
    }
}

#[tokio::test]
async fn a_body_is_json_and_not_too_large() {
    let world = World::new().await;
    let post = |content_type: Option<&str>, body: Body| {
        let mut request = Request::post("/api/v1/app").header("authorization", format!("Bearer {KEY}"));
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        request.body(body).unwrap()
    };
    let json = Some("application/json");
    for content_type in [None, Some("text/plain"), Some("application/json; charset=utf-16")] {
        world.send(post(content_type, Body::from("{\"name\":\"a\"}"))).await.refused(415, "content_type");
    }
    let mut compressed = post(json, Body::from("{\"name\":\"a\"}"));
    compressed.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    world.send(compressed).await.refused(415, "content_encoding");
    world.send(post(json, Body::from("{\"name\":"))).await.refused(400, "json_syntax");
    world.send(post(json, Body::from(vec![b' '; 1_200_000]))).await.refused(413, "body_too_large");
    world.send(post(json, Body::from("[".repeat(10_000)))).await.refused(422, "json_depth");
    world.send(post(json, Body::from(vec![b'"', 0xff, b'"']))).await.refused(422, "json_encoding");
    world.send(post(json, Body::from("{\"name\":\"a\",\"name\":\"b\"}"))).await.refused(422, "json_duplicate_key");
    assert_eq!(world.get("/api/v1/app").await.column("uid"), ["default"], "nothing was made");
}

#[tokio::test]
async fn a_sane_request_id_comes_back() {
    let world = World::new().await;
    let with_id = |id: &str| Request::get("/api/v1/health").header("x-request-id", id).body(Body::empty()).unwrap();
    assert_eq!(world.send(with_id("mine-1")).await.headers["x-request-id"], "mine-1");
    let made = world.send(with_id("not sane")).await.headers["x-request-id"].clone();
    assert!(made.to_str().unwrap().starts_with("req_"));
}

#[tokio::test]
async fn the_document_is_served() {
    let world = World::new().await;
    let document = world.get("/openapi.json").await.assert(200).body;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["paths"]["/api/v1/app"]["get"]["operationId"], json!("v1.application.list"));
}
