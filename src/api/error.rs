//! What a caller is told when a request was not done: RFC 9457 problem details with what the Svix SDKs read in them.
//! Handlers answer with a [`Problem`]; it is written out in one place, [`render`], where the request's id is known.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, response};
use utoipa::{IntoResponses, ToSchema};

use crate::ops::{OpError, StoreError};

/// When a caller may ask again while the store is busy or away.
const RETRY_SECONDS: u32 = 1;
/// When a caller may ask again while the disk is full.
const RETRY_FULL_SECONDS: u32 = 30;

/// Why a request was not done. Nothing has changed when it is answered.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: Cow<'static, str>,
    why: String,
    /// Where the fault stands, such as `body`, `url`; for values that can't be taken.
    place: Option<Vec<String>>,
    retry_seconds: Option<u32>,
}

impl Problem {
    /// A problem with this status and stable code; `why` says what is wrong and what to do.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, why: impl ToString) -> Self {
        Self { status, code: code.into(), why: why.to_string(), place: None, retry_seconds: None }
    }

    /// A value of the request can't be taken (422); `place` is where it stands, such as `query`, `limit`.
    pub fn invalid(place: Vec<String>, code: impl Into<Cow<'static, str>>, why: impl ToString) -> Self {
        Self { place: Some(place), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, why) }
    }

    /// The same of the server itself: whoever is told that there is too much of something may ask again soon.
    pub(super) fn of_server(status: StatusCode, code: &'static str, why: &str) -> Self {
        let is_too_much = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        Self { retry_seconds: is_too_much.then_some(RETRY_SECONDS), ..Self::new(status, code, why) }
    }

    /// There is nothing here (404).
    pub fn not_found(why: impl ToString) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", why)
    }

    /// The problem of an answer that has none: what the router and its libraries answer by themselves.
    fn of_status(status: StatusCode) -> Self {
        let (code, why) = match status {
            StatusCode::NOT_FOUND => ("not_found", "there is nothing at this path"),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("method_not_allowed", "this path does not take this method: see `Allow`")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("body_too_large", "the body is too large"),
            status if status.is_server_error() => ("internal", "a fault of Cornet's: ask its operator"),
            _ => ("bad_request", "the request is malformed"),
        };
        Self::new(status, code, why)
    }
}

