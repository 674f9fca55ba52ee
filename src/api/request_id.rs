//! Every request has an id: the caller's own when it sends a sane one, or a new one. It goes back with the answer,
//! into each problem, and into the log.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::error::{self, Problem};
use crate::ops::Operations;

/// The header that carries it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken from a caller.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// Only what can stand in a log line as it is.
fn is_sane(text: &str) -> bool {
    (1..=REQUEST_ID_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// A layer of the router: gives each request its id.
pub(super) async fn attach(State(operations): State<Arc<Operations>>, request: Request, next: Next) -> Response {
    attach_around(&operations, request, |request| next.run(request)).await
}

/// Gives the request its id, and what `answer` makes of it too; writes out the problem if it is one.
pub(super) async fn attach_around<F: Future<Output = Response>>(
    operations: &Operations,
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    let id = id_of(operations, request.headers().get(&REQUEST_ID));
    finish(answer(request).await, id)
}

/// The answer of the server itself to a request that was given no other: this problem, with the request's id.
pub(super) fn refuse(operations: &Operations, given: Option<&HeaderValue>, problem: Problem) -> Response {
    let (response, id) = (problem.into_response(), id_of(operations, given));
    // Those who are turned away while there is too much to do are many, and there is no fault in it.
    if response.status() == StatusCode::SERVICE_UNAVAILABLE { with_id(response, id) } else { finish(response, id) }
}

/// The id that a request was given by its caller, if it is a sane one, or a new one.
fn id_of(operations: &Operations, given: Option<&HeaderValue>) -> String {
    let given = given.and_then(|value| value.to_str().ok()).filter(|text| is_sane(text));
    given.map_or_else(|| operations.next_request_id().to_string(), str::to_owned)
}

/// Logs a fault, writes the problem of an answer out, if it is one, and puts the request's id on it.
fn finish(response: Response, id: String) -> Response {
    if response.status().is_server_error() {
        tracing::warn!(request = id, status = response.status().as_u16(), "a request was answered with a fault");
    }
    with_id(response, id)
}

fn with_id(response: Response, id: String) -> Response {
    let mut response = error::render(response, &id);
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::is_sane;

    #[test]
    fn an_id_that_could_forge_a_log_line_is_not_kept() {
        assert!(is_sane("req_01.a-B"));
        for text in ["", "a b", "a\"b", "é", &"a".repeat(65)] {
            assert!(!is_sane(text), "{text:?}");
        }
    }
}
