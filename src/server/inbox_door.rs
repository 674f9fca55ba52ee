//! Where requests from outside come to the inboxes, without a key: whoever knows an inbox's URL may send to it. What it
//! answers was chosen by a user, so it is never more than plain text to a browser. It knows nothing of the pages that
//! show what came.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::{any, post};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::domain::inbox::{INBOX_RECEIVED_BYTES_MAX, Inbox, Received};
use crate::ops::{Inboxes, OpError};

/// What every answer of an inbox has: a browser shows it as text and runs nothing.
pub(super) const ANSWER_HEADERS: [(HeaderName, HeaderValue); 3] = [
    (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
];

/// The routes on which inboxes receive. A GET of the inbox itself is its page, which is not here.
pub(super) fn router(inboxes: Arc<Inboxes>) -> Router {
    Router::new()
        .route("/inbox/{token}", post(receive).put(receive).patch(receive).delete(receive))
        .route("/inbox/{token}/", any(receive))
        .route("/inbox/{token}/{*rest}", any(receive))
        .with_state(inboxes)
}

async fn receive(State(inboxes): State<Arc<Inboxes>>, request: Request) -> Response<Body> {
    let token = request.uri().path().split('/').nth(2).unwrap_or_default();
    let inbox = match inboxes.by_token(token).await {
        Ok(inbox) => inbox,
        Err(error) => return refusal(error),
    };
    let received = match read(request).await {
        Ok(received) => received,
        Err(refused) => return refused,
    };
    match take(&inboxes, &inbox, received).await {
        Ok(()) => answer(&inbox),
        Err(error) => refusal(error),
    }
}

/// Has `inbox` keep a request, and waits for as long as the inbox waits before it answers.
pub(super) async fn take(inboxes: &Inboxes, inbox: &Inbox, received: Received) -> Result<(), OpError> {
    inboxes.receive(inbox, received).await?;
    tokio::time::sleep(inbox.answer.delay()).await;
    Ok(())
}

/// A request as it is kept.
async fn read(request: Request) -> Result<Received, Response<Body>> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, INBOX_RECEIVED_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let why = format!("an inbox takes at most {INBOX_RECEIVED_BYTES_MAX} bytes");
            return Err(problem(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", &why));
        }
        Err(_) => return Err(problem(StatusCode::BAD_REQUEST, "body_incomplete", "the body ended before its end")),
    };
    let path = head.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    Ok(Received { method: head.method.to_string(), path, headers: as_texts(&head.headers), body })
}

/// Headers in order, with anything that is not UTF-8 replaced.
pub(super) fn as_texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

fn answer(inbox: &Inbox) -> Response<Body> {
    let status = StatusCode::from_u16(inbox.answer.status).unwrap_or_default();
    (status, ANSWER_HEADERS, inbox.answer.sent_body().to_owned()).into_response()
}

/// Why an inbox does not take a request: the status of the answer, its stable code, and what to do.
pub(super) fn why_not(error: OpError) -> (StatusCode, &'static str, String) {
    match error {
        OpError::TooMany { code, why } => (StatusCode::TOO_MANY_REQUESTS, code, why),
        OpError::NotFound(_) => (StatusCode::NOT_FOUND, "not_found", "there is no such inbox".to_owned()),
        error => {
            tracing::warn!(%error, "an inbox could not receive");
            let why = "the store is unavailable; nothing was kept: ask again".to_owned();
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable", why)
        }
    }
}

fn refusal(error: OpError) -> Response<Body> {
    let (status, code, why) = why_not(error);
    problem(status, code, &why)
}

/// A problem (RFC 9457) in the same shape as the API's own.
fn problem(status: StatusCode, code: &str, detail: &str) -> Response<Body> {
    let title = status.canonical_reason().unwrap_or_default();
    let status_number = status.as_u16();
    let body = serde_json::json!({
        "type": "about:blank", "title": title, "status": status_number, "code": code, "detail": detail,
    });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