impl From<OpError> for Problem {
    fn from(error: OpError) -> Self {
        let why = error.to_string();
        match error {
            OpError::Unauthenticated => Self::new(StatusCode::UNAUTHORIZED, "authentication_failed", why),
            OpError::Forbidden(_) | OpError::AdminOnly => Self::new(StatusCode::FORBIDDEN, "insufficient_access", why),
            OpError::ReadOnly => Self::new(StatusCode::FORBIDDEN, "read_only", why),
            OpError::NotFound(_) => Self::not_found(why),
            OpError::Invalid { field, code, why } => Self::invalid(field, code, why),
            OpError::Conflict { code, why } => Self::new(StatusCode::CONFLICT, code, why),
            OpError::TooMany { code, why } => {
                Self { retry_seconds: Some(RETRY_SECONDS), ..Self::new(StatusCode::TOO_MANY_REQUESTS, code, why) }
            }
            OpError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    /// The operator reads in the log what went wrong; the caller only whether to ask again.
    fn from(error: StoreError) -> Self {
        let again =
            |status, code, seconds, why: &str| Self { retry_seconds: Some(seconds), ..Self::new(status, code, why) };
        match error {
            StoreError::Conflict(_) => Self::new(StatusCode::CONFLICT, "conflict", error),
            StoreError::Full => {
                let why = "the disk is full; nothing was kept: ask again later";
                again(StatusCode::INSUFFICIENT_STORAGE, "storage_full", RETRY_FULL_SECONDS, why)
            }
            StoreError::Unavailable(_) | StoreError::Contended(_) => {
                tracing::warn!(%error, "the store is unavailable");
                let why = "the store is unavailable; nothing was kept: ask again";
                again(StatusCode::SERVICE_UNAVAILABLE, "unavailable", RETRY_SECONDS, why)
            }
            StoreError::Corrupt(_) | StoreError::Database(_) => {
                tracing::error!(%error, "a request failed");
                Self::of_status(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

impl IntoResponse for Problem {
    /// Leaves itself in the answer for [`render`].
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// One value that can't be taken.
#[derive(Serialize, ToSchema)]
struct InvalidValue<'a> {
    /// Where it stands, from the outside in.
    #[schema(example = json!(["body", "url"]))]
    loc: &'a [String],
    /// What is wrong and what to do.
    msg: &'a str,
    /// The stable name of the reason.
    #[serde(rename = "type")]
    #[schema(example = "url_scheme")]
    kind: &'a str,
}

/// What is wrong: the SDKs read a list in an answer of status 422, and a text in any other.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Detail<'a> {
    Text(&'a str),
    List([InvalidValue<'a>; 1]),
}

/// Why a request was not done (RFC 9457).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
struct ProblemOut<'a> {
    /// Always `about:blank`: the problem is told apart by its code.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'a str,
    /// The status of the answer.
    status: u16,
    /// The stable name of the reason.
    #[schema(example = "not_found")]
    code: &'a str,
    detail: Detail<'a>,
    /// Names this request in the server's log.
    request_id: &'a str,
}

/// Writes out the problem of an answer; an answer that is none stays as it is. Whatever the router or a library
/// answered by itself becomes a problem here too, because the SDKs take every failure for JSON.
pub(super) fn render(response: Response, request_id: &str) -> Response {
    let status = response.status();
    if status.is_success() || status.is_informational() {
        return response;
    }
    let (head, _) = response.into_parts();
    let problem = head.extensions.get::<Problem>().cloned().unwrap_or_else(|| Problem::of_status(status));
    let detail = match &problem.place {
        Some(place) => Detail::List([InvalidValue { loc: place, msg: &problem.why, kind: &problem.code }]),
        None => Detail::Text(&problem.why),
    };
    let title = status.canonical_reason().unwrap_or_default();
    let code = &problem.code;
    let out = ProblemOut { kind: "about:blank", title, status: status.as_u16(), code, detail, request_id };
    // A problem is made of texts and numbers, which always are JSON.
    let mut written = Response::new(Body::from(serde_json::to_vec(&out).unwrap_or_default()));
    *written.status_mut() = status;
    let headers = written.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(allow) = head.headers.get(ALLOW) {
        headers.insert(ALLOW, allow.clone());
    }
    if let Some(seconds) = problem.retry_seconds {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    written
}

/// The problems of every operation that only reads, for the API's document.
pub(super) struct ReadProblems;

/// The problems of every operation that changes something, for the API's document.
pub(super) struct WriteProblems;

const READ_PROBLEMS: &[(&str, &str)] = &[
    ("400", "The iterator is not one that a list answered with."),
    ("401", "The API key is missing, unknown or has ended."),
    ("403", "The API key may not do this."),
    ("404", "There is no such noun, or none that the key may see."),
    ("422", "A value can't be taken."),
    ("500", "A fault of Cornet's."),
    ("503", "The store is unavailable; ask again."),
];

const WRITE_PROBLEMS: &[(&str, &str)] = &[
    ("400", "The body is not JSON."),
    ("401", "The API key is missing, unknown or has ended."),
    ("403", "The API key may not do this."),
    ("404", "There is no such noun, or none that the key may see."),
    ("409", "It contradicts what is there, or the idempotency key came with another request."),
    ("413", "The body is too large."),
    ("415", "The body is not `application/json` in UTF-8, or is compressed."),
    ("422", "A value can't be taken."),
    ("429", "Too much of it at the same time; ask again."),
    ("500", "A fault of Cornet's."),
    ("503", "The store is unavailable, or the server has too much to do; ask again."),
    ("507", "The disk is full; ask again when `Retry-After` is over."),
];

impl IntoResponses for ReadProblems {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        documented(READ_PROBLEMS)
    }
}

impl IntoResponses for WriteProblems {
    fn responses() -> BTreeMap<String, RefOr<response::Response>> {
        documented(WRITE_PROBLEMS)
    }
}

fn documented(problems: &[(&str, &str)]) -> BTreeMap<String, RefOr<response::Response>> {
    let content = || ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = |description: &str| {
        ResponseBuilder::new().description(description).content("application/problem+json", content()).build().into()
    };
    problems.iter().map(|(status, description)| ((*status).to_owned(), response(description))).collect()
}

/// The schemas that problems are documented with.
#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(ProblemOut, Detail, InvalidValue)))]
pub(super) struct ProblemSchemas;
