//! The short way in for posted messages answers exactly as the router does.

use axum::body::Body;
use axum::http::{Request, Response};
use cornet::api::MessageDoor;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::world::{KEY, World};

const BEARER: (&str, &str) = ("authorization", KEY);
const JSON: (&str, &str) = ("content-type", "application/json");
const MESSAGE: &str = r#"{"eventType":"order.created","payload":{"n":40.0}}"#;

type Posted<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

fn request((path, headers, body): Posted<'_>) -> Request<Body> {
    let mut request = Request::post(path).header("x-request-id", "one");
    for (name, value) in headers {
        let value = if *value == KEY { format!("Bearer {KEY}") } else { (*value).to_owned() };
        request = request.header(*name, value);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

/// Status, headers and body, without what is new in each answer.
async fn read(response: Response<Body>) -> (u16, Vec<String>, serde_json::Value) {
    let (head, body) = response.into_parts();
    let mut headers: Vec<String> = head.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    headers.retain(|header| !header.starts_with("content-length"));
    headers.sort();
    let body = body.collect().await.unwrap().to_bytes();
    let mut body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    if head.status.is_success() {
        body.as_object_mut().unwrap().remove("id");
    }
    (head.status.as_u16(), headers, body)
}

#[tokio::test]
async fn it_answers_as_the_router_does() {
    let world = World::new().await;
    let path = "/api/v1/app/shop/msg";
    let cases: [(Posted<'_>, u16); 11] = [
        ((path, &[BEARER, JSON], MESSAGE), 202),
        (("/api/v1/app/shop/msg?with_content=false", &[BEARER, JSON], MESSAGE), 202),
        (("/api/v1/app/shop/msg?with_content=perhaps", &[BEARER, JSON], MESSAGE), 422),
        (("/api/v1/app/shop/msg?api_key=secret", &[BEARER, JSON], MESSAGE), 400),
        (("/api/v1/app/nobody/msg", &[BEARER, JSON], MESSAGE), 404),
        ((path, &[JSON], MESSAGE), 401),
        ((path, &[BEARER], MESSAGE), 415),
        ((path, &[BEARER, JSON], "{"), 400),
        ((path, &[BEARER, JSON], r#"{"eventType":"a","payload":{},"more":1}"#), 422),
        ((path, &[BEARER, JSON, ("content-encoding", "gzip")], MESSAGE), 415),
        ((path, &[BEARER, JSON, ("idempotency-key", "")], MESSAGE), 422),
    ];
    for (posted, status) in cases {
        let long = read(world.api.clone().oneshot(request(posted)).await.unwrap()).await;
        let posting = request(posted);
        let application = MessageDoor::application(posting.method(), posting.uri()).unwrap().to_owned();
        let short = read(world.door.answer(application, posting).await).await;
        assert_eq!(short, long, "{posted:?}");
        assert_eq!(short.0, status, "{posted:?}");
    }
}
